/**
 * Sessions, subscriptions, retained messages, queues and wills. No sockets and no clock of its own:
 * connections bring streams, the context brings the time.
 */

import type {Duplex} from 'node:stream';
import {defined} from '../defined.ts';
import {afterVariableInteger, largestPacket} from '../protocol/fixed-header.ts';
import type {Message} from '../protocol/message.ts';
import {propertyList, propertyValues} from '../protocol/publish-writer.ts';
import {ReasonCode} from '../protocol/reason-codes.ts';
import type {Identity} from './access/access.ts';
import {Client, type ClientOwner} from './client/client.ts';
import type {ClientDetails} from './client/client-details.ts';
import type {BrokerConfig, ListenerConfig} from './config/settings.ts';
import type {SavedState} from './persistence/journal.ts';
import type {BrokerContext} from './state/broker-context.ts';
import {type BrokerState, createBrokerState, isOwnTopic} from './state/broker-state.ts';
import {SysTopics} from './state/sys-topics.ts';
import {Connection} from './wire/connection.ts';
import type {ConnectionContext} from './wire/connection-handler.ts';
import {BufferPool} from './wire/connection-output.ts';
import {EarlyBudget} from './wire/early-bytes.ts';
import {PacketCodec} from './wire/packets.ts';
import {noBytes, type StoredMessage} from './wire/publish-packet.ts';

/** An MQTT broker without sockets. */
export class Broker {
  readonly #state: BrokerState;
  readonly #connectionContext: ConnectionContext;
  readonly #sys: SysTopics;
  readonly #clients = new Map<Client, ListenerConfig>();
  /** Until they are closed, which is after their clients have ended. */
  readonly #streams = new Set<Duplex>();
  #allClosed: (() => void) | undefined;
  #closing = false;
  /** One for all clients: closures for each would take a megabyte for every ten thousand. */
  readonly #owner: ClientOwner = {
    ended: (client) => void this.#clients.delete(client),
    closed: (stream) => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#allClosed?.();
    },
  };

  constructor(config: Pick<BrokerConfig, 'limits' | 'sysInterval'>, context: BrokerContext) {
    this.#state = createBrokerState(config.limits, context);
    this.#connectionContext = connectionContext(this.#state);
    this.#sys = new SysTopics({...this.#state, version: context.version ?? 'tmq'}, config.sysInterval);
  }

  /** Serves one client on one connected stream: a socket, a WebSocket's stream, or half of a duplexPair. */
  accept(
    stream: Duplex,
    listener: ListenerConfig,
    peer: Pick<Identity, 'certifiedUsername' | 'address'>,
  ): void {
    const {counters} = this.#state;
    // It was closed before it was accepted, and emits no further 'close'.
    if (stream.destroyed) return;
    this.#sys.begin();
    if (this.#closing || this.#full(listener)) {
      if (!this.#closing) {
        this.#state.notice(`Client connection from ${peer.address} denied: max_connections exceeded.`);
      }
      stream.on('error', () => undefined).destroy();
      return;
    }
    counters.sockets++;
    const connection = new Connection(stream, this.#connectionContext);
    const client = new Client({connection, state: this.#state, listener, peer, owner: this.#owner});
    this.#clients.set(client, listener);
    this.#streams.add(stream);
    connection.start(client);
  }

  #full(listener: ListenerConfig): boolean {
    const {globalMaxConnections = -1} = this.#state.limits;
    if (globalMaxConnections >= 0 && this.#clients.size >= globalMaxConnections) return true;
    const {maxConnections} = this.#state.context.access.settingsOf?.(listener) ?? listener;
    if (maxConnections < 0) return false;
    let count = 0;
    for (const other of this.#clients.values()) if (other === listener) count++;
    return count >= maxConnections;
  }

  /** Publishes a message as the broker's own. @throws TmqError for a property too long to encode */
  publish({topic, payload, qos, retain, properties = {}}: Omit<Message, 'messageId'>): void {
    const {messageExpiryInterval, ...forwarded} = properties;
    const expiresAt =
      messageExpiryInterval === undefined
        ? undefined
        : this.#state.schedule.now() + messageExpiryInterval * 1000;
    const list = propertyList(propertyValues(forwarded));
    const encoded = list.subarray(afterVariableInteger(list, 0));
    const message = {
      topic,
      payload: Buffer.from(payload),
      qos,
      retain,
      properties: encoded,
      ...defined({expiresAt}),
    };
    this.#state.router.publish(message, undefined);
  }

  /** The clients that are connected, in the order in which they came. */
  clients(): readonly ClientDetails[] {
    return [...this.#clients.keys()].flatMap(({details}) => details ?? []);
  }

  /** Disconnects one client with a reason code, which only MQTT 5 has; whether it was connected. */
  disconnect(clientId: string, reasonCode: number = ReasonCode.administrativeAction): boolean {
    const client = this.#state.registry.get(clientId)?.client;
    client?.disconnect(reasonCode, `Client ${clientId} been disconnected by administrative action.`);
    return client !== undefined;
  }

  /** Closes the streams of clients without DISCONNECT: of one, or of all; how many there were. */
  drop(clientId?: string): number {
    const all = [...this.#clients.keys()].filter(
      ({details}) => details !== undefined && (clientId === undefined || details.clientId === clientId),
    );
    for (const client of all) client.drop();
    return all.length;
  }

  /** Removes retained messages, and the sessions of clients that are not connected with their wills. */
  forget(): void {
    const {retained, registry} = this.#state;
    for (const message of [...keptMessages(retained)]) retained.set({...message, payload: noBytes});
    for (const session of [...registry.all()].filter(({client}) => client === undefined)) {
      session.willDelay?.cancel();
      session.will = undefined;
      registry.end(session);
    }
  }

  /**
   * To be called when permissions change: clears what is cached of them, drops the messages that wait for a client
   * that may not read them any more, and disconnects the clients that would not be accepted now.
   */
  permissionsChanged(): void {
    for (const session of [...this.#state.registry.all()]) {
      session.permissionsChanged();
      session.deliveries.keep(({message}) => session.mayReceive(message.topic));
      if (session.permissions?.mayStay?.() ?? true) continue;
      session.client?.disconnect(
        ReasonCode.notAuthorized,
        `Client ${session.clientId} disconnected, not authorised.`,
      );
    }
    this.#state.subscriptions.receiversChanged();
  }

  /** All that must survive a restart. */
  state(): SavedState {
    const {retained, registry} = this.#state;
    return {retained: keptMessages(retained), sessions: registry.saved()};
  }

  /** All subscriptions as lines, as mosquitto prints them at SIGUSR2: a level each, deeper ones further in. */
  subscriptionTree(): Generator<string> {
    return this.#state.subscriptions.lines(({clientId}) => clientId);
  }

  /** Runs the tasks that are due, for tests that set the context's clock. */
  runDue(): void {
    this.#state.schedule.runDue();
  }

  /** Disconnects all clients (MQTT 5: reason code 0x8B). */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sys.close();
    this.#state.schedule.close();
    for (const client of [...this.#clients.keys()]) client.disconnect(ReasonCode.serverShuttingDown, '');
    if (this.#streams.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#allClosed = resolve;
    });
  }
}

/** What all connections of a broker have in common. */
function connectionContext({context, counters, schedule, limits}: BrokerState): ConnectionContext {
  return {
    counters,
    codec: new PacketCodec(),
    buffers: new BufferPool(),
    earlyBudget: new EarlyBudget(),
    now: schedule.now,
    maxPacketSize: limits.maxPacketSize || largestPacket,
    ...defined({observe: context.observe, changeLog: context.changeLog}),
    fastPath: context.fastPath !== false && context.observe === undefined,
    bug: (error) =>
      context.log('error', `Error: ${error instanceof Error ? (error.stack ?? error.message) : error}`),
  };
}

/** The retained messages that are saved. */
function* keptMessages(retained: BrokerState['retained']): Generator<StoredMessage, void, undefined> {
  for (const message of retained.all()) if (!isOwnTopic(message.topic)) yield message;
}
