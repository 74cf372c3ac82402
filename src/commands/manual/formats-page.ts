/**
 * What tmq reads and writes, for the manual page tmq-formats(5): options files, password files, the
 * language of -F, and the JSON that its commands print. Prose only; the tests hold it to the programs.
 */

import type {ManualSection} from '../../cli/command.ts';
import {formatSection} from './format-section.ts';
import {jsonLinesFormat} from './json-lines.ts';

const optionsFiles: ManualSection = {
  title: 'Options files',
  text: [
    'Options that tmq pub, sub, rr and reply read before those of the command line. The file is the one named by -o; by default $XDG_CONFIG_HOME/tmq/pub (sub, rr, reply) or, where that does not exist, $XDG_CONFIG_HOME/mosquitto_pub (_sub, _rr). Where XDG_CONFIG_HOME is not set, ~/.config takes its place.',
    'One option a line: the option, a space, and all the rest of the line as its value, with its blanks and quotes. Variables are not replaced. Only -D splits its value, into packet, name and value. Blanks before the option are skipped, as are empty lines and lines that begin with #.',
    'An option of the command line replaces the same option of the file; -t of tmq sub, -T, -U and -D add to it. Errors name the file and the line.',
  ],
  literal: [
    '# ~/.config/tmq/sub',
    '-h broker.example.com',
    '-p 8883',
    '-u alice',
    '--pw-file /etc/mqtt/password',
  ],
};

const passwordFiles: ManualSection = {
  title: 'Password files',
  text: [
    "What tmq passwd writes, and mosquitto's password_file: a line for each user, made of the name, a colon, and the hashed password. Blanks around name and hash do not count. Empty lines, and lines that begin with #, are comments.",
    'The part between the first two $ is the hash scheme. Salt and hash are in base64 unless stated otherwise.',
  ],
  remarks: {
    $6$salt$hash:
      'sha512: one round of SHA-512 over the password followed by the salt. The hash has 88 characters.',
    $7$iterations$salt$hash: 'sha512-pbkdf2: PBKDF2 with HMAC-SHA-512 and 64 bytes of output.',
    '$argon2id$v=19$m=memory,t=passes,p=lanes$salt$hash':
      'argon2id, in the notation of its reference implementation; memory in KiB, base64 without padding.',
    '$6$salt$hash, $6$rounds=number$salt$hash':
      'sha512-crypt: crypt(3). The hash has 86 characters of its own alphabet. tmq reads it; mosquitto does not.',
    'SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey':
      'scram-sha-256, and with SCRAM-SHA-512 scram-sha-512: an account for SCRAM (RFC 5802, RFC 7677), in the notation of RFC 5803. It is no password: a client cannot log in with it. mosquitto does not read it.',
  },
};

const messages: ManualSection = {
  title: 'Messages as JSON',
  text: [
    'What %j and %J of -F print: one object on one line, or with --pretty on several. Its keys, in this order:',
  ],
  remarks: {
    tst: 'The local time of arrival: "2026-11-20T07:08:32.123456+0100".',
    topic: 'The topic.',
    qos: 'The quality of service: 0, 1 or 2.',
    retain: 'The retain flag: true or false.',
    payloadlen: 'The length of the payload in bytes.',
    mid: 'The packet identifier, where the quality of service is not 0.',
    properties:
      'MQTT 5: an object with the properties by their names, such as "content-type", where there are any. "user-properties" is a list of objects with one key each.',
    'payload-encoding': '"base64", where the payload of %j is not valid UTF-8.',
    payload: 'The payload: a string (%j), or the JSON that it is (%J); null when it is empty.',
  },
};

const entries: ManualSection = {
  title: 'Password files as JSON',
  text: [
    'What tmq passwd --list --json prints, an object for each user on a line of its own. Its keys, in this order:',
  ],
  remarks: {
    username: 'The name.',
    line: 'The number of the line, from 1.',
    scheme:
      '"sha512", "sha512-pbkdf2", "argon2id", "sha512-crypt", "scram-sha-256", "scram-sha-512"; "plain" for plain text, "unknown" for an entry that no broker can read.',
    cost: 'An object with the parameters of the scheme, or null.',
    weakness: 'With --weak: why the entry is weaker than recommended.',
  },
};

export const formatSections: readonly ManualSection[] = [
  optionsFiles,
  passwordFiles,
  formatSection,
  messages,
  jsonLinesFormat,
  entries,
];
