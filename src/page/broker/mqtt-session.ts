/** One MQTT connection of the page, over the WebSocket beside it. The page's only importer of MQTT.js. */

import type {IClientOptions, MqttClient} from 'mqtt';
import library from 'mqtt/lib/client';
import {browserStreamBuilder} from 'mqtt/lib/connect/ws';
import type {MessageProperties, UserProperty} from '../state/message.ts';
import type {Credentials} from './json-interface.ts';

/** A message that came. */
export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly properties: MessageProperties;
}

/** A message to publish. */
export interface Outgoing extends Incoming {
  readonly qos: 0 | 1 | 2;
}

export interface SessionEvents {
  /** CONNACK has come. */
  connected(): void;
  message(message: Incoming): void;
  /** The connection is over, or there was none; with the reason, where the broker gave one: a sentence. */
  closed(reason: string | undefined): void;
}

export interface SessionOptions {
  readonly clientId: string;
  readonly credentials: Credentials | undefined;
}

const options: IClientOptions = {
  protocol: 'ws',
  protocolId: 'MQTT',
  protocolVersion: 5,
  // Browsers slow the timers of hidden tabs down, and on one machine a connection that has ended is closed.
  keepalive: 0,
  // The page connects again itself.
  reconnectPeriod: 0,
  connectTimeout: 30_000,
  queueQoSZero: false,
  resubscribe: false,
};

export class MqttSession {
  readonly #client: MqttClient;
  #isClosed = false;

  constructor({clientId, credentials}: SessionOptions, events: SessionEvents) {
    const {pathname, hostname, port} = location;
    const path = new URL('mqtt', `${location.origin}${pathname}`).pathname;
    const words = {...options, hostname, port: Number(port || 80), path, clientId, ...credentials};
    this.#client = new library.default((client) => browserStreamBuilder(client, words), words);
    let reason: string | undefined;
    this.#client.on('connect', () => events.connected());
    this.#client.on('error', (error) => {
      if ('code' in error && typeof error.code === 'number') reason = error.message;
    });
    this.#client.on('disconnect', (packet) => {
      reason =
        disconnectReasons[packet.reasonCode ?? 0] ?? `The broker disconnects the page: ${packet.reasonCode}.`;
    });
    this.#client.on('message', (topic, payload, {retain, properties = {}}) => {
      events.message({topic, payload, retain, properties: ownProperties(properties)});
    });
    this.#client.on('close', () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#client.end(true);
      events.closed(reason);
    });
  }

  /**
   * Subscribes so that messages have the retain flag that they were published with, and at QoS 0: acknowledgements
   * would hold publishers up, and messages of QoS 1 would wait while others pass. Resolves with a sentence if refused.
   */
  async subscribe(filter: string): Promise<string | undefined> {
    return await settled((done) => this.#client.subscribe(filter, {qos: 0, rap: true, rh: 0}, done));
  }

  async unsubscribe(filter: string): Promise<string | undefined> {
    return await settled((done) => this.#client.unsubscribe(filter, done));
  }

  /** Resolves when the broker has taken the message, at QoS 0 when it is sent; with a sentence if it was refused. */
  async publish({topic, payload, qos, retain, properties}: Outgoing): Promise<string | undefined> {
    const {correlationData, userProperties, ...rest} = properties;
    const sent = {
      ...rest,
      ...(correlationData === undefined ? {} : {correlationData: Buffer.from(correlationData)}),
      ...(userProperties === undefined ? {} : {userProperties: byName(userProperties)}),
    };
    const words = {qos, retain, ...(Object.keys(sent).length === 0 ? {} : {properties: sent})};
    return await settled((done) => this.#client.publish(topic, Buffer.from(payload), words, done));
  }

  /** Ends the connection; no event follows. */
  end(): void {
    this.#isClosed = true;
    this.#client.end(true);
  }
}

/** Of those that people meet [MQTT 5, 3.14.2.1]. */
const disconnectReasons: Readonly<Record<number, string>> = {
  135: 'The broker disconnects the page: not authorized.',
  139: 'The broker shuts down.',
  142: 'Another client has taken over the session of the page.',
  152: 'An administrator has disconnected the page.',
};

/** Calls back as a promise: with the message of the error, if there is one. */
function settled(call: (done: (error?: Error | null) => void) => void): Promise<string | undefined> {
  return new Promise((resolve) => call((error) => resolve(error ? error.message : undefined)));
}

/** User properties as MQTT.js takes them. */
function byName(pairs: readonly UserProperty[]): Record<string, string[]> {
  const names: Record<string, string[]> = {};
  for (const [name, value] of pairs) names[name] = [...(names[name] ?? []), value];
  return names;
}

/** The properties that the page shows; MQTT.js groups the user properties by name. */
function ownProperties({
  userProperties,
  ...rest
}: {readonly userProperties?: Readonly<Record<string, string | readonly string[]>>} & Omit<
  MessageProperties,
  'userProperties'
>): MessageProperties {
  if (userProperties === undefined) return rest;
  const pairs = Object.entries(userProperties).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [name, each] as const),
  );
  return {...rest, userProperties: pairs};
}
