/**
 * A stream between a client and the broker that applies faults to the packets: drops, delays or duplicates them,
 * refuses CONNECT or closes the connection. Keeps the order: packets after a delayed one wait too. Bytes that are
 * not MQTT pass unchanged.
 */

import {Duplex} from 'node:stream';
import {defined} from '../../defined.ts';
import {
  bodyStart,
  firstByte,
  incomplete,
  largestPacket,
  PacketType,
  packetBytes,
  packetNames,
} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {PacketReader} from '../../protocol/packet-reader.ts';
import {PropertyIdentifier} from '../../protocol/properties.ts';
import {FrameSplitter} from '../wire/frame-splitter.ts';
import {readConnect} from '../wire/validate.ts';
import type {FaultDecision, FaultPlan} from './faults.ts';
import type {Direction} from './trace.ts';

/** The client's stream with the faults of a plan applied, both ways. */
export function faultyStream(client: Duplex, plan: FaultPlan): Duplex {
  return new FaultyStream(client, plan);
}

/** Bytes that wait in one direction from which on no more are taken. */
const mostDelayedBytes = 1_048_576;

/** Bytes at the beginning of a PUBLISH from which on it passes, even if its topic was not understood. */
const longestTopicAndProperties = 262_144;

/** A queue that delivers the packets of one direction in order, each when its delay is over. */
class DelayQueue {
  readonly #deliver: (bytes: Buffer) => void;
  /** `due` in milliseconds of performance.now(), never falling. */
  readonly #queue: {readonly bytes: Buffer; readonly due: number}[] = [];
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;
  #whenEmpty: (() => void) | undefined;
  #whenRoom: (() => void) | undefined;
  /** What came and is no whole packet yet. */
  readonly splitter = new FrameSplitter(largestPacket);
  /** Bytes that are to come of a packet whose beginning has passed. */
  left = 0;

  constructor(deliver: (bytes: Buffer) => void) {
    this.#deliver = deliver;
  }

  send(bytes: Buffer, delayMilliseconds: number): void {
    const due = Math.max(this.#queue.at(-1)?.due ?? 0, performance.now() + delayMilliseconds);
    // What waits is a copy: the packet is a view of a buffer that may be large.
    const waits = this.#timer !== undefined || delayMilliseconds > 0;
    this.#queue.push({bytes: waits ? Buffer.from(bytes) : bytes, due});
    this.#bytes += bytes.length;
    if (this.#timer === undefined) this.#run();
  }

  #run(): void {
    this.#timer = undefined;
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const wait = head.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#run(), wait);
        return;
      }
      this.#queue.shift();
      this.#bytes -= head.bytes.length;
      this.#deliver(head.bytes);
      if (!this.isFull) this.#makeRoom();
    }
    this.#whenEmpty?.();
  }

  get isFull(): boolean {
    return this.#bytes >= mostDelayedBytes;
  }

  /** Calls back once, as soon as the queue is not full. */
  room(callback: () => void): void {
    if (this.isFull) this.#whenRoom = callback;
    else callback();
  }

  #makeRoom(): void {
    const callback = this.#whenRoom;
    this.#whenRoom = undefined;
    callback?.();
  }

  /** Calls back when the queue is empty. */
  drained(callback: () => void): void {
    if (this.#queue.length === 0) callback();
    else this.#whenEmpty = callback;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#bytes = 0;
    this.#makeRoom();
  }
}

class FaultyStream extends Duplex {
  readonly #client: Duplex;
  readonly #plan: FaultPlan;
  readonly #queues: Readonly<Record<Direction, DelayQueue>>;
  #clientId = '';
  #protocolVersion: ProtocolVersion = 4;
  #isClosed = false;
  /** Topics by topic alias. */
  readonly #aliases = {in: new Map<number, string>(), out: new Map<number, string>()};

  constructor(client: Duplex, plan: FaultPlan) {
    super();
    this.#client = client;
    this.#plan = plan;
    this.#queues = {
      in: new DelayQueue((bytes) => {
        if (!this.destroyed && !this.push(bytes)) client.pause();
      }),
      out: new DelayQueue((bytes) => {
        if (!client.destroyed && !client.writableEnded) client.write(bytes);
      }),
    };
    client.on('data', (chunk: Buffer) => {
      this.#forward('in', chunk);
      if (!this.#queues.in.isFull) return;
      client.pause();
      this.#queues.in.room(() => client.resume());
    });
    client.on('end', () => this.#queues.in.drained(() => this.push(null)));
    client.on('error', (error) => this.destroy(error));
    client.on('close', () => {
      // The broker reads the delivered bytes first.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    });
  }

  override _read(): void {
    if (!this.#queues.in.isFull) this.#client.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // A copy: the broker uses the memory again.
    this.#forward('out', Buffer.from(chunk));
    this.#queues.out.room(() => {
      if (this.#client.writableNeedDrain && !this.#client.destroyed) this.#client.once('drain', () => done());
      else done();
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#queues.out.drained(() => this.#client.end(() => done()));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const queue of Object.values(this.#queues)) queue.clear();
    this.#client.destroy();
    done(error);
  }

  #forward(direction: Direction, chunk: Buffer): void {
    if (this.#isClosed) return;
    const queue = this.#queues[direction];
    const {splitter} = queue;
    const passing = Math.min(queue.left, chunk.length);
    queue.left -= passing;
    // What goes to the client leaves in one write.
    this.#client.cork();
    try {
      if (passing > 0) queue.send(chunk.subarray(0, passing), 0);
      splitter.push(chunk.subarray(passing));
      for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
        if (!this.#packet(direction, frame)) return;
      }
      if (this.#plan.isEmpty && direction === 'in') this.#passBeginning();
    } catch {
      // Not MQTT: the broker reports it.
      passAll(queue);
    } finally {
      this.#client.uncork();
    }
  }

  /**
   * Without faults, a packet of the client passes as it comes: the broker has to see that a slow client is alive. Only
   * CONNECT, and the topic where an alias may name it, are looked at first. What the broker sends stays whole, so that it
   * is one frame of a WebSocket.
   */
  #passBeginning(): void {
    const queue = this.#queues.in;
    const {piece, position, length} = queue.splitter;
    const beginning = piece.subarray(position);
    const size = length === 0 ? incomplete : packetBytes(beginning, 0);
    const type = length === 0 ? 0 : beginning[0]! >> 4;
    if (size < 0 || type === PacketType.connect) return;
    if (type === PacketType.publish && this.#protocolVersion === 5) {
      if (this.#inspect('in', beginning) === undefined && length < longestTopicAndProperties) return;
    }
    queue.left = size - length;
    passAll(queue);
  }

  /** Applies the faults to one packet. Returns whether the connection stays open. */
  #packet(direction: Direction, frame: Buffer): boolean {
    const topic = this.#inspect(direction, frame);
    const decision = this.#plan.decide({
      packet: (packetNames[frame[0]! >> 4] ?? 'reserved').toLowerCase(),
      direction,
      clientId: this.#clientId,
      ...defined({topic}),
    });
    if (decision.result !== 'pass' && decision.result !== 'drop') {
      this.#close(decision);
      return false;
    }
    for (let copy = 0; copy < decision.copies; copy++) {
      this.#queues[direction].send(frame, decision.delayMilliseconds);
    }
    return true;
  }

  /** The topic of a PUBLISH, if any; takes client identifier and version from CONNECT. Ignores malformed packets. */
  #inspect(direction: Direction, frame: Buffer): string | undefined {
    const type = frame[0]! >> 4;
    try {
      if (type === 1 && direction === 'in') {
        const {protocolVersion} = readConnect(new PacketReader(frame, bodyStart(frame)));
        this.#protocolVersion = protocolVersion;
        this.#clientId = clientIdOf(frame, protocolVersion);
      }
      if (type !== 3) return undefined;
      const {topic, topicAlias} = topicOf(frame, this.#protocolVersion);
      const aliases = this.#aliases[direction];
      if (topicAlias === undefined) return topic;
      if (topic !== '') aliases.set(topicAlias, topic);
      return aliases.get(topicAlias);
    } catch {
      return undefined;
    }
  }

  /** Ends the connection, at once or after a CONNACK with an error code, or a DISCONNECT, which only MQTT 5 has. */
  #close(decision: FaultDecision): void {
    const {result} = decision;
    this.#isClosed = true;
    if (result === 'connack' || (result === 'disconnect' && this.#protocolVersion === 5)) {
      this.#client.write(lastPacket(decision, result, this.#protocolVersion));
      this.#client.end();
    }
    const {in: incoming, out} = this.#queues;
    incoming.clear();
    out.clear();
    if (this.#client.writableEnded) this.push(null);
    else this.destroy();
  }
}

/** Sends all that has come. */
function passAll(queue: DelayQueue): void {
  const {splitter} = queue;
  while (splitter.length > 0) {
    const piece = splitter.piece.subarray(splitter.position);
    queue.send(piece, 0);
    splitter.skip(piece.length);
  }
}

/** CONNACK [MQTT 5, 3.2] or DISCONNECT [MQTT 5, 3.14] with a code, and a Server Reference where there is one. */
function lastPacket(
  {code, to}: FaultDecision,
  type: 'connack' | 'disconnect',
  protocolVersion: ProtocolVersion,
): Buffer {
  const flags = type === 'connack' ? [0] : [];
  const reference = Buffer.from(to ?? '');
  const property =
    to === undefined ? [] : [PropertyIdentifier.serverReference, 0, reference.length, ...reference];
  const rest = protocolVersion === 5 ? [...flags, code, property.length, ...property] : [...flags, code];
  return Buffer.from([firstByte(PacketType[type]), rest.length, ...rest]);
}

/** The client identifier of a valid CONNECT [MQTT 5, 3.1.3.1]. */
function clientIdOf(frame: Buffer, protocolVersion: ProtocolVersion): string {
  const reader = new PacketReader(frame, bodyStart(frame));
  reader.binary('protocol name');
  reader.u32('level, flags and keep alive');
  if (protocolVersion === 5) reader.properties('connect');
  return reader.string('client identifier');
}

/** Topic and alias of a PUBLISH in either direction. */
function topicOf(frame: Buffer, protocolVersion: ProtocolVersion): {topic: string; topicAlias?: number} {
  const reader = new PacketReader(frame, bodyStart(frame));
  const topic = reader.string('topic');
  if (protocolVersion !== 5) return {topic};
  if ((frame[0]! & 6) !== 0) reader.packetIdentifier();
  let topicAlias: number | undefined;
  try {
    reader.properties('publish', ({definition, number}) => {
      if (definition.identifier === PropertyIdentifier.topicAlias) topicAlias = number;
    });
  } catch {
    // The reader refuses subscription identifiers, which only the broker sends; they come after the alias.
  }
  return defined({topic, topicAlias});
}
