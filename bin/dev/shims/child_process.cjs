/**
 * In place of `child_process` in commander, which needs it only for subcommands that are programs of
 * their own; tmq has none, and loading it takes longer than all of commander.
 */

/** @param {Parameters<typeof import('node:child_process').spawn>} words */
exports.spawn = (...words) => require('node:child_process').spawn(...words);
