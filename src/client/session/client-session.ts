/**
 * The session: one conversation over one connection after the other. Decides when to connect and when
 * again, says again what a lost connection left open, and hands messages to its inbox and outbox. What
 * a packet is, what the window holds and how messages are acknowledged is not known here.
 */

import {setMaxListeners} from 'node:events';
import {ExitCode, TmqError} from '../../errors.ts';
import type {Publication} from '../../protocol/message.ts';
import type {UnsubscribeProperties} from '../../protocol/properties.ts';
import {isFailure, reasonText} from '../../protocol/reason-codes.ts';
import {sleep} from '../../timers.ts';
import {Link} from '../connection/client-connection.ts';
import {grantedLine, traceLines} from '../connection/debug-lines.ts';
import {loadLibraries} from '../connection/mqttjs-client.ts';
import {codecProperties, type Packet} from '../connection/packet.ts';
import {PacketIdentifiers} from '../connection/packet-ids.ts';
import {mayPipeline} from '../connection/pipelining.ts';
import {IncomingMessages} from '../connection/received-qos2.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import {ReadBuffer} from '../transport/read-buffer.ts';
import {describe, dial} from '../transport/transport.ts';
import type {
  Payload,
  Published,
  PublishProgress,
  PublishReport,
  Receiver,
  Session,
  SessionContext,
  SubscribeOptions,
} from '../types.ts';
import {Bell, orAborted} from '../waiting.ts';
import {mayBeBrief, mayTap} from './fast-path-policy.ts';
import {Outbox} from './publisher.ts';
import {Inbox} from './receiver-queue.ts';
import {mayPass, noAnswer} from './reconnect-policy.ts';
import {foreseenRefusal, type Subscription, subscribePacket} from './subscribe-packet.ts';

export class ClientSession implements Session {
  readonly #options: ConnectionOptions;
  readonly #context: SessionContext;
  readonly #identifiers = new PacketIdentifiers();
  #incoming = new IncomingMessages();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  /** Aborted, with the reason, when the session failed or its signal aborted. */
  readonly #halt = new AbortController();
  /** Rings when there is a link again. */
  readonly #bell = new Bell();
  #subscriptions: readonly Subscription[] = [];
  #link: Link | undefined;
  #clientId: string;
  #wasAccepted = false;
  #end: Promise<void> | undefined;

  constructor(options: ConnectionOptions, context: SessionContext) {
    this.#options = options;
    this.#context = context;
    this.#clientId = options.clientId;
    // Each publish that is awaited listens to it, and there may be many.
    setMaxListeners(0, this.#halt.signal);
    this.#inbox = new Inbox(() => this.#awaitsReply);
    this.#outbox = new Outbox({
      protocolVersion: options.protocolVersion,
      maxInflight: options.maxInflight,
      maxInflightShort: options.maxInflightShort ?? options.maxInflight,
      identifiers: this.#identifiers,
      clientId: () => this.#clientId,
      link: () => this.#current(),
      reconnects: context.reconnect.afterLoss,
      ...(context.trace === undefined ? {} : {trace: context.trace}),
    });
  }

  get clientId(): string {
    return this.#clientId;
  }

  get isAccepted(): boolean {
    return this.#wasAccepted;
  }

  /** Makes the first connection. */
  async open(): Promise<void> {
    const {signal, reconnect, pipelined = false, trace} = this.#context;
    const onAbort = () => this.#stop(signal.reason);
    signal.addEventListener('abort', onAbort, {once: true});
    if (signal.aborted) onAbort();
    // A trace is to show what answers what.
    const early = pipelined && !reconnect.atStart && trace === undefined && mayPipeline(this.#options);
    try {
      const link = await this.#connect(reconnect.atStart, early);
      this.#adopt(link);
      void this.#supervise(link);
    } catch (error) {
      this.#stop(error);
      throw this.#halt.signal.reason;
    }
  }

  async publish(payload: Payload, publication: Publication, isLast = false): Promise<Published> {
    return await orAborted(this.#outbox.publish(payload, publication, isLast), this.#halt.signal);
  }

  async publishAll(
    payloads: AsyncIterable<readonly Uint8Array[]>,
    publication: Publication,
    progress?: PublishProgress,
  ): Promise<PublishReport> {
    await this.#link?.accepted;
    return await orAborted(this.#outbox.publishAll(payloads, publication, progress), this.#halt.signal);
  }

  async subscribe(filters: readonly string[], options: SubscribeOptions): Promise<readonly number[]> {
    const granted = await this.#onLink((link) => this.#subscribeOn(link, {filters, options}));
    this.#subscriptions = [...this.#subscriptions, {filters, options}];
    return granted;
  }

  async unsubscribe(
    filters: readonly string[],
    properties?: UnsubscribeProperties,
  ): Promise<readonly number[]> {
    const gone = new Set(filters);
    this.#subscriptions = this.#subscriptions
      .map((each) => ({...each, filters: each.filters.filter((filter) => !gone.has(filter))}))
      .filter((each) => each.filters.length > 0);
    const codes = filters.map(async (filter) => {
      const packet = {
        cmd: 'unsubscribe',
        unsubscriptions: [filter],
        properties: this.#properties(properties),
      };
      const answer = await this.#onLink((link) => link.request(packet));
      // Before MQTT 5, an UNSUBACK has no codes: it always means success.
      return answer.granted?.[0] ?? 0;
    });
    return await Promise.all(codes);
  }

  async receive(receiver: Receiver): Promise<void> {
    if (this.#halt.signal.aborted) throw this.#halt.signal.reason;
    const received = this.#inbox.receive(receiver);
    this.#link?.releasePubrecs();
    await received;
  }

  async end(reasonCode = 0): Promise<void> {
    this.#end ??= this.#shutdown(reasonCode);
    await this.#end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failed = this.#halt.signal.aborted;
    try {
      await this.end();
    } catch (error) {
      // A session that failed has said why already.
      if (!failed) throw error;
    }
  }

  async #shutdown(reasonCode: number): Promise<void> {
    const link = this.#link;
    // Whoever called the session off does not want to wait for a peer that takes nothing.
    const stallMilliseconds = this.#halt.signal.aborted ? 1000 : this.#options.keepaliveSeconds * 1000;
    const untilPeerCloses = !this.#leavesNothing;
    this.#link = undefined;
    this.#stop(new TmqError('The session has ended.', ExitCode.noConnection));
    await link?.shutdown({reasonCode, stallMilliseconds, untilPeerCloses});
  }

  /**
   * Whether nobody could miss what the peer does not read any more: all that was published is acknowledged,
   * and there are neither a session nor a will, nor acknowledgements of ours, that outlive the connection.
   */
  get #leavesNothing(): boolean {
    const {clean, will, protocolVersion} = this.#options;
    if (this.#halt.signal.aborted || !clean || protocolVersion === 5 || will !== undefined) return false;
    return this.#outbox.isAcknowledged && this.#subscriptions.every(({options}) => options.qos === 0);
  }

  get #awaitsReply(): boolean {
    return this.#outbox.awaitsReply || this.#link?.awaitsReply === true;
  }

  #properties(properties: object | undefined): Record<string, unknown> | undefined {
    return this.#options.protocolVersion === 5 ? codecProperties(properties) : undefined;
  }

  /** Ends all that waits; the first reason counts. The link stays, so that `end` can say goodbye. */
  #stop(reason: unknown): void {
    if (this.#halt.signal.aborted) return;
    this.#context.settled?.();
    this.#halt.abort(reason);
    this.#bell.fail(reason);
    this.#outbox.fail(reason);
    this.#inbox.fail(reason);
  }

  /** The present link, or the next one. @throws what ended the session */
  async #current(): Promise<Link> {
    for (;;) {
      if (this.#halt.signal.aborted) throw this.#halt.signal.reason;
      if (this.#link?.isOpen) return this.#link;
      await this.#bell.wait();
    }
  }

  /** Does something on the present link, and again on the next one when the connection is lost over it. */
  async #onLink<Result>(action: (link: Link) => Promise<Result>): Promise<Result> {
    for (;;) {
      const link = await this.#current();
      try {
        return await orAborted(action(link), this.#halt.signal);
      } catch (error) {
        if (link.isOpen || this.#halt.signal.aborted || !this.#context.reconnect.afterLoss) throw error;
      }
    }
  }

  async #subscribeOn(link: Link, {filters, options}: Subscription): Promise<readonly number[]> {
    const refused = filters.map((filter) => foreseenRefusal(link.limits, filter, options));
    const asked = filters.filter((_, index) => refused[index] === undefined);
    if (asked.length === 0) return refused.map((code) => code ?? 0);
    const properties = this.#properties(options.properties);
    const answer = await link.request(subscribePacket({filters: asked, options}, properties));
    // The acknowledgement of the SUBACK's bytes travels with something we send, and a broker with Nagle's
    // algorithm on holds back the retained messages until it has it: 40 ms if we stay silent.
    if (this.#context.trace === undefined) link.ping();
    const granted = (answer.granted ?? []).values();
    if (answer.granted?.length === asked.length)
      return refused.map((code) => code ?? granted.next().value ?? 0);
    const error = new TmqError(
      'The broker answered other subscriptions than it was asked for.',
      ExitCode.protocol,
    );
    link.fail(error);
    throw error;
  }

  /** Dials and waits for CONNACK, all within the time allowed. */
  async #dial(pipelined: boolean): Promise<Link> {
    const {endpoint, protocolVersion, connectTimeoutSeconds} = this.#options;
    const deadline = new AbortController();
    const timer = setTimeout(
      () => deadline.abort(noAnswer(describe(endpoint), connectTimeoutSeconds)),
      connectTimeoutSeconds * 1000,
    );
    const inTime = () => clearTimeout(timer);
    const signal = AbortSignal.any([this.#halt.signal, deadline.signal]);
    const {notice} = this.#context;
    const fastPath = mayTap(this.#options, this.#context);
    const readBuffer = fastPath ? new ReadBuffer() : undefined;
    const libraries = loadLibraries(mayBeBrief(this.#options, this.#context));
    try {
      const stream = await dial(endpoint, {
        signal,
        protocolVersion,
        readBuffer,
        ...(notice === undefined ? {} : {notice}),
      });
      // Until the link listens, an error must not be nobody's. Whatever is to see the bytes before MQTT.js
      // does goes between this stream and the link.
      stream.on('error', () => undefined);
      const incoming = new IncomingMessages(this.#incoming);
      const link = new Link({
        stream,
        options: this.#options,
        clientId: this.#clientId,
        identifiers: this.#identifiers,
        incoming,
        observer: this.#observer(),
        signal,
        libraries: await libraries,
        fastPath,
        pipelined,
        readBuffer: readBuffer?.isAttached === true ? readBuffer : undefined,
      });
      link.accepted.then(inTime, inTime);
      if (!pipelined) await link.accepted;
      this.#incoming = incoming;
      return link;
    } catch (error) {
      inTime();
      throw error;
    }
  }

  #observer() {
    const {trace} = this.#context;
    return {
      received: (packet: Packet) => this.#received(packet),
      arrived: (...message: Parameters<Inbox['arrived']>) => this.#inbox.arrived(...message),
      offered: (...message: Parameters<Inbox['offer']>) => this.#inbox.offer(...message),
      begun: (...message: Parameters<Inbox['begun']>) => this.#inbox.begun(...message),
      settled: (acknowledge: () => void) => this.#inbox.settle(acknowledge),
      accepting: () => this.#inbox.accepting,
      ...(trace === undefined
        ? {}
        : {
            traced: (direction: 'in' | 'out', packet: Packet) => {
              for (const line of traceLines(direction, packet, this.#clientId)) trace(line);
              if (packet.cmd !== 'suback' || !this.#context.traceGrants) return;
              trace(grantedLine(packet.messageId ?? 0, packet.granted ?? []));
            },
          }),
    };
  }

  #received(packet: Packet): void {
    if (packet.cmd === 'puback' || packet.cmd === 'pubrec' || packet.cmd === 'pubcomp') {
      this.#outbox.acknowledged(packet);
    }
    const assigned = packet.cmd === 'connack' && packet.properties?.assignedClientIdentifier;
    if (typeof assigned === 'string') this.#clientId = assigned;
  }

  /** Tries until there is a link. @throws what need not be tried again, or the reason of a halt */
  async #connect(again: boolean, pipelined = false): Promise<Link> {
    for (;;) {
      try {
        return await this.#dial(pipelined);
      } catch (error) {
        if (this.#halt.signal.aborted) throw this.#halt.signal.reason;
        if (!again || !mayPass(error, this.#options.endpoint)) throw error;
        await sleep(this.#context.reconnect.delayMilliseconds, this.#halt.signal);
      }
    }
  }

  /** Makes the link the session's: subscribes and publishes again what the last one left open. */
  #adopt(link: Link): void {
    this.#link = link;
    if (link.sessionPresent) this.#inbox.resumed();
    else for (const subscription of this.#subscriptions) void this.#subscribeAgain(link, subscription);
    if (this.#inbox.accepting) link.releasePubrecs();
    this.#outbox.attach(link);
    if (link.isAccepted) this.#begin(link);
    else void link.accepted.then(() => this.#beginLate(link)).catch(() => undefined);
    this.#bell.ring();
  }

  #begin(link: Link): void {
    this.#wasAccepted = true;
    this.#context.settled?.();
    link.start();
  }

  /** Packets were sent before CONNACK; a broker with Nagle's algorithm on answers them when it has our acknowledgement of that. */
  #beginLate(link: Link): void {
    this.#begin(link);
    if (this.#awaitsReply) link.ping();
  }

  async #subscribeAgain(link: Link, subscription: Subscription): Promise<void> {
    try {
      const granted = await this.#subscribeOn(link, subscription);
      granted.forEach((code, index) => {
        if (!isFailure(code)) return;
        this.#context.notice?.(
          `Subscription to ${subscription.filters[index]} refused: ${reasonText(code)}.`,
        );
      });
    } catch {
      // The connection is lost again, which its supervisor hears of; the next one subscribes anew.
    }
  }

  /** Watches over the connection, and makes the next one when it is lost. */
  async #supervise(link: Link): Promise<void> {
    const {reconnect, notice} = this.#context;
    const place = describe(this.#options.endpoint);
    try {
      for (;;) {
        const loss = await link.closed;
        if (this.#halt.signal.aborted) return;
        this.#link = undefined;
        if (!link.isAccepted || !reconnect.afterLoss || !mayPass(loss, this.#options.endpoint)) {
          await this.#inbox.emptied();
          throw loss;
        }
        notice?.(`Connection to ${place} lost (${loss.message.replace(/\.$/, '')}). Connecting again.`);
        await sleep(reconnect.delayMilliseconds, this.#halt.signal);
        link = await this.#connect(true);
        this.#adopt(link);
        notice?.(`Connected again to ${place}.`);
      }
    } catch (error) {
      this.#stop(error);
    }
  }
}
