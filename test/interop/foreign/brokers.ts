/** Other people's brokers, each on loopback with the transports it has. */

import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Scheme} from '../../support/four-listeners.ts';
import {type Running, type SpawnOptions, start} from '../../support/spawn.ts';
import {accepting, debian, freePorts, npmPackage, npmVersion, type Place} from './place.ts';

export interface Door {
  readonly scheme: Scheme;
  readonly port: number;
  readonly words?: readonly string[];
}

export interface ForeignBroker extends AsyncDisposable {
  readonly version: string;
  readonly doors: readonly Door[];
}

export interface BrokerKind {
  readonly name: string;
  /** @throws Error with the reason when it cannot be installed or started */
  readonly start: (place: Place) => Promise<ForeignBroker>;
  /** The highest QoS that it has. */
  readonly maximumQos?: 0 | 1;
  /** It delivers at the QoS of the subscription where that of the message is lower. */
  readonly upgradesQos?: boolean;
  /** By scenario, 'retained', or by transport and scenario, 'ws: retained': why it is not tried. */
  readonly without?: Readonly<Record<string, string>>;
}

/** The four transports on four ports. */
function fourDoors(ports: readonly number[], webSocketWords: readonly string[] = []): Door[] {
  const [mqtt, mqtts, ws, wss] = ports as [number, number, number, number];
  return [
    {scheme: 'mqtt', port: mqtt},
    {scheme: 'mqtts', port: mqtts},
    {scheme: 'ws', port: ws, words: webSocketWords},
    {scheme: 'wss', port: wss, words: webSocketWords},
  ];
}

/** Starts a broker as the leader of a group of processes: a script may start the real one and wait for it. */
function launch(command: string, args: readonly string[], options: SpawnOptions = {}): Running {
  const running = start('setsid', [command, ...args], {...options, timeoutMilliseconds: 30 * 60_000});
  const kill = () => killGroup(running);
  process.once('exit', kill);
  void running.finished.then(() => process.off('exit', kill));
  return running;
}

function killGroup({child}: Running): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends a broker and all it started. */
async function end(running: Running): Promise<void> {
  killGroup(running);
  await running.finished;
}

function broker(version: string, doors: readonly Door[], processes: readonly Running[]): ForeignBroker {
  return {
    ...{version, doors},
    async [Symbol.asyncDispose]() {
      for (const each of processes) await end(each);
    },
  };
}

/** Waits for the ports; leaves no process behind when they do not open. */
async function ready(
  ports: readonly number[],
  ...processes: readonly [Running, ...Running[]]
): Promise<void> {
  try {
    await accepting(ports, processes[0]);
  } catch (error) {
    for (const each of processes) await end(each);
    throw error;
  }
}

async function mosquitto(place: Place): Promise<ForeignBroker> {
  const version = await debian('mosquitto');
  const ports = await freePorts(4);
  const tls = `certfile ${place.cert}\nkeyfile ${place.key}\n`;
  const path = join(place.directory, 'interop-mosquitto.conf');
  const listener = (index: number) => `listener ${ports[index]} 127.0.0.1\n`;
  const text = [
    'user root\nallow_anonymous true\nmax_queued_messages 0\n',
    `${listener(0)}${listener(1)}${tls}`,
    `${listener(2)}protocol websockets\n${listener(3)}protocol websockets\n${tls}`,
  ];
  await writeFile(path, text.join(''));
  const server = launch('mosquitto', ['-c', path]);
  await ready(ports, server);
  return broker(version, fourDoors(ports), [server]);
}

async function rabbitmq(place: Place): Promise<ForeignBroker> {
  const version = await debian('rabbitmq-server');
  const folder = join(place.directory, 'rabbitmq');
  await mkdir(folder);
  const [epmdPort, distribution, amqp, ...ports] = await freePorts(7);
  const tls = (prefix: string) =>
    `${prefix}.cacertfile = ${place.cert}\n${prefix}.certfile = ${place.cert}\n${prefix}.keyfile = ${place.key}\n`;
  const config = [
    `listeners.tcp.1 = 127.0.0.1:${amqp}\n`,
    `mqtt.listeners.tcp.1 = 127.0.0.1:${ports[0]}\nmqtt.listeners.ssl.1 = 127.0.0.1:${ports[1]}\n`,
    `web_mqtt.tcp.ip = 127.0.0.1\nweb_mqtt.tcp.port = ${ports[2]}\n`,
    `web_mqtt.ssl.ip = 127.0.0.1\nweb_mqtt.ssl.port = ${ports[3]}\n`,
    `${tls('ssl_options')}${tls('web_mqtt.ssl')}`,
  ];
  const file = (name: string) => join(folder, name);
  await writeFile(file('rabbitmq.conf'), config.join(''));
  await writeFile(file('plugins'), '[rabbitmq_mqtt,rabbitmq_web_mqtt].\n');
  await writeFile(file('env.conf'), '');
  const env = {
    ...{HOME: folder, ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1'},
    ...{RABBITMQ_NODENAME: 'tmq@localhost', RABBITMQ_DIST_PORT: String(distribution)},
    ...{RABBITMQ_MNESIA_BASE: file('mnesia'), RABBITMQ_LOG_BASE: file('log')},
    ...{RABBITMQ_CONF_ENV_FILE: file('env.conf'), RABBITMQ_CONFIG_FILE: file('rabbitmq.conf')},
    ...{RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins'), RABBITMQ_PID_FILE: file('pid')},
    // Its name server would otherwise go on running as a daemon.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-start_epmd false',
  };
  const names = launch('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1']);
  await ready([epmdPort!], names);
  const server = launch('/usr/lib/rabbitmq/bin/rabbitmq-server', [], {env, cwd: folder});
  await ready([...ports, amqp!], server, names);
  return broker(version, fourDoors(ports, ['--ws-path', '/ws']), [server, names]);
}

async function ejabberd(place: Place): Promise<ForeignBroker> {
  const version = await debian('ejabberd');
  const folder = join(place.directory, 'ejabberd');
  await mkdir(folder);
  const ports = await freePorts(4);
  const http = 'module: ejabberd_http, request_handlers: {/mqtt: mod_mqtt}';
  const listen = ['module: mod_mqtt', 'module: mod_mqtt, tls: true', http, `${http}, tls: true`];
  const config = `hosts: [localhost]
certfiles: [${place.both}]
auth_method: [anonymous]
anonymous_protocol: login_anon
listen:
${ports.map((port, index) => `  - {port: ${port}, ip: "127.0.0.1", ${listen[index]}}\n`).join('')}
modules:
  mod_mqtt:
    access_publish: {"#": [{allow: all}]}
    access_subscribe: {"#": [{allow: all}]}
    session_expiry: 1 hour
`;
  await writeFile(join(folder, 'ejabberd.yml'), config);
  // Without ejabberdctl, which changes the user, and without a node's name, which needs Erlang's name server.
  const env = {
    ...{ERL_LIBS: '/usr/lib/x86_64-linux-gnu', HOME: folder, ERL_CRASH_DUMP: '/dev/null'},
    ...{EJABBERD_CONFIG_PATH: join(folder, 'ejabberd.yml'), EJABBERD_LOG_PATH: join(folder, 'log')},
  };
  const args = ['-noinput', '-mnesia', 'dir', `"${folder}"`, '-s', 'ejabberd'];
  const server = launch('erl', args, {env, cwd: folder});
  await ready(ports, server);
  const words = ['-u', 'tester@localhost', '-P', 'x'];
  const doors = fourDoors(ports).map((door) => ({...door, words}));
  return broker(version, doors, [server]);
}

async function aedes(place: Place): Promise<ForeignBroker> {
  const folder = await npmPackage(place, 'aedes-cli');
  const ports = await freePorts(4);
  const args = [
    ...[
      join(folder, 'node_modules/.bin/aedes'),
      '--host',
      '127.0.0.1',
      '--protos',
      'tcp',
      'tls',
      'ws',
      'wss',
    ],
    ...['--port', `${ports[0]}`, '--tls-port', `${ports[1]}`, '--ws-port', `${ports[2]}`],
    ...['--wss-port', `${ports[3]}`, '--key', place.key, '--cert', place.cert],
    ...['--reject-unauthorized', 'false'],
  ];
  const server = launch(process.execPath, args, {cwd: folder});
  await ready(ports, server);
  return broker(await npmVersion(folder, 'aedes'), fourDoors(ports), [server]);
}

async function mosca(place: Place): Promise<ForeignBroker> {
  // Later versions of the checker refuse mosca's own schema.
  const folder = await npmPackage(place, 'mosca', 'jsonschema@1.2.4');
  const ports = await freePorts(4);
  const args = [
    ...[join(folder, 'node_modules/.bin/mosca'), '--host', '127.0.0.1', '-v', '--non-secure'],
    ...['-p', `${ports[0]}`, '--secure-port', `${ports[1]}`, '--http-port', `${ports[2]}`],
    ...['--https-port', `${ports[3]}`, '--key', place.key, '--cert', place.cert],
  ];
  const server = launch(process.execPath, args, {cwd: folder});
  await ready(ports, server);
  return broker(await npmVersion(folder, 'mosca'), fourDoors(ports), [server]);
}

/** With MQTT.js as the subscriber it is the same. */
const stuck = 'version 2.0 over libwebsockets stops in the middle of a message of 5 MB';
const notLargeOverWebSockets = {'ws: 5 MB': stuck, 'wss: 5 MB': stuck};
const noFive = {'MQTT 5': 'it has MQTT 3.1.1 and 3.1 only'};
const noTwo = {'QoS 2': 'it has QoS 0 and 1 only'};
const noFlag = {retained: 'it sends retained messages without the retain flag'};

export const brokers: readonly BrokerKind[] = [
  {name: 'mosquitto', start: mosquitto, without: notLargeOverWebSockets},
  {name: 'RabbitMQ', start: rabbitmq, maximumQos: 1, without: {...noFive, ...noTwo}},
  {name: 'ejabberd', start: ejabberd, without: {'MQTT 3.1': 'it has MQTT 3.1.1 and 5 only'}},
  {name: 'aedes', start: aedes, without: noFive},
  {
    ...{name: 'mosca', start: mosca, maximumQos: 1, upgradesQos: true},
    without: {...noFive, ...noTwo, ...noFlag},
  },
];
