/**
 * The client's session at a server whose packets are random or damaged, and whose connection ends anywhere, over TCP
 * and WebSocket: it must end in time, with a TmqError or a success, and succeed only with what the server has sent.
 */

import assert from 'node:assert/strict';
import type {Duplex} from 'node:stream';
import {FrameSplitter} from '../../src/broker/wire/frame-splitter.ts';
import {connect} from '../../src/client/connect.ts';
import type {Session} from '../../src/client/types.ts';
import {TmqError} from '../../src/errors.ts';
import {bodyStart, PacketType, packetBytes} from '../../src/protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../src/protocol/message.ts';
import {collector, numbered, publication, sessionContext, sessionOptions} from '../support/sessions.ts';
import {conversation, frameOf, pieces} from './frames.ts';
import {Random} from './random.ts';
import {Servers} from './servers.ts';

/** Milliseconds for which the server waits for more from the client before it ends the connection. */
const idleMilliseconds = 20;

const type = (frame: Buffer) => frame[0]! >> 4;
const identifierAt = (frame: Buffer, at: number) => (at + 1 < frame.length ? frame.readUInt16BE(at) : 0);

/** The identifier of a PUBLISH; 0 at QoS 0. */
function publishIdentifier(frame: Buffer): number {
  const start = bodyStart(frame);
  return (frame[0]! & 6) === 0 ? 0 : identifierAt(frame, start + 2 + frame.readUInt16BE(start));
}

/** The frame with a byte more, less or changed, twice, or not at all. */
function damaged(random: Random, frame: Buffer): Buffer {
  const at = random.below(frame.length);
  const [before, after] = [frame.subarray(0, at), frame.subarray(at + 1)];
  switch (random.below(5)) {
    case 0:
      return Buffer.concat([before, after]);
    case 1:
      return Buffer.concat([before, random.bytes(1), frame.subarray(at)]);
    case 2:
      return Buffer.concat([
        before,
        Buffer.of(random.permille(500) ? random.below(256) : random.below(4)),
        after,
      ]);
    case 3:
      return Buffer.concat([frame, frame]);
    default:
      return Buffer.alloc(0);
  }
}

/** What the server does on one connection, and what it has sent and received. */
class Script {
  readonly random: Random;
  readonly version: ProtocolVersion;
  /** Of a thousand answers, those that are damaged. */
  readonly #damage: number;
  readonly #noise: Buffer;
  /** Frames of the client until the noise is sent. */
  #untilNoise: number;
  /** Bytes after which the connection ends. */
  readonly #cutAt: number;
  /** Frames of the client that are answered. */
  #patience: number;
  #sent = Buffer.alloc(0);
  #stream: Duplex | undefined;
  #idle: NodeJS.Timeout | undefined;
  readonly #incoming = new FrameSplitter(1_000_000);
  /** Identifiers of the client's PUBLISH packets. */
  readonly published: number[] = [];
  frames: number;

  constructor(random: Random, version: ProtocolVersion) {
    this.random = random;
    this.version = version;
    this.#damage = random.pick([0, 0, 50, 200]);
    const {bytes, count} = conversation(random, {version, side: 'server'});
    const isNoisy = random.permille(600);
    this.#noise = isNoisy ? bytes : Buffer.alloc(0);
    this.frames = isNoisy ? count : 0;
    this.#untilNoise = random.pick([1, 1, 2, 3]);
    this.#cutAt = random.permille(300) ? random.below(40 + this.#noise.length) : Number.POSITIVE_INFINITY;
    this.#patience = random.pick([1, 3, 8, 1000]);
  }

  /** Talks to the client. */
  run(stream: Duplex): void {
    this.#stream = stream;
    stream.on('error', () => undefined);
    stream.on('end', () => this.#close());
    stream.on('close', () => clearTimeout(this.#idle));
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#wait();
  }

  #wait(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#close(), idleMilliseconds);
  }

  #received(chunk: Buffer): void {
    this.#incoming.push(chunk);
    this.#wait();
    for (let frame = this.#incoming.next(); frame !== undefined; frame = this.#incoming.next()) {
      this.frames++;
      if (--this.#patience < 0) {
        this.#close();
        return;
      }
      this.#send(this.#answer(frame));
      if (--this.#untilNoise === 0) this.#send(this.#noise);
    }
  }

  #answer(frame: Buffer): Buffer {
    const right = this.#rightAnswer(frame);
    return right.length > 0 && this.random.permille(this.#damage) ? damaged(this.random, right) : right;
  }

  #rightAnswer(frame: Buffer): Buffer {
    const {random, version} = this;
    const none = version === 5 ? [0] : [];
    const start = bodyStart(frame);
    const withIdentifier = (first: number, at = start, ...rest: readonly number[]) =>
      frameOf(first, Buffer.concat([frame.subarray(at, at + 2), Buffer.from(rest)]));
    switch (type(frame)) {
      case PacketType.connect:
        return frameOf(0x20, Buffer.of(0, random.permille(50) ? random.below(6) : 0, ...none));
      case PacketType.subscribe:
        return withIdentifier(0x90, start, ...none, random.pick([0, 1, 2]));
      case PacketType.publish: {
        const id = publishIdentifier(frame);
        this.published.push(id);
        if (id === 0) return Buffer.alloc(0);
        const isRefused = version === 5 && random.permille(50);
        const answer = Buffer.of(id >> 8, id & 255, ...(isRefused ? [0x87] : []));
        return frameOf((frame[0]! & 6) === 2 ? 0x40 : 0x50, answer);
      }
      case PacketType.pubrel:
        return withIdentifier(0x70);
      case PacketType.pingreq:
        return Buffer.of(0xd0, 0);
      case PacketType.disconnect:
        this.#close();
        return Buffer.alloc(0);
      default:
        return Buffer.alloc(0);
    }
  }

  #send(bytes: Buffer): void {
    const stream = this.#stream!;
    if (bytes.length === 0 || stream.writableEnded || stream.destroyed) return;
    const room = this.#cutAt - this.#sent.length;
    const taken = bytes.subarray(0, Math.min(bytes.length, room));
    for (const piece of pieces(this.random, taken)) stream.write(piece);
    this.#sent = Buffer.concat([this.#sent, taken]);
    if (taken.length === room) this.#close();
  }

  #close(): void {
    const stream = this.#stream!;
    if (this.random.permille(700)) stream.end();
    else stream.destroy();
  }

  /** The whole frames that were sent, until the length of one is malformed. */
  sentFrames(): readonly Buffer[] {
    const frames: Buffer[] = [];
    for (let at = 0; at < this.#sent.length; ) {
      const size = packetBytes(this.#sent, at);
      if (size < 0 || at + size > this.#sent.length) break;
      frames.push(this.#sent.subarray(at, at + size));
      at += size;
    }
    return frames;
  }
}

/** How many of the client's publications the server has acknowledged, whatever else it has sent. */
function acknowledged({published}: Script, frames: readonly Buffer[], qos: QoS): number {
  const of = (kind: number) =>
    new Set(
      frames.filter((frame) => type(frame) === kind).map((frame) => identifierAt(frame, bodyStart(frame))),
    );
  const ends = qos === 1 ? of(PacketType.puback) : of(PacketType.pubcomp);
  // A refusal ends QoS 2 with PUBREC.
  const begins = of(PacketType.pubrec);
  return published.filter((id) => ends.has(id) && (qos === 1 || begins.has(id))).length;
}

/** What the client does: what it throws, `check` is not called for. */
interface Exercise {
  readonly run: (session: Session) => Promise<void>;
  /** Only after `run` has succeeded. */
  readonly check: (script: Script) => void;
}

function publishing(random: Random): Exercise {
  const qos = random.pick([0, 1, 1, 2, 2] as const);
  const count = random.pick([1, 1, 3, 30]);
  let reported = 0;
  return {
    async run(session) {
      if (count === 1) {
        const {reasonCode} = await session.publish(
          Buffer.from('x'),
          publication('t', {qos}),
          random.permille(500),
        );
        assert.ok(reasonCode < 128);
        reported = 1;
      } else {
        const report = await session.publishAll(numbered(count, 7), publication('t', {qos}));
        assert.ok(report.acknowledged + report.refused <= report.read);
        reported = report.acknowledged;
        if (report.refused === 0) assert.equal(report.acknowledged, count);
      }
    },
    check(script) {
      if (qos > 0)
        assert.ok(reported <= acknowledged(script, script.sentFrames(), qos), 'more than was acknowledged');
    },
  };
}

function receiving(random: Random): Exercise {
  const wanted = random.pick([1, 2, 5]);
  const received = collector((_message, count) => count === wanted);
  return {
    async run(session) {
      const receive = session.receive(received);
      receive.catch(() => undefined);
      await session.subscribe(['#'], {qos: random.pick([0, 1, 2])});
      await receive;
    },
    check(script) {
      const sent = script.sentFrames().filter((frame) => type(frame) === PacketType.publish);
      assert.equal(received.messages.length, wanted);
      assert.ok(sent.length >= wanted, 'more messages than were sent');
    },
  };
}

/** Runs one session; resolves to the number of frames. @throws AssertionError, or what is no TmqError */
export async function fuzzSession(seed: number): Promise<number> {
  const servers = await Servers.open();
  const random = new Random(seed);
  const version = random.pick([3, 4, 4, 5, 5] as const);
  const transport = random.pick(['tcp', 'tcp', 'ws'] as const);
  const script = new Script(random, version);
  servers.use((stream) => script.run(stream));
  const options = sessionOptions(servers.ports[transport], {
    endpoint: {transport, host: '127.0.0.1', port: servers.ports[transport], noDelay: true},
    protocolVersion: version,
    connectTimeoutSeconds: 5,
  });
  const {run, check} = random.permille(600) ? publishing(random) : receiving(random);
  try {
    const session = await connect(options, sessionContext({fastPath: random.permille(800)}));
    try {
      await run(session);
    } finally {
      await session.end();
    }
  } catch (error) {
    if (error instanceof TmqError) return script.frames;
    throw error;
  }
  check(script);
  return script.frames;
}
