/** The scripted client of `tmq/testing`, as client-types.ts tells it, on one stream. */

import {randomUUID} from 'node:crypto';
import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {OnSocket} from '../../client/transport/taken-bytes.ts';
import {dial} from '../../client/transport/transport.ts';
import {defined} from '../../defined.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {reasonSentence, returnText} from '../../protocol/reason-codes.ts';
import {listed} from '../waits/preview.ts';
import type {WaitOptions} from '../waits/wait-options.ts';
import {checkMilliseconds, defaultTimeout} from '../waits/waits.ts';
import {encodePacket} from './encode-packet.ts';
import {endpointOf} from './endpoint.ts';
import {describePacket, difference} from './packet-match.ts';
import {ReceivedPackets} from './received-packets.ts';
import type {
  ConnectFields,
  ExpectedFields,
  ReceivedName,
  ReceivedPacket,
  ScriptedClient,
  ScriptedClientOptions,
  SentFields,
  SentName,
} from './types.ts';

/** Milliseconds that a broker has to close the connection after DISCONNECT. */
const closeMilliseconds = 1000;

/**
 * Connects a scripted client to any broker: mqtt://host:1883, mqtts://, ws://host/mqtt, wss:// or unix:/path; user name
 * and password may be in the URL. `broker.client()` is the same for a broker of this module.
 * @throws TypeError for what is no such URL; TmqError when the broker cannot be reached; Error when it refuses CONNECT
 */
export async function scriptedClient(
  url: string,
  options: ScriptedClientOptions = {},
): Promise<ScriptedClient> {
  const {timeout = defaultTimeout, signal, protocolVersion = 5, connect = true, tls, ...fields} = options;
  const {endpoint, ...credentials} = endpointOf(url, tls);
  checkMilliseconds('timeout', timeout);
  signal?.throwIfAborted();
  const limits = [...(signal ? [signal] : []), ...(timeout < 2 ** 31 ? [AbortSignal.timeout(timeout)] : [])];
  const stream = await dial(endpoint, {signal: AbortSignal.any(limits), protocolVersion}).catch(
    (error: unknown) => {
      throw signal?.aborted ? signal.reason : error;
    },
  );
  const client = new PacketStream(stream, {
    protocolVersion,
    timeout,
    fields: {clientId: `tmq-${randomUUID().slice(0, 8)}`, ...credentials, ...fields},
    ...defined({signal}),
  });
  if (!connect) return client;
  try {
    await client.begin();
    return client;
  } catch (error) {
    client.drop();
    throw error;
  }
}

interface StreamOptions {
  readonly protocolVersion: ProtocolVersion;
  readonly timeout: number;
  readonly fields: ConnectFields;
  readonly signal?: AbortSignal;
}

class PacketStream implements ScriptedClient {
  readonly protocolVersion: ProtocolVersion;
  connack: ReceivedPacket<'connack'> | undefined;
  readonly #stream: Duplex;
  readonly #fields: ConnectFields;
  readonly #received: ReceivedPackets;
  readonly #detach: () => void;
  #packetId = 0;
  #hasSentConnect = false;

  constructor(stream: Duplex, {protocolVersion, timeout, fields, signal}: StreamOptions) {
    this.#stream = stream;
    this.protocolVersion = protocolVersion;
    this.#fields = fields;
    this.#received = new ReceivedPackets(stream, protocolVersion, timeout);
    // A client that a test has forgotten does not keep the process running.
    const {beneath = stream} = stream as Partial<OnSocket>;
    (beneath as Partial<Socket>).unref?.();
    const abort = () => {
      this.#received.close({error: signal?.reason});
      this.drop();
    };
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    this.#detach = () => signal?.removeEventListener('abort', abort);
  }

  get clientId(): string {
    return this.connack?.properties?.assignedClientIdentifier ?? this.#fields.clientId ?? '';
  }

  /** CONNECT and CONNACK. @throws Error when the broker refuses it */
  async begin(): Promise<void> {
    await this.send('connect');
    const connack = await this.expect('connack');
    const {reasonCode, properties} = connack;
    if (reasonCode !== 0) {
      const text = returnText(reasonCode) ?? reasonSentence(reasonCode, properties?.reasonString);
      throw new Error(`The broker refused CONNECT: 0x${reasonCode.toString(16).padStart(2, '0')}, ${text}.`);
    }
    this.connack = connack;
  }

  async send<Name extends SentName>(
    name: Name,
    ...[fields]: readonly unknown[]
  ): Promise<SentFields[Name] & {readonly packetId: number}> {
    const defaults = name === 'connect' ? this.#fields : {};
    const given = {...defaults, ...(fields as object | undefined)} as SentFields[Name];
    const needsId =
      name === 'subscribe' ||
      name === 'unsubscribe' ||
      (name === 'publish' && ((given as {qos?: number}).qos ?? 0) > 0);
    const packet = {packetId: needsId ? this.#nextId(given as {packetId?: number}) : 0, ...given};
    await this.#write(encodePacket(name, packet, this.protocolVersion));
    this.#hasSentConnect ||= name === 'connect';
    return packet as SentFields[Name] & {readonly packetId: number};
  }

  #nextId(given: {readonly packetId?: number}): number {
    if (given.packetId === undefined) this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  async sendBytes(bytes: Uint8Array | readonly number[]): Promise<void> {
    await this.#write(Buffer.from(bytes as Uint8Array));
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#received.end !== undefined) {
        reject(new Error(`Nothing can be sent: ${this.#received.end}.`));
        return;
      }
      this.#stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  next(options: WaitOptions = {}): Promise<ReceivedPacket> {
    const wait = {caller: this.next, missing: (reason: string) => `No packet came ${reason}.`};
    return this.#received.attempt(wait, options, (errorAt) => {
      if (this.#received.packets.length > 0) return {result: this.#received.take()};
      if (this.#received.end !== undefined) throw errorAt(`No packet came: ${this.#received.end}.`);
      return undefined;
    });
  }

  expect<Name extends ReceivedName>(
    name: Name,
    fields: ExpectedFields<Name> = {},
    options: WaitOptions = {},
  ): Promise<ReceivedPacket<Name>> {
    const what = name.toUpperCase();
    const wait = {caller: this.expect, missing: (reason: string) => `No ${what} came ${reason}.`};
    return this.#received.attempt(wait, options, (errorAt) => {
      if (this.#received.packets.length > 0) {
        const packet = this.#received.take();
        const wrong = difference(packet, name, fields);
        if (wrong !== undefined) throw errorAt(`${what} was expected, and ${wrong}.`);
        return {result: packet as ReceivedPacket<Name>};
      }
      if (this.#received.end !== undefined) throw errorAt(`No ${what} came: ${this.#received.end}.`);
      return undefined;
    });
  }

  find<Name extends ReceivedName>(
    name: Name,
    fields: ExpectedFields<Name> = {},
    options: WaitOptions = {},
  ): Promise<ReceivedPacket<Name>> {
    const missing = (reason: string) => `No such ${name.toUpperCase()} came ${reason}; ${this.#waiting()}.`;
    return this.#received.attempt({caller: this.find, missing}, options, (errorAt) => {
      const index = this.#received.packets.findIndex(
        (packet) => difference(packet, name, fields) === undefined,
      );
      if (index >= 0) return {result: this.#received.take(index) as ReceivedPacket<Name>};
      if (this.#received.end !== undefined) throw errorAt(missing(`before ${this.#received.end}`));
      return undefined;
    });
  }

  #waiting(): string {
    return this.#received.packets.length === 0
      ? 'no packet waits'
      : `what waits is ${listed(this.#received.packets.map(describePacket))}`;
  }

  expectNothing(milliseconds: number, {signal}: Pick<WaitOptions, 'signal'> = {}): Promise<void> {
    const wait = {caller: this.expectNothing, missing: (reason: string) => `The wait ended ${reason}.`};
    const options = {timeout: Number.POSITIVE_INFINITY, ...defined({signal})};
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#received.look();
    }, milliseconds);
    const done = this.#received.attempt<void>(wait, options, (errorAt) => {
      checkMilliseconds('milliseconds', milliseconds);
      const [packet] = this.#received.packets;
      if (packet !== undefined) throw errorAt(`No packet was expected, and ${describePacket(packet)} came.`);
      if (this.#received.end !== undefined)
        throw errorAt(`No packet was expected, and ${this.#received.end}.`);
      return isOver ? {result: undefined} : undefined;
    });
    const stop = () => clearTimeout(timer);
    done.then(stop, stop);
    return done;
  }

  expectClosed(options: WaitOptions = {}): Promise<void> {
    const missing = (reason: string) => `The broker did not close the connection ${reason}.`;
    return this.#received.attempt<void>({caller: this.expectClosed, missing}, options, (errorAt) => {
      const [packet] = this.#received.packets;
      if (packet !== undefined) {
        throw errorAt(`The broker was to close the connection, and ${describePacket(packet)} came.`);
      }
      if (this.#received.end === undefined) return undefined;
      if (!this.#received.isClosedByBroker) throw errorAt(missing(`: ${this.#received.end}`));
      return {result: undefined};
    });
  }

  drop(): void {
    this.#detach();
    this.#received.close();
    this.#stream.destroy();
  }

  async close(): Promise<void> {
    this.#detach();
    const isOpen = this.#received.end === undefined;
    this.#received.close();
    const stream = this.#stream;
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => stream.destroy(), closeMilliseconds);
      stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      stream.resume();
      if (isOpen && this.#hasSentConnect) stream.write(encodePacket('disconnect', {}, this.protocolVersion));
      stream.end();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
