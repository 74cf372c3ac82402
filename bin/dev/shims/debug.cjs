/**
 * In place of `debug`: MQTT.js calls it for every packet, and it would write user names to stderr. What
 * tmq has to tell it tells by itself.
 */

const silent = Object.assign(() => undefined, {enabled: false, extend: () => silent});

module.exports = () => silent;
