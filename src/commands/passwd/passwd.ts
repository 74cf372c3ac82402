/** Manages password files: who may log in to a broker, and how their passwords are kept. */

import {defineCommand} from '../../cli/command.ts';
import type {ExitCode} from '../../errors.ts';
import {checkRegular} from '../../io/files.ts';
import {passwdOptions} from './options.ts';
import {type PasswdPlan, toPasswdPlan} from './plan.ts';

export const passwd = defineCommand({
  name: 'passwd',
  summary: 'manage password files',
  synopsis: [
    '[-H <scheme>] [-I <number>] [-c [--force]] <file> <user>',
    '[-H <scheme>] [-I <number>] [-c] -b <file> <user> <password>',
    '[-H <scheme>] [-I <number>] -c [-b] - <user> [<password>]',
    '-D <file> <user>',
    '[-H <scheme>] [-I <number>] -U <file>',
    '[-H <scheme>] [-I <number>] [-c [--force]] --import <source> <file>',
    '--verify <file> <user>',
    '--verify -b <file> <user> <password>',
    '(--list | --weak) [--json] <file>',
  ],
  description: [
    "Adds a user to a password file of mosquitto, or changes the user's password. The password is asked for twice on the terminal, without echo; if standard input is not a terminal, the password is its first line, and no prompt is shown; a second line, if there is one, must be the same.",
    'Everything else in the file stays as it is: comments, blank lines, unknown lines, the order, line ends. The file is replaced in one step, with its owner and mode, so a reader sees either the old file or the new one. Only one process at a time changes it. A link is followed to the file itself. A new file can be read by its owner only.',
    'VerneMQ reads the same lines. The default scheme is also the one of its vmq-passwd, and -c, -D and -U mean the same there.',
    'PBKDF2 uses four cores at once; the environment variable UV_THREADPOOL_SIZE changes that number.',
  ],
  operands: 'passwordFile',
  options: passwdOptions,
  mostUsed: ['create', 'batch', 'delete', 'hash', 'verify', 'list'],
  examples: {
    'tmq passwd -c passwd alice': 'Create a file with one user; the password is asked for.',
    'printf \'%s\\n\' "$SECRET" | tmq passwd passwd bob': 'Add a user from a script.',
    'tmq passwd --import - passwd < users.txt': 'Add many users, from lines of user:password.',
    'tmq passwd --weak passwd': 'Find the entries that are too easy to guess.',
    'tmq passwd -D passwd bob': 'Delete a user.',
  },
  exitStatuses: {
    '0': 'Success. With --verify: the password is right. With --weak: no entry is weak.',
    '1': 'An error; a line on standard error gives the cause. With --verify: the password is wrong. With --weak: an entry is weak.',
    '2': 'The two passwords that were typed or piped differ.',
    '130': 'Interrupted (SIGINT); the file is as it was.',
    '143': 'Terminated (SIGTERM); the file is as it was.',
  },
  differences: [
    'Comments, blank and unknown lines are kept; mosquitto_passwd stops at the first of them and drops every user after it.',
    '-U leaves hashed entries alone, where mosquitto_passwd hashes the hash, and hashes all of a password that contains a colon.',
    '-c replaces an existing file, as documented for mosquitto_passwd, whose version 2.1 refuses.',
    'If a user has several lines, an update leaves only one. mosquitto 2.0 uses the last line, so the old password would stay valid if only the first one were changed.',
    'User names that a broker would read differently are refused: empty ones, a leading #, blanks around, control characters.',
    'Prompts go to the terminal, not to standard output. ^C gives the status 130. From a pipe, one line is enough.',
    'The file is replaced by renaming, never overwritten. Another hard link to it keeps the old content. A single file that is mounted into a container cannot be replaced there, which is refused: mount its directory instead. If the file is replaced outside the container, the container sees the new one only after it is started again.',
    'Salts have 12 bytes, which every version of mosquitto reads. PBKDF2 has 210,000 iterations by default.',
  ],
  environment: {
    UV_THREADPOOL_SIZE: 'How many passwords PBKDF2 hashes at once, each on a core of its own; by default 4.',
  },
  files: {
    '.file.tmq-lock, .file.tmq-new.*':
      'Beside the password file while it is changed. The next process takes over the files of one that was killed.',
  },
  plan: toPasswdPlan,
  async run(plan: PasswdPlan, io): Promise<ExitCode> {
    if ('path' in plan && ['set', 'import', 'upgrade', 'delete'].includes(plan.action))
      await checkRegular(plan.path);
    switch (plan.action) {
      case 'list':
      case 'weak':
        return await (await import('./report.ts')).report(plan, io);
      case 'verify':
        return await (await import('./report.ts')).verify(plan, io);
      case 'set':
        return await (await import('./change.ts')).set(plan, io);
      case 'print':
        return await (await import('./change.ts')).printEntry(plan, io);
      case 'import':
        return await (await import('./change.ts')).importUsers(plan, io);
      case 'upgrade':
        return await (await import('./upgrade.ts')).upgrade(plan, io);
      case 'delete':
        return await (await import('./change.ts')).deleteUser(plan, io);
    }
  },
});
