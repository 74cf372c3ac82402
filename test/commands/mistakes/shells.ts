/** What a shell makes of a line: variables, blanks, wildcards, redirections, full disks. */

import type {Mistake} from './mistake.ts';

export const shells: readonly Mistake[] = [
  [
    'tmq pub -t $NOTHING -m x',
    "Unknown option 'x'. '-t' took '-m' for its value. Is its own value missing or empty?",
    {usage: true},
  ],
  [
    'tmq pub -t "$NOTHING" -m x',
    'The publish topic of -t is empty. Is a variable of the shell unset?',
    {usage: true},
  ],
  [
    'tmq pub -t a -m hello big world',
    "Unknown option 'big'. A topic needs -t before it, a message -m, and several words quotes around them.",
    {usage: true},
  ],
  ["tmq sub -t a -F '%t %p\\q'", "Invalid escape specifier 'q'. tmq help formats lists them.", {usage: true}],
  [
    'tmq pub -t a -m x -u ann -P $NOTHING -V 5',
    "Unknown option '…'. '-P' took '-V' for its value. Is its own value missing or empty?",
    {usage: true},
  ],
  [
    'WORDS="my geheim"; tmq pub -t a -m x -u ann -P $WORDS',
    "Unknown option '…'. It stands behind the value of -P: a value with blanks needs quotes.",
    {usage: true},
  ],
  [
    'tmq pub -t a -m x -u $NOTHING -P geheim',
    "Unknown option '…'. '-u' took '-P' for its value. Is its own value missing or empty?",
    {usage: true},
  ],
  [
    'tmq sub -h $NOTHING -t a',
    "Unknown option 'a'. '-h' took '-t' for its value. Is its own value missing or empty?",
    {usage: true},
  ],
  ['cd {dir}/two && tmq sub -t *', "Unknown option 'b'. A topic needs -t before it.", {usage: true}],
  ['tmq pub -t a -f *.nothing', 'Cannot read the file *.nothing: no such file or directory.'],
  [
    "tmq pub -t $'caf\\351' -m x",
    'Malformed UTF-8 in argument 3. To send arbitrary bytes, use -f, -s or -l.',
    {usage: true},
  ],
  [
    'tmq pub -p {broker} -t a -s < {dir}/folder',
    'Cannot read standard input: it is a directory.',
    {status: 14},
  ],
  ['tmq pub -p {broker} -t a -s < /dev/null', 'Zero length input. Use -n to send an empty message.'],
  [
    'tmq pub -p {broker} -r -q 1 -t full -m x && tmq sub -p {broker} -t full -C 1 > /dev/full',
    'Cannot write the output: no space left on the device.',
  ],
  ['tmq passwd --list {dir}/good > /dev/full', 'Cannot write the output: no space left on the device.'],
  ['tmq passwd -c -b - ann geheim > /dev/full', 'Cannot write the output: no space left on the device.'],
  ['tmq --help > /dev/full', 'Cannot write the output: no space left on the device.'],
  [
    'SSL_CERT_FILE={dir}/missing tmq pub -p {tls} --tls-use-os-certs -t a -m x',
    'Cannot read the CA file (SSL_CERT_FILE) {dir}/missing: no such file or directory.',
  ],
  [
    'HOME={dir}/home tmq pub -t a -m x',
    "{dir}/home/.config/tmq/pub:2: Unknown option 'port'. Did you mean '--port'?",
    {usage: true},
  ],
  [
    'XDG_CONFIG_HOME={dir}/home/.config tmq sub -t a',
    "{dir}/home/.config/mosquitto_sub:1: Unknown option '--hots'. Did you mean '--host'?",
    {usage: true},
  ],
  [
    'WRONG=x tmq pub -p {password} -u ann --pw-env WRONG -t a -m x',
    'Connection error: Connection Refused: not authorised. Check user name (-u) and password (-P).',
    {status: 5},
  ],
  [
    'tmq pub -u ann --pw-env $PASSWORD -t a -m x',
    "Unknown option 'a'. '--pw-env' took '-t' for its value. Is its own value missing or empty?",
    {usage: true},
  ],
  [
    'echo geheim | tmq passwd {dir}/missing ann',
    'Cannot read the password file {dir}/missing: no such file or directory. -c makes a new one.',
  ],
  [
    'ln -s {program} {dir}/mosquitto_pub; {node} {dir}/mosquitto_pub -t a',
    'Both topic and message must be supplied. The message is missing: give one of -m, -f, -n, -s and -l.',
    {usage: true},
  ],
];
