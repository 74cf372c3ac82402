/** The options of `passwd`: mosquitto_passwd's letters, long names for them, and what it does not have. */

import {choice, inGroup, integer, text} from '../../cli/option.ts';
import {schemes} from '../../password/hash.ts';

const names = schemes.map(({name}) => name);

export const passwdOptions = inGroup('Password file', {
  create: {
    flags: '-c, --create',
    summary: 'create the file, or replace it with one that has this user only',
    details:
      'An existing file is replaced in one step, keeping its owner and mode. On a terminal you are asked first, unless -b or --force is given. With - for the file, the line is printed instead.',
  },
  batch: {
    flags: '-b, --batch',
    summary: 'take the password from the command line',
    details:
      'Other users may see it in the list of processes, and the shell may keep it in its history. Without this option the password is asked for, or read from standard input.',
  },
  delete: {flags: '-D, --delete', summary: 'delete the user'},
  upgrade: {
    flags: '-U, --upgrade',
    summary: 'hash all plain-text passwords in the file',
    details:
      'Entries that are hashed already, comments and lines without an entry stay as they are, so -U can be repeated. A plain-text password is everything after the first colon. The passwords are hashed before the file is locked, so it is locked only while it is written.',
  },
  import: {
    flags: '--import <source>',
    summary: 'set many users from lines of user:password; - reads standard input',
    details:
      'All of them or none are written, at once. Blank lines and lines that begin with # are skipped; a password that is a hash already is kept as it is.',
    complete: 'file',
    noun: 'source',
    parse: text,
  },
  hash: {
    flags: '-H, --hash <scheme>',
    summary: `how to hash, such as argon2id (default ${names[0]})`,
    details:
      `One of ${names.join(', ')}. ` +
      'sha512 ($6$) is read by every mosquitto since 1.0, and is a single round; sha512-pbkdf2 ($7$) by 2.0 and later; argon2id by mosquitto 2.1 where it was built with it. sha512-crypt is the $6$ of crypt(3), for other programs: mosquitto cannot read it. scram-sha-256 and scram-sha-512 are accounts for SCRAM, with which tmq broker and other programs check a password that is not sent; mosquitto cannot read them.',
    missing: `-H argument given but not enough other arguments. It is one of ${names.join(', ')}.`,
    complete: names,
    parse: choice(names, (word) => `Unknown hash type '${word}'. It is one of ${names.join(', ')}.`),
  },
  iterations: {
    flags: '-I, --iterations <number>',
    summary: 'iterations of sha512-pbkdf2 (default 210000) or rounds of sha512-crypt (default 5000)',
    details:
      'Without -H it means sha512-pbkdf2. The default is 600000 with scram-sha-256, and 210000 with scram-sha-512; there the client computes them at each connection, and 4096 are the least.',
    missing: '-I argument given but not enough other arguments. It takes a number.',
    parse: integer({
      minimum: 1,
      maximum: 2 ** 31 - 1,
      problem: (word) =>
        /^\+?\d+$/.test(word) && Number(word) > 0
          ? 'Number of iterations must be less than 2147483648.'
          : `Number of iterations must be > 0, not ${word}.`,
    }),
  },
  verify: {flags: '--verify', summary: 'check the password of the user: status 0 if it is right, 1 if not'},
  list: {
    flags: '--list',
    summary: 'print user, scheme, cost and line number of every entry, separated by tabs',
  },
  weak: {
    flags: '--weak',
    summary: 'print the entries weaker than recommended, and why; status 1 if there are any',
    details:
      'Recommended (OWASP Password Storage Cheat Sheet) are 210,000 iterations of PBKDF2 (scram-sha-256: 600,000), or argon2id with 46 MiB (or less memory and more passes).',
  },
  json: {flags: '--json', summary: 'with --list and --weak: print one JSON object on each line'},
  force: {flags: '--force', summary: 'do not ask before -c replaces a file'},
});
