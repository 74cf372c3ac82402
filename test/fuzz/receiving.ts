/**
 * What the client receives at each QoS, above all at QoS 2 with its repeats and releases, in all of its ways: with and
 * without the fast path and MQTT.js, over TCP and WebSockets. The server sends what a server may send, cut anywhere; a
 * model says what the receiver must get, and which answers the server.
 */

import assert from 'node:assert/strict';
import type {Duplex} from 'node:stream';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {FrameSplitter} from '../../src/broker/wire/frame-splitter.ts';
import {connect} from '../../src/client/connect.ts';
import {bodyStart, PacketType} from '../../src/protocol/fixed-header.ts';
import type {ProtocolVersion, QoS} from '../../src/protocol/message.ts';
import {collector, sessionContext, sessionOptions} from '../support/sessions.ts';
import {frameOf, pieces} from './frames.ts';
import {Random} from './random.ts';
import {Servers} from './servers.ts';

/** The kinds of a client's answers. */
const answerTypes: readonly number[] = [PacketType.puback, PacketType.pubrec, PacketType.pubcomp];

interface Sent {
  readonly topic: string;
  readonly qos: QoS;
  readonly messageId: number;
  readonly isDuplicate: boolean;
  readonly payload: Buffer;
}

/** What a server sends, and what the client is to make of it. */
class Scenario {
  readonly #random: Random;
  readonly #version: ProtocolVersion;
  readonly #highest: QoS;
  /** The server goes on to the next one when the client has answered all of the last. */
  readonly bursts: Buffer[] = [];
  /** Answers that the client owes after each burst, in all. */
  readonly owedAfter: number[] = [];
  readonly messages: string[] = [];
  /** 'TYPE IDENTIFIER', those of one type in their order. */
  readonly answers: string[] = [];
  count = 0;
  /** The messages at QoS 2 that are not released, by identifier. */
  readonly #open = new Map<number, Sent>();
  #number = 0;

  constructor(random: Random, version: ProtocolVersion, highest: QoS) {
    this.#random = random;
    this.#version = version;
    this.#highest = highest;
    const bursts = random.between(1, 6);
    for (let burst = 1; burst <= bursts; burst++) {
      const frames = Array.from({length: random.pick([1, 3, 10, 60])}, () => this.#next());
      if (burst === bursts) frames.push(this.#publish(this.#message(0, 0, 'end')));
      this.bursts.push(Buffer.concat(frames));
      this.owedAfter.push(this.answers.length);
    }
  }

  #next(): Buffer {
    const random = this.#random;
    // Few identifiers, so that they meet again.
    const id = random.pick([1, 2, 3, 4, 65_535]);
    if (this.#highest < 2) return this.#other(id);
    const kind = random.pick(['release', 'release', 'again', 'first', 'first', 'first', 'other'] as const);
    if (kind === 'release') return this.#release(id);
    const known = this.#open.get(id);
    if (kind === 'again' && known !== undefined) return this.#publish({...known, isDuplicate: true});
    if (kind !== 'other') return this.#publish(this.#message(2, id));
    return this.#other(id);
  }

  #other(id: number): Buffer {
    const qos = this.#random.pick([0, 1, 1] as const);
    return this.#publish({...this.#message(qos, id), isDuplicate: qos === 1 && this.#random.permille(200)});
  }

  #message(qos: QoS, messageId: number, text = `${this.#number++} `): Sent {
    const random = this.#random;
    const size =
      text === 'end' ? 0 : random.permille(20) ? random.between(60_000, 200_000) : random.below(40);
    const payload = Buffer.concat([Buffer.from(text), Buffer.alloc(size, text)]);
    const topic = random.pick(['a', 'b/c', 'ä']);
    return {topic, qos, messageId, isDuplicate: qos === 2 && random.permille(100), payload};
  }

  #publish(message: Sent): Buffer {
    const {topic, qos, messageId, isDuplicate, payload} = message;
    this.count++;
    // One that is sent again was received before [MQTT-4.3.3-10]; without DUP it is another one.
    const isRepeat = qos === 2 && isDuplicate && this.#open.has(messageId);
    if (!isRepeat) this.messages.push(`${topic} ${qos} ${payload}`);
    if (qos === 2 && !isRepeat) this.#open.set(messageId, message);
    if (qos > 0) this.answers.push(`${qos === 1 ? PacketType.puback : PacketType.pubrec} ${messageId}`);
    const name = Buffer.from(topic);
    const head = Buffer.of(name.length >> 8, name.length & 255, ...name);
    const id = qos === 0 ? [] : [messageId >> 8, messageId & 255];
    const properties = this.#version === 5 ? [0] : [];
    const body = Buffer.concat([head, Buffer.from([...id, ...properties]), payload]);
    return frameOf(0x30 | (qos << 1) | (isDuplicate ? 8 : 0), body);
  }

  /** PUBREL, also of what is not known: it is answered all the same [MQTT-4.3.3-11]. */
  #release(messageId: number): Buffer {
    this.count++;
    this.#open.delete(messageId);
    this.answers.push(`${PacketType.pubcomp} ${messageId}`);
    return frameOf(0x62, Buffer.of(messageId >> 8, messageId & 255));
  }
}

/** Sends the bursts of a scenario on one connection, and collects the answers. */
class Conversation {
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #stream: Duplex;
  readonly #version: ProtocolVersion;
  readonly #incoming = new FrameSplitter(1_000_000);
  readonly answers: string[] = [];
  readonly ended: Promise<void>;
  #next = 0;

  constructor(scenario: Scenario, version: ProtocolVersion, random: Random, stream: Duplex) {
    this.#scenario = scenario;
    this.#version = version;
    this.#random = random;
    this.#stream = stream;
    this.ended = new Promise((resolve) => stream.on('close', resolve));
    stream.on('error', () => undefined);
    stream.on('end', () => stream.end());
    stream.on('data', (chunk: Buffer) => this.#received(chunk));
  }

  #received(chunk: Buffer): void {
    this.#incoming.push(chunk);
    for (let frame = this.#incoming.next(); frame !== undefined; frame = this.#incoming.next())
      this.#take(frame);
  }

  #take(frame: Buffer): void {
    const type = frame[0]! >> 4;
    const start = bodyStart(frame);
    const none = this.#version === 5 ? [0] : [];
    if (type === PacketType.connect) this.#send(frameOf(0x20, Buffer.of(0, 0, ...none)));
    else if (type === PacketType.subscribe)
      this.#send(frameOf(0x90, Buffer.concat([frame.subarray(start, start + 2), Buffer.of(...none, 2)])));
    else if (answerTypes.includes(type)) this.answers.push(`${type} ${frame.readUInt16BE(start)}`);
    if (type !== PacketType.subscribe && !answerTypes.includes(type)) return;
    while (this.answers.length === (this.#scenario.owedAfter[this.#next - 1] ?? 0)) {
      const burst = this.#scenario.bursts[this.#next++];
      if (burst === undefined) return;
      for (const piece of pieces(this.#random, burst)) this.#send(piece);
    }
  }

  #send(bytes: Buffer): void {
    if (this.#stream.writable) this.#stream.write(bytes);
  }
}

interface Way {
  readonly transport: 'tcp' | 'ws';
  readonly fastPath: boolean;
  /** Without MQTT.js. */
  readonly minimal: boolean;
}

const ways: readonly Way[] = (['tcp', 'ws'] as const).flatMap((transport) => [
  {transport, fastPath: true, minimal: true},
  {transport, fastPath: true, minimal: false},
  {transport, fastPath: false, minimal: false},
]);

const ofType = (answers: readonly string[], type: number) =>
  answers.filter((answer) => answer.startsWith(`${type} `));

/** Runs one scenario in one way. @throws AssertionError where something is not as the model has it */
async function run(seed: number, version: ProtocolVersion, scenario: Scenario, way: Way): Promise<void> {
  const servers = await Servers.open();
  const random = new Random(seed);
  let conversation: Conversation | undefined;
  servers.use((stream) => {
    conversation = new Conversation(scenario, version, random, stream);
  }, random);
  const port = servers.ports[way.transport];
  const options = sessionOptions(port, {
    endpoint: {transport: way.transport, host: '127.0.0.1', port, noDelay: true},
    protocolVersion: version,
  });
  const received = collector((message) => message.payload.length === 3 && `${message.payload}` === 'end');
  const isSlow = random.permille(300);
  const receiver = {
    ...received,
    async flush() {
      if (isSlow) await nextTurn();
    },
  };
  const session = await connect(options, sessionContext({fastPath: way.fastPath, minimal: way.minimal}));
  try {
    const receive = session.receive(receiver);
    receive.catch(() => undefined);
    await session.subscribe(['#'], {qos: 2});
    await receive;
  } finally {
    await session.end();
  }
  assert.ok(conversation !== undefined);
  await conversation.ended;
  const name = JSON.stringify(way);
  const lines = received.messages.map(({topic, qos, payload}) => `${topic} ${qos} ${Buffer.from(payload)}`);
  assert.deepEqual(lines, scenario.messages, name);
  for (const type of answerTypes)
    assert.deepEqual(ofType(conversation.answers, type), ofType(scenario.answers, type), `${type} ${name}`);
}

/** One scenario, in every way. Gives the number of its packets. */
export async function fuzzReceiving(seed: number): Promise<number> {
  const random = new Random(seed);
  const version = random.pick([3, 4, 4, 5] as const);
  const highest = random.pick([1, 2, 2, 2] as const);
  const scenario = new Scenario(random, version, highest);
  // Only MQTT 3.1.1 has sessions without MQTT.js.
  const taken = ways.filter(({minimal}) => !minimal || version === 4);
  for (const way of taken) await run(seed, version, scenario, way);
  return scenario.count * taken.length;
}
