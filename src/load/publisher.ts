/**
 * One client that publishes: it sends the messages that are due, as far as its window and the network take them, and
 * knows when each was to be sent. When they are due is the pacer's.
 */

import type {ProtocolVersion, QoS} from '../protocol/message.ts';
import {publishEncoder} from '../protocol/publish-writer.ts';
import {isFailure, reasonText} from '../protocol/reason-codes.ts';
import {NumberSet} from './measuring/number-set.ts';
import {type Origin, payloadOf, stamp} from './measuring/payload-head.ts';
import type {Recorder} from './measuring/recorder.ts';
import type {LightSession, SessionRole} from './session/light-session.ts';

export interface PublisherSetup {
  readonly topic: string;
  readonly qos: QoS;
  readonly size: number;
  readonly protocolVersion: ProtocolVersion;
  readonly origin: Origin;
  readonly recorder: Recorder;
  /** Called when it can go on after it had to wait. */
  readonly onReady: (publisher: Publisher) => void;
}

/** One write has about so many bytes: larger ones gain nothing. */
const batchBytes = 64 * 1024;

export class Publisher implements SessionRole {
  readonly #setup: PublisherSetup;
  /** A whole PUBLISH, of which identifier, number and time change. */
  readonly #frame: Buffer;
  readonly #packetIdAt: number;
  readonly #payloadAt: number;
  readonly #mostAtOnce: number;
  #session: LightSession | undefined;
  /** Packet identifiers that are free; from 1 to the window. */
  #free: number[] = [];
  /** By packet identifier: when the message was to be sent, and its number; -1 where there is none. */
  #intended = new Float64Array(0);
  #numbers = new Float64Array(0);
  #inFlight = 0;
  #next = 0;
  #hasAsked = false;
  /** Whether it is in the pacer's list. */
  isListed = false;
  /** How many messages, from the first on, are due. */
  due = 0;
  /** When a message was to be sent; undefined where it is as soon as it can be. */
  intendedAt: ((number: number) => number) | undefined;
  readonly acknowledged = new NumberSet();

  constructor(setup: PublisherSetup) {
    const {topic, qos, size, protocolVersion, origin} = setup;
    this.#setup = setup;
    const payload = payloadOf(origin, size);
    const encoder = publishEncoder({topic, qos, retain: false}, protocolVersion);
    this.#frame = Buffer.concat([encoder.header(size, 0, false), payload]);
    this.#packetIdAt = encoder.packetIdAt(size);
    this.#payloadAt = this.#frame.length - size;
    this.#mostAtOnce = Math.max(1, Math.floor(batchBytes / this.#frame.length));
  }

  /** Bytes of each packet. */
  get frameBytes(): number {
    return this.#frame.length;
  }

  /** Publishes over this session from now on, with at most so many messages unacknowledged. */
  begin(session: LightSession, window: number): void {
    this.#session = session;
    if (this.#setup.qos === 0) return;
    this.#free = Array.from({length: window}, (_, index) => window - index);
    this.#intended = new Float64Array(window + 1);
    this.#numbers = new Float64Array(window + 1).fill(-1);
  }

  /** Whether it has no connection any more. */
  get isGone(): boolean {
    return this.#session === undefined || this.#session.isEnded;
  }

  /**
   * Whether the broker has acknowledged all that is due, or at QoS 0 read it: for that it is asked, once all is sent.
   * Also where it never will.
   */
  isDone(): boolean {
    if (this.isGone) return true;
    if (this.#next < this.due || this.#inFlight > 0) return false;
    if (this.#setup.qos > 0 || this.#next === 0) return true;
    const session = this.#session!;
    if (!this.#hasAsked) session.ping();
    this.#hasAsked = true;
    if (session.isAnswered) this.#setup.recorder.sending.extend(session.lastRead);
    return session.isAnswered;
  }

  /** Messages that are due and were not sent. */
  get unsent(): number {
    return Math.max(0, this.due - this.#next);
  }

  /** No further message becomes due. */
  stop(): void {
    this.due = this.#next;
  }

  /** Sends one batch of what is due; returns whether another one can follow at once. */
  pump(time: number): boolean {
    const session = this.#session;
    if (session === undefined || !session.isWritable) return false;
    const {qos, recorder} = this.#setup;
    const room = qos === 0 ? this.#mostAtOnce : Math.min(this.#mostAtOnce, this.#free.length);
    const count = Math.min(room, this.due - this.#next);
    if (count <= 0) return false;
    const {length} = this.#frame;
    const batch = Buffer.allocUnsafe(count * length);
    for (let at = 0; at < batch.length; at += length) this.#write(batch, at, time);
    session.write(batch);
    recorder.sent += count;
    recorder.sending.extend(time);
    if (qos === 0) recorder.acknowledged += count;
    return true;
  }

  #write(batch: Buffer, at: number, time: number): void {
    const number = this.#next++;
    const intended = this.intendedAt?.(number) ?? time;
    batch.set(this.#frame, at);
    stamp(batch, at + this.#payloadAt, number, intended);
    if (this.#setup.qos === 0) {
      this.acknowledged.add(number);
      return;
    }
    const packetId = this.#free.pop()!;
    this.#intended[packetId] = intended;
    this.#numbers[packetId] = number;
    this.#inFlight++;
    batch.writeUInt16BE(packetId, at + this.#packetIdAt);
  }

  onAcknowledged(packetId: number, reasonCode: number, time: number): void {
    const {recorder} = this.#setup;
    const number = this.#numbers[packetId] ?? -1;
    if (number < 0) return;
    this.#numbers[packetId] = -1;
    this.#free.push(packetId);
    this.#inFlight--;
    if (isFailure(reasonCode)) recorder.refuseMessage(reasonText(reasonCode));
    else {
      this.acknowledged.add(number);
      recorder.acknowledged++;
      recorder.sending.extend(time);
      const intended = this.#intended[packetId]!;
      if (intended >= (recorder.measuresFrom ?? 0)) recorder.acknowledgeLatency.record(time - intended);
    }
    if (this.#next < this.due) this.#setup.onReady(this);
  }

  onMessage(): void {
    // It subscribes to nothing.
  }

  onDrain(): void {
    if (this.#next < this.due) this.#setup.onReady(this);
  }

  onLost(reason: string): void {
    this.#setup.recorder.lose(reason);
  }
}
