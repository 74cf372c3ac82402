/** Other people's clients, each made to do the same exercise at a broker. */

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {connectAsync, type IClientOptions, type MqttClient} from 'mqtt';
import {exercise, expectedExercise} from '../../support/exercise.ts';
import {type FourListeners, type Scheme, schemes} from '../../support/four-listeners.ts';
import {run, start} from '../../support/spawn.ts';
import {debian, lastLine, npmPackage, npmVersion, type Place} from './place.ts';

/** The protocol's level as it stands in CONNECT. */
export type Level = 3 | 4 | 5;

export interface ClientKind {
  readonly name: string;
  readonly schemes: readonly Scheme[];
  readonly levels: readonly Level[];
  /** Installs it; resolves to its version and to what does the exercise. @throws Error with the reason */
  readonly prepare: (place: Place) => Promise<PreparedClient>;
}

export interface PreparedClient {
  readonly version: string;
  readonly run: (broker: FourListeners, scheme: Scheme, level: Level) => Promise<void>;
}

type ConnectAsync = Parameters<typeof exercise>[0];

/** MQTT.js, by its own API. */
function mqttJs(name: string, connect: ConnectAsync): PreparedClient['run'] {
  return async (broker, scheme, level) => {
    const topic = `${name}-${scheme}-${level}`;
    const client: IClientOptions = {
      protocolVersion: level,
      ...(level === 3 ? {protocolId: 'MQIsdp'} : {}),
      ca: [await readFile(broker.certificate, 'utf8')],
    };
    const found = await exercise(connect, {url: broker.url(scheme), name: topic, client});
    assert.deepEqual(found, expectedExercise(topic, level));
  };
}

/** What MQTT.js 5 has and MQTT.js 4 has not: methods that return promises. */
function withPromises(client: MqttClient): MqttClient {
  const old = client as unknown as Record<'publish' | 'subscribe' | 'end', (...args: unknown[]) => unknown>;
  const promised = (method: 'publish' | 'subscribe') => promisify(old[method].bind(client));
  return Object.assign(client, {
    publishAsync: promised('publish'),
    subscribeAsync: promised('subscribe'),
    endAsync: (force = false) => new Promise((resolve) => old.end(force, {}, resolve)),
  }) as unknown as MqttClient;
}

async function mqttJsFour(place: Place): Promise<PreparedClient> {
  const folder = await npmPackage(place, 'mqtt@4');
  const {connect} = createRequire(join(folder, 'package.json'))('mqtt') as {
    connect: (url: string, options: IClientOptions) => MqttClient;
  };
  const connecting: ConnectAsync = async (url, options) => {
    const client = connect(url, options);
    await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject));
    return withPromises(client);
  };
  return {version: await npmVersion(folder, 'mqtt'), run: mqttJs('mqttjs4', connecting)};
}

async function mqttJsFive(): Promise<PreparedClient> {
  const {version} = createRequire(import.meta.url)('mqtt/package.json') as {version: string};
  return {version, run: mqttJs('mqttjs5', connectAsync)};
}

async function browser(): Promise<PreparedClient> {
  const version = await debian('chromium');
  const file = join(import.meta.dirname, '..', 'browser.test.ts');
  // One run does both transports and versions.
  let result: Promise<string> | undefined;
  const runOnce = async () => {
    const {exitCode, stdout} = await run(process.execPath, ['--import', 'tsx', '--test', file], {
      timeoutMilliseconds: 120_000,
    });
    return exitCode === 0 ? '' : stdout.toString();
  };
  return {
    version,
    async run() {
      result ??= runOnce();
      assert.equal(await result, '');
    },
  };
}

async function python(): Promise<PreparedClient> {
  const version = await debian('python3-paho-mqtt');
  const script = join(import.meta.dirname, '..', '..', 'support', 'paho-exercise.py');
  return {
    version,
    async run(broker, scheme, level) {
      const name = `python-${scheme}-${level}`;
      const args = [script, broker.url(scheme), name, String(level), broker.certificate];
      const {stdout, stderr, exitCode} = await run('/usr/bin/python3', args);
      assert.equal(exitCode, 0, lastLine(stderr));
      assert.deepEqual(JSON.parse(stdout.toString()), expectedExercise(name, level));
    },
  };
}

async function java(place: Place): Promise<PreparedClient> {
  const version = await debian('libmqtt-client-java');
  const jars = ['mqtt-client', 'hawtdispatch', 'hawtdispatch-transport', 'hawtbuf'];
  const classpath = [place.directory, ...jars.map((name) => `/usr/share/java/${name}.jar`)].join(':');
  const source = join(import.meta.dirname, 'Exercise.java');
  const compiled = await run('javac', ['-cp', classpath, '-d', place.directory, source], {
    timeoutMilliseconds: 60_000,
  });
  if (compiled.exitCode !== 0) throw new Error(`javac: ${lastLine(compiled.stderr)}`);
  return {
    version,
    async run(broker, scheme, level) {
      const name = `java-${scheme}-${level}`;
      const url = `${scheme === 'mqtt' ? 'tcp' : 'tlsv1.2'}://127.0.0.1:${broker.ports[scheme]}`;
      const args = [
        '-cp',
        classpath,
        'Exercise',
        url,
        name,
        level === 3 ? '3.1' : '3.1.1',
        broker.certificate,
      ];
      const {stdout, stderr, exitCode} = await run('java', args);
      assert.equal(exitCode, 0, stderr);
      const {live, kept, will} = expectedExercise(name, level);
      const lines = stdout.toString().trim().split('\n');
      // This library does not say whether a message was retained, nor its QoS.
      const payloads = [...live, ...kept, ...will].map((line) => line.replace(/ q\d r\d$/, ''));
      assert.deepEqual(lines, payloads);
    },
  };
}

interface CommandPair {
  readonly sub: string;
  readonly pub: string;
  readonly words: (broker: FourListeners, scheme: Scheme, level: Level) => readonly string[];
}

/** Two commands of the kind of mosquitto_pub and mosquitto_sub: every QoS, and a retained message. */
function commandPair({sub, pub, words}: CommandPair): PreparedClient['run'] {
  return async (broker, scheme, level) => {
    for (const qos of ['0', '1', '2']) {
      const topic = `${pub}-${scheme}-${level}/${qos}`;
      const common = [...words(broker, scheme, level), '-t', topic, '-q', qos];
      const publish = async (...more: readonly string[]) => {
        const {exitCode, stderr, stdout} = await run(pub, [...common, ...more]);
        assert.equal(exitCode, 0, `${pub}: ${lastLine(stderr + stdout)}`);
      };
      await publish('-m', 'kept', '-r');
      await using subscriber = start(sub, common);
      await subscriber.waitFor('stdout', /^kept$/m);
      await publish('-m', 'live');
      await subscriber.waitFor('stdout', /^live$/m);
    }
  };
}

const versionWord: Readonly<Record<Level, string>> = {3: '31', 4: '311', 5: '5'};

async function pahoC(): Promise<PreparedClient> {
  const version = await debian('paho.mqtt.c-examples');
  const names = {mqtt: 'tcp', mqtts: 'ssl', ws: 'ws', wss: 'wss'} as const;
  const words: CommandPair['words'] = (broker, scheme, level) => [
    ...['-c', `${names[scheme]}://localhost:${broker.ports[scheme]}`, '-V', versionWord[level]],
    ...(scheme === 'mqtts' || scheme === 'wss' ? ['--cafile', broker.certificate] : []),
  ];
  return {version, run: commandPair({sub: 'paho_c_sub', pub: 'paho_c_pub', words})};
}

async function mosquittoClients(): Promise<PreparedClient> {
  const version = await debian('mosquitto-clients');
  const words: CommandPair['words'] = (broker, scheme, level) => [
    ...['-h', 'localhost', '-p', String(broker.ports[scheme])],
    ...['-V', level === 5 ? 'mqttv5' : `mqttv${versionWord[level]}`],
    ...(scheme === 'mqtts' ? ['--cafile', broker.certificate] : []),
  ];
  return {version, run: commandPair({sub: 'mosquitto_sub', pub: 'mosquitto_pub', words})};
}

const all = [3, 4, 5] as const;

export const clients: readonly ClientKind[] = [
  {name: 'MQTT.js 5', schemes, levels: all, prepare: mqttJsFive},
  {name: 'MQTT.js 4', schemes, levels: all, prepare: mqttJsFour},
  {name: 'MQTT.js 5 in Chromium', schemes: ['ws', 'wss'], levels: [4, 5], prepare: browser},
  {name: 'Paho for C', schemes, levels: all, prepare: pahoC},
  {name: 'Paho for Python', schemes, levels: all, prepare: python},
  {name: 'FuseSource for Java', schemes: ['mqtt', 'mqtts'], levels: [3, 4], prepare: java},
  {name: 'mosquitto_pub and _sub', schemes: ['mqtt', 'mqtts'], levels: all, prepare: mosquittoClients},
];
