/** Words and files of tmq passwd. */

import type {Mistake} from './mistake.ts';

export const passwordFiles: readonly Mistake[] = [
  [
    'passwd ann',
    'A password file and a user name must be given, as in tmq passwd passwords.txt ann',
    {usage: true},
  ],
  [
    'passwd -c',
    '-c argument given but password file or username missing, as in tmq passwd -c passwords.txt ann',
    {usage: true},
  ],
  [
    'passwd -c {dir}/new',
    '-c argument given but password file or username missing, as in tmq passwd -c passwords.txt ann',
    {usage: true},
  ],
  [
    'passwd -b {dir}/good ann',
    'A password file, a user name and a password must be given, as in tmq passwd -b passwords.txt ann secret',
    {usage: true},
  ],
  [
    'passwd -b ann geheim',
    'A password file, a user name and a password must be given, as in tmq passwd -b passwords.txt ann secret',
    {usage: true},
  ],
  [
    'passwd {dir}/good ann geheim',
    'Too many words: a password on the command line needs -b before the file.',
    {usage: true},
  ],
  [
    'passwd -c {dir}/new ann geheim',
    'Too many words: a password on the command line needs -b before the file.',
    {usage: true},
  ],
  [
    'passwd {dir}/missing ann',
    'Cannot read the password file {dir}/missing: no such file or directory. -c makes a new one.',
    {input: 'x\n'},
  ],
  [
    'passwd -b {dir}/missing ann geheim',
    'Cannot read the password file {dir}/missing: no such file or directory. -c makes a new one.',
  ],
  [
    'passwd -c /nosuch/passwords ann',
    'Cannot write the file /nosuch/passwords: no such file or directory.',
    {input: 'x\n'},
  ],
  ['passwd -b -c /sys/passwords ann geheim', 'Cannot write the file /sys/passwords: permission denied.'],
  ['passwd -b {dir}/folder ann geheim', '{dir}/folder is a directory, not a file.'],
  ['passwd -b /dev/null ann geheim', '/dev/null is not a regular file.'],
  ["passwd -b {dir}/good '' geheim", 'Username must not be empty. Is a variable of the shell unset?'],
  [
    "passwd -b {dir}/good 'ann:x' geheim",
    "Username must not contain the ':' character, which ends it in the file.",
  ],
  ["passwd -b {dir}/good '#ann' geheim", "Username must not begin with '#', which makes the line a comment."],
  ["passwd -b {dir}/good ' ann' geheim", 'Username must not begin or end with a blank, which brokers drop.'],
  ["passwd -b {dir}/good 'ann\u0007' geheim", 'Username must not contain control characters.'],
  ['passwd -U {dir}/missing', 'Cannot read the password file {dir}/missing: no such file or directory.'],
  [
    'passwd -U',
    '-U argument given but password file missing, as in tmq passwd -U passwords.txt',
    {usage: true},
  ],
  ['passwd -D {dir}/missing ann', 'Cannot read the password file {dir}/missing: no such file or directory.'],
  ['passwd -c -D {dir}/good alice', '-c and -D cannot be used together. Leave one out.', {usage: true}],
  [
    'passwd -H bcrypt {dir}/good ann',
    "Unknown hash type 'bcrypt'. It is one of sha512, sha512-pbkdf2, argon2id, sha512-crypt, scram-sha-256, scram-sha-512.",
    {usage: true},
  ],
  [
    'passwd -H',
    '-H argument given but not enough other arguments. It is one of sha512, sha512-pbkdf2, argon2id, sha512-crypt, scram-sha-256, scram-sha-512.',
    {usage: true},
  ],
  ['passwd -I many {dir}/good ann', 'Number of iterations must be > 0, not many.', {usage: true}],
  [
    'passwd -I 10 -H argon2id {dir}/good ann',
    '-I cannot be used with -H argon2id, whose work is fixed.',
    {usage: true},
  ],
  ['passwd --list {dir}/missing', 'Cannot read the password file {dir}/missing: no such file or directory.'],
  [
    'passwd --list',
    '--list argument given but password file missing, as in tmq passwd --list passwords.txt',
    {usage: true},
  ],
  [
    'passwd --verify {dir}/good ann',
    'User ann not found in password file. --list shows the users.',
    {input: 'x\n'},
  ],
  [
    'passwd --verify {dir}/missing ann',
    'Cannot read the password file {dir}/missing: no such file or directory.',
    {input: 'x\n'},
  ],
  [
    'passwd --import {dir}/missing {dir}/good',
    'Cannot read the file {dir}/missing: no such file or directory.',
  ],
  [
    'passwd --import {dir}/nocolon {dir}/good',
    "Line 1 cannot be imported, so none was: It has no ':' between user and password.",
  ],
  ['passwd --import', '--import argument given but no source specified.', {usage: true}],
  [
    'passwd -p geheim {dir}/good ann',
    "Unknown option '-p'. It is an option of tmq pub, tmq sub, tmq rr, tmq reply, tmq bench and tmq broker.",
    {usage: true},
  ],
  [
    'passwd -u ann {dir}/good',
    "Unknown option '-u'. It is an option of tmq pub, tmq sub, tmq rr, tmq reply and tmq bench.",
    {usage: true},
  ],
  [
    'passwd --delete {dir}/good alice bob',
    'Too many words: a password file and a user is all it takes.',
    {usage: true},
  ],
  [
    'passwd {dir}/good alice',
    'Passwords do not match. Give the same one twice.',
    {status: 2, input: 'one\ntwo\n'},
  ],
  ['passwd {dir}/good alice', 'Empty password. It needs a character at least.'],
  [
    'passwd -C {dir}/good ann',
    "Unknown option '-C'. It is an option of tmq sub, tmq rr and tmq reply.",
    {usage: true},
  ],
  ['passwd --weak {dir}/missing', 'Cannot read the password file {dir}/missing: no such file or directory.'],
  ['passwd --json --verify {dir}/good alice', '--json goes with --list or --weak.', {usage: true}],
];
