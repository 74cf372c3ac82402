/** The broker of `tmq/testing`, as types.ts tells it: a broker in this process, and the waits for what it sees. */

import type {Broker} from '../../broker/broker.ts';
import {defined} from '../../defined.ts';
import {type Properties, propertyTable} from '../../protocol/properties.ts';
import {isMqttString, isPublishTopic} from '../../protocol/topic.ts';
import {scriptedClient} from '../client/scripted-client.ts';
import type {ScriptedClient} from '../client/types.ts';
import {listed, shown} from '../waits/preview.ts';
import {Waits} from '../waits/waits.ts';
import {hooksFor} from './hooks.ts';
import {PublishedList} from './published.ts';
import {RestartableBroker} from './restartable-broker.ts';
import type {
  BrokerClientOptions,
  CertificateFiles,
  ConnectedClient,
  Published,
  PublishOptions,
  RetainedMessage,
  Scheme,
  StartOptions,
  TestBroker,
  WaitForOptions,
  WaitOptions,
} from './types.ts';

/** A test broker that `restart` starts for the first time. */
export class InProcessBroker implements TestBroker {
  readonly #options: StartOptions;
  readonly #server: RestartableBroker;
  readonly #waits = new Waits();
  readonly #list: PublishedList;
  readonly #arrivals = new Set<(clientId: string) => void>();
  readonly #scripted = new Set<ScriptedClient>();
  #closed: Promise<void> | undefined;
  /** What a hook threw while no wait was pending. */
  #failure: {readonly error: unknown} | undefined;

  /** Checks the options, and starts nothing. @throws TmqError, TypeError */
  constructor(options: StartOptions = {}) {
    this.#options = options;
    this.#list = new PublishedList(this.#waits, options);
    const hooks = hooksFor({
      ...defined({authorize: options.authorize, onPublish: options.onPublish}),
      record: (message) => this.#list.add(message),
      connected: (clientId) => {
        for (const arrived of [...this.#arrivals]) arrived(clientId);
      },
      failed: (error) => {
        if (!this.#waits.fail(error)) this.#failure ??= {error};
      },
    });
    this.#server = new RestartableBroker(options, hooks);
  }

  get url(): string {
    return this.#main.url;
  }

  get host(): string {
    return this.#main.host ?? '';
  }

  get port(): number {
    return this.#main.port ?? 0;
  }

  get urls(): Readonly<Partial<Record<Scheme, string>>> {
    const {addresses} = this.#server;
    return Object.fromEntries(addresses.map(({url}) => [url.slice(0, url.indexOf(':')), url]).reverse());
  }

  get #main() {
    return this.#server.addresses[0]!;
  }

  get certificates(): CertificateFiles | undefined {
    return this.#server.certificates;
  }

  get published(): readonly Published[] {
    return this.#list.messages;
  }

  get clients(): readonly ConnectedClient[] {
    const all = this.#server.broker?.clients() ?? [];
    return all.map(({username: user, ...client}) => ({...client, ...defined({user})}));
  }

  waitFor(filter: string, options: WaitForOptions = {}): Promise<Published> {
    return this.#list.waitFor(this.waitFor, filter, options);
  }

  expectNothing(
    filter: string,
    milliseconds: number,
    options: Pick<WaitOptions, 'signal'> = {},
  ): Promise<void> {
    return this.#list.expectNothing(this.expectNothing, filter, milliseconds, options);
  }

  connected(clientId: string, options: WaitOptions = {}): Promise<ConnectedClient> {
    return this.#waits.wait<ConnectedClient>(
      {
        caller: this.connected,
        missing: (reason) => {
          const ids = this.clients.map((each) => each.clientId);
          const others = ids.length === 0 ? 'no client is' : `connected are ${listed(ids)}`;
          return `The client ${shown(clientId)} was not connected ${reason}; ${others}.`;
        },
        begin: ({resolve}) => {
          const look = (arrived: string) => {
            if (arrived !== clientId) return;
            const client = this.clients.find((each) => each.clientId === clientId);
            if (client !== undefined) resolve(client);
          };
          look(clientId);
          this.#arrivals.add(look);
          return () => this.#arrivals.delete(look);
        },
      },
      options,
    );
  }

  publish(topic: string, payload: string | Uint8Array, options: PublishOptions = {}): void {
    const {qos = 0, retain = false, properties} = options;
    const message = checkedMessage({topic, payload, qos, retain, ...defined({properties})});
    const broker = this.#runningBroker();
    this.#list.add({source: 'broker', duplicate: false, ...message});
    broker.publish(message);
  }

  retain(messages: readonly RetainedMessage[]): void {
    if (!Array.isArray(messages)) throw new TypeError('retain takes a list of messages.');
    const broker = this.#runningBroker();
    const checked = messages.map(({qos = 0, ...message}) => checkedMessage({...message, qos, retain: true}));
    for (const message of checked) broker.publish(message);
  }

  #runningBroker(): Broker {
    const {broker} = this.#server;
    if (broker === undefined) throw new Error('The broker does not run: call restart first.');
    return broker;
  }

  clear(): void {
    this.#list.clear();
  }

  reset(): void {
    this.#list.clear();
    this.#server.broker?.forget();
    this.#server.setFaults(this.#options.faults ?? []);
  }

  setFaults(faults: readonly string[]): void {
    this.#server.setFaults(faults);
  }

  disconnect(clientId: string, reasonCode?: number): boolean {
    if (
      reasonCode !== undefined &&
      !(Number.isInteger(reasonCode) && reasonCode >= 0x80 && reasonCode <= 0xff)
    ) {
      throw new TypeError(`${reasonCode} is no reason code to disconnect with: they are from 0x80 to 0xFF.`);
    }
    return this.#server.broker?.disconnect(clientId, reasonCode) ?? false;
  }

  dropConnections(clientId?: string): number {
    return this.#server.broker?.drop(clientId) ?? 0;
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  restart(): Promise<void> {
    return this.#server.start();
  }

  async client({scheme, ...options}: BrokerClientOptions = {}): Promise<ScriptedClient> {
    const url = scheme === undefined ? this.url : this.urls[scheme];
    if (url === undefined) {
      throw new TypeError(
        `The broker has no listener for ${scheme}: it has ${Object.keys(this.urls).join(', ')}.`,
      );
    }
    const caFile = this.#server.certificates?.caFile;
    const tls = {...defined({caFile}), ...options.tls};
    const client = await scriptedClient(url, {...options, tls});
    this.#scripted.add(client);
    return client;
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#waits.close({reason: 'before the broker was closed'});
      for (const client of this.#scripted) client.drop();
      await this.#server.close();
      if (this.#failure !== undefined) throw this.#failure.error;
    })();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

interface CheckedMessage extends Required<Omit<PublishOptions, 'properties'>> {
  readonly topic: string;
  readonly payload: Buffer;
  readonly properties?: Properties;
}

const publishKeys = new Set(
  propertyTable.filter(({packets}) => packets.includes('publish')).map(({key}) => key),
);

/** @throws TypeError for what cannot be published */
function checkedMessage(
  message: Omit<CheckedMessage, 'payload'> & {readonly payload: string | Uint8Array},
): CheckedMessage {
  const {topic, payload, qos, properties = {}} = message;
  if (typeof topic !== 'string' || !isPublishTopic(topic) || !isMqttString(topic)) {
    throw new TypeError(`${JSON.stringify(topic)} is not a topic: ${topicRule}.`);
  }
  if (typeof payload !== 'string' && !(payload instanceof Uint8Array)) {
    throw new TypeError(`payload is ${kindOf(payload)}: it is a string or a Uint8Array, such as a Buffer.`);
  }
  if (![0, 1, 2].includes(qos)) throw new TypeError(`qos is ${String(qos)}: it is 0, 1 or 2.`);
  const foreign = Object.keys(properties).find((key) => !publishKeys.has(key));
  if (foreign !== undefined) throw new TypeError(`${foreign} is not a property of PUBLISH.`);
  return {...message, payload: Buffer.from(payload as Uint8Array)};
}

function kindOf(value: unknown): string {
  return value === null || typeof value !== 'object' ? String(value) : 'an object';
}

const topicRule = 'it has at least one character, and none of +, # and control characters';
