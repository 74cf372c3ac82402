/**
 * A stream between a client and the broker on which packets meet their faults: dropped, delayed, doubled,
 * refused or cut off. Order is kept, as on a slow network: what follows a delayed packet waits too. Bytes
 * that are no MQTT pass unchanged.
 */

import {Duplex} from 'node:stream';
import {bodyStart, firstByte, largestPacket, PacketType, packetNames} from '../../protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import {PropertyIdentifier} from '../../protocol/properties.ts';
import {FrameSplitter} from '../wire/frame-splitter.ts';
import {PacketReader} from '../wire/packet-reader.ts';
import {readConnect} from '../wire/validate.ts';
import type {FaultPlan, Verdict} from './faults.ts';
import type {Direction} from './trace.ts';

/** Puts the client's stream behind the faults of a plan. */
export function faultyStream(client: Duplex, plan: FaultPlan): Duplex {
  return new FaultyStream(client, plan);
}

/** Packets of one direction on their way through, in order. */
class Lane {
  readonly #deliver: (bytes: Buffer) => void;
  /** `due` in milliseconds of performance.now(), never falling. */
  readonly #queue: {readonly bytes: Buffer; readonly due: number}[] = [];
  #timer: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void) | undefined;
  /** Bytes that are not a whole packet yet. */
  pending: Buffer = Buffer.alloc(0);

  constructor(deliver: (bytes: Buffer) => void) {
    this.#deliver = deliver;
  }

  send(bytes: Buffer, delayMilliseconds: number): void {
    const due = Math.max(this.#queue.at(-1)?.due ?? 0, performance.now() + delayMilliseconds);
    this.#queue.push({bytes, due});
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
      this.#deliver(head.bytes);
    }
    this.#whenEmpty?.();
  }

  /** Calls back when nothing is on its way. */
  drained(callback: () => void): void {
    if (this.#queue.length === 0) callback();
    else this.#whenEmpty = callback;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}

class FaultyStream extends Duplex {
  readonly #client: Duplex;
  readonly #plan: FaultPlan;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  #clientId = '';
  #protocolVersion: ProtocolVersion = 4;
  #isOver = false;
  /** Topics by alias. */
  readonly #aliases = {in: new Map<number, string>(), out: new Map<number, string>()};

  constructor(client: Duplex, plan: FaultPlan) {
    super();
    this.#client = client;
    this.#plan = plan;
    this.#lanes = {
      in: new Lane((bytes) => {
        if (!this.destroyed && !this.push(bytes)) client.pause();
      }),
      out: new Lane((bytes) => {
        if (!client.destroyed && !client.writableEnded) client.write(bytes);
      }),
    };
    client.on('data', (chunk: Buffer) => this.#pass('in', chunk));
    client.on('end', () => this.#lanes.in.drained(() => this.push(null)));
    client.on('error', (error) => this.destroy(error));
    client.on('close', () => {
      // What has come is still to be read.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    });
  }

  override _read(): void {
    this.#client.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#pass('out', chunk);
    if (this.#client.writableNeedDrain && !this.#client.destroyed) this.#client.once('drain', () => done());
    else done();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#lanes.out.drained(() => this.#client.end(() => done()));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const lane of Object.values(this.#lanes)) lane.clear();
    this.#client.destroy();
    done(error);
  }

  #pass(direction: Direction, chunk: Buffer): void {
    if (this.#isOver) return;
    const lane = this.#lanes[direction];
    const bytes = lane.pending.length === 0 ? chunk : Buffer.concat([lane.pending, chunk]);
    const splitter = new FrameSplitter(largestPacket);
    splitter.push(bytes);
    let passed = 0;
    try {
      for (;;) {
        const frame = splitter.next();
        if (frame === undefined) break;
        passed += frame.length;
        if (!this.#packet(direction, frame)) return;
      }
      lane.pending = bytes.subarray(passed);
    } catch {
      // Not MQTT: the broker will have its say about it.
      lane.pending = Buffer.alloc(0);
      lane.send(bytes.subarray(passed), 0);
    }
  }

  /** Whether the connection goes on. */
  #packet(direction: Direction, frame: Buffer): boolean {
    const topic = this.#look(direction, frame);
    const verdict = this.#plan.judge({
      packet: (packetNames[frame[0]! >> 4] ?? 'reserved').toLowerCase(),
      direction,
      clientId: this.#clientId,
      ...(topic === undefined ? {} : {topic}),
    });
    if (verdict.fate === 'close' || verdict.fate === 'connack') {
      this.#cut(verdict);
      return false;
    }
    // A view would keep alive, or see change, whatever buffer the frame lies in.
    for (let copy = 0; copy < verdict.copies; copy++) {
      this.#lanes[direction].send(Buffer.from(frame), verdict.delayMilliseconds);
    }
    return true;
  }

  /** Learns who the client is from CONNECT; the topic of a PUBLISH. Malformed ones teach nothing. */
  #look(direction: Direction, frame: Buffer): string | undefined {
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

  /** Ends the connection: at once as a network would, or with a CONNACK that refuses. */
  #cut({fate, code}: Verdict): void {
    this.#isOver = true;
    if (fate === 'connack') {
      const rest = this.#protocolVersion === 5 ? [3, 0, code, 0] : [2, 0, code];
      this.#client.write(Buffer.from([firstByte(PacketType.connack), ...rest]));
      this.#client.end();
    }
    const {in: incoming, out} = this.#lanes;
    incoming.clear();
    out.clear();
    if (fate === 'connack') this.push(null);
    else this.destroy();
  }
}

/** The client identifier of a CONNECT that has been read before [MQTT 5, 3.1.3.1]. */
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
    // Subscription identifiers, which only the broker sends, come after the alias.
  }
  return {topic, ...(topicAlias === undefined ? {} : {topicAlias})};
}
