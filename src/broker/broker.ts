/**
 * Sessions, subscriptions, retained messages, queues and wills. No sockets and no clock of its own:
 * connections bring streams, the context brings the time.
 */

import type {Duplex} from 'node:stream';
import type {QoS} from '../mqtt/message.ts';
import type {Access, Identity} from './access.ts';
import {Client} from './client.ts';
import type {BrokerConfig, ListenerConfig} from './config.ts';
import {Connection, type ConnectionContext} from './connection.ts';
import {largestPacket} from './frames.ts';
import type {Journal, RestoredState} from './journal.ts';
import {assembleParts, type BrokerParts, isOwnTopic} from './parts.ts';
import {noBytes} from './publish-packet.ts';
import {ReasonCode} from './reason-code.ts';
import {SysTree} from './sys-tree.ts';

/** A packet as the trace and the tests see it: mqtt-packet's shape. */
export type ObservedPacket = Readonly<Record<string, unknown>> & {readonly cmd: string};

export interface BrokerContext {
  readonly access: Access;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  readonly log: (
    type: 'error' | 'warning' | 'notice' | 'information' | 'debug' | 'subscribe' | 'unsubscribe',
    line: string,
  ) => void;
  /** Each packet after it was received, and before it is sent; without the password of CONNECT. */
  readonly observe?: (clientId: string, direction: 'in' | 'out', packet: ObservedPacket) => void;
  /** Told of all that must survive. */
  readonly journal?: Journal;
  /** What survived; the journal is not told of it again. */
  readonly restored?: RestoredState;
  /** For $SYS/broker/version; 'tmq' unless told. */
  readonly version?: string;
  /** Log clients coming and going, unless false. */
  readonly connectionMessages?: boolean;
  /** Forward what needs no decision on a shorter way, unless false: nobody can tell, but by a clock. */
  readonly fastPath?: boolean;
}

/** An MQTT broker without sockets. */
export class Broker {
  readonly #parts: BrokerParts;
  readonly #connectionContext: ConnectionContext;
  readonly #sys: SysTree;
  readonly #clients = new Map<Client, ListenerConfig>();
  /** Until they are closed, which is later than their clients are gone. */
  readonly #streams = new Set<Duplex>();
  #allClosed: (() => void) | undefined;
  #closing = false;

  constructor(config: Pick<BrokerConfig, 'limits' | 'sysInterval'>, context: BrokerContext) {
    this.#parts = assembleParts(config.limits, context);
    this.#connectionContext = connectionContext(this.#parts);
    this.#sys = new SysTree({...this.#parts, version: context.version ?? 'tmq'}, config.sysInterval);
  }

  /** Serves one client on one connected stream: a socket, a WebSocket's stream, or half of a duplexPair. */
  accept(
    stream: Duplex,
    listener: ListenerConfig,
    peer: Pick<Identity, 'certifiedUsername' | 'address'>,
  ): void {
    const {counters} = this.#parts;
    // Gone before its turn came: it will not say so again.
    if (stream.destroyed) return;
    this.#sys.begin();
    if (this.#closing || this.#full(listener)) {
      if (!this.#closing) {
        this.#parts.notice(`Client connection from ${peer.address} denied: max_connections exceeded.`);
      }
      stream.on('error', () => undefined).destroy();
      return;
    }
    counters.sockets++;
    const connection = new Connection(stream, this.#connectionContext);
    const client = new Client({
      connection,
      parts: this.#parts,
      listener,
      peer,
      gone: () => this.#clients.delete(client),
    });
    this.#clients.set(client, listener);
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#allClosed?.();
    });
    connection.start(client);
  }

  #full(listener: ListenerConfig): boolean {
    if (listener.maxConnections < 0) return false;
    let count = 0;
    for (const other of this.#clients.values()) if (other === listener) count++;
    return count >= listener.maxConnections;
  }

  /** Publishes a message as the broker's own. */
  publish(message: {
    readonly topic: string;
    readonly payload: Uint8Array;
    readonly qos: QoS;
    readonly retain: boolean;
  }): void {
    const {topic, qos, retain} = message;
    this.#parts.router.publish(
      {topic, payload: Buffer.from(message.payload), qos, retain, properties: noBytes},
      undefined,
    );
  }

  /** Disconnects one client; whether it was connected. */
  disconnect(clientId: string, reasonCode: number = ReasonCode.administrativeAction): boolean {
    const link = this.#parts.registry.get(clientId)?.link;
    link?.disconnect(reasonCode, `Client ${clientId} been disconnected by administrative action.`);
    return link !== undefined;
  }

  /** Permissions given before may answer differently from now on: what was remembered of them is forgotten. */
  permissionsChanged(): void {
    for (const session of this.#parts.registry.all()) session.forgetAnswers();
    this.#parts.subscriptions.receiversChanged();
  }

  /** All that must survive a restart, as `restored` takes it. */
  state(): RestoredState {
    const {retained, registry} = this.#parts;
    return {
      retained: [...retained.all()].filter(({topic}) => !isOwnTopic(topic)),
      sessions: registry.saved(),
    };
  }

  /** Runs all that is due on the context's clock, for whoever turns that clock himself. */
  runDue(): void {
    this.#parts.schedule.runDue();
  }

  /** Disconnects everybody (MQTT 5: reason 0x8B) and forgets everything. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sys.close();
    this.#parts.schedule.close();
    for (const client of [...this.#clients.keys()]) client.disconnect(ReasonCode.serverShuttingDown, '');
    if (this.#streams.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
  }
}

/** What all connections of a broker have in common. */
function connectionContext({context, counters, schedule, limits}: BrokerParts): ConnectionContext {
  return {
    counters,
    now: schedule.now,
    maxPacketSize: limits.maxPacketSize || largestPacket,
    ...(context.observe === undefined ? {} : {observe: context.observe}),
    fastPath: context.fastPath,
    bug: (error) =>
      context.log('error', `Error: ${error instanceof Error ? (error.stack ?? error.message) : error}`),
  };
}
