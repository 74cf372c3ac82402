/**
 * The session: one conversation over one connection after the other. Gives messages to the publisher and the
 * receiver queue, requests to the present connection, and restores a lost one's state on the next.
 *
 * States: opening (no connection yet); connected; disconnected (the connector makes the next connection); halted
 * (#halt is aborted with the reason: an error, the context's signal, or `end`). Only `end` leaves 'halted' with a
 * connection, to send DISCONNECT.
 */

import {setMaxListeners} from 'node:events';
import {ExitCode, TmqError} from '../../errors.ts';
import {largestTwoByteInteger} from '../../protocol/fixed-header.ts';
import type {Publication} from '../../protocol/message.ts';
import type {UnsubscribeProperties} from '../../protocol/properties.ts';
import type {ClientConnection} from '../connection/client-connection.ts';
import {tracer} from '../connection/debug-lines.ts';
import type {ConnectionEvents} from '../connection/events.ts';
import {PacketIdentifiers} from '../connection/packet-ids.ts';
import type {Packet} from '../connection/protocol-client.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import {IncomingMessages} from '../receiving/incoming-messages.ts';
import type {
  DeliveryReceiver,
  Payload,
  PublishBatch,
  PublishProgress,
  PublishReport,
  PublishResult,
  PublishState,
  Receiver,
  Session,
  SessionContext,
  SubscribeOptions,
} from '../types.ts';
import {atMost, orAborted, Signal} from '../waiting.ts';
import {Connector} from './connector.ts';
import {Publisher} from './publisher.ts';
import {Subscriptions} from './subscriptions.ts';

/** How long the peer may take nothing at the end where there is no keep alive. */
const usualKeepaliveSeconds = 60;

/** Milliseconds for which the peer may take nothing before an aborted session closes. */
const abortedStallMilliseconds = 1000;

/** Warns, once, that the server does not retain messages. */
function retainWarning({notice}: SessionContext): () => void {
  let isDone = false;
  return () => {
    if (!isDone)
      notice?.('Warning: The broker retains no messages: they are sent without the retain flag (-r).');
    isDone = true;
  };
}

export class ClientSession implements Session {
  readonly #options: ConnectionOptions;
  readonly #context: SessionContext;
  readonly #connector: Connector;
  readonly #incoming: IncomingMessages;
  readonly #publisher: Publisher;
  readonly #subscriptions: Subscriptions;
  /** Aborted, with the reason, when the session fails or ends. */
  readonly #halt = new AbortController();
  /** Notified when there is a connection again. */
  readonly #signal = new Signal();
  #connection: ClientConnection | undefined;
  clientId: string;
  connections = 0;
  #end: Promise<void> | undefined;

  constructor(options: ConnectionOptions, context: SessionContext) {
    this.#options = options;
    this.#context = context;
    this.clientId = options.clientId;
    // Each awaited publish listens to it.
    setMaxListeners(0, this.#halt.signal);
    const identifiers = new PacketIdentifiers(
      options.clean ? 0 : Math.floor(Math.random() * largestTwoByteInteger),
    );
    const clientId = () => this.clientId;
    this.#subscriptions = new Subscriptions({
      pingsAfterwards: context.trace === undefined && context.sendsAfterSubscribing !== true,
    });
    this.#incoming = new IncomingMessages(() => this.#awaitsReply);
    this.#publisher = new Publisher({
      protocolVersion: options.protocolVersion,
      maxInflight: options.maxInflight,
      identifiers,
      clientId,
      connection: () => this.#present(),
      reconnects: context.reconnect.afterLoss,
      trace: context.trace,
      retainDropped: retainWarning(context),
    });
    this.#connector = new Connector({
      options,
      context,
      halt: this.#halt.signal,
      identifiers,
      events: this.#events(),
      clientId,
      unanswered: () => this.#subscriptions.unanswered ?? this.#publisher.unanswered,
      hasGap: ({sessionPresent}) => !sessionPresent && this.#subscriptions.areAny,
      onConnected: (connection) => this.#adopt(connection),
      onLost: () => {
        this.#connection = undefined;
      },
      handled: () => this.#incoming.emptied(),
    });
  }

  /** Makes the first connection. */
  async open(): Promise<void> {
    const {signal} = this.#context;
    const onAbort = () => this.#stop(signal.reason);
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    try {
      const connection = await this.#connector.open();
      this.#connector.keepConnected(connection).catch((error: unknown) => this.#stop(error));
    } catch (error) {
      this.#stop(error);
      throw this.#halt.signal.reason;
    }
  }

  async publish(payload: Payload, publication: Publication, isLast = false): Promise<PublishResult> {
    const published = this.#publisher.publish(payload, publication, isLast);
    // At QoS 1 and 2 the publisher ends the wait; a listener for each of many thousands would take too long.
    return await (publication.qos > 0 ? published : orAborted(published, this.#halt.signal));
  }

  async publishAll(
    batches: AsyncIterable<PublishBatch>,
    publication: Publication,
    progress?: PublishProgress,
  ): Promise<PublishReport> {
    await this.#connection?.accepted;
    return await orAborted(this.#publisher.publishAll(batches, publication, progress), this.#halt.signal);
  }

  async subscribe(filters: readonly string[], options: SubscribeOptions): Promise<readonly number[]> {
    const request = {filters, options};
    const granted = await this.#repeated((connection) => this.#subscriptions.send(connection, request));
    this.#subscriptions.add(request);
    return granted;
  }

  responseInformation = (): string | undefined => this.#connection?.limits.responseInformation;
  publishState = (): PublishState => this.#publisher.state;
  roundTrip = (): Promise<void> => this.#repeated((connection) => connection.roundTrip());

  async unsubscribe(
    filters: readonly string[],
    properties?: UnsubscribeProperties,
  ): Promise<readonly number[]> {
    this.#subscriptions.remove(filters);
    const leave = (filter: string) =>
      this.#repeated((connection) => this.#subscriptions.sendUnsubscribe(connection, filter, properties));
    return await Promise.all(filters.map(leave));
  }

  receive = (receiver: Receiver): Promise<void> => this.#incoming.receive(receiver);
  deliver = (receiver: DeliveryReceiver): Promise<never> => this.#incoming.deliver(receiver);

  async end(reasonCode = 0): Promise<void> {
    this.#end ??= this.#shutdown(reasonCode);
    await this.#end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A session that failed has reported its error before.
    const ignore = this.#halt.signal.aborted ? () => undefined : undefined;
    await this.end().catch(ignore);
  }

  async #shutdown(reasonCode: number): Promise<void> {
    const connection = this.#connection;
    const stallMilliseconds = this.#halt.signal.aborted
      ? abortedStallMilliseconds
      : (this.#options.keepaliveSeconds || usualKeepaliveSeconds) * 1000;
    const untilPeerCloses = !this.#leavesNothing;
    this.#connection = undefined;
    this.#stop(new TmqError('The session has ended.', ExitCode.noConnection));
    // What the receiver's output is taking now is acknowledged before DISCONNECT.
    await atMost(this.#incoming.flushed, abortedStallMilliseconds);
    await connection?.shutdown({reasonCode, stallMilliseconds, untilPeerCloses});
  }

  /**
   * Whether it does no harm if the peer does not read the rest: everything published is acknowledged, and there is no
   * session, no will and no acknowledgement of ours that outlives the connection.
   */
  get #leavesNothing(): boolean {
    const {clean, will, protocolVersion} = this.#options;
    if (this.#halt.signal.aborted || !clean || protocolVersion === 5 || will !== undefined) return false;
    return this.#publisher.isAcknowledged && this.#subscriptions.areQos0;
  }

  get #awaitsReply(): boolean {
    return this.#publisher.awaitsReply || this.#connection?.awaitsReply === true;
  }

  /** Ends all that waits; the first reason counts. The connection stays, so that `end` can send DISCONNECT. */
  #stop(reason: unknown): void {
    if (this.#halt.signal.aborted) return;
    this.#context.onReady?.();
    this.#halt.abort(reason);
    this.#signal.fail(reason);
    this.#publisher.fail(reason);
    this.#incoming.fail(reason);
  }

  /** The open connection, or the next one. @throws what ended the session */
  async #present(): Promise<ClientConnection> {
    for (;;) {
      if (this.#halt.signal.aborted) throw this.#halt.signal.reason;
      if (this.#connection?.isOpen) return this.#connection;
      await this.#signal.wait();
    }
  }

  /** Does the action on the present connection, and again on the next one when that is lost before it is done. */
  async #repeated<Result>(action: (connection: ClientConnection) => Promise<Result>): Promise<Result> {
    for (;;) {
      const connection = await this.#present();
      try {
        return await orAborted(action(connection), this.#halt.signal);
      } catch (error) {
        if (connection.isOpen || this.#halt.signal.aborted || !this.#context.reconnect.afterLoss) throw error;
      }
    }
  }

  #events(): ConnectionEvents {
    const {trace, traceGrants} = this.#context;
    const events = {
      messages: this.#incoming.queue,
      acknowledged: (packet: Packet) => this.#publisher.acknowledged(packet),
      assigned: (clientId: string) => {
        this.clientId = clientId;
      },
      traced: trace && tracer(trace, () => this.clientId, traceGrants),
    };
    this.#incoming.attach(events);
    return events;
  }

  /** Makes the connection the session's: restores what the last one left open. */
  #adopt(connection: ClientConnection): void {
    this.#connection = connection;
    this.#incoming.connected(connection.sessionPresent);
    if (!connection.sessionPresent) this.#subscriptions.restore(connection, this.#context);
    this.#publisher.attach(connection);
    if (connection.isAccepted) this.#begin(connection);
    else void connection.accepted.then(() => this.#beginLate(connection)).catch(() => undefined);
    this.#signal.notify();
  }

  #begin(connection: ClientConnection): void {
    this.connections++;
    this.#context.onReady?.();
    connection.start();
  }

  /** Packets were sent before CONNACK. A PINGREQ acknowledges it for TCP: a broker with Nagle's algorithm on answers them only then. */
  #beginLate(connection: ClientConnection): void {
    this.#begin(connection);
    if (this.#awaitsReply) connection.ping();
  }
}
