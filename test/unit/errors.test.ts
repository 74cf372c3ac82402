/**
 * A catalogue of what can go wrong: how each error is provoked, and its one line. Errors that need a network,
 * a broker or a terminal are quoted by the tests that provoke them; none is left out.
 */

import assert from 'node:assert/strict';
import {existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {after, test} from 'node:test';
import {addUp} from '../../src/load/measuring/measurement.ts';
import {type RunOptions, runMain} from '../support/run.ts';

const root = join(import.meta.dirname, '..', '..');
const directory = mkdtempSync(join(tmpdir(), 'tmq-errors-'));
after(() => rmSync(directory, {recursive: true, force: true}));

/** A file of the directory; {directory} in a message is where it is. */
const file = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content, {mode: 0o600});
  return join(directory, name);
};
const missing = join(directory, 'missing');
const folder = join(directory, 'folder');
mkdirSync(folder);
const long = file('long', 'x'.repeat(70_000));
const plain = file('plain', 'alice:secret\n');
const good = file('good', `alice:$6$AAAAAAAAAAAAAAAA$${'A'.repeat(86)}==\n`);
const damaged = file('damaged', 'alice:$7$x\n');
const empty = file('empty', '');
const nul = file('nul', 'alice:x\nbob:x\0y\n');
const config = (name: string, content: string) => ['broker', '-p', '0', '-c', file(`${name}.conf`, content)];

type Row = readonly [
  words: readonly string[],
  message: string,
  options?: RunOptions & {readonly status?: number},
];

const pub = ['pub', '-t', 'a', '-m', 'x'];
const sub = ['sub', '-t', 'a'];
const tooLongPassword = 'x'.repeat(65_536);

const commandLines: readonly Row[] = [
  [['-t', 'a'], "Unknown option '-t'. A command comes first: tmq pub -t …"],
  [['pubb'], "Unknown command 'pubb'. Did you mean 'pub'?"],
  [['publish', '-t', 'a'], "Unknown command 'publish'. Did you mean 'pub'?"],
  [['mosquitto_sub'], "Unknown command 'mosquitto_sub'. Did you mean 'sub'?"],
  [['-h'], "Unknown option '-h'. Did you mean '--help'?"],
  [['--hlep'], "Unknown option '--hlep'. Did you mean '--help'?"],
  [['-v', '-t', 'a'], "Unknown option '-v'. A command comes first: tmq pub -v …"],
  [['sub', 'a/b'], "Unknown option 'a/b'. A topic needs -t before it."],
  [
    [...pub, 'world'],
    "Unknown option 'world'. A topic needs -t before it, a message -m, and several words quotes around them.",
  ],
  [
    ['pub', '--json', '--map', 'x'],
    "Invalid --map rule 'x': it does not begin with s and a delimiter. Its form is 's#pattern#replacement#', as in 's#^prod/#test/#'.",
  ],
  [
    ['pub', '--topic-template', '{x}'],
    "Invalid --topic-template '{x}': {x} is neither a number from 1 nor a path. {1} is a field of the line, {.id} a value of JSON, {{ a brace.",
  ],
  [['--completion'], '--completion argument given but no shell specified.'],
  [['--completion', 'tcsh'], "No completion for 'tcsh'. The shells are bash, zsh, fish and powershell."],
  [[...pub, '--nosuch'], "Unknown option '--nosuch'."],
  [[...pub, '--retain=1'], "Option '--retain' takes no value."],
  [[...pub, '--pww=secret'], "Unknown option '--pww=…'. Did you mean '--pw'?"],
  [[...pub, '-topic', 'a'], "Unknown option '-topic'. Did you mean '--topic'?"],
  [['pub', '-t'], '-t argument given but no topic specified.'],
  [['passwd', '--list=yes', good], "Option '--list' takes no value."],
  [['pub', '-M'], '-M argument given but max_inflight not specified.'],
  [
    ['pub', '-m', 'x'],
    'Both topic and message must be supplied. The topic is missing: give it with -t, as in tmq pub -t greetings …',
  ],
  [
    ['pub', '-t', 'a'],
    'Both topic and message must be supplied. The message is missing: give one of -m, -f, -n, -s and -l.',
  ],
  [[...pub, '-n'], 'Only one type of message can be sent at once.'],
  [[...pub, '-m', 'y'], 'Only one type of message can be sent at once.'],
  [[...pub, '--repeat', '0'], '--repeat argument must be >0, not 0.'],
  [[...pub, '--repeat-delay', '-1'], '--repeat-delay argument must be >=0.0, not -1.'],
  [['pub', '-t', 'a/#', '-n'], "Invalid publish topic 'a/#', does it contain '+' or '#'?"],
  [['pub', '-t', 'a\u0001', '-n'], 'Invalid -t argument: it has the control character U+0001.'],
  [
    ['sub'],
    'You must specify a topic to subscribe to (-t) or unsubscribe from (-U), as in tmq sub -t greetings',
  ],
  [['sub', '-t', 'a#'], "Invalid subscription topic 'a#', are all '+' and '#' wildcards correct?"],
  [[...sub, '--where', '.a = 1'], "Invalid --where, column 4: '=' is no operator: equality is written ==."],
  [
    [...sub, '--until', ''],
    'Invalid --until, column 1: the condition ends too early: a value is missing, such as',
  ],
  [[...sub, '--fail-if', '(.a'], "Invalid --fail-if, column 4: a ')' is missing here."],
  [[...sub, '--idle', '0'], 'Invalid --idle time "0". It is a number of seconds above 0.'],
  [[...sub, '-R', '--retained-only'], "Combining '-R' and '--retained-only' makes no sense."],
  [[...sub, '--jobs', '2'], '--jobs needs --exec.'],
  [[...sub, '--on-failure', 'skip'], '--on-failure needs --exec.'],
  [
    [...sub, '--on-failure', 'never'],
    'Invalid --on-failure given: never. It is retry, retry:N, skip or stop.',
  ],
  [[...sub, '--jobs', '0'], 'Invalid number of jobs "0". It is a number from 1 to 1000.'],
  [
    [...sub, '--ready-fd', 'x'],
    'Invalid descriptor "x". It is the number of a descriptor that is open for writing.',
  ],
  [[...sub, '--exec'], '--exec needs a command after --, such as --exec -- ./job.sh'],
  [
    [...sub, '--then', '--exec', '--', 'true'],
    '--then and --exec both take the command after --: leave one of them out.',
  ],
  [
    [...sub, '-v', '--exec', '--', 'true'],
    '--exec runs a command for each message, and prints none: leave out -v.',
  ],
  [
    [...sub, '--on-failure', 'retry:2', '--exec', '--', 'true'],
    '--on-failure retry:2 would lose the message: at QoS 0 the broker does not keep it. Add -q 1.',
  ],
  [
    [...sub, '-q', '1', '--on-failure', 'stop', '--exec', '--', 'true'],
    '--on-failure stop would lose the message: the broker forgets the session when tmq ends. Add -c, and -i with a name.',
  ],
  [
    [
      ...sub,
      '-q',
      '1',
      '-c',
      '-i',
      'w',
      '-V',
      '5',
      '-x',
      '0',
      '--on-failure',
      'stop',
      '--exec',
      '--',
      'true',
    ],
    '--on-failure stop would lose the message: the broker forgets the session when tmq ends. Give -x another number of seconds than 0.',
  ],
  [[...sub, '--ready-file', ''], 'The argument of --ready-file is empty.'],
  [[...sub, '-C', '0'], 'Invalid message count "0". It is a number from 1.'],
  [[...sub, '-W', '0'], 'Invalid timeout "0". It is a number of seconds from 1.'],
  [[...sub, '--random-filter', '0'], '--random-filter chance must be between 0.1-100.0, not 0.'],
  [[...sub, '--retain-handling', 'x'], "Unknown value 'x' for --retain-handling."],
  [[...sub, '-F', '%z'], "Invalid format specifier 'z'."],
  [[...sub, '-F', '%'], 'Incomplete format specifier.'],
  [[...sub, '-F', '@'], 'Incomplete format specifier.'],
  [[...sub, '-F', '\\'], 'Incomplete escape specifier.'],
  [[...sub, '-F', '\\q'], "Invalid escape specifier 'q'."],
  [[...sub, '-F', '%9999999999p'], 'Format width 9999999999 is larger than 1000000.'],
  [[...sub, '-F', '\ufdd0'], 'Malformed UTF-8 in -F argument.'],
  [
    ['rr', '-t', 'a', '-n', '-V', '311'],
    'All of topic, message, and response topic must be supplied. Missing: -e, which only MQTT 5 can do without, as in tmq rr -t request -e response -m Hello',
  ],
  [
    ['rr', '-t', 'a', '-n', '-e', 'b', '--response-prefix', 'c'],
    '--response-prefix and a response topic (-e) cannot be used together: the prefix is for one that tmq makes up.',
  ],
  [['rr', '-t', 'a', '-n', '-C', '0'], 'Invalid response count "0". It is a number from 1.'],
  [
    ['rr', '-t', 'a', '-l', '-e', 'b', '-V', '311'],
    '-l needs MQTT 5, because each request has correlation data of its own. Leave out -V, or say -V 5.',
  ],
  [
    ['rr', '-t', 'a', '-l', '--idle', '2'],
    '-l and --idle cannot be used together: each line has one response.',
  ],
  [['reply', '--echo'], 'You must specify a topic to subscribe to (-t), as in tmq reply -t clock --echo'],
  [
    ['reply', '-t', 'a', '--echo', '-V', '311'],
    'tmq reply needs MQTT 5: before it, a request names no response topic. Leave out -V, or say -V 5.',
  ],
  [['reply', '-t', 'a'], 'What to answer is missing. Give one of --exec, --echo, -m, -f and -n.'],
  [
    ['reply', '-t', 'a', '--echo', '-m', 'x'],
    'Only one answer can be sent. Give one of --exec, --echo, -m, -f and -n.',
  ],
  [['reply', '-t', 'a', '--exec'], '--exec needs a command after --, such as --exec -- ./answer.sh'],
  [['reply', '-t', 'a', '--echo', '--jobs', '2'], '--jobs needs --exec.'],
  [['reply', '-t', 'a', '--echo', '-N'], '-N needs --exec.'],
  [['reply', '-t', 'a', '--echo', '-C', '0'], 'Invalid request count "0". It is a number from 1.'],
  [
    ['reply', '-t', 'a', '--exec', '--jobs', '0'],
    'Invalid number of jobs "0". It is a number from 1 to 1000.',
  ],
  [
    ['reply', '-t', 'a', '--echo', '-D', 'publish', 'correlation-data', 'x'],
    'An answer has the correlation data of its request: leave out -D publish correlation-data.',
  ],
  [
    ['reply', '-t', 'a', '--echo', '-D', 'publish', 'response-topic', 'x'],
    'An answer is sent to the response topic of its request: leave out -D publish response-topic.',
  ],
  [['bench'], 'An action is missing. It is conn, pub, sub, e2e or merge, as in tmq bench pub -n 10'],
  [['bench', 'push'], "Unknown action 'push'. It is conn, pub, sub, e2e or merge, as in tmq bench pub -n 10"],
  [['bench', 'conn', 'x'], "Unexpected word 'x' after conn."],
  [['bench', 'merge'], 'The reports to merge are missing, as in tmq bench merge a.json b.json'],
  [['bench', 'merge', '-n', '2', 'a'], 'bench merge has no options of a load: only --json and --fail-if.'],
  [['bench', 'sub', '--size', '100'], 'bench sub has no --size: it is an option of pub, e2e.'],
  [
    ['bench', 'conn', '-n', '2', '-i', 'x'],
    "Several clients cannot have one id: -i needs {i} in it, as in -i 'load-{i}'",
  ],
  [['bench', 'conn', '-i', ''], 'Invalid -i argument: it is empty or has characters that no client id has.'],
  [['bench', 'conn', '-n', '0'], 'Invalid -n given: 0. It is a number from 1 to 1000000.'],
  [['bench', 'conn', '--first', 'x'], 'Invalid --first given: x. It is a number from 0.'],
  [['bench', 'pub', '-t', 'a/#'], "Nothing can be published to 'a/#': it has a wildcard."],
  [['bench', 'sub', '-t', 'a#'], "Invalid -t given: 'a#' is neither a topic nor a filter."],
  [
    ['bench', 'pub', '--size', '35'],
    'Invalid --size given: 35. A payload has at least the 36 bytes that tell who sent it and when, and at most 268365455.',
  ],
  [
    ['bench', 'pub', '--rate', '0'],
    'Invalid --rate given: 0. It is a number above 0 such as 50/s, 50 or 3000/m.',
  ],
  [['bench', 'pub', '--for', 'long'], 'Invalid --for given: long. It is a time such as 30s, 500ms or 2m.'],
  [
    ['bench', 'e2e', '-t', 'a/{i}', '--filter', 'b/#'],
    "No subscriber would get what is published to 'a/0': --filter is 'b/#'. Choose one that fits, as in --filter 'a/+'",
  ],
  [
    ['bench', 'pub', '--fail-if', 'lost > 0'],
    'Invalid --fail-if, column 1: there is no name \'lost\'. The names are clients, connected, refused, disconnected, rate, sent, acknowledged, unsent, rejected, p50, p90, p99, p99.9, max and mean; text is written as "lost".',
  ],
  [['rr', '-t', 'a', '-l', '-C', '2'], '-l and -C cannot be used together: each line has one response.'],
  [
    ['rr', '-t', 'a', '-l', '-D', 'publish', 'correlation-data', 'x'],
    '-l and -D publish correlation-data cannot be used together: each request has data of its own.',
  ],
  [
    ['rr', '-t', 'a', '-n', '-e', 'b', '-D', 'publish', 'response-topic', 'c'],
    'Duplicate response topic: it was given by -e and by -D publish response-topic.',
  ],
  [[...pub, '-q', '3'], 'Invalid QoS given: 3. It is 0, 1 or 2.'],
  [
    [...pub, '-p', 'x'],
    'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.',
  ],
  [[...pub, '-k', '4'], 'Invalid keepalive given, it must be between 5 and 65535 inclusive: 4'],
  [[...pub, '-M', '0'], 'Maximum inflight messages must be greater than 0, not 0.'],
  [
    [...pub, '-V', '4'],
    'Invalid protocol version argument given: 4. It is one of 5, 31, 311, mqttv5, mqttv311, mqttv31.',
  ],
  [[...pub, '-x', 'y'], 'session-expiry-interval not a number: y.'],
  [[...pub, '-x', '5000000000'], 'session-expiry-interval out of range: 5000000000.'],
  [[...pub, '-i', ''], 'Invalid id: the argument of -i is empty.'],
  [[...pub, '-i', '\u0001'], 'Invalid -i argument: it has the control character U+0001.'],
  [[...pub, '-i', 'a', '-I', 'b'], '-i and -I argument cannot be used together. Leave one out.'],
  [[...pub, '-c'], 'You must provide a client id if you are using the -c option. Add -i and a name.'],
  [
    [...pub, '-x', '-1'],
    'You must provide a client id if you are using an infinite session expiry interval. Add -i and a name.',
  ],
  [
    [...pub, '-x', '5', '-D', 'connect', 'session-expiry-interval', '6'],
    'Duplicate property in property list: session-expiry-interval was given by -x and by -D connect.',
  ],
  [[...pub, '--color', 'red'], 'Invalid --color given: red. It is auto, always or never.'],
  [[...pub, '-o', empty, '-o', empty], 'Duplicate -o argument given.'],
  [
    [...pub, '-P', 'x'],
    'Problem setting username and/or password: before MQTT 5 a password needs a user name (-u).',
  ],
  [[...pub, '-u', '\u0001'], 'Problem setting username and/or password: the user name is no MQTT string.'],
  [
    [...pub, '-u', 'a', '-P', tooLongPassword],
    'Problem setting username and/or password: the password has more than 65535 bytes.',
  ],
  [
    [...pub, '-u', 'a', '--pw-env', 'TMQ_NOT_SET'],
    'The environment variable TMQ_NOT_SET of --pw-env is not set.',
  ],
  [
    [...pub, '-u', 'a', '--pw-file', missing],
    `Cannot read the password file ${missing}: no such file or directory.`,
  ],
  [[...pub, '-h', ''], 'The argument of -h is empty.'],
  [
    [...pub, '--connect-timeout', '0'],
    'Invalid connect timeout given: 0. It is a number of seconds from 1 to 86400.',
  ],
  [[...pub, '--unix', '/s', '--ws'], '--ws and a unix socket cannot be used together.'],
  [[...pub, '--unix', '/s', '-S'], '-S and a unix socket cannot be used together.'],
  [[...pub, '--unix', '/s', '--proxy', 'http://h'], '--proxy and a unix socket cannot be used together.'],
  [[...pub, '--proxy', 'ftp://h'], 'Unsupported proxy protocol: ftp://. Use socks5h:// or http://.'],
  [[...pub, '--proxy', 'http://['], 'Invalid proxy: its form is socks5h://[user[:password]@]host[:port].'],
  [[...pub, '--proxy', 'socks5h://'], 'Invalid proxy: the host is missing.'],
  [[...pub, '--proxy', 'socks5h://h:0'], 'Invalid proxy port 0.'],
  [
    ['pub', '-L', 'http://h/t', '-n'],
    'Unsupported URL scheme. A URL begins with mqtt://, mqtts://, ws://, wss:// or mqtt+unix:.',
  ],
  [
    [...pub, '-L', 'mqtt://h', '-L', 'mqtts://h'],
    'The URLs of -L need the same scheme, and here they have mqtt and mqtts.',
  ],
  [[...pub, '-h', 'a,,b'], 'A host of -h is empty. Its form is -h a,b:1884,[::1]:1885'],
  [
    [...pub, '--reconnect', 'soon'],
    'Invalid --reconnect given: soon. It is off, a pause such as 5s, a range such as 1s..30s, a number of attempts such as 5x, or both as in 1s..30s,5x.',
  ],
  [[...pub, '--reconnect', '0x'], 'Invalid --reconnect given: 0x. For no attempt at all it is off.'],
  [
    [...pub, '--reconnect', '30s..1s'],
    'Invalid --reconnect given: 30s..1s. The pauses go from 100ms to 1440m, and the first is the shorter one.',
  ],
  [['pub', '-L', 'mqtt://h', '-n'], 'Invalid URL for -L argument specified - topic missing.'],
  [[...pub, '--will-qos', '3'], 'Invalid will QoS 3. It is 0, 1 or 2.'],
  [[...pub, '--will-payload', 'x'], 'Will payload given, but no will topic given. Add --will-topic.'],
  [[...pub, '--will-retain'], 'Will retain given, but no will topic given. Add --will-topic.'],
  [
    [...pub, '--cert', 'x'],
    'Both certfile and keyfile must be provided if one of them is set. --cert goes with --key.',
  ],
  [[...pub, '--keyform', 'pem'], 'If keyform is set, keyfile must be also specified. Add --key.'],
  [[...pub, '--keyform', 'der'], "Problem setting key form, it must be one of 'pem' or 'engine'."],
  [
    [...pub, '--tls-engine-kpass-sha1', 'x'],
    'When using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.',
  ],
  [
    [...pub, '--tls-engine', 'pkcs11'],
    'Problem setting TLS engine, is pkcs11 a valid engine? None is available here: use --cert and --key with PEM files.',
  ],
  [
    [...pub, '--tls-version', 'ssl'],
    'Problem setting TLS options, check the options are valid: --tls-version is tlsv1.2 or tlsv1.3, not ssl.',
  ],
  [[...pub, '--tls-alpn', ''], 'Problem setting TLS ALPN protocol: its name has 1 to 254 bytes.'],
  [
    [...pub, '--psk', 'xy'],
    'Problem setting TLS-PSK options: the key of --psk is not hexadecimal, two digits for each byte.',
  ],
  [[...pub, '--psk', 'ab'], '--psk-identity required if --psk used.'],
  [[...pub, '--psk', 'ab', '--cafile', 'x'], 'Only one of --psk or --cafile/--capath may be used at once.'],
  [
    [...pub, '--psk', 'ab', '--psk-identity', 'x', '--tls-version', 'tlsv1.3'],
    '--psk works with TLS 1.2 only: leave out --tls-version tlsv1.3.',
  ],
  [
    [...pub, '-D', 'x', 'y', 'z'],
    'Invalid command x given in --property argument. It is one of connect, publish, will, subscribe, unsubscribe, disconnect, auth.',
  ],
  [
    [...pub, '-D', 'disconnect', 'y', 'z'],
    'Invalid property name y given in --property argument. Names for disconnect: session-expiry-interval, server-reference, reason-string, user-property.',
  ],
  [
    [...pub, '-D', 'auth', 'authentication-data', 'z'],
    'authentication-data property not supported for auth in --property argument. It goes with connect.',
  ],
  [
    [...pub, '-D', 'connect', 'topic-alias', '1'],
    'topic-alias property not allowed for connect in --property argument. It goes with publish.',
  ],
  [
    [...pub, '-D', 'publish', 'topic-alias', '0'],
    'Property value (0) out of range for property topic-alias. It is a number from 1 to 65535.',
  ],
  [
    [...pub, '-D', 'publish', 'response-topic', '#'],
    "Invalid response topic '#', does it contain '+' or '#'?",
  ],
  [
    [...pub, '-D', 'publish', 'content-type', '\u0001'],
    'Invalid --property argument for content-type: it has the control character U+0001.',
  ],
  [
    [...pub, '-D', 'publish', 'content-type', tooLongPassword],
    'Property value too long for property content-type.',
  ],
  [
    [...pub, '-D', 'publish', 'correlation-data', tooLongPassword],
    'Property value too long for property correlation-data.',
  ],
  [
    [...pub, '-D', 'publish', 'topic-alias', '1', '-V', '311'],
    '-D publish is not supported before MQTT 5. Leave out -V, or say -V 5.',
  ],
  [
    [...pub, '-D', 'publish', 'topic-alias', '1', '-D', 'publish', 'topic-alias', '2'],
    'Duplicate property in property list: -D publish topic-alias was given twice.',
  ],
  [
    [...pub, '--auth-method', 'PLAIN'],
    'Unknown --auth-method given: PLAIN. It is SCRAM-SHA-256 or SCRAM-SHA-512.',
  ],
  [
    [...pub, '--auth-method', 'SCRAM-SHA-256', '-u', 'a'],
    '--auth-method needs a user name (-u) and a password (-P).',
  ],
  [
    [...pub, '--auth-method', 'SCRAM-SHA-256', '-u', 'a', '-P', 'b', '-V', '311'],
    '--auth-method is not supported before MQTT 5. Leave out -V, or say -V 5.',
  ],
  [
    [
      ...['pub', '-t', 'a', '-n', '--auth-method', 'SCRAM-SHA-512', '-u', 'a', '-P', 'b'],
      ...['-D', 'connect', 'authentication-method', 'x'],
    ],
    'Duplicate property in property list: authentication was asked for by --auth-method and by -D connect.',
  ],
  [['passwd', good], 'A password file and a user name must be given, as in tmq passwd passwords.txt ann'],
  [
    ['passwd', '-D', good],
    '-D argument given but password file or username missing, as in tmq passwd -D passwords.txt ann',
  ],
  [['passwd', '-U', '-D', good, 'a'], '-D and -U cannot be used together.'],
  [['passwd', '--json', good], '--json goes with --list or --weak.'],
  [['passwd', '--force', good, 'a'], '--force goes with -c.'],
  [
    ['passwd', good, 'a', 'secret'],
    'Too many words: a password on the command line needs -b before the file.',
  ],
  [
    ['passwd', '-I', '5', '-H', 'sha512', good, 'a'],
    '-I cannot be used with -H sha512, whose work is fixed.',
  ],
  [
    ['passwd', '-I', '5', '-H', 'sha512-crypt', good, 'a'],
    '-I must be between 1000 and 999999999 with -H sha512-crypt.',
  ],
  [['passwd', '-I', '0', good, 'a'], 'Number of iterations must be > 0, not 0.'],
  [
    ['passwd', '-H', 'md5', good, 'a'],
    "Unknown hash type 'md5'. It is one of sha512, sha512-pbkdf2, argon2id, sha512-crypt, scram-sha-256, scram-sha-512.",
  ],
  [['passwd', '-', 'a'], "'-' prints a line instead of changing a file, and needs -c."],
  [['broker', '--tls', 'x'], "--tls takes auto, not 'x'."],
  [['broker', '-c', good, '--password-file', good], 'With a configuration file, set password_file there.'],
  [[...pub, '--pw-ttl', '5x'], 'Invalid --pw-ttl given: 5x. It is a time such as 50m, 90s or 1h.'],
  [[...pub, '--pw-ttl', '5m'], '--pw-ttl needs --pw-command, whose password it keeps.'],
  [[...pub, '--header', 'A: b'], '--header needs WebSockets: add --ws.'],
  [[...pub, '--header-command', 'x'], '--header-command needs WebSockets: add --ws.'],
  [
    [...pub, '--ws', '--header', 'secret'],
    "Invalid header of --header: its form is 'Name: value', without control characters.",
  ],
  [
    [...pub, '--ws', '--header', 'sec-websocket-key: x'],
    'The header sec-websocket-key cannot be set by --header: it belongs to the WebSocket.',
  ],
  [
    [...pub, '--aws-sigv4', 'Frankfurt'],
    'Invalid region of --aws-sigv4 given: Frankfurt. It is a name such as eu-central-1.',
  ],
  [[...pub, '--aws-sigv4', 'eu-central-1', '--no-tls'], '--aws-sigv4 needs TLS: leave out --no-tls.'],
  [
    [...pub, '--aws-sigv4', 'eu-central-1'],
    'The environment variable AWS_ACCESS_KEY_ID is not set: --aws-sigv4 needs it.',
  ],
  [
    [...pub, '--sni', '127.0.0.1'],
    'Invalid server name of --sni given: 127.0.0.1. It is a host name, not an address.',
  ],
  [['broker', '--ready', 'x'], "--ready takes json or env, not 'x'."],
  [['broker', '--trace=x'], 'Invalid form of --trace given: x. It is text or json.'],
  [['broker', '-p', 'x'], 'Invalid port given: x. It is a number from 0 to 65535.'],
  [['broker', '--web=x'], 'Invalid port of --web given: x. It is a number from 0 to 65535; 0 is a free one.'],
  [
    ['broker', '--web', '--quiet'],
    '--quiet keeps the address of the page back, which has its token: leave it out, or add --ready json.',
  ],
  [['broker', '--exec'], '--exec needs a command after --, such as --exec -- npm test.'],
  [['broker', 'x'], "Unexpected word 'x'. A command to run needs --exec -- before it."],
  [
    ['broker', '--bind', '0.0.0.0'],
    'Every client that reaches 0.0.0.0 would be accepted: add --allow-anonymous, or give a configuration file with a password_file.',
  ],
];

const report = {format: 'tmq-bench', version: 1, kind: 'conn', runs: ['1'], measurement: addUp([])};
const ofBench = file('conn.json', JSON.stringify(report));
const merge = (name: string, content: string) => ['bench', 'merge', ofBench, file(name, content)];

const runs: readonly Row[] = [
  [
    merge('text.json', 'x'),
    `${directory}/text.json is not JSON. bench merge takes what tmq bench --json prints.`,
  ],
  [
    merge('foreign.json', '{}'),
    `${directory}/foreign.json is no report of tmq bench. bench merge takes what tmq bench --json prints.`,
  ],
  [
    merge('newer.json', JSON.stringify({...report, version: 2})),
    `${directory}/newer.json is a report of format 2, and this tmq reads format 1. Take the same tmq for both.`,
  ],
  [
    merge('damaged.json', JSON.stringify({...report, runs: undefined})),
    `${directory}/damaged.json is a damaged report of tmq bench: parts of it are missing or wrong.`,
  ],
  [
    merge('same.json', JSON.stringify(report)),
    `${directory}/conn.json and ${directory}/same.json have the same run: it would count twice.`,
  ],
  [
    merge('pub.json', JSON.stringify({...report, kind: 'pub', runs: ['2']})),
    'Reports of conn and pub say different things: merge those of conn by themselves.',
  ],
  [['bench', 'merge', missing], `Cannot read the report ${missing}: no such file or directory.`],
  [
    [...pub, '--proxy', 'socks5h://%ff@h'],
    'The user and password of a proxy URL must be percent-encoded UTF-8.',
  ],
  [
    [...pub, '--proxy', `socks5h://${'x'.repeat(256)}@h`],
    'A SOCKS5 proxy takes at most 255 bytes of user name or password.',
  ],
  [['passwd', '-b', good, 'a', '\ufffd'], 'Password is not valid UTF-8: only standard input can carry it.'],
  [
    ['broker', '--fault', 'break it'],
    "A fault begins with drop, delay, duplicate, close, connack, disconnect, not with 'break'.",
  ],
  [['broker', '--fault', 'drop nonsense'], "'nonsense' means nothing in the fault 'drop nonsense'."],
  [['broker', '--fault', 'delay publish'], "The fault 'delay publish' needs a time, such as 200ms."],
  [['broker', '--fault', 'connack'], "The fault 'connack' needs the code to refuse with, such as 5 or 0x89."],
  [config('unknown', 'nosuch 1\n'), `${directory}/unknown.conf:1: `],
  [
    config('device', 'persistence true\npersistence_file /dev/null\n'),
    'The store /dev/null is not a regular file.',
  ],
  [
    config('users', `allow_anonymous false\npassword_file ${plain}\n`),
    `${plain}:1: the password of 'alice' is plain text; hash it with: tmq passwd -U ${plain}.`,
  ],
  [config('acl', `acl_file ${plain}\n`), `${plain}:1: `],
  [
    config('tls', `listener 0\ncertfile ${plain}\nkeyfile ${plain}\n`),
    `${directory}/tls.conf:3: ${plain} holds no PEM certificate.`,
  ],
  [
    config('psk', `listener 0\npsk_hint x\npsk_file ${good}\n`),
    `${good}:1: a line is identity:key, the key in hexadecimal.`,
  ],
  [
    config('capath', `listener 0\ncapath ${missing}\ncertfile ${plain}\nkeyfile ${plain}\n`),
    `${directory}/capath.conf:2: Cannot read the directory ${missing}`,
  ],
  [
    config('interface', 'listener 0\nbind_interface nosuch\n'),
    'Cannot listen on the network interface nosuch: it has no address here.',
  ],
  [
    config('plugin', 'listener 0\nplugin x.so\nallow_anonymous true\n'),
    `${directory}/plugin.conf:2: plugin cannot be served: plugins are not loaded, and port 0 would let in clients that it may refuse; take out either the plugin or allow_anonymous and password_file.`,
  ],
  [[...pub, '-o', missing], `Cannot read the options file ${missing}: no such file or directory.`],
  [[...pub, '-o', folder], `Cannot read the options file ${folder}: it is a directory.`],
  [['pub', '-t', 'a', '-f', missing], `Cannot read the file ${missing}: no such file or directory.`],
  [['pub', '-t', 'a', '-s'], 'Zero length input. Use -n to send an empty message.'],
  [
    [...pub, '--unix', long.repeat(9)],
    `The unix socket path ${long.repeat(9)} is too long: ${long.length * 9} bytes, 107 are allowed.`,
  ],
  [[...pub, '--unix', plain], `${plain} is not a socket.`],
  [[...pub, '--cafile', missing], `Cannot read the CA file ${missing}: no such file or directory.`],
  [[...pub, '--cafile', plain], `The CA file ${plain} holds no certificate in PEM form.`, {status: 8}],
  [
    ['passwd', '-b', missing, 'a', 'b'],
    `Cannot read the password file ${missing}: no such file or directory.`,
  ],
  [['passwd', '--list', folder], `${folder} is a directory, not a file.`],
  [
    ['passwd', '-b', good, 'a:b', 'c'],
    "Username must not contain the ':' character, which ends it in the file.",
  ],
  [
    ['passwd', '-I', '4095', '-H', 'scram-sha-256', good, 'a'],
    '-I must be between 4096 and 10000000 with -H scram-sha-256.',
  ],
  [['passwd', good, 'a'], 'Empty password.', {input: '\n'}],
  [['passwd', '-b', good, 'a', tooLongPassword], 'Password must be less than 65536 characters long.'],
  [
    ['passwd', good, 'a'],
    'Password must not contain a NUL byte, at which mosquitto would cut it.',
    {input: 'a\0b\n'},
  ],
  [['passwd', '-D', good, 'bob'], 'User bob not found in password file.'],
  [['passwd', '--verify', '-b', good, 'alice', 'x'], 'This is not the password of user alice.'],
  [
    ['passwd', '--verify', '-b', plain, 'alice', 'x'],
    `Line 1 of ${plain} admits no user: its password is plain text, which -U hashes.`,
  ],
  [['passwd', '--verify', '-b', damaged, 'alice', 'x'], `Line 1 of ${damaged} admits no user: `],
  [['passwd', '-U', empty], `${empty} is empty: there is nothing to upgrade.`],
  [
    ['passwd', '-U', nul],
    `Line 2 of ${nul} cannot be hashed, so none was: Password must not contain a NUL byte, at which mosquitto would cut it.`,
  ],
  [['passwd', '--import', empty, good], 'There is no user to import.'],
  [
    ['passwd', '--import', '-', good],
    "Line 1 cannot be imported, so none was: It has no ':' between user and password.",
    {input: 'x\n'},
  ],
  [
    ['passwd', '--import', '-', good],
    'Line 2 cannot be imported, so none was: The user was there before.',
    {input: 'a:b\na:c\n'},
  ],
];

for (const [words, message, options] of [...commandLines, ...runs]) {
  const shown = words.map((word) => (word.length > 60 ? `${word.slice(0, 20)}…` : word)).join(' ');
  test(`tmq ${shown}`, async () => {
    const {stderr, exitCode} = await runMain(words, options);
    const lines = stderr.split('\n').map((line) => line.replace(/^(Error|Warning): /, ''));
    assert.ok(
      lines.some((line) => line.startsWith(message)),
      `${stderr}\n${message}`,
    );
    assert.equal(exitCode, options?.status ?? 1);
  });
}

/** What a constructor is given, with … for what is computed; undefined if all of it is. */
function templateAt(source: string, start: number): string | undefined {
  const quote = /^\s*(['"`])/.exec(source.slice(start));
  if (quote === null) return undefined;
  let at = start + quote[0].length;
  let text = '';
  while (source[at] !== quote[1]) {
    if (source[at] === '\\') text += source[++at];
    else if (quote[1] === '`' && source.startsWith('${', at)) {
      text += '…';
      let depth = 0;
      do {
        if (source[at] === '{') depth++;
        if (source[at] === '}') depth--;
        at++;
      } while (depth > 0 || source[at - 1] === '$');
      continue;
    } else text += source[at];
    at++;
  }
  return text;
}

/** Functions that make an error of the text they are given. */
const makers = ['tlsError', 'proxyFailure'];

/** Every place in src/ where an error is made, of whatever kind. */
function constructions(): readonly {readonly file: string; readonly template: string | undefined}[] {
  const source = join(root, 'src');
  const sources = readdirSync(source, {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts'))
    .map((file) => ({file, text: readFileSync(join(source, file), 'utf8')}));
  const kinds = sources.flatMap(({text}) =>
    [...text.matchAll(/class (\w+) extends (?:TmqError|UsageError)\b/g)].map(([, name = '']) => name),
  );
  // A signal has nothing to say.
  const names = ['TmqError', ...kinds].filter((name) => name !== 'Interrupted').join('|');
  const made = `new (?:${names})|(?<!function )\\b(?:${makers.join('|')})`;
  return sources.flatMap(({file, text}) =>
    [...text.matchAll(new RegExp(`(?:${made})\\(`, 'g'))].map((match) => ({
      file,
      template: templateAt(text, match.index + match[0].length),
    })),
  );
}

const pattern = (template: string) =>
  new RegExp(
    `${template
      .replace(/….{0,3}$/, '')
      .split('…')
      .map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('.*')}`,
  );

/** Errors whose words stand in no other test: the test that provokes them all the same, or why none does. */
const particular: Readonly<Record<string, string>> = {
  '… within … s.': 'commands/pub-sub.test.ts',
  '…:…: ….': 'above: acl.conf, users.conf and unknown.conf',
  '…: …': 'unit/cli/options-file.test.ts',
  '……': 'session/failover.test.ts',
  '… …': 'transport/proxy.test.ts',
  '… … to …: HTTP ….': 'transport/proxy.test.ts',
  '…: the listener on … ….': 'unit/broker/config/parse-config.test.ts',
  '… cannot be used: ….': 'broker/listen.test.ts',
  'Cannot read the … …: it was removed meanwhile.': 'a race with another process',
  '… was not changed.': 'process/passwd-terminal.test.ts',
  'Message length must be less than … bytes.': 'takes 256 MiB',
  'File "…" is too large: a message has at most … bytes.': 'takes 256 MiB',
  'Standard input is too large: a message has at most … bytes.': 'takes 256 MiB',
  'Line … of the input is longer than … bytes, the most a message can have.': 'unit/io/input/lines.test.ts',
  'Message … of the input has … bytes, and a message has at most …. Does each follow its length of four bytes?':
    'unit/io/input/length-frames.test.ts',
  'The spool … was changed by another program.': 'a race with another program',
  'The spool was changed by another program: it is shorter than before.': 'a race with another program',
  'The session has ended.': 'rejects the waits of a session that was ended, which no command reports',
  'The broker answered other subscriptions than it was asked for.': 'session/traps.test.ts',
  'The connection to … was lost.': 'session/traps.test.ts',
  '… says that it kept a session although a clean one was asked for.': 'session/connect.test.ts',
  '… does not answer any more (keepalive exceeded).': 'session/connect.test.ts',
  'The broker acknowledged a message of QoS … as if it were of QoS …: ….': 'session/publish.test.ts',
  'The property … can only be 0 or 1.': 'unit/client/connection/mqttjs-codec.test.ts',
  'Unsupported proxy protocol …// (supported: socks5h:// and http://).': 'the command line refuses it before',
  'The proxy URL names no host.': 'the command line refuses it before',
};

/** Files with an error whose words are all computed, and the test that has them. */
const computed: Readonly<Record<string, string>> = {
  'listen-addresses.ts': 'broker/listen.test.ts',
  'envelope.ts': 'unit/format/envelope.test.ts',
  'line-messages.ts': 'unit/commands/pub/line-messages.test.ts',
  'spool.ts': 'unit/commands/pub/spool.test.ts',
  'topic-template.ts': 'unit/commands/pub/line-messages.test.ts',
  'hosts.ts': 'session/failover.test.ts',
  'option.ts': 'above: each option of its own sentence',
  'main.ts': 'commands/mistakes.test.ts',
  'files.ts': 'above: folder',
  'words.ts': 'above: -M',
  'broker.ts': 'above: --exec, --bind and the like',
  'client-options.ts': 'above: -x',
  'ask-lines.ts': 'commands/request.test.ts',
  'plan.ts': 'above: too many words',
  'output.ts': 'unit/io/output.test.ts',
  'prompt.ts': 'process/passwd-terminal.test.ts',

  'user.ts': 'above: user names',
  'connection-lost.ts': 'session/traps.test.ts',
  'receiver-queue.ts': 'session/last-payload.test.ts',
  'renewal.ts': 'commands/renewal.test.ts',
  'connect-error.ts': 'transport/tcp.test.ts',
  'proxy.ts': 'transport/proxy.test.ts',
  'srv.ts': 'transport/srv.test.ts',
  'start-command.ts': 'process/ready.test.ts',
  'command-runner.ts': 'process/exec.test.ts',
  'shell-slot.ts': 'process/exec.test.ts',
  'exec-options.ts': 'above: --exec and --on-failure',
  'subscribe.ts': 'process/ready.test.ts',
  'tcp.ts': 'unit/protocol/socket-path.test.ts',
  'tls-error.ts': 'unit/client/transport/tls-error.test.ts',
  'websocket.ts': 'transport/websocket.test.ts',
};

/** The longest stretch of a template that is not computed. */
const words = (template = '') =>
  template
    .split('…')
    .reduce((longest, piece) => (piece.length > longest.length ? piece : longest), '')
    .trim();

/** The texts of all other tests. */
const otherTests = readdirSync(join(root, 'test'), {recursive: true, encoding: 'utf8'})
  .filter((name) => name.endsWith('.ts') && name !== join('unit', 'errors.test.ts'))
  .map((name) => readFileSync(join(root, 'test', name), 'utf8').replaceAll('\\', ''))
  .join('\n');

/** Whether another test quotes 20 characters of an error's longest stretch, or all of a shorter one. */
function isQuoted(template: string): boolean {
  const stretch = words(template);
  const size = Math.min(stretch.length, 20);
  if (size < 8) return false;
  return Array.from({length: stretch.length - size + 1}, (_, at) => stretch.slice(at, at + size)).some(
    (part) => otherTests.includes(part),
  );
}

test('no error is missing here', () => {
  const messages = [...commandLines, ...runs].map(([, message]) => message);
  const unused = new Set([...Object.keys(particular), ...Object.keys(computed)]);
  const absent = constructions().filter(({file, template}) => {
    const key = template ?? basename(file);
    unused.delete(key);
    if (template === undefined) return !(key in computed);
    const provoked =
      words(template).length > 3 && messages.some((message) => pattern(template).test(message));
    return !provoked && !isQuoted(template) && !(key in particular);
  });
  const keys = absent.map(({file, template}) => `${file}: ${template}`);
  assert.deepEqual(keys, [], 'say here how these errors are provoked, or which test does it');
  assert.deepEqual([...unused], [], 'these errors are no more');
  for (const name of [...Object.values(particular), ...Object.values(computed)]) {
    if (name.endsWith('.ts')) assert.ok(existsSync(join(root, 'test', name)), name);
  }
});
