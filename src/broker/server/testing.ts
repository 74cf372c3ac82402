/** `tmq/testing`: a real broker inside a test, on a free port of this machine, that shows what was published to it. */

import {defined} from '../../defined.ts';
import {bodyStart} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {type Properties, PropertyIdentifier} from '../../protocol/properties.ts';
import {isMqttString, isPublishTopic, isTopicFilter, matches} from '../../protocol/topic.ts';
import {parseBrokerConfig} from '../config/parse-config.ts';
import {readNames, readText} from '../config/read-file.ts';
import type {ObservedPacket} from '../wire/packets.ts';
import type {CertificateFiles} from './certificates.ts';
import {parseFault} from './faults.ts';
import {localCertificates, withTls} from './local-tls.ts';
import {type RunningBroker, runBroker} from './run-broker.ts';

export type {CertificateFiles, Properties, QoS};

/** Options of startBroker. */
export interface StartOptions {
  /** Default 0: a free one. */
  readonly port?: number;
  /** Also listen with TLS; the certificates are made for this broker. */
  readonly tls?: 'auto';
  /** Also listen for MQTT over WebSockets; with `tls` for wss too. */
  readonly webSockets?: boolean;
  /** The text of a mosquitto.conf; its listeners take the place of the one on 127.0.0.1. */
  readonly config?: string;
  /** Accept only the users of this file, which `tmq passwd` writes; without `config`, where password_file does that. */
  readonly passwordFile?: string;
  /** Faults to inject, as in `tmq broker --fault`: 'drop puback p=0.1'. */
  readonly faults?: readonly string[];
  /** The random seed of the faults; default 1. */
  readonly seed?: number;
  /** Gets the broker's log, a line at a time. */
  readonly log?: (line: string) => void;
}

/** A PUBLISH that the broker received from a client. */
export interface Published {
  readonly clientId: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** The client sent it again, because it saw no acknowledgement. */
  readonly duplicate: boolean;
  readonly properties?: Properties;
}

/** Options of waitFor. */
export interface WaitOptions {
  /** Wait for this number of matching messages, and resolve with the last; default 1. */
  readonly count?: number;
  /** Default 5000. */
  readonly timeoutMilliseconds?: number;
}

/** A running broker; disposal closes it. */
export interface TestBroker extends AsyncDisposable {
  /** 'mqtt://127.0.0.1:40213' */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The URL of each listener, by its scheme. */
  readonly urls: Readonly<Partial<Record<'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix', string>>>;
  /** With `tls`: the paths of the PEM files; `close` removes them. */
  readonly certificates?: CertificateFiles;
  /** Every PUBLISH so far, in the order received; also those that the broker refused. */
  readonly published: readonly Published[];
  /**
   * Resolves with the first message to a matching topic, at once if it was published before. Rejects after the
   * timeout, naming the topics that were published to instead, when the broker is closed, and for an invalid filter.
   */
  waitFor(filter: string, options?: WaitOptions): Promise<Published>;
  /** Publishes a message in the name of the broker. @throws TypeError for what is no topic */
  publish(topic: string, payload: string | Uint8Array, options?: {qos?: QoS; retain?: boolean}): void;
  /** Disconnects a client as an administrator would. Returns whether it was connected. */
  disconnect(clientId: string): boolean;
  /** Disconnects all clients, closes the listeners and removes the certificates. A second call has no effect. */
  close(): Promise<void>;
}

/**
 * Starts a broker in this process.
 *
 *     import {startBroker} from 'tmq/testing';
 *
 *     await using broker = await startBroker();
 *     const device = startDevice(broker.url);
 *     const state = await broker.waitFor('device/+/state');
 *     assert.equal(state.payload.toString(), 'on');
 *
 * @throws TmqError when the configuration is wrong or an address cannot be bound
 */
export async function startBroker(options: StartOptions = {}): Promise<TestBroker> {
  const {seed, log = () => undefined} = options;
  const config = configOf(options);
  const certificates = options.tls === undefined ? undefined : await localCertificates(undefined, Date.now());
  const published = new PublishedList();
  let running: RunningBroker;
  try {
    running = await runBroker(
      {...config, listeners: withTls(config.listeners, certificates?.files)},
      {
        log: (_type, line) => log(line),
        observe: (clientId, direction, packet, frame) => {
          if (direction === 'in') published.observe(clientId, packet, frame);
          else if (packet.cmd === 'connack') published.connected(clientId, packet);
        },
        faults: (options.faults ?? []).map(parseFault),
        ...defined({seed}),
      },
    );
  } catch (error) {
    await certificates?.[Symbol.asyncDispose]();
    throw error;
  }
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= (async () => {
      published.close();
      await running.close();
      await certificates?.[Symbol.asyncDispose]();
    })();
    return closed;
  };
  return testBroker(running, published, {certificates: certificates?.files, close});
}

function configOf({config = '', port = 0, webSockets, passwordFile}: StartOptions) {
  const parsed = parseBrokerConfig(config, {path: 'config', read: readText, list: readNames});
  const access = passwordFile === undefined ? {} : {passwordFile, allowAnonymous: false};
  const own =
    config === '' ? parsed.listeners.map((listener) => ({...listener, port, ...access})) : parsed.listeners;
  const [first] = own;
  const extra =
    webSockets && first !== undefined ? [{...first, port: 0, protocol: 'websockets' as const}] : [];
  return {...parsed, listeners: [...own, ...extra]};
}

function testBroker(
  running: RunningBroker,
  published: PublishedList,
  {certificates, close}: {certificates: CertificateFiles | undefined; close: () => Promise<void>},
): TestBroker {
  const {addresses, broker} = running;
  const main = addresses[0]!;
  const urls = Object.fromEntries(addresses.map(({url}) => [url.slice(0, url.indexOf(':')), url]).reverse());
  return {
    url: main.url,
    host: main.host ?? '',
    port: main.port ?? 0,
    urls,
    ...defined({certificates}),
    published: published.messages,
    waitFor: (filter, options) => published.waitFor(filter, options),
    publish(topic, payload, {qos = 0, retain = false} = {}) {
      if (!isPublishTopic(topic) || !isMqttString(topic)) {
        throw new TypeError(`${JSON.stringify(topic)} is not a topic: ${topicRule}.`);
      }
      broker.publish({topic, payload: Buffer.from(payload), qos, retain});
    },
    disconnect: (clientId) => broker.disconnect(clientId),
    close,
    [Symbol.asyncDispose]: close,
  };
}

const topicRule = 'it has at least one character, and none of +, # and control characters';

/** The messages published so far, and the calls of waitFor that wait for more. */
class PublishedList {
  readonly messages: Published[] = [];
  readonly #waiting = new Set<{readonly check: () => void; readonly fail: (reason: string) => void}>();
  /** Of each client's connection: topics by topic alias. */
  readonly #aliases = new Map<string, Map<number, string>>();
  #isClosed = false;

  /** A client got CONNACK: if it is accepted, the aliases of a former connection mean nothing any more. */
  connected(clientId: string, {reasonCode, returnCode}: ObservedPacket): void {
    if ((reasonCode ?? returnCode) === 0) this.#aliases.delete(clientId);
  }

  observe(clientId: string, packet: ObservedPacket, frame: Buffer | undefined): void {
    if (packet.cmd !== 'publish') return;
    const {payload, qos, retain, dup} = packet as ObservedPacket & Published & {readonly dup: boolean};
    const properties = propertiesOf(packet.properties, frame!, qos);
    this.messages.push({
      clientId,
      topic: this.#topic(clientId, packet),
      payload: Buffer.from(payload),
      qos,
      retain,
      duplicate: dup,
      ...defined({properties}),
    });
    for (const {check} of [...this.#waiting]) check();
  }

  #topic(clientId: string, {topic, properties}: ObservedPacket): string {
    const alias = (properties as {readonly topicAlias?: number} | undefined)?.topicAlias;
    if (alias === undefined) return String(topic);
    const aliases = this.#aliases.get(clientId) ?? new Map<number, string>();
    this.#aliases.set(clientId, aliases);
    if (topic !== '') aliases.set(alias, String(topic));
    return aliases.get(alias) ?? '';
  }

  async waitFor(filter: string, options: WaitOptions = {}): Promise<Published> {
    const {count = 1, timeoutMilliseconds = 5000} = options;
    if (!isTopicFilter(filter)) throw new TypeError(`${JSON.stringify(filter)} is not a topic filter.`);
    if (!(count >= 1)) throw new TypeError(`A count of ${count} messages cannot be waited for.`);
    const found = () => this.messages.filter(({topic}) => matches(filter, topic))[count - 1];
    const already = found();
    if (already !== undefined) return already;
    if (this.#isClosed) throw new Error(`No message to ${filter}: the broker is closed; ${this.#summary()}.`);
    return await new Promise((resolve, reject) => {
      const fail = (reason: string) => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        reject(new Error(`No message to ${filter} ${reason}; ${this.#summary()}.`));
      };
      const check = () => {
        const message = found();
        if (message === undefined) return;
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve(message);
      };
      const timer = setTimeout(() => fail(`within ${timeoutMilliseconds} ms`), timeoutMilliseconds);
      const waiting = {check, fail};
      this.#waiting.add(waiting);
    });
  }

  #summary(): string {
    const topics = [...new Set(this.messages.map(({topic}) => topic))];
    return topics.length === 0 ? 'nothing was published' : `published were ${topics.join(', ')}`;
  }

  close(): void {
    this.#isClosed = true;
    for (const {fail} of [...this.#waiting]) fail('before the broker was closed');
  }
}

/** mqtt-packet's properties of a PUBLISH → ours: user properties are pairs, the format indicator is a number. */
function propertiesOf(given: unknown, frame: Buffer, qos: QoS): Properties | undefined {
  if (given === undefined) return undefined;
  const {userProperties, payloadFormatIndicator, ...rest} = given as {
    readonly userProperties?: unknown;
    readonly payloadFormatIndicator?: boolean;
  };
  return defined({
    ...rest,
    payloadFormatIndicator: payloadFormatIndicator === undefined ? undefined : Number(payloadFormatIndicator),
    userProperties: userProperties === undefined ? undefined : userPropertiesOf(frame, qos),
  });
}

/** The user properties of a PUBLISH in order [MQTT-3.3.2-17], [MQTT-3.3.2-18]: mqtt-packet groups them by name. */
function userPropertiesOf(frame: Buffer, qos: QoS): readonly (readonly [name: string, value: string])[] {
  const pairs: [string, string][] = [];
  const reader = new PacketReader(frame, bodyStart(frame));
  reader.string('topic');
  if (qos > 0) reader.packetIdentifier();
  reader.properties('publish', ({definition, name, bytes}) => {
    if (definition.identifier !== PropertyIdentifier.userProperties) return;
    pairs.push([name.toString(), bytes.toString()]);
  });
  return pairs;
}
