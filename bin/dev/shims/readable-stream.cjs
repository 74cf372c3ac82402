/** In place of `readable-stream`: a copy of Node's streams, which are loaded for the socket anyway. */

module.exports = require('node:stream');
