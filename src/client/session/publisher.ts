/**
 * Messages on their way to the broker: what the server allows, the window, the network's pace, and what
 * to send again on the next connection. Encodes by itself and writes to the link's stream between the
 * packets of MQTT.js. Knows neither when nor why a connection is made.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {acknowledgements} from '../../protocol/acknowledgement.ts';
import {PacketType} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion, Publication} from '../../protocol/message.ts';
import {isFailure, ReasonCode, reasonSentence} from '../../protocol/reason-codes.ts';
import type {Link} from '../connection/client-connection.ts';
import {publishLine} from '../connection/debug-lines.ts';
import type {Packet} from '../connection/packet.ts';
import type {PacketIdentifiers} from '../connection/packet-ids.ts';
import {pipelinedPayloadBytes} from '../connection/pipelining.ts';
import type {Payload, Published, PublishProgress, PublishReport} from '../types.ts';
import {Bell} from '../waiting.ts';
import {Window} from './in-flight-window.ts';
import {checkSize, type Route, routeFor} from './publication-route.ts';
import {
  encodeRun,
  type Fate,
  largePayloadBytes,
  type Outgoing,
  runLength,
  shortPayloadBytes,
} from './publish-batch.ts';

export interface OutboxSetup {
  readonly protocolVersion: ProtocolVersion;
  readonly maxInflight: number;
  /** See ConnectionOptions. */
  readonly maxInflightShort: number;
  readonly identifiers: PacketIdentifiers;
  /** Absent when nobody wants to know. */
  readonly trace?: (line: string) => void;
  readonly clientId: () => string;
  /** The present link, or the next one. @throws what ended the session */
  readonly link: () => Promise<Link>;
  /** Whether the session goes on after a connection is lost. */
  readonly reconnects: boolean;
}

function refusal(reasonCode: number, text: string): TmqError {
  return new TmqError(`Publish refused: ${text}`, reasonCode);
}

/** The server takes messages as of another QoS than they have; RabbitMQ, up to 3.12, those of QoS 2. */
function mismatch(qos: 1 | 2): TmqError {
  const other = qos === 2 ? 1 : 2;
  const remedy = qos === 2 ? 'it does not have QoS 2. Publish with -q 1' : 'MQTT does not allow that';
  return new TmqError(
    `The broker acknowledged a message of QoS ${qos} as if it were of QoS ${other}: ${remedy}.`,
    ExitCode.protocol,
  );
}

export class Outbox {
  readonly #setup: OutboxSetup;
  readonly #window: Window<Outgoing>;
  /** Rings whenever there may be room or a link again. */
  readonly #bell = new Bell();
  #link: Link | undefined;
  #routes = new WeakMap<Publication, Route>();
  /** What is borne by any server, once one was lost with more than that under way. */
  #mostInflight = Number.POSITIVE_INFINITY;
  /** Writes at QoS 0 that the operating system has not taken yet. */
  #unwritten = 0;
  /** Something was written that nobody acknowledges. */
  #entrusted = false;
  /** Alias to topic, as this connection's server knows them. */
  #aliases = new Map<number, string>();

  constructor(setup: OutboxSetup) {
    this.#setup = setup;
    this.#window = new Window(Math.max(setup.maxInflight, setup.maxInflightShort));
  }

  /** Whether acknowledgements are awaited. */
  get awaitsReply(): boolean {
    return this.#window.size > 0;
  }

  /** Whether the server has said of everything that it has it; at QoS 0 it never does. */
  get isAcknowledged(): boolean {
    return this.#window.size === 0 && !this.#entrusted;
  }

  /** A connection is there: says again what was not acknowledged on the one before. */
  attach(link: Link): void {
    this.#link = link;
    this.#routes = new WeakMap();
    this.#unwritten = 0;
    this.#aliases = new Map();
    // Before MQTT 5 a server cannot say how many it takes: it may have closed over them, and would do so again.
    if (this.#window.size > this.#setup.maxInflight) this.#mostInflight = this.#setup.maxInflight;
    const receiveMaximum = Math.min(link.limits.receiveMaximum, this.#mostInflight);
    this.#window.restart({sessionKept: link.sessionPresent, receiveMaximum});
    link.stream.on('drain', () => this.#bell.ring());
    void link.closed.then(() => this.#bell.ring());
    this.#sendNext();
    this.#bell.ring();
  }

  /** Ends all waiting, that to come as well. */
  fail(error: unknown): void {
    this.#link = undefined;
    for (const outgoing of this.#window.clear()) outgoing.settle({error});
    this.#bell.fail(error);
  }

  /**
   * A PUBACK, PUBREC or PUBCOMP came. The window is refilled at once: waiting for more would stall.
   * @throws TmqError 2 for one that belongs to another QoS: the right one would never come
   */
  acknowledged(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    const reasonCode = packet.reasonCode ?? 0;
    const outcome = this.#window.acknowledge({cmd: packet.cmd, messageId, reasonCode});
    if (outcome.kind === 'release')
      this.#sendRelease(messageId, outcome.known ? ReasonCode.success : ReasonCode.packetIdentifierNotFound);
    if (outcome.kind === 'mismatched') throw mismatch(outcome.qos);
    if (outcome.kind !== 'done') return;
    this.#setup.identifiers.release(messageId);
    outcome.value.settle({reasonCode: outcome.reasonCode, reasonString: packet.properties?.reasonString});
    this.#sendNext();
    this.#bell.ring();
  }

  /** Resolves when the QoS is satisfied. `isLast`: nothing follows it. @throws TmqError with the reason code when refused */
  async publish(payload: Payload, publication: Publication, isLast: boolean): Promise<Published> {
    if (payload.length > pipelinedPayloadBytes) await (await this.#setup.link()).accepted;
    if (publication.qos === 0) return await this.#publishOnce(payload, publication, isLast);
    await this.#setup.link();
    const fate = await new Promise<Fate>((settle) => this.#add({payload, publication, settle}));
    if ('error' in fate) throw fate.error;
    const {reasonCode, reasonString} = fate;
    if (isFailure(reasonCode)) throw refusal(reasonCode, reasonSentence(reasonCode, reasonString));
    return {reasonCode};
  }

  /** See Session.publishAll. */
  async publishAll(
    payloads: AsyncIterable<readonly Uint8Array[]>,
    publication: Publication,
    progress: PublishProgress = {read: 0, acknowledged: 0, refused: 0},
  ): Promise<PublishReport> {
    if (publication.qos > 0) return await this.#publishInWindow(payloads, publication, progress);
    this.#entrusted = true;
    for await (const batch of payloads) {
      progress.read += batch.length;
      await this.#writeBatch(batch, publication);
      progress.acknowledged += batch.length;
    }
    await this.#allWritten();
    return {...progress};
  }

  async #publishInWindow(
    payloads: AsyncIterable<readonly Uint8Array[]>,
    publication: Publication,
    progress: PublishProgress,
  ): Promise<PublishReport> {
    let firstRefusal: PublishReport['firstRefusal'];
    let failure: {readonly error: unknown} | undefined;
    const settle = (fate: Fate) => {
      if ('error' in fate) failure ??= fate;
      else if (isFailure(fate.reasonCode)) {
        const {reasonCode, reasonString} = fate;
        progress.refused++;
        firstRefusal ??= {reasonCode, text: reasonSentence(reasonCode, reasonString)};
      } else progress.acknowledged++;
    };
    for await (const batch of payloads) {
      progress.read += batch.length;
      for (let start = 0; start < batch.length; ) {
        while (failure === undefined && !this.#hasRoom(batch[start]!)) await this.#bell.wait();
        if (failure !== undefined) break;
        start += this.#addRun(batch, start, {publication, settle});
      }
      if (failure !== undefined) break;
    }
    while (this.#window.size > 0) await this.#bell.wait();
    if (failure !== undefined) throw failure.error;
    return {...progress, ...(firstRefusal === undefined ? {} : {firstRefusal})};
  }

  #hasRoom(payload: Uint8Array): boolean {
    return this.#room(payload) > 0 && this.#link?.isOpen === true && !this.#link.stream.writableNeedDrain;
  }

  /** How many messages like this one may leave now. What is long is kept in memory only as often as it must. */
  #room({length}: Uint8Array): number {
    const {maxInflight, maxInflightShort} = this.#setup;
    return this.#window.room(length <= shortPayloadBytes ? maxInflightShort : maxInflight);
  }

  #add(outgoing: Outgoing): void {
    const messageId = this.#setup.identifiers.take();
    this.#window.add(messageId, outgoing.publication.qos === 2 ? 2 : 1, outgoing);
    this.#sendNext();
    this.#link?.resume();
  }

  /** Sends what there is room for in one piece, at least the first. Returns how many. */
  #addRun(
    batch: readonly Uint8Array[],
    start: number,
    line: Pick<Outgoing, 'publication' | 'settle'>,
  ): number {
    const link = this.#link;
    const route = this.#routes.get(line.publication);
    const isPlain = this.#setup.trace === undefined && route?.alias === undefined && !this.#window.isHolding;
    const count = link && route && isPlain ? this.#runLength(link, route, batch, start) : 0;
    if (link === undefined || route === undefined || count === 0) {
      // A batch is good until the next one is asked for; a message may have to be sent again later.
      this.#add({...line, payload: Buffer.from(batch[start]!)});
      return 1;
    }
    const payloads = batch.slice(start, start + count);
    const messageIds = payloads.map(() => this.#setup.identifiers.take());
    const {bytes, messages} = encodeRun(route.encoder, {payloads, messageIds, line});
    for (const [index, message] of messages.entries()) {
      this.#window.addSent(messageIds[index]!, line.publication.qos === 2 ? 2 : 1, message);
    }
    link.write(bytes);
    link.resume();
    return count;
  }

  /** How many payloads may leave together now. */
  #runLength(link: Link, {encoder}: Route, batch: readonly Uint8Array[], start: number): number {
    const first = batch[start]!;
    const end = Math.min(batch.length, start + this.#room(first));
    // Behind a short one, what is long finds less room.
    const mostBytes =
      first.length <= shortPayloadBytes ? encoder.packetBytes(shortPayloadBytes) : largePayloadBytes;
    return runLength(encoder, {
      batch,
      start,
      end,
      mostBytes: Math.min(link.limits.maximumPacketSize, mostBytes),
    });
  }

  #sendNext(): void {
    const link = this.#link;
    while (link?.isOpen) {
      const step = this.#window.next();
      if (step === undefined) return;
      if (step.kind === 'release') {
        this.#sendRelease(step.messageId, 0);
        continue;
      }
      const {payload, publication, settle} = step.value;
      try {
        const route = this.#route(link, publication);
        checkSize(route, payload.length, link.limits);
        this.#writeOne(link, {route, payload, messageId: step.messageId, duplicate: step.duplicate});
      } catch (error) {
        this.#window.remove(step.messageId);
        this.#setup.identifiers.release(step.messageId);
        settle({error});
      }
    }
  }

  /** PUBREL; where nobody wants to see it, as the four bytes that it is when all is well [MQTT 5, 3.6]. */
  #sendRelease(messageId: number, reasonCode: number): void {
    if (reasonCode !== 0 || this.#setup.trace !== undefined) {
      this.#link?.send({cmd: 'pubrel', messageId, reasonCode});
    } else this.#link?.write(acknowledgements(PacketType.pubrel, [messageId]));
  }

  /** Waits until the message is with the operating system. */
  async #publishOnce(payload: Payload, publication: Publication, isLast: boolean): Promise<Published> {
    for (;;) {
      const link = await this.#setup.link();
      const route = this.#route(link, publication);
      checkSize(route, payload.length, link.limits);
      const messageId = this.#setup.identifiers.count();
      this.#entrusted = true;
      const written = await new Promise<boolean>((resolve) => {
        const done = (error?: Error | null) => resolve(error == null);
        this.#writeOne(link, {route, payload, messageId, duplicate: false}, done);
        // The server reads it behind the message and closes when it has sent CONNACK: a round trip less.
        if (isLast && !link.isAccepted && payload instanceof Uint8Array) link.sayGoodbye(0);
      });
      if (written) {
        await link.accepted;
        return {reasonCode: 0};
      }
      const loss = await link.closed;
      if (!this.#setup.reconnects) throw loss;
    }
  }

  /** Writes a batch at QoS 0, and waits until the network wants more. @throws TmqError 25 behind what fits */
  async #writeBatch(batch: readonly Uint8Array[], publication: Publication): Promise<void> {
    for (let start = 0; start < batch.length; ) {
      const link = await this.#setup.link();
      // Between the link's being there and our being told, it may be gone.
      if (!link.isOpen) continue;
      const route = this.#route(link, publication);
      checkSize(route, batch[start]!.length, link.limits);
      if (this.#mustGoAlone(route, batch[start]!)) {
        this.#writeCounted(link, route, batch[start]!);
        start++;
      } else start += this.#writeRun(link, route, start === 0 ? batch : batch.slice(start));
      while (link.isOpen && link.stream.writableNeedDrain) await this.#bell.wait();
    }
  }

  #mustGoAlone(route: Route, payload: Uint8Array): boolean {
    return (
      this.#setup.trace !== undefined || route.alias !== undefined || payload.length >= largePayloadBytes
    );
  }

  #writeCounted(link: Link, route: Route, payload: Uint8Array): void {
    const messageId = this.#setup.identifiers.count();
    // Copied: a batch is only good until the next one is asked for, and the stream may keep this for longer.
    const message = {route, payload: Buffer.from(payload), messageId, duplicate: false};
    this.#writeOne(link, message, this.#counted());
  }

  /** Writes as many payloads as may go in one piece, at least the first. Returns how many. */
  #writeRun(link: Link, route: Route, payloads: readonly Uint8Array[]): number {
    const end = payloads.findIndex(
      ({length}) =>
        length >= largePayloadBytes || route.encoder.packetBytes(length) > link.limits.maximumPacketSize,
    );
    const run = end === -1 ? payloads : payloads.slice(0, end);
    link.write(route.encoder.frames(run), this.#counted());
    return run.length;
  }

  /** Counts a write until its callback says that it was taken. */
  #counted(): () => void {
    const link = this.#link;
    this.#unwritten++;
    return () => {
      if (this.#link === link && --this.#unwritten === 0) this.#bell.ring();
    };
  }

  /** Waits until the operating system has all that was written; where the connection is lost, it is lost too. */
  async #allWritten(): Promise<void> {
    const link = await this.#setup.link();
    while (link.isOpen && this.#unwritten > 0) await this.#bell.wait();
    if (!link.isOpen && !this.#setup.reconnects) throw await link.closed;
  }

  #writeOne(
    link: Link,
    message: {
      readonly route: Route;
      readonly payload: Payload;
      readonly messageId: number;
      readonly duplicate: boolean;
    },
    written?: (error?: Error | null) => void,
  ): void {
    const {route, payload, messageId, duplicate} = message;
    const {publication, alias} = route;
    const known = alias !== undefined && this.#aliases.get(alias) === publication.topic;
    if (alias !== undefined) this.#aliases.set(alias, publication.topic);
    this.#setup.trace?.(
      publishLine('out', this.#setup.clientId(), {
        duplicate,
        qos: publication.qos,
        retain: publication.retain,
        messageId,
        payloadBytes: payload.length,
        ...(known ? {} : {topic: publication.topic}),
      }),
    );
    const encoder = known ? (route.aliased ?? route.encoder) : route.encoder;
    const header = encoder.header(payload.length, messageId, duplicate);
    if (!(payload instanceof Uint8Array)) {
      link.writeStreamed({header, payload}, written);
    } else if (payload.length < largePayloadBytes) {
      link.write(Buffer.concat([header, payload]), written);
    } else {
      link.write(header);
      link.write(payload, written);
    }
  }

  /** How this connection takes a publication. @throws TmqError when its server does not take it at all */
  #route(link: Link, publication: Publication): Route {
    const known = this.#routes.get(publication);
    if (known !== undefined) return known;
    const route = routeFor(publication, link.limits, this.#setup.protocolVersion);
    this.#routes.set(publication, route);
    return route;
  }
}
