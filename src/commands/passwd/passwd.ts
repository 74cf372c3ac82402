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
    'Adds a user to a password file of mosquitto, or gives it another password. The password is asked for twice on the terminal, without echo; where standard input is no terminal, it is the first line of it, without a prompt; a second line, if there is one, must be the same.',
    'Whatever else stands in the file stays: comments, blank lines, unknown lines, the order, line ends. The file is replaced in one step, with its owner and mode, so that at every moment the old one or the new one is there, and one process at a time changes it. A link is followed to the file itself. A new file can be read by its owner only.',
    'VerneMQ reads the same lines: the default scheme is also that of its vmq-passwd, whose forms -c, -D and -U are those of this command.',
    'PBKDF2 works on four cores at once; the environment variable UV_THREADPOOL_SIZE says otherwise.',
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
    '0': 'All went well; with --verify: the password is right; with --weak: no entry is.',
    '1': 'Something is wrong, and a line on standard error says what; with --verify: the password is wrong; with --weak: some entry is.',
    '2': 'The two passwords that were typed or piped differ.',
    '130': 'Interrupted (SIGINT); the file is as it was.',
    '143': 'Terminated (SIGTERM); the file is as it was.',
  },
  differences: [
    'Comments, blank and unknown lines are kept; mosquitto_passwd stops at the first of them and drops every user after it.',
    '-U leaves hashed entries alone, where mosquitto_passwd hashes the hash, and hashes all of a password that contains a colon.',
    '-c replaces an existing file, as documented for mosquitto_passwd, whose version 2.1 refuses.',
    'A user with several lines has one after an update: mosquitto 2.0 takes the last, so that changing the first would leave the old password in force.',
    'User names that a broker would read differently are refused: empty ones, a leading #, blanks around, control characters.',
    'Prompts go to the terminal, not to standard output. ^C gives the status 130. From a pipe, one line is enough.',
    'The file is replaced by renaming, never overwritten. Another hard link to it keeps the old content. A single file that is mounted into a container cannot be replaced there, which is refused: mount its directory instead. Replaced outside, it is seen by the container when that starts again.',
    'Salts have 12 bytes, which every version of mosquitto reads. PBKDF2 has 210,000 iterations by default.',
  ],
  environment: {
    UV_THREADPOOL_SIZE: 'How many passwords PBKDF2 hashes at once, each on a core of its own: 4 unless set.',
  },
  files: {
    '.file.tmq-lock, .file.tmq-new.*':
      'Beside the password file while it is changed. What a killed process leaves of them is taken over by the next one.',
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
