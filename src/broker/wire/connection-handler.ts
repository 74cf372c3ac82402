/** What a connection has around it: whom it tells what it receives, and what all of a broker's share. */

import type {ProtocolVersion} from '../../protocol/message.ts';
import type {Counters} from './counters.ts';
import type {FrameSplitter} from './frame-splitter.ts';
import type {PacketViolation} from './packet-violation.ts';
import type {IConnectPacket, ObservedPacket, Packet, PacketCodec} from './packets.ts';
import type {DecodedPublish} from './publish-packet.ts';
import type {Acknowledgement, ConnectDetails} from './validate.ts';
import type {BufferPool} from './write-buffer.ts';

/** Why a connection ended. */
export type Ending =
  | {readonly cause: 'closed'}
  | {readonly cause: 'error'; readonly error: Error}
  | {readonly cause: 'violation'; readonly violation: PacketViolation}
  /** We closed it ourselves. */
  | {readonly cause: 'ours'};

/** A PUBLISH, and the bytes of its frame. */
export type SizedPublish = DecodedPublish & {readonly size: number};

/** Takes PUBLISH frames where they stand, without buffers of their own. */
export interface FastPublisher {
  /** Forwards the frames that begin at `start`; gives their bytes, or 0 where the first one needs a decision. */
  forward(bytes: Buffer, start: number, largestPacket: number): number;
  /** The message that begins at `start`; undefined: the general way must read it. */
  decode(bytes: Buffer, start: number, largestPacket: number): SizedPublish | undefined;
  /** A message to this topic went the general way: the next one may not need it. */
  learn(topic: string): void;
}

/** Handles frames where they stand in the bytes received. */
export interface FrameReader {
  /** Handles the next frames, one or more; false: the next one must be read alone. */
  pass(splitter: FrameSplitter): boolean;
  /** A PUBLISH to this topic was read alone; empty where only an alias names it. */
  learn(topic: string): void;
}

/** Who is told what a connection receives. May throw PacketViolation to end it. */
export interface ConnectionHandler {
  /** The first packet. Nothing more is read until it resolves. */
  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void>;
  publish(publish: DecodedPublish): void;
  /** Asked after a PUBLISH: how some of those that follow may be handled without it. */
  fastPublish(): FastPublisher | undefined;
  acknowledgement(acknowledgement: Acknowledgement): void;
  /** One that says success; false: nothing was done, and the general way must take it. */
  succeeded(type: number, packetId: number): boolean;
  /** Told after one or more of them, before anything else. */
  settled(): void;
  packet(packet: Packet): void;
  /** Told before the last packet of a violation is sent; once. */
  ended(ending: Ending): void;
  /** Bytes have left. */
  drained(): void;
}

/** What all connections of one broker share. */
export interface ConnectionContext {
  readonly counters: Counters;
  readonly codec: PacketCodec;
  readonly buffers: BufferPool;
  /** Milliseconds of the broker's clock. */
  readonly now: () => number;
  readonly maxPacketSize: number;
  readonly observe?: (clientId: string, direction: 'in' | 'out', packet: ObservedPacket) => void;
  /** Reads frames where they stand, for one client; absent: every frame is read alone. */
  readonly fastFrames?:
    | ((handler: ConnectionHandler, protocolVersion: ProtocolVersion) => FrameReader)
    | undefined;
  /** What should not happen. */
  readonly bug: (error: unknown) => void;
}
