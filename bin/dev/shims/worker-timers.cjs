/** In place of `worker-timers`: browsers slow the timers of hidden tabs down, Node does not. */

module.exports = require('node:timers');
