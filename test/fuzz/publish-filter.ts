/**
 * The publish filter against mqtt-packet: a server's frames, valid and invalid, cut anywhere. What it takes must be
 * what mqtt-packet reads in the same frame, everything else must go on as it came, in order and once;
 * and behind a frame that mqtt-packet refuses, nothing.
 */

import assert from 'node:assert/strict';
import {isUtf8} from 'node:buffer';
import {once} from 'node:events';
import {Duplex} from 'node:stream';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {Packet} from 'mqtt-packet';
import type {MessageSource, OfferAnswer, PayloadStream} from '../../src/client/connection/events.ts';
import {PublishFilter} from '../../src/client/connection/publish-filter.ts';
import {ReceivedQos2, UnacknowledgedMessages} from '../../src/client/connection/received-qos2.ts';
import {ReadBuffer} from '../../src/client/transport/read-buffer.ts';
import {bodyStart} from '../../src/protocol/fixed-header.ts';
import type {Message, ProtocolVersion} from '../../src/protocol/message.ts';
import {type Conversation, conversation, frameOf, pieces, type RandomFrame} from './frames.ts';
import {Random} from './random.ts';
import {frameSize, framesOf, messageLine, packetLine, Reference} from './reference.ts';

/** In place of a socket, with or without a read buffer. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];
  readonly #readBuffer: ReadBuffer | undefined;

  constructor(readBuffer: ReadBuffer | undefined) {
    super();
    this.#readBuffer = readBuffer;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(Buffer.from(chunk));
    done();
  }

  /** A read of the system; gives what it did not take. Only while the wire is not paused. */
  feed(chunk: Buffer): Buffer {
    if (this.#readBuffer === undefined) {
      this.push(Buffer.from(chunk));
      return chunk.subarray(chunk.length);
    }
    const {buffer, callback} = this.#readBuffer.onread;
    const memory = (buffer as () => Buffer)();
    // A reader that kept a view of the buffer notices it.
    if (chunk.length < 500) memory.fill(0xee, 0, 2000);
    const count = chunk.copy(memory);
    callback(count, memory);
    return chunk.subarray(count);
  }
}

function propertiesOf({properties = {}}: Message): string {
  const entries = Object.entries(properties).map(([key, value]) => {
    if (key === 'subscriptionIdentifiers') return ['subscriptionIdentifier', value];
    if (key === 'userProperties') return [key, folded(value as readonly (readonly [string, string])[])];
    return [key, Buffer.isBuffer(value) ? value.toString('hex') : value];
  });
  return JSON.stringify(entries);
}

/** User properties as mqtt-packet keeps them: by name, and an empty value is forgotten for the next one. */
function folded(pairs: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    const known = result[name];
    if (!known) result[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else result[name] = [known, value];
  }
  return result;
}

/** Says which identifiers are released. */
class ReportedQos2 extends ReceivedQos2 {
  readonly #onReleased: (messageId: number) => void;

  constructor(onReleased: (messageId: number) => void) {
    super();
    this.#onReleased = onReleased;
  }

  override released(messageId: number): void {
    super.released(messageId);
    this.#onReleased(messageId);
  }
}

/** The first two bytes of an acknowledgement, and its packet identifier. */
type Answer = readonly [number, number];

/** A message on one line, whatever its payload will be. What the message says may change later. */
function lineOf(message: Message): (payload: Uint8Array) => string {
  const properties = propertiesOf(message);
  return (payload) => messageLine({...message, payload, properties});
}

/** What happened to the frames of one connection. */
class Story {
  readonly lines: string[] = [];
  readonly passed: Buffer[] = [];
  /** Of the messages taken that are to be acknowledged. */
  readonly owed: Answer[] = [];
  /** mqtt-packet has refused what was passed on. */
  refused = false;
  readonly #random: Random;
  readonly #reference: Reference;
  readonly filter: PublishFilter;
  #unread = Buffer.alloc(0);
  #source: MessageSource | undefined;
  #unflushed = false;
  #flushing = false;
  #willing = true;
  #failure: unknown;

  constructor(random: Random, version: ProtocolVersion, wire: Wire, readBuffer: ReadBuffer | undefined) {
    this.#random = random;
    this.#reference = new Reference(version);
    this.filter = new PublishFilter({
      stream: wire,
      options: {protocolVersion: version},
      unacknowledged: new UnacknowledgedMessages({}),
      receivedQos2: new ReportedQos2((messageId) => {
        this.lines.push(`pubrel ${messageId} 0`);
        this.owed.push([0x7002, messageId]);
      }),
      events: {
        messages: {
          offered: (message, source) => {
            this.#source = source;
            return this.#offered(message);
          },
          begun: (message, payloadBytes) => this.#begun(message, payloadBytes),
          flush: () => this.#flush(),
        },
        acknowledged: ({cmd, messageId, reasonCode}) => {
          this.lines.push(`${cmd} ${messageId} ${reasonCode}`);
        },
      },
      connection: {
        isOpen: true,
        writeQueue: {
          write: (bytes) => {
            if (wire.writable) wire.write(bytes);
          },
        },
        onBytes: () => undefined,
        fail: (error) => {
          this.#failure ??= error;
          this.filter.destroy();
        },
      },
      readBuffer,
    });
    this.filter.on('error', () => undefined);
    this.filter.on('data', (bytes: Buffer) => this.#passed(bytes));
  }

  get failure(): unknown {
    return this.#failure;
  }

  /** As MQTT.js does: what it cannot read ends the connection. */
  #passed(bytes: Buffer): void {
    if (this.refused) return;
    this.passed.push(Buffer.from(bytes));
    this.#unread = Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const size = frameSize(this.#unread, 0);
      if (size === undefined || size > this.#unread.length) return;
      const end = Number.isNaN(size) ? 5 : size;
      const packet = this.#reference.read(this.#unread.subarray(0, end));
      this.#unread = this.#unread.subarray(end);
      if (packet === undefined) {
        this.refused = true;
        this.filter.destroy();
        return;
      }
      if (packet.cmd === 'connack') this.#later(() => this.filter.open());
    }
  }

  /** Behind the present task, or in another turn. */
  #later(action: () => void): void {
    if (this.#random.permille(700)) queueMicrotask(action);
    else setImmediate(action);
  }

  #offered(message: Message): OfferAnswer {
    if ((this.#flushing && this.#random.permille(500)) || (!this.#willing && !this.#flushing)) {
      if (!this.#flushing) this.#offerAgain();
      return 'later';
    }
    if (this.#random.permille(20) && !this.#flushing) {
      this.#willing = false;
      this.#offerAgain();
      return 'later';
    }
    this.lines.push(lineOf(message)(message.payload));
    if (this.#random.permille(30)) return 'passed';
    if (message.qos > 0) this.owed.push([message.qos === 1 ? 0x4002 : 0x5002, message.messageId!]);
    this.#unflushed = true;
    return 'taken';
  }

  #offerAgain(): void {
    this.#later(() => {
      this.#willing = true;
      this.filter.offerAgain();
    });
  }

  #begun(message: Message, payloadBytes: number): PayloadStream | undefined {
    if (this.#random.permille(400)) return undefined;
    const parts: Buffer[] = [];
    const line = lineOf(message);
    const slow = this.#random.permille(500);
    return {
      write: (chunk) => {
        parts.push(Buffer.from(chunk));
        return slow ? nextTurn() : Promise.resolve();
      },
      end: () => {
        const payload = Buffer.concat(parts);
        assert.equal(payload.length, payloadBytes);
        this.lines.push(line(payload));
      },
      broken: () => undefined,
    };
  }

  #flush(): void {
    if (!this.#unflushed || this.#flushing) return;
    this.#unflushed = false;
    this.#flushing = true;
    const acknowledge = this.#source!.acknowledgementOfTaken();
    this.#later(() => {
      this.#flushing = false;
      acknowledge();
      this.filter.offerAgain();
    });
  }
}

/** CONNACK; hardly ever nothing. */
function greeting(random: Random, version: ProtocolVersion): readonly RandomFrame[] {
  const bytes = frameOf(0x20, Buffer.from(version === 5 ? [0, 0, 0] : [0, 0]));
  return random.permille(10) ? [] : [{bytes, nature: 'right'}];
}

/** Whether the filter may take it: MQTT.js has neither a session nor an error to handle. */
function isForTheFilter(packet: Packet, frame: Buffer): boolean {
  if (packet.messageId === 0) return false;
  if (packet.cmd !== 'publish') return ['puback', 'pubrec', 'pubrel', 'pubcomp'].includes(packet.cmd);
  const {topic, qos, properties} = packet;
  const start = bodyStart(frame, 0);
  const topicBytes = frame.subarray(start + 2, start + 2 + frame.readUInt16BE(start));
  return qos < 3 && !/^$|\0/.test(topic) && isUtf8(topicBytes) && properties?.topicAlias === undefined;
}

/** What must have been taken, and what must have been passed on, given what was. */
function check({bytes, natures}: Conversation, version: ProtocolVersion, story: Story): void {
  const reference = new Reference(version);
  const passed: Buffer[] = [];
  let greeted = false;
  let at = 0;
  let taken = 0;
  for (const frame of framesOf(bytes)) {
    const nature = natures.get(at) ?? 'odd';
    at += frame.length;
    const packet = reference.read(frame);
    const line = packet === undefined ? undefined : packetLine(packet);
    const isPlain = greeted && nature === 'plain';
    if (isPlain) assert.equal(story.lines[taken], line);
    const mayBeTaken = greeted && nature === 'odd' && packet !== undefined && isForTheFilter(packet, frame);
    if (isPlain || (mayBeTaken && story.lines[taken] === line)) {
      taken++;
      continue;
    }
    passed.push(frame);
    if (packet === undefined) {
      assert.notEqual(nature, 'plain');
      assert.equal(story.refused, true);
      break;
    }
    greeted ||= packet.cmd === 'connack';
  }
  assert.equal(story.lines[taken], undefined, 'something was taken that was not there to be taken');
  const expected = Buffer.concat(passed);
  const found = Buffer.concat(story.passed);
  // Of a packet that never ends, something may have come on.
  assert.equal(found.subarray(0, expected.length).toString('hex'), expected.toString('hex'));
  if (!story.refused) assert.equal([...framesOf(found)].length, passed.length);
}

/** The answers to what was taken, in order of each kind; some may be missing when the connection was ended. */
function checkAcknowledgements(story: Story, wire: Wire): void {
  const written = Buffer.concat(wire.written);
  const answers: Answer[] = [];
  for (let at = 0; at < written.length; at += 4) {
    answers.push([written.readUInt16BE(at), written.readUInt16BE(at + 2)]);
  }
  if (!story.refused) assert.equal(answers.length, story.owed.length);
  for (const kind of [0x4002, 0x5002, 0x7002]) {
    const given = answers.filter(([header]) => header === kind);
    const owed = story.owed.filter(([header]) => header === kind);
    assert.deepEqual(given, story.refused ? owed.slice(0, given.length) : owed);
  }
}

/** One connection, from its beginning to its end. Gives the number of its frames. */
export async function fuzzFilter(seed: number): Promise<number> {
  const random = new Random(seed);
  const version = random.pick([3, 4, 5, 5] as const);
  const sent = conversation(random, {version, side: 'server'}, greeting(random, version));
  const readBuffer = random.permille(600) ? new ReadBuffer() : undefined;
  const wire = new Wire(readBuffer);
  const story = new Story(random, version, wire, readBuffer);
  for (const piece of pieces(random, sent.bytes)) {
    let rest = piece;
    while (rest.length > 0 && !story.filter.destroyed) {
      if (wire.isPaused() || random.permille(10)) await nextTurn();
      else rest = wire.feed(rest);
    }
  }
  const end = story.filter.destroyed ? undefined : once(story.filter, 'end').catch(() => undefined);
  while ((wire.isPaused() || wire.readableLength > 0) && !story.filter.destroyed) await nextTurn();
  wire.push(null);
  await Promise.race([
    end,
    story.filter.closed ? undefined : once(story.filter, 'close').catch(() => undefined),
  ]);
  // What was taken last is flushed and acknowledged behind the end.
  for (let turns = 0; turns < 6; turns++) await nextTurn();
  if (story.failure !== undefined) throw story.failure;
  check(sent, version, story);
  checkAcknowledgements(story, wire);
  story.filter.destroy();
  return sent.count;
}
