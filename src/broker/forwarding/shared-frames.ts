/**
 * The hot way of PUBLISH at QoS 1 and 2 to topics already known: where all who subscribe are connected
 * and take it as it came, the frame itself is kept until they have acknowledged it, and what leaves are
 * copies of it. What needs a decision is left to the general way.
 */

import {publishFirstByte} from '../../protocol/fixed-header.ts';
import type {QoS} from '../../protocol/message.ts';
import type {PublishCursor} from '../../protocol/publish-reader.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Session} from '../state/session.ts';
import {keptBytes} from '../wire/publish-packet.ts';
import {FrameSlab, SharedFrame} from '../wire/shared-frame.ts';
import type {ForwardingRoutes, Target} from './forwarding-routes.ts';

/** The first bytes of PUBLISH without DUP and RETAIN. */
const atLeastOnce = publishFirstByte(1);
const exactlyOnce = publishFirstByte(2);
/** Of a run: a publisher that has to wait is not found out about later than this. */
const mostFrames = 64;

const noIdentifiers: readonly number[] = [];

/** All publishers': messages of a moment share their memory, whoever sent them. */
const slab = new FrameSlab();

/** Acknowledges what one publisher sends. */
export interface Receipt {
  /** Whether this is a new message that may be taken. */
  begins(qos: QoS, packetId: number): boolean;
  /** It was taken: PUBACK or PUBREC. */
  taken(qos: QoS, packetId: number): void;
}

export interface SharedFramesOptions {
  readonly session: Session;
  readonly state: BrokerState;
  readonly routes: ForwardingRoutes;
  readonly cursor: PublishCursor;
  readonly publishing: Receipt;
  readonly largestPayload: number;
}

/** The messages of one publisher that may take this way. */
export class SharedFrames {
  readonly #options: SharedFramesOptions;
  /** Where the messages of the present run go. */
  #targets: readonly Target[] = [];

  constructor(options: SharedFramesOptions) {
    this.#options = options;
  }

  /** Takes the frames that begin at `start`, as far as they go to the same clients; gives their bytes. */
  take(bytes: Buffer, start: number, largestPacket: number): number {
    const first = bytes[start]!;
    if (first !== atLeastOnce && first !== exactlyOnce) return 0;
    const {routes, state, session} = this.#options;
    routes.refresh();
    const largest = Math.min(largestPacket, keptBytes - 1);
    let at = start;
    let frames = 0;
    while (frames < mostFrames && bytes[at] === first && this.#takeOne(bytes, at, {largest, frames})) {
      at = this.#options.cursor.end;
      frames++;
      if (this.#targets.some(fallsBehind)) break;
    }
    if (frames === 0) return 0;
    state.counters.messagesReceived += frames;
    state.counters.publishReceived += frames;
    for (const {link} of this.#targets) link.slow(session.link);
    return at - start;
  }

  #takeOne(
    bytes: Buffer,
    at: number,
    {largest, frames}: {readonly largest: number; readonly frames: number},
  ): boolean {
    const {routes, cursor, publishing, largestPayload} = this.#options;
    if (!cursor.read(bytes, at, largest)) return false;
    const {afterTopic, end} = cursor;
    const route = routes.find(bytes, cursor.topic, afterTopic);
    const qos: QoS = bytes[at] === atLeastOnce ? 1 : 2;
    if (route?.targets === undefined || qos > route.sharedQos || end - at > route.largest) return false;
    if (frames > 0 && route.targets !== this.#targets) return false;
    const payload = cursor.payload(bytes, afterTopic + 2);
    const packetId = (bytes[afterTopic]! << 8) | bytes[afterTopic + 1]!;
    if (payload === 0 || packetId === 0 || end - payload > largestPayload) return false;
    this.#targets = route.targets;
    if (frames === 0 && this.#targets.some(({passage}) => passage.lagging)) return false;
    if (!publishing.begins(qos, packetId)) return false;
    const start = slab.keep(bytes, at, end);
    const frame = {
      bytes: slab.bytes,
      start,
      end: start + end - at,
      packetIdAt: start + afterTopic - at,
      payloadAt: start + payload - at,
    };
    const levelFive = routes.protocolVersion === 5;
    this.#give(new SharedFrame({topic: route.topic, qos, levelFive}, frame));
    publishing.taken(qos, packetId);
    return true;
  }

  #give(message: SharedFrame): void {
    const {state} = this.#options;
    state.counters.publishBytesReceived += message.end - message.payloadAt;
    const {qos} = message;
    for (const {session} of this.#targets) {
      const sequence = state.sequence();
      session.dropping = false;
      session.deliveries.add({sequence, message, qos, retain: false, subscriptionIdentifiers: noIdentifiers});
    }
  }
}

function fallsBehind({passage}: Target): boolean {
  return passage.queueFull;
}
