/**
 * What mosquitto's clients do, row by row, and what shows that tmq does it. A bare row is shown by a
 * scenario; else there follow a test, by its file and (part of) its name, or words from the manual's list
 * of differences.
 */

export type Proof = readonly [file: string, test: string] | string;
type Row = string | readonly [row: string, ...proofs: readonly Proof[]];

const scenarios = 'parity/scenarios.test.ts';
const parsing = 'unit/cli/parse.test.ts';
const clientOptions = 'unit/commands/client/client-options.test.ts';
const optionsFile = 'unit/cli/options-file.test.ts';
const url = 'unit/protocol/broker-url.test.ts';
const tls = 'transport/tls.test.ts';
const proxy = 'transport/proxy.test.ts';
const webSocket = 'transport/websocket.test.ts';
const tcp = 'transport/tcp.test.ts';
const traps = 'session/traps.test.ts';
const connect = 'session/connect.test.ts';
const pubSub = 'commands/pub-sub.test.ts';
const clients = 'process/clients.test.ts';
const format = 'unit/format/format.test.ts';
const json = 'unit/format/json.test.ts';
const realFormat = 'parity/format.test.ts';
const outages = 'parity/outages.test.ts';
const debug = 'parity/debug.test.ts';
const quirks = 'parity/quirks.test.ts';
const reason = 'unit/protocol/reason-codes.test.ts';

const outage: Proof = [outages, 'through restarts of mosquitto'];
const conversation: Proof = [debug, '-d'];

export const reference: Readonly<Record<string, readonly Row[]>> = {
  '1.1': [
    ...['attached values', 'joined switches', 'one dash too few', 'no --', 'no operands'],
    ...['values starting with -', 'case', 'last wins'],
    ...['left to right', 'numbers', 'usage errors are never quiet', 'missing value', 'unknown option'],
    ...['UTF-8', 'UTF-8 of a user name', 'UTF-8 of a client id', 'publish topic', 'filter'],
    ['lists add up', [parsing, 'keeps switches, values and lists apart']],
    ['the hint behind a usage error', ['unit/main.test.ts', 'ends a usage error with where to read on']],
    ['length and characters of topics', ['unit/protocol/topic.test.ts', 'topics have 1 to 65535 bytes']],
  ],
  '1.2': [
    ...['-A', '-D', '-I', '-M', '-P', '-R', '-V', '-W', '-i', '-k', '-o', '-p', '-q', '-u', '-x'],
    ...['--no-tls', '--nodelay', '--quiet', '--retain-as-published', '--retain-handling', '--unix'],
    ...['--will-payload', '--will-qos', '--will-topic'],
    ['-c', [clientOptions, '-x sets when a session expires'], [pubSub, 'a persistent session keeps']],
    ['-d', conversation],
    ['-f', [pubSub, '-f and -s send every byte']],
    ['-F', [realFormat, 'fields and escapes']],
    [
      '-h',
      [tcp, 'localhost is either loopback address'],
      [clientOptions, 'reaches the broker over whatever'],
    ],
    ['--help', [quirks, 'Q30'], '--help and --version end with 0'],
    ['-L', [clientOptions, '-L sets its values at its place on the command line']],
    ['-m', [scenarios, 'row.name}']],
    ['-n', [pubSub, 'retained: kept for later subscribers, cleared by -n']],
    ['-N', [pubSub, '-v, -N and -F decide how it is printed']],
    ['--nodelay on the socket', [tcp, 'noDelay is set where it is asked for']],
    ['--pretty', [json, 'the pretty form']],
    ['--proxy', [clientOptions, 'takes proxies, and shows nothing of their passwords']],
    ['-s', [pubSub, '-f and -s send every byte']],
    ['-S', ['transport/srv.test.ts', 'connects to the host and port of the record'], '-S is always there'],
    ['-t', [parsing, 'the last of a scalar wins, and lists keep all']],
    ['--unix connects', [tcp, 'unix sockets: mosquitto']],
    ['-v', [pubSub, '-v, -N and -F decide how it is printed']],
    ['--version', [quirks, 'Q30']],
    ['--will-retain', [clientOptions, 'a will is a message']],
    ['--ws', [webSocket, 'mosquitto: WebSockets with and without TLS']],
    ['--latency', ['parity/latency.test.ts', '--latency prints how long the response took']],
    ['--message-rate', [quirks, 'Q13']],
    ['-w', ['unit/commands/sub/watch.test.ts', 'each topic keeps its line']],
    ['every option is there', [parsing, "every option of mosquitto's clients is there"]],
  ],
  '1.3': [['nouns', [parsing, "misses a value in the words of mosquitto's clients"]]],
  '1.4': [
    ...['accumulate', 'later wins', 'scheme', 'shape', 'topic'],
    ['default ports', [url, 'takes mqtt, mqtts, ws and wss, in any case, with their ports'], [quirks, 'Q23']],
    ['mqtts and wss', [clientOptions, 'port 8883 and the URLs that end in s mean TLS']],
    ['userinfo', [url, 'splits user and password at the first colon, and decodes them']],
    ['host and port', [url, 'takes IPv6 addresses in brackets'], '-L takes an IPv6 address'],
    ['path of WebSockets', [webSocket, 'upgrades at /mqtt']],
  ],
  '1.5': [
    ...['-c', '-c -x without -i', '-c in version 5', '-c with -I', '-c without -i', '-x'],
    ...['-x and -D connect', 'infinite -x without -i'],
    ['-x reads what strtol reads', [clientOptions, '-x sets when a session expires']],
  ],
  '1.6': [
    ...['client id', 'properties', 'DISCONNECT', 'session present on clean start'],
    ['server keepalive', [connect, "the server's keepalive counts"]],
    ['assigned id', [connect, 'an assigned client identifier is taken on']],
    ['ping', [debug, 'PINGREQ and PINGRESP'], [traps, 'T8: a broker that is silent for two keepalives']],
    ['user properties of every packet', [connect, 'user properties are sent as they were typed']],
  ],
  '1.7': [
    ['upgrade', [webSocket, 'upgrades at /mqtt with the sub-protocol of the version']],
    ['refused', [webSocket, 'a refused upgrade names the HTTP status in words']],
    ['closed', [webSocket, 'a server that speaks no HTTP, hangs up, or keeps silent']],
    ['with TLS', [webSocket, 'over TLS the certificate is verified first']],
  ],
  '1.8': [
    ['URL', [proxy, 'the URL of a proxy'], [quirks, 'Q20']],
    ['names and addresses', [proxy, 'SOCKS5: names are passed on, addresses are sent as such']],
    ['user and password', [proxy, 'SOCKS5: user and password']],
    ['replies and their statuses', [proxy, 'SOCKS5: each reply has its status and its reason']],
    ['TLS behind it', [proxy, 'TLS and WebSockets go through either proxy']],
    ['sub', [proxy, 'a proxy that is not there, not one, silent or gone']],
  ],
  '1.9': [
    ...['--cafile', '--cert and --key', '--keyform', '--psk', '--tls-engine-kpass-sha1', '--tls-version'],
    ['--capath', [tls, 'a CA directory is read']],
    ['--tls-use-os-certs', [tls, 'system certificates']],
    ['8883', [clientOptions, 'port 8883 and the URLs that end in s mean TLS']],
    ['--tls-engine', [clientOptions, 'refuses TLS options that need or exclude each other']],
    ['--ciphers', [tls, 'the minimum version and the ciphers are kept']],
    ['--tls-alpn', [tls, 'ALPN: the protocol asked for']],
    ['--insecure', [tls, 'insecure accepts any certificate'], '--insecure verifies nothing'],
    ['--psk and mosquitto', [tls, 'mosquitto: pre-shared keys']],
    ['--tls-keylog', [tls, 'the key log is appended to']],
    ['--no-tls', [clientOptions, 'knows the default ports'], [quirks, 'Q24']],
    ['host name', [tls, 'a certificate for another name is refused'], [tls, 'sends the host name for SNI']],
    ['unix sockets', [tls, 'TLS over a unix socket']],
    ['encrypted keys', [tls, 'an encrypted key is opened with the pass phrase']],
    [
      'failures',
      [tls, 'a missing or refused client certificate is reported'],
      'A TLS failure always has the status 8',
    ],
  ],
  '1.10': [
    ...['will payload', 'will retain', 'sub without a topic'],
    ['certificates and keys', [clientOptions, 'refuses TLS options that need or exclude each other']],
    ['ids of sessions', [clientOptions, 'a session that lasts needs an id']],
  ],
  '1.11': [
    ...['refused', 'DNS', 'CONNACK refused'],
    ['bad port, bad path', [tcp, 'unix sockets: mosquitto, a missing one, a dead one']],
    ['all addresses are tried', [traps, 'T13']],
    ['CONNACK texts', [reason, 'CONNACK codes of version 3 in their own words']],
  ],
  '2': [
    ...['default file', 'no fallback', '-o', 'precedence', 'a source in the file and in the words'],
    ...['a conflict across file and words', 'errors in the file', 'multi-word options'],
    ['line syntax', [optionsFile, 'a line is an option, a space, and its value verbatim']],
    ['comments and blank lines', [optionsFile, 'comments, empty lines, line ends and a byte order mark go']],
    ['line length', [optionsFile, 'lines are as long as they are'], 'lines may have any length'],
    ['-o in a file', [optionsFile, 'a -o in the file is skipped']],
    ['usual places', [optionsFile, 'the usual places']],
    ['environment', [traps, 'T14: the environment changes nothing']],
  ],
  '3.1': [
    '-m',
    '-f',
    '-s',
    '-n',
    'two sources',
    'no source',
    'no topic',
    ['-l', [pubSub, '-l sends each line']],
  ],
  '3.2': [
    '-q',
    '-r',
    '--repeat',
    '--repeat-delay',
    'packet ids',
    'topic alias',
    ['a long delay', [quirks, 'Q31']],
  ],
  '3.3': [
    ...['LF ends a line, CR stays', 'an empty line', 'a last line without LF', 'nothing', 'a long line'],
    ...['NUL in a line', 'CONNACK refusal', 'publish error'],
    ['--repeat is refused', ['commands/words.test.ts', 'E8']],
    ['end of input', [quirks, 'Q1: pub -l waits for every acknowledgement'], [quirks, 'Q1: more lines']],
    ['connection lost', outage],
    [
      'signals',
      [clients, 'SIGTERM ends pub -l with 143'],
      [pubSub, 'SIGINT ends sub with 0, pub -l with 130'],
    ],
  ],
  '3.4': [
    'DISCONNECT',
    ['waiting is bounded by the keepalive', [traps, 'T8: a broker that is silent for two keepalives']],
    ['no timeout but for connecting', [quirks, 'Q38'], 'there is a time limit for connecting'],
  ],
  '3.5': [
    ...['success', 'refused', 'denied in version 3', 'illegal code', 'CONNACK of version 3'],
    ...['CONNACK of version 5', 'CONNACK of two bytes', 'server DISCONNECT', 'closed', 'local failure'],
    ['keepalive', [traps, 'T8: a broker that is silent for two keepalives']],
    ['TLS', [quirks, 'Q26']],
  ],
  '3.6': [
    ...['connect', 'publish', 'will', 'subscribe', 'unsubscribe', 'disconnect', 'others', 'order'],
    ...['user-property', 'topic-alias', 'too few words', 'unknown command', 'unknown name'],
    ...['not allowed for', 'not supported for', 'out of range', 'varint', 'text', 'binary'],
    ...['flags are 0 or 1', 'not 0', 'twice', 'connect properties before version 5'],
    'publish properties before version 5',
    [
      'which property for which packet',
      ['unit/protocol/property-option.test.ts', 'takes each property exactly where'],
    ],
  ],
  '4.1': [
    ...['one SUBSCRIBE', 'acknowledgement', 'the first connection'],
    ['reconnects for ever', [quirks, 'Q34'], outage],
    ['a refusal while reconnecting', [traps, 'T11: a refusal while reconnecting']],
    [
      'what is not connected again',
      [traps, 'with an impossible code ends the run'],
      'violates the MQTT specification',
    ],
    ['subscribes again', ['session/reconnect.test.ts', 'a clean session subscribes again']],
  ],
  '4.2': ['-C', '-E', '-U', 'all denied', 'partly denied', ['-E with -U alone', '-E with -U alone ends']],
  '4.3': [
    ...['order', '-C', '-T', '-R', '-R with --retained-only', '--retained-only', '--remove-retained'],
    '--random-filter',
    [
      '-T and $',
      ['unit/commands/sub/selection.test.ts', '-T with a wildcard in the first level leaves $SYS alone'],
    ],
    ['what is hidden counts', ['unit/commands/sub/selection.test.ts', 'Q4: --random-filter is a percentage']],
    ['--message-rate', [quirks, 'Q13']],
  ],
  '4.4': [
    ...['-C', '--retained-only', 'all denied', 'signals', '-W', 'CONNACK refused'],
    [
      'before CONNACK',
      'also before the broker has accepted the connection',
      ['parity/ends.test.ts', 'before the first CONNACK, -W is 27'],
    ],
    ['between two connections', ['parity/ends.test.ts', 'while it connects again, -W is 27 and a signal 0']],
    ['a closed pipe', [clients, 'a closed pipe ends sub quietly']],
    ['signals as a process', [clients, 'lets sub leave with DISCONNECT and 0']],
  ],
  '4.5': [
    ...['default', '-N', '-v', '-v -N', '-F', '-F -N', 'bytes'],
    ['megabytes', [clients, 'megabytes through a slow pipe arrive whole']],
    ['--watch', ['unit/commands/sub/watch.test.ts', 'each topic keeps its line, in order of first arrival']],
    ['a terminal', ['parity/terminal.test.ts', 'a terminal gets escapes instead of controls']],
  ],
  '4.6': [
    'format',
    ['specifiers', [format, 'every specifier prints its vectors'], [realFormat, 'fields and escapes']],
    ['times', [realFormat, 'times'], ['unit/format/strftime.test.ts', 'every conversion agrees with date']],
    ['floating point', [format, 'payloads as floating-point numbers']],
    ['mistakes', [realFormat, 'mistakes are refused in words that begin the same']],
  ],
  '4.7': [
    ...['%j', '%J'],
    ['keys and values', [json, 'the compact form'], [realFormat, 'JSON']],
    ['escaping', [json, 'characters that JSON escapes']],
  ],
  '5': [
    ...['needs', 'flow', 'request properties', 'correlation', 'output', '-W', 'reconnect'],
    ...['CONNACK refused', 'SUBACK refused', 'server DISCONNECT', '-D publish response-topic'],
    ['--latency', ['parity/latency.test.ts', '--latency prints how long the response took']],
    ['end of run', [quirks, 'Q3']],
    ['signals', ['parity/latency.test.ts', 'a signal ends rr with 130']],
  ],
  '6': [
    ['the order of packets', conversation],
    ['every line', ['unit/client/connection/debug-lines.test.ts', "expected[0] ?? '(nothing)'"]],
    ['the unknown id', [debug, 'E9: a random one, at most 23 bytes long, stands in every line']],
    [
      'the assigned id',
      ['session/connect.test.ts', 'an assigned client identifier is taken on, and shown from CONNACK on'],
    ],
    ['PINGREQ', [debug, 'PINGREQ and PINGRESP']],
    ['DISCONNECT of the server', [debug, "the server's DISCONNECT"]],
    [
      'an alias for a topic',
      ['unit/client/connection/debug-lines.test.ts', 'an alias in place of the topic'],
    ],
    ['stdout', '-d writes to standard error'],
  ],
  '8': [
    ...['1', '1 to 5', '128 and above', '2', '4', '7', '21', '24', '25', '27', 'reason texts'],
    ['0', [pubSub, 'a message arrives, at each QoS']],
    ['3, 11, 16', [proxy, 'SOCKS5: each reply has its status and its reason']],
    ['13', [webSocket, 'a refused upgrade names the HTTP status']],
    ['14', 'A TLS failure always has the status 8'],
    ['19', [traps, 'T8: a broker that is silent for two keepalives']],
    ['255', 'also before the broker has accepted the connection'],
    ['signals', [clients, 'SIGTERM ends pub -l with 143']],
    ['version 5 texts', [reason, 'CONNACK codes of version 5, with the reason string']],
  ],
};

/** The known faults that are shown elsewhere than in quirks.test.ts and the tables of scenarios. */
export const faults: Readonly<Record<string, Proof>> = {
  Q2: ['commands/passwd.test.ts', 'comments, blank and unknown lines stay'],
  Q2b: ['unit/password/file.test.ts', 'a missing last newline glues nothing together'],
  Q4: ['unit/commands/sub/selection.test.ts', 'Q4: --random-filter is a percentage'],
  Q12: ['unit/commands/sub/selection.test.ts', 'Q12: -R hides a retained message'],
  Q14: ['unit/commands/sub/watch.test.ts', 'Q14: a shorter text leaves no tail'],
  Q16: [json, 'any message is valid JSON that gives everything back'],
  Q16b: [format, 'empty properties print as empty text'],
  Q17: [format, 'every specifier prints its vectors'],
  Q18: [format, 'every specifier prints its vectors'],
  Q19: [pubSub, '-l sends each line, whatever its bytes (Q19)'],
  Q21: ['commands/passwd.test.ts', '-c replaces a file with its mode, also through a link'],
  Q32: ['commands/passwd.test.ts', 'names that a broker would read differently'],
  Q33: ['process/passwd-terminal.test.ts', 'can be corrected by Backspace, ^W and ^U'],
};
