/** `tmq broker`: a small broker for tests, that runs by itself or for the time of a command. */

import {parseFault} from '../../broker/server/faults.ts';
import {type Command, defineCommand} from '../../cli/command.ts';
import {choice, inGroup, integer, list, text, type Values} from '../../cli/option.ts';
import {suggest} from '../../cli/suggest.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import {directivesSection} from './directives-section.ts';
import {pageSection} from './page-section.ts';
import {readySection} from './ready-section.ts';

/** How long to wait for the store's lock: another broker may be about to end. */
const lockMilliseconds = 2000;

const webPort = integer({
  minimum: 0,
  maximum: 65535,
  problem: (word) => `Invalid port of --web given: ${word}. It is a number from 0 to 65535; 0 is a free one.`,
});

const options = {
  ...inGroup('Broker', {
    config: {
      flags: '-c, --config <file>',
      summary: 'read the configuration from a mosquitto.conf',
      details:
        'Every directive of mosquitto.conf(5) is known: the section Directives lists them. A directive that mosquitto does not know is an error. A vernemq.conf is recognised by its form, name = value: listeners of the kinds tcp, ssl, ws and wss with their certificates and limits, allow_anonymous, vmq_passwd.password_file and vmq_acl.acl_file are served; a warning names each other setting.',
      complete: 'file',
      parse: text,
    },
    port: {
      flags: '-p, --port <port>',
      summary: 'port to listen on (default 1883); 0: a free one',
      details:
        'With a configuration file, it replaces the port of the only listener; where there are several, it is one more on 127.0.0.1, or on the address of --bind, or names one of them again.',
      parse: integer({
        minimum: 0,
        maximum: 65535,
        problem: (word) => `Invalid port given: ${word}. It is a number from 0 to 65535.`,
      }),
    },
    bind: {
      flags: '--bind <address>',
      summary: 'listen on this address instead of 127.0.0.1',
      details:
        'Without a configuration file, the broker accepts every client, so an address other than loopback needs --allow-anonymous or --password-file too.',
      parse: text,
    },
    allowAnonymous: {
      flags: '--allow-anonymous',
      summary: 'accept every client on an address that other machines can reach',
    },
    passwordFile: {
      flags: '--password-file <file>',
      summary: 'accept only the users of this file, which tmq passwd writes',
      details:
        'Without a configuration file, which has password_file for that. Users made by tmq passwd -H scram-sha-256 or scram-sha-512 may also log in by SCRAM, as with tmq sub --auth-method. With --allow-anonymous, clients without a user name are accepted, too.',
      complete: 'file',
      parse: text,
    },
    webSockets: {flags: '--ws', summary: 'also serve MQTT over WebSockets: on port 9001, or a free one'},
    tls: {
      flags: '--tls <source>',
      summary: 'also serve TLS: auto makes the certificates',
      details:
        'Each start makes a private authority, a certificate for localhost, 127.0.0.1, ::1 and the name of this machine, and a client certificate, valid for a year; the key of the authority is discarded. The listener is on port 8883, or a free one.',
      missing: '--tls takes auto, as in --tls auto.',
      complete: ['auto'],
      parse: choice(['auto'], (word) => `--tls takes auto, not '${word}'.`),
    },
    tlsDirectory: {
      flags: '--tls-dir <directory>',
      summary: 'write the certificates of --tls auto to this directory, and keep them',
      complete: 'directory',
      parse: text,
    },
    web: {
      flags: '--web <port>',
      summary: 'also serve a page to look at the broker, for a browser on this machine',
      details:
        'The page shows topics, messages, the connected clients and the faults, and publishes: see The page. Its address is printed on standard error, and with --ready json as web. The port may be omitted; it is 9080 then, or a free one where that is taken or the broker has a free port.',
      words: ([next = '']) => (/^\d+$/.test(next) ? 1 : 0),
      parse: (word: string): number | 'usual' => (word === '' ? 'usual' : webPort(word)),
    },
    testConfig: {
      flags: '--test-config',
      summary: 'check the configuration and the files it names, warn of directives without effect, and exit',
    },
    daemon: {
      flags: '-d, --daemon',
      summary: 'refused: use your shell or service manager to run it in the background',
      hidden: true,
    },
    verbose: {flags: '-v, --verbose', summary: 'log everything, including each packet, to standard error'},
    quiet: {flags: '--quiet', summary: 'print neither the banner nor warnings nor errors'},
  }),
  ...inGroup('Testing', {
    exec: {
      flags: '--exec',
      summary: 'run the command after -- while the broker runs, and exit with its status',
      details:
        'The environment of the command has MQTT_URL, MQTT_HOST and MQTT_PORT, and where they apply MQTTS_URL, MQTT_WS_URL, MQTT_WSS_URL, MQTT_UNIX_SOCKET, MQTT_CA_FILE, MQTT_CLIENT_CERT_FILE and MQTT_CLIENT_KEY_FILE. Without -p and -c the broker takes a free port. The broker ends with the command.',
    },
    ready: {
      flags: '--ready <form>',
      summary: 'print one line when clients can connect: json or env',
      details:
        'json: an object with the addresses, as The ready line shows. env: commands for a shell to evaluate, which export MQTT_URL and the other variables of --exec, and set MQTT_BROKER_PID to the process id. Behind them standard output is closed, unless the trace or the log goes there: a shell that waits for its end, as in eval "$(tmq broker -p 0 --ready env &)", goes on.',
      complete: ['json', 'env'],
      parse: choice(['json', 'env'], (word) => `--ready takes json or env, not '${word}'.`),
    },
    readyFile: {
      flags: '--ready-file <file>',
      summary: 'write the ready line to this file instead, when clients can connect',
      details:
        'In the form of --ready, or as json. The file is complete as soon as it is there. tmq removes the file of an earlier run before it starts, and its own at the end.',
      complete: 'file',
      parse: text,
    },
    exitWithStdin: {
      flags: '--exit-with-stdin',
      summary: 'end when standard input ends, and so with the process that started the broker',
    },
    faults: {
      flags: '--fault <rule>',
      summary: "inject a fault: 'drop puback p=0.1'; may be repeated",
      details:
        'A rule is an action (drop, delay, duplicate, close, connack, disconnect), then in any order a packet (publish, puback and so on; without one, any packet), a direction (in: from clients; out: to them) and conditions: p=0.1 (one time in ten), topic=a/# (a PUBLISH to a matching topic), client=dev* (client identifiers that begin with dev), after=100 (the first hundred pass), first=2 (twice at most). delay takes a time, 200ms or 200ms±50ms, and delays the packets that follow too; close closes the connection instead of passing the packet on; connack takes the code with which to refuse a CONNECT, such as 5 or 0x89; disconnect takes the code of a DISCONNECT with which the connection ends, such as 0x8b (before MQTT 5 it is only closed), at the first packet behind CONNACK that matches. With the codes 0x9c and 0x9d, to=host:port names the server to go to.',
      parse: list,
    },
    seed: {
      flags: '--seed <number>',
      summary: 'random seed for --fault, to make runs reproducible (default 1)',
      parse: integer({
        minimum: 0,
        maximum: 4294967295,
        problem: (word) => `Invalid seed given: ${word}. It is a number from 0 to 4294967295.`,
      }),
    },
    trace: {
      flags: '--trace <form>',
      summary: 'print one line for each packet, with all its fields: text, or json',
      details:
        'The form may be omitted; it is text then. In text, which has the local time, > marks a packet from a client and < one to a client. Passwords are not shown, and of the payload of a will only its size.',
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
      summary: 'write the trace to this file instead of standard output',
      complete: 'file',
      parse: text,
    },
  }),
} as const;

type BrokerValues = Values<typeof options>;

const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

function unexpected(word: string): string {
  const advice = /\.conf$/.test(word)
    ? 'A configuration file needs -c before it.'
    : /^\d+$/.test(word)
      ? 'A port needs -p before it.'
      : word === 'start'
        ? 'tmq broker alone starts one.'
        : 'A command to run needs --exec -- before it.';
  return `Unexpected word '${word}'. ${advice}`;
}

/** The sentence about the first combination of options that is not allowed. */
function problem(values: BrokerValues, operands: readonly string[]): string | undefined {
  const {exec, config, bind, tls, trace} = values;
  if (values.daemon)
    return 'A broker does not put itself into the background: add & in the shell, or use --exec.';
  if (exec && operands.length === 0) return '--exec needs a command after --, such as --exec -- npm test.';
  if (!exec && operands.length > 0) return unexpected(operands[0]!);
  if (exec && values.exitWithStdin)
    return '--exec gives standard input to the command: leave out --exit-with-stdin.';
  if (exec && values.testConfig) return '--test-config starts nothing: leave out --exec.';
  if (values.tlsDirectory !== undefined && tls === undefined) return '--tls-dir needs --tls auto.';
  if (values.seed !== undefined && values.faults === undefined) return '--seed needs --fault.';
  if (values.readyFile === '') return 'The argument of --ready-file is empty.';
  if (values.traceFile !== undefined && trace === undefined) return '--trace-file needs --trace.';
  const isAnnounced = values.ready === 'json' || (values.readyFile !== undefined && values.ready !== 'env');
  if (values.web !== undefined && values.quiet && !isAnnounced)
    return '--quiet keeps the address of the page back, which has its token: leave it out, or add --ready json.';
  if (config !== undefined && values.allowAnonymous)
    return 'With a configuration file, set allow_anonymous there.';
  if (config !== undefined && values.passwordFile !== undefined)
    return 'With a configuration file, set password_file there.';
  const isOpen = config === undefined && values.passwordFile === undefined && !values.allowAnonymous;
  if (isOpen && bind !== undefined && !loopback.test(bind)) {
    return `Every client that reaches ${bind} would be accepted: add --allow-anonymous, or give a configuration file with a password_file.`;
  }
  return undefined;
}

function plan(values: BrokerValues, operands: readonly string[]) {
  const wrong = problem(values, operands);
  if (wrong !== undefined) throw new UsageError(wrong);
  const {config, bind, passwordFile, tlsDirectory, ready, readyFile, trace, traceFile, seed, web} = values;
  // Two test runs at the same time need different ports.
  const port = values.port ?? (values.exec && config === undefined ? 0 : undefined);
  return {
    ...defined({configFile: config, port, bindAddress: bind, passwordFile}),
    ...defined({tlsDirectory, ready, readyFile, trace, traceFile, seed}),
    ...(web === undefined
      ? {}
      : {web: {port: web === 'usual' ? undefined : web, rules: values.faults ?? []}}),
    faults: (values.faults ?? []).map(parseFault),
    tls: values.tls !== undefined,
    webSockets: values.webSockets === true,
    allowAnonymous: values.allowAnonymous === true,
    verbose: values.verbose === true,
    quiet: values.quiet === true,
    testConfig: values.testConfig === true,
    exitWithStdin: values.exitWithStdin === true,
    command: operands,
  };
}

/** The command line of `tmq broker`, checked. */
export type BrokerPlan = ReturnType<typeof plan>;

export const broker: Command<typeof options, BrokerPlan> = defineCommand({
  name: 'broker',
  summary: 'run a small broker, for tests',
  synopsis: ['[options]', '[options] --exec -- command [argument ...]'],
  description: [
    'Runs a broker for MQTT 3.1, 3.1.1 and 5 until SIGINT or SIGTERM. Without options it listens on 127.0.0.1 port 1883, accepts every client, and keeps no data when it ends. It is made for tests, not for the open network.',
    'With a mosquitto.conf it takes listeners, users, access rights and limits from the file. On SIGHUP it reads the file again, and with it users, access rights, certificates and keys: all of that takes effect, or after an error none of it. Listeners are recognised by their address. It disconnects clients that it would no longer accept. SIGUSR2 prints the subscriptions to the log; SIGUSR1 is ignored.',
    'Log lines, the banner and warnings go to standard error; standard output has only the ready line and the trace.',
  ],
  options,
  mostUsed: ['port', 'exec', 'config', 'tls', 'webSockets', 'trace'],
  operands: 'command',
  commandSwitches: ['exec'],
  examples: {
    'tmq broker': 'A broker on 127.0.0.1:1883, for this machine only.',
    'tmq broker --exec -- tmq pub -t a -m hello': 'A broker on a free port for the time of one command.',
    'tmq broker -p 0 --ready json --exit-with-stdin':
      'For a test harness: prints its address, and ends with the process that started it.',
    'tmq broker -p 0 --tls auto --ws --trace': 'TLS and WebSockets too, with a line for each packet.',
    "tmq broker --fault 'drop puback p=0.1' --fault 'delay publish out 200ms' --seed 7":
      'A bad network, with the same faults each time.',
    'tmq broker --web': 'A broker, and the address of a page that shows what happens in it.',
    'tmq broker -c mosquitto.conf --test-config': 'Check a configuration file.',
  },
  get sections() {
    return [readySection, pageSection, directivesSection()];
  },
  differences: [
    'Port 0 is a free port; with a path after it, a Unix socket as in mosquitto.',
    'If a user in the password file cannot log in, for example because the password is in plain text, the broker does not start.',
    'SIGHUP opens and closes no listeners, and changes neither the limits nor the log: a warning names the directives that need a restart. A client whose user was removed or has another hash is disconnected.',
    'The broker does not change its user, and does not put itself into the background.',
    'persistence_sync is a directive of this broker only.',
    'persistence writes its own format, by default to mosquitto.db.tmq, and never changes a database of mosquitto.',
  ],
  exitStatuses: {
    '0': 'SIGINT or SIGTERM stopped it, or the configuration is valid.',
    '1': 'The broker could not start: there is an error in an address, a file, a certificate, the configuration or an option.',
    '126, 127': 'The command of --exec could not be run, or was not found.',
    other: 'The status of the command of --exec; 128 plus the number of the signal if one ended it.',
  },
  environment: {
    TMQ_WEB_TOKEN:
      'The token in the address of the page of --web: 16 to 200 letters, digits, - and _. By default each start makes another one.',
  },
  files: {
    'mosquitto.db.tmq':
      'The data of persistence, unless persistence_file and persistence_location name another file. Every change is written before its acknowledgement is sent, so that a kill loses nothing; with persistence_sync true in the configuration it is on the disk by then, so that a power cut loses nothing either, at the price of a wait for the disk in each turn. Where the file cannot be written to, for instance on a full disk, a warning is logged, and messages at QoS 1 and 2 are refused until it can: with reason code 0x97 in MQTT 5, by closing the connection before. A damaged record is skipped, and the file is kept as mosquitto.db.tmq.damaged. While a broker runs, mosquitto.db.tmq.lock locks the file against others.',
  },
  plan,
  async run(what, io) {
    const {serve} = await import('../../broker/server/serve.ts');
    const warningLine = async (sentence: string) =>
      (await import('../../io/terminal.ts')).warningLine(io, sentence);
    const lock = async (path: string) => {
      const [{acquireLock}, fs] = await Promise.all([import('../../io/lock.ts'), import('node:fs/promises')]);
      return await acquireLock(path, {fs, ...io, timeoutMilliseconds: lockMilliseconds});
    };
    const {openReadyFile} = await import('../../io/ready-file.ts');
    const {runCommand} = await import('../../io/command/run-command.ts');
    const isSeen = io.stdout.isTTY === true || io.stderr.isTTY === true;
    const looks = isSeen ? await (await import('./looks.ts')).brokerLooks(io) : {};
    return await serve({...what, suggest, warningLine, lock, looks, runCommand, openReadyFile}, io);
  },
});
