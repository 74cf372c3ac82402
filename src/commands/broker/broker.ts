/** `tmq broker`: a small broker for tests and for a closer look, on its own or around a command. */

import {parseFault} from '../../broker/server/faults.ts';
import {type Command, defineCommand} from '../../cli/command.ts';
import {choice, integer, list, type OptionTable, text, type Values} from '../../cli/option.ts';
import {suggest} from '../../cli/suggest.ts';
import {UsageError} from '../../errors.ts';

/** How long to wait for another broker to let go of its store: one that is about to end, perhaps. */
const lockMilliseconds = 2000;

const options = {
  config: {
    flags: '-c, --config <file>',
    group: 'Broker',
    summary: 'read the configuration from a mosquitto.conf',
    details:
      'Every directive of mosquitto.conf(5) is known. Bridges, plugins and a few settings of the system are not served: each is named in a warning with its file and line. A directive that mosquitto would not know is an error.',
    complete: 'file',
    parse: text,
  },
  port: {
    flags: '-p, --port <port>',
    group: 'Broker',
    summary: 'port to listen on (default 1883); 0: a free one',
    details: 'With a configuration file it replaces the port of its only listener.',
    parse: integer({
      minimum: 0,
      maximum: 65535,
      problem: (word) => `Invalid port given: ${word}. It is a number from 0 to 65535.`,
    }),
  },
  bind: {
    flags: '--bind <address>',
    group: 'Broker',
    summary: 'listen on this address instead of 127.0.0.1',
    details:
      'Without a configuration file everybody who reaches the address is let in, so an address other than loopback takes --allow-anonymous too.',
    parse: text,
  },
  allowAnonymous: {
    flags: '--allow-anonymous',
    group: 'Broker',
    summary: 'let everybody in on an address that other machines reach',
  },
  webSockets: {
    flags: '--ws',
    group: 'Broker',
    summary: 'also serve MQTT over WebSockets: on port 9001, or a free one',
  },
  tls: {
    flags: '--tls <source>',
    group: 'Broker',
    summary: 'also serve TLS: auto makes the certificates on the spot',
    details:
      'A private authority, a certificate for localhost, 127.0.0.1, ::1 and the name of this machine, and a client certificate are made at each start, valid for a year; the key of the authority is thrown away. The listener is on port 8883, or a free one.',
    complete: ['auto'],
    parse: choice(['auto'], (word) => `--tls takes auto, not '${word}'.`),
  },
  tlsDirectory: {
    flags: '--tls-dir <directory>',
    group: 'Broker',
    summary: 'put the certificates of --tls auto there, and leave them',
    complete: 'directory',
    parse: text,
  },
  testConfig: {
    flags: '--test-config',
    group: 'Broker',
    summary: 'check the configuration and the files it names, say what is not served, and exit',
  },
  daemon: {
    flags: '-d, --daemon',
    group: 'Broker',
    summary: 'refused: put it into the background with your shell or service manager',
    hidden: true,
  },
  verbose: {
    flags: '-v, --verbose',
    group: 'Broker',
    summary: 'log everything, each packet among it, to standard error',
  },
  quiet: {
    flags: '--quiet',
    group: 'Broker',
    summary: 'print neither the banner nor warnings nor errors',
  },
  exec: {
    flags: '--exec',
    group: 'Testing',
    summary: 'run the command after -- with the broker around it, and exit with its status',
    details:
      'The command finds MQTT_URL, MQTT_HOST and MQTT_PORT in its environment, and as far as they exist MQTTS_URL, MQTT_WS_URL, MQTT_WSS_URL, MQTT_UNIX_SOCKET, MQTT_CA_FILE, MQTT_CLIENT_CERT_FILE and MQTT_CLIENT_KEY_FILE. Unless told otherwise the broker takes a free port. When the command has ended, so has the broker.',
  },
  ready: {
    flags: '--ready <form>',
    group: 'Testing',
    summary: 'print one line when clients can connect: json or env',
    details:
      'json: an object with the process id and the URL of every listener. env: assignments such as MQTT_URL=mqtt://127.0.0.1:1883, for a shell to evaluate.',
    complete: ['json', 'env'],
    parse: choice(['json', 'env'], (word) => `--ready takes json or env, not '${word}'.`),
  },
  exitWithStdin: {
    flags: '--exit-with-stdin',
    group: 'Testing',
    summary: 'end when standard input ends: with the process that started the broker',
  },
  faults: {
    flags: '--fault <rule>',
    group: 'Testing',
    summary: "make packets go wrong: 'drop puback p=0.1'; may be repeated",
    details:
      'A rule is an action (drop, delay, duplicate, close or connack), then in any order the packet it is about (publish, puback and so on; any packet unless told), in or out for what comes from clients or goes to them, and conditions: p=0.1 (one time in ten), topic=a/# (a PUBLISH to such a topic), client=dev* (identifiers that begin so), after=100 (not before the hundredth), first=2 (twice at most). delay takes a time, 200ms or 200ms±50ms, and delays what follows too; close cuts the connection instead of passing the packet; connack takes the code with which to refuse a CONNECT, such as 5 or 0x89.',
    parse: list,
  },
  seed: {
    flags: '--seed <number>',
    group: 'Testing',
    summary: 'the seed of the dice of --fault, so that a run can be repeated (default 1)',
    parse: integer({
      minimum: 0,
      maximum: 4294967295,
      problem: (word) => `Invalid seed given: ${word}. It is a number from 0 to 4294967295.`,
    }),
  },
  trace: {
    flags: '--trace <form>',
    group: 'Testing',
    summary: 'print one line for each packet, with all its fields: text, or json',
    details:
      'The form may be left out: text. In text, > is from a client and < to one. Passwords are never shown, and of a will only its size.',
    complete: ['text', 'json'],
    words: ([next = '']) => (next === 'text' || next === 'json' ? 1 : 0),
    parse: (word: string): 'text' | 'json' => {
      if (word === '' || word === 'text') return 'text';
      if (word === 'json') return 'json';
      throw new UsageError(`Invalid form of --trace given: ${word}. It is text or json.`);
    },
  },
  traceFile: {
    flags: '--trace-file <file>',
    group: 'Testing',
    summary: 'write the trace there instead of to standard output',
    complete: 'file',
    parse: text,
  },
} as const satisfies OptionTable;

type BrokerValues = Values<typeof options>;

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** The first rule the values break, as a sentence. */
function problem(values: BrokerValues, operands: readonly string[]): string | undefined {
  const {exec, config, bind, tls, trace} = values;
  if (values.daemon)
    return 'A broker does not go into the background by itself: add & in the shell, or use --exec.';
  if (exec && operands.length === 0) return '--exec needs a command after --, such as --exec -- npm test.';
  if (!exec && operands.length > 0)
    return `Unexpected word '${operands[0]}'; a command to run needs --exec -- before it.`;
  if (exec && values.exitWithStdin)
    return '--exec gives standard input to the command: leave out --exit-with-stdin.';
  if (exec && values.testConfig) return '--test-config starts nothing: leave out --exec.';
  if (values.tlsDirectory !== undefined && tls === undefined) return '--tls-dir needs --tls auto.';
  if (values.seed !== undefined && values.faults === undefined) return '--seed needs --fault.';
  if (values.traceFile !== undefined && trace === undefined) return '--trace-file needs --trace.';
  if (config !== undefined && values.allowAnonymous)
    return 'With a configuration file, allow_anonymous stands there.';
  if (config === undefined && bind !== undefined && !loopback.test(bind) && !values.allowAnonymous) {
    return `Everybody who reaches ${bind} would be let in: say --allow-anonymous, or give a configuration file with a password_file.`;
  }
  return undefined;
}

function plan(values: BrokerValues, operands: readonly string[]) {
  const wrong = problem(values, operands);
  if (wrong !== undefined) throw new UsageError(wrong);
  const {config, bind, tlsDirectory, ready, trace, traceFile} = values;
  // Two test runs at a time must not meet on one port.
  const port = values.port ?? (values.exec && config === undefined ? 0 : undefined);
  return {
    ...(config === undefined ? {} : {configFile: config}),
    ...(port === undefined ? {} : {port}),
    ...(bind === undefined ? {} : {bindAddress: bind}),
    ...(tlsDirectory === undefined ? {} : {tlsDirectory}),
    ...(ready === undefined ? {} : {ready}),
    ...(trace === undefined ? {} : {trace}),
    ...(traceFile === undefined ? {} : {traceFile}),
    faults: (values.faults ?? []).map(parseFault),
    ...(values.seed === undefined ? {} : {seed: values.seed}),
    tls: values.tls !== undefined,
    webSockets: values.webSockets === true,
    verbose: values.verbose === true,
    quiet: values.quiet === true,
    testConfig: values.testConfig === true,
    exitWithStdin: values.exitWithStdin === true,
    command: operands,
  };
}

/** The words of `tmq broker` as a value. */
export type BrokerPlan = ReturnType<typeof plan>;

export const broker: Command<typeof options, BrokerPlan> = defineCommand({
  name: 'broker',
  summary: 'run a small broker, for tests',
  synopsis: ['[options]', '[options] --exec -- command [argument ...]'],
  description: [
    'Runs an MQTT broker that speaks MQTT 3.1, 3.1.1 and 5 until it is told to stop by SIGINT or SIGTERM. Without options it listens on 127.0.0.1 port 1883, lets everybody in, and keeps nothing when it ends: what a test wants, and nothing for the open network.',
    'With a mosquitto.conf it has the listeners, users, access rights and limits that stand there. On SIGHUP it reads passwords, access rights, certificates and keys again.',
    'Log lines, the banner and warnings go to standard error; standard output has the ready line and the trace only.',
  ],
  options,
  operands: true,
  examples: [
    {command: 'tmq broker', summary: 'A broker on 127.0.0.1:1883, for this machine only.'},
    {
      command: 'tmq broker --exec -- sh -c \'tmq pub -L "$MQTT_URL/a" -m hello\'',
      summary: 'A broker on a free port for the time of one command.',
    },
    {
      command: 'tmq broker -p 0 --ready json --exit-with-stdin',
      summary: 'For a test harness: says where it is, and ends with whoever started it.',
    },
    {
      command: 'tmq broker -p 0 --tls auto --ws --trace',
      summary: 'TLS and WebSockets too, each packet shown.',
    },
    {
      command: "tmq broker --fault 'drop puback p=0.1' --fault 'delay publish out 200ms' --seed 7",
      summary: 'A bad network, the same one each time.',
    },
    {command: 'tmq broker -c mosquitto.conf --test-config', summary: 'Check a configuration file.'},
  ],
  differences: [
    'A port of 0 takes a free port; a path after it is a Unix socket, as in mosquitto.',
    'A password file in which somebody could not log in, by a password in plain text for one, stops the start.',
    'SIGHUP changes who may do what; listeners, limits and the kinds of log lines stay as they were at the start.',
    'It does not change its user, and does not go into the background.',
    'persistence writes a format of its own, by default to mosquitto.db.tmq, and never touches a database of mosquitto.',
  ],
  exitStatuses: [
    {term: '0', text: 'It was told to stop, or the configuration is valid.'},
    {
      term: '1',
      text: 'It could not start: an address, a file, a certificate, a line of the configuration or a word of the command line.',
    },
    {term: '126, 127', text: 'The command of --exec could not be run, or was not found.'},
    {
      term: 'other',
      text: 'The status of the command of --exec; 128 and the number of the signal that ended it.',
    },
  ],
  files: [
    {
      term: 'mosquitto.db.tmq',
      text: 'What persistence keeps, unless persistence_file and persistence_location say otherwise. Every change is written at once, so that a kill loses nothing. While a broker runs, mosquitto.db.tmq.lock keeps others from it.',
    },
  ],
  plan,
  async run(what, io) {
    const {serve} = await import('../../broker/server/serve.ts');
    const warningLine = async (sentence: string) =>
      (await import('../../io/terminal.ts')).warningLine(io, sentence);
    const lock = async (path: string) => {
      const [{acquireLock}, fs] = await Promise.all([import('../../io/lock.ts'), import('node:fs/promises')]);
      return await acquireLock(path, {fs, ...io, timeoutMilliseconds: lockMilliseconds});
    };
    return await serve({...what, suggest, warningLine, lock}, io);
  },
});
