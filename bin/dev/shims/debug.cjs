/**
 * In place of `debug`: MQTT.js calls it for every packet, and it would write user names to stderr. tmq
 * has its own -d.
 */

const silent = Object.assign(() => undefined, {enabled: false, extend: () => silent});

module.exports = () => silent;
