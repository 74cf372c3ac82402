/**
 * The broker's ways of reading against each other and against mqtt-packet: the same frames, right and
 * wrong, cut anywhere, for a broker with the fast path and one without. Both must send the same bytes and
 * count the same, and a subscriber must get the messages that mqtt-packet reads.
 */

import assert from 'node:assert/strict';
import {isUtf8} from 'node:buffer';
import {setImmediate as nextTurn} from 'node:timers/promises';
import type {IPublishPacket} from 'mqtt-packet';
import type {ProtocolVersion, QoS} from '../../src/protocol/message.ts';
import {countersOf} from '../support/counted.ts';
import {type PacketClient, packetBroker} from '../support/packet-client.ts';
import {type Conversation, conversation, frameOf, pieces} from './frames.ts';
import {Random} from './random.ts';
import {framesOf, messageLine, packetProperties, Reference} from './reference.ts';

interface Setting {
  readonly version: ProtocolVersion;
  /** Of the subscriber to all topics. */
  readonly qos: QoS;
  readonly maxPacketSize: number;
}

/** What both brokers must have in common. */
interface Result {
  readonly toPublisher: readonly string[];
  readonly toSubscriber: readonly string[];
  readonly counters: readonly string[];
  readonly log: readonly string[];
}

/** All frames that a client gets until the answer to a PINGREQ, or until the end. */
async function framesUntil(client: PacketClient, ends: 'pingresp' | 'closed'): Promise<string[]> {
  const frames: string[] = [];
  for (;;) {
    const heard = await client.hear().catch(() => undefined);
    if (heard === undefined || (ends === 'pingresp' && heard.packet.cmd === 'pingresp')) return frames;
    frames.push(heard.frame.toString('hex'));
  }
}

/** SUBSCRIBE to all topics at QoS 1, so that the acknowledgements of the conversation have something to answer. */
function subscribeToAll(version: ProtocolVersion): Buffer {
  const properties = version === 5 ? [0] : [];
  return frameOf(0x82, Buffer.from([0, 1, ...properties, 0, 1, 0x23, 1]));
}

/** Sends the pieces of a conversation to a broker of their own. */
async function run(chunks: readonly Buffer[], fastPath: boolean, setting: Setting): Promise<Result> {
  const {version, qos, maxPacketSize} = setting;
  await using broker = packetBroker({
    limits: {maxPacketSize, maxInflightMessages: 0, maxQueuedMessages: 0},
    listener: {maxTopicAlias: 65_535},
    sysInterval: 10,
    context: {fastPath},
  });
  const subscriber = await broker.connect('subscriber', {version});
  await subscriber.subscribe('#', {qos});
  const publisher = await broker.connect('publisher', {version});
  for (const chunk of chunks) {
    publisher.raw(chunk);
    await nextTurn();
  }
  publisher.stream.end();
  const toPublisher = await framesUntil(publisher, 'closed');
  await publisher.closed;
  await nextTurn();
  subscriber.send({cmd: 'pingreq'});
  const toSubscriber = await framesUntil(subscriber, 'pingresp');
  return {toPublisher, toSubscriber, counters: await countersOf(broker), log: broker.log};
}

/** A message on one line, as the subscriber gets it: without its packet identifier, the expiry first. */
function delivered(packet: IPublishPacket, topic: string, qos: number): string {
  const {messageExpiryInterval, topicAlias: _, ...forwarded} = packet.properties ?? {};
  const own = messageExpiryInterval === undefined ? [] : [['messageExpiryInterval', messageExpiryInterval]];
  const rest = JSON.parse(packetProperties({...packet, properties: forwarded})) as unknown[];
  const payload = packet.payload as Buffer;
  return messageLine({
    topic,
    qos,
    retain: false,
    messageId: 0,
    payload,
    properties: JSON.stringify([...own, ...rest]),
  });
}

/** Frames of the publisher that the broker has counted, those with CONNECT and of the subscriber left out. */
function framesRead(counters: readonly string[]): number {
  const line = counters.find((one) => one.startsWith('$SYS/broker/messages/received '));
  return Number(line?.split(' ')[1]) - 4;
}

/** The subscriber got, in order, messages as mqtt-packet reads them, and all of those that are plain. */
function check({toSubscriber, counters, log}: Result, told: Conversation, setting: Setting): void {
  const reference = new Reference(setting.version);
  const heard = toSubscriber.map((hex) => {
    const packet = reference.read(Buffer.from(hex, 'hex')) as IPublishPacket;
    return delivered(packet, packet.topic, packet.qos);
  });
  const read = framesRead(counters);
  const violated = log.some((line) => /^Client publisher disconnected due to/.test(line));
  const aliases = new Map<number, string>();
  let at = 0;
  let index = 0;
  let next = 0;
  let excused = false;
  for (const frame of framesOf(told.bytes)) {
    const nature = told.natures.get(at) ?? 'odd';
    at += frame.length;
    const isLast = violated && index >= read - 1;
    // An acknowledgement of another kind than what it answers is a violation, too.
    excused ||= isLast && (nature === 'odd' || frame.length > setting.maxPacketSize || frame[0]! >> 4 !== 3);
    if (index++ >= read) break;
    const packet = reference.read(frame);
    if (packet?.cmd !== 'publish') {
      assert.ok(isLast || packet !== undefined, `taken, but not by mqtt-packet: ${frame.toString('hex')}`);
      continue;
    }
    const {topicAlias = 0, payloadFormatIndicator} = packet.properties ?? {};
    const topic = packet.topic === '' ? (aliases.get(topicAlias) ?? '') : packet.topic;
    if (topicAlias > 0) aliases.set(topicAlias, topic);
    if (heard[next] === delivered(packet, topic, Math.min(packet.qos, setting.qos))) next++;
    else {
      const refused = payloadFormatIndicator === true && !isUtf8(packet.payload as Buffer);
      assert.ok(isLast || nature !== 'plain' || refused, `not delivered: ${frame.toString('hex')}`);
    }
  }
  // The last frame may be one that never ends.
  excused ||= index <= read && at < told.bytes.length && told.natures.get(at) !== 'plain';
  assert.equal(next, heard.length, heard[next]);
  assert.ok(!violated || excused, log.join('\n'));
}

/** One connection, from its beginning to its end. Gives the number of its frames. */
export async function fuzzConnection(seed: number): Promise<number> {
  const random = new Random(seed);
  const version = random.pick([3, 4, 5, 5] as const);
  const greeting = [{bytes: subscribeToAll(version), nature: 'right'}] as const;
  const told = conversation(random, {version, side: 'client'}, greeting);
  const maxPacketSize = random.pick([268_435_460, 268_435_460, 6000, 140]);
  const setting = {version, qos: random.pick([0, 1, 2] as const), maxPacketSize};
  const chunks = [...pieces(random, told.bytes)];
  const fast = await run(chunks, true, setting);
  const general = await run(chunks, false, setting);
  for (const name of ['toPublisher', 'toSubscriber', 'counters', 'log'] as const) {
    // One by one: to show how long lists differ takes minutes.
    for (const [index, line] of general[name].entries()) assert.equal(fast[name][index], line, name);
    assert.equal(fast[name].length, general[name].length, name);
  }
  check(general, told, setting);
  return told.count;
}
