/**
 * The broker's ways of reading against each other and against mqtt-packet: a client's frames, right and
 * wrong, cut anywhere, given to two connections of which one has the fast path. Both must make the same of
 * them, to the very violation that ends them, and it must be what mqtt-packet reads.
 */

import assert from 'node:assert/strict';
import {Duplex} from 'node:stream';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {IPublishPacket, Packet} from 'mqtt-packet';
import {FastFrames} from '../../src/broker/forwarding/fast-frames.ts';
import type {BrokerState} from '../../src/broker/state/broker-state.ts';
import {Connection} from '../../src/broker/wire/connection.ts';
import type {ConnectionHandler} from '../../src/broker/wire/connection-handler.ts';
import {PacketCodec} from '../../src/broker/wire/packets.ts';
import type {DecodedPublish} from '../../src/broker/wire/publish-packet.ts';
import {BufferPool} from '../../src/broker/wire/write-buffer.ts';
import {packetNames} from '../../src/protocol/fixed-header.ts';
import type {ProtocolVersion} from '../../src/protocol/message.ts';
import {publisherTo, stateWithSubscriber} from '../support/one-subscriber.ts';
import {type Conversation, conversation, frameOf, pieces, variableInteger} from './frames.ts';
import {Random} from './random.ts';
import {framesOf, messageLine, packetLine, packetProperties, Reference} from './reference.ts';

/** In place of a socket; drops all data. */
class Wire extends Duplex {
  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

/** The properties of a PUBLISH on one line: those that are forwarded as mqtt-packet reads them. */
function propertiesOf(publish: DecodedPublish, reference: Reference): string {
  const {properties, topicAlias, expirySeconds} = publish;
  const own = [
    ...(topicAlias === undefined ? [] : [['topicAlias', topicAlias]]),
    ...(expirySeconds === undefined ? [] : [['messageExpiryInterval', expirySeconds]]),
  ];
  if (properties.length === 0) return JSON.stringify(own);
  const body = Buffer.concat([Buffer.of(0, 1, 0x78), variableInteger(properties.length), properties]);
  const packet = reference.read(frameOf(0x30, body)) as IPublishPacket;
  return JSON.stringify([...own, ...JSON.parse(packetProperties(packet))]);
}

/** What mqtt-packet has read, its properties in the order of `propertiesOf`. */
function ownFirst(packet: Packet): string {
  if (packet.cmd !== 'publish') return packetLine(packet);
  const {topicAlias, messageExpiryInterval, ...forwarded} = packet.properties ?? {};
  const own = [
    ...(topicAlias === undefined ? [] : [['topicAlias', topicAlias]]),
    ...(messageExpiryInterval === undefined ? [] : [['messageExpiryInterval', messageExpiryInterval]]),
  ];
  const rest = JSON.parse(packetProperties({...packet, properties: forwarded})) as unknown[];
  const properties = JSON.stringify([...own, ...rest]);
  return messageLine({...packet, payload: packet.payload as Buffer, properties});
}

/** One connection, and a line for every call that it makes. */
class Reading {
  readonly lines: string[] = [];
  readonly wire = new Wire();
  readonly state: BrokerState;
  readonly connection: Connection;
  /** Frames that went as they came. */
  forwarded = 0;
  readonly version: ProtocolVersion;
  readonly maxPacketSize: number;
  readonly #reference: Reference;
  #bug: unknown;

  constructor(version: ProtocolVersion, fastPath: boolean, maxPacketSize: number) {
    this.version = version;
    this.maxPacketSize = maxPacketSize;
    this.#reference = new Reference(version);
    this.state = stateWithSubscriber(version, (frames, count) => this.#sent(frames, count));
    const {counters} = this.state;
    const bug = (error: unknown) => {
      this.#bug ??= error;
    };
    const fastFrames = fastPath
      ? (handler: ConnectionHandler) => new FastFrames(handler, counters, version)
      : undefined;
    const shared = {counters, codec: new PacketCodec(), buffers: new BufferPool()};
    this.connection = new Connection(this.wire, {...shared, now: () => 0, maxPacketSize, fastFrames, bug});
    this.connection.start(this.#handler(version));
  }

  get bug(): unknown {
    return this.#bug;
  }

  #sent(frames: Buffer, count: number): void {
    const list = [...framesOf(frames)];
    assert.equal(list.length, count);
    this.forwarded += count;
    for (const frame of list) this.#add(ownFirst(this.#reference.read(frame)!));
  }

  #add(line: string): void {
    this.lines.push(line);
    // Sometimes a handler is asynchronous.
    if (this.lines.length % 37 !== 0) return;
    this.connection.hold();
    setImmediate(() => this.connection.unhold());
  }

  #handler(version: ProtocolVersion): ConnectionHandler {
    return {
      connect: () => this.connection.accepted(),
      publish: (publish) => {
        const properties = propertiesOf(publish, this.#reference);
        this.#add(messageLine({...publish, messageId: publish.packetId, properties}));
      },
      fastPublish: () => publisherTo(this.state, version),
      succeeded: (type, packetId) => {
        this.#add(`${packetNames[type]!.toLowerCase()} ${packetId} 0`);
        return true;
      },
      settled: () => undefined,
      acknowledgement: ({type, packetId, reasonCode}) =>
        this.#add(`${packetNames[type]!.toLowerCase()} ${packetId} ${reasonCode}`),
      packet: ({cmd}) => this.#add(cmd),
      ended: (ending) => {
        const {reasonCode, statement} = ending.cause === 'violation' ? ending.violation : {};
        this.lines.push(`end ${ending.cause} ${reasonCode} ${statement}`);
      },
      drained: () => undefined,
    };
  }

  async tell(chunk: Buffer): Promise<void> {
    while (this.wire.isPaused() && this.connection.open) await nextTurn();
    if (this.connection.open) this.wire.push(Buffer.from(chunk));
  }

  async end(): Promise<void> {
    while (
      (this.wire.isPaused() || this.wire.readableLength > 0 || this.connection.held) &&
      this.connection.open
    )
      await nextTurn();
    this.wire.push(null);
    while (!this.wire.destroyed) await nextTurn();
  }
}

/** CONNECT of a clean session. */
function connect(version: ProtocolVersion): Buffer {
  const name = version === 3 ? '\0\x06MQIsdp\x03' : `\0\x04MQTT${version === 5 ? '\x05' : '\x04'}`;
  const tail = version === 5 ? '\x02\0\0\0\0\x01x' : '\x02\0\0\0\x01x';
  return frameOf(0x10, Buffer.from(name + tail, 'latin1'));
}

/** What was read is what mqtt-packet reads, and nothing right was refused. */
function check({lines, maxPacketSize, version}: Reading, {bytes, natures}: Conversation): void {
  const reference = new Reference(version);
  let at = 0;
  let index = 0;
  for (const frame of framesOf(bytes)) {
    const line = lines[index++];
    const nature = natures.get(at) ?? 'odd';
    at += frame.length;
    if (line?.startsWith('end violation')) {
      const isLarge = frame.length > maxPacketSize;
      assert.ok(isLarge || nature === 'odd', `${line}: ${frame.toString('hex')}`);
      return;
    }
    const packet = reference.read(frame);
    assert.ok(packet !== undefined, `taken, but not by mqtt-packet: ${frame.toString('hex')}`);
    assert.equal(line, ownFirst(packet));
  }
}

/** One connection, from its beginning to its end. Gives the number of its frames. */
export async function fuzzConnection(seed: number): Promise<number> {
  const random = new Random(seed);
  const version = random.pick([3, 4, 5, 5] as const);
  const told = conversation(random, {version, side: 'client'});
  const maxPacketSize = random.pick([268_435_460, 268_435_460, 6000, 140]);
  const readings = [true, false].map((fastPath) => new Reading(version, fastPath, maxPacketSize));
  for (const reading of readings) await reading.tell(connect(version));
  for (const piece of pieces(random, told.bytes)) for (const reading of readings) await reading.tell(piece);
  for (const reading of readings) await reading.end();
  const [fast, general] = readings as [Reading, Reading];
  for (const {bug} of readings) if (bug !== undefined) throw bug;
  // One by one: a diff of long lists takes minutes.
  for (const [index, line] of general.lines.entries()) assert.equal(fast.lines[index], line);
  assert.equal(fast.lines.length, general.lines.length);
  // Only the fast path has sent anything here.
  const {publishSent, publishBytesSent, ...received} = fast.state.counters;
  assert.deepEqual({...received, publishSent: 0, publishBytesSent: 0}, {...general.state.counters});
  assert.equal(publishSent, fast.forwarded);
  assert.equal(general.forwarded, 0);
  check(general, told);
  return told.count;
}
