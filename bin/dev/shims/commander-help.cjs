/** In place of commander's help: that of tmq is src/cli/help.ts. */

exports.Help = class {};

exports.stripColor = String;
