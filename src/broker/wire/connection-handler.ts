/** The interfaces between a connection and the rest of the broker: its handlers, and the shared context. */

import type {PacketViolation} from '../../protocol/packet-violation.ts';
import type {BufferPool, ChangeLog} from './connection-output.ts';
import type {Counters} from './counters.ts';
import type {EarlyBudget} from './early-bytes.ts';
import type {IConnectPacket, ObservedPacket, Packet, PacketCodec} from './packets.ts';
import type {DecodedPublish} from './publish-packet.ts';
import type {ConnectDetails, DecodedAcknowledgement} from './validate.ts';

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
  /** Forwards the frames that begin at `start`; gives their bytes, or 0 where the first one must be decoded. */
  forward(bytes: Buffer, start: number, largestPacket: number): number;
  /** The message that begins at `start`; undefined: it must be decoded in full. */
  decode(bytes: Buffer, start: number, largestPacket: number): SizedPublish | undefined;
  /** A message to this topic was decoded in full: the next one may not need it. */
  learn(topic: string): void;
}

/** Handles what a connection receives. May throw PacketViolation to end it. */
export interface ConnectionHandler {
  /** The first packet. Nothing more is read until the promise resolves. */
  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void>;
  /** A packet of an accepted client that MessageHandler does not handle; before, AUTH or DISCONNECT. */
  packet(packet: Packet): void;
  /** Called once, before the last packet of a violation is sent. */
  ended(ending: Ending): void;
  /** Bytes have left: more may be written. */
  drained(): void;
  /** The stream is closed, before or after the end. */
  closed(): void;
}

/** Handles PUBLISH and the acknowledgements of an accepted client. May throw PacketViolation to end it. */
export interface MessageHandler {
  publish(publish: DecodedPublish): void;
  /** Called after the first PUBLISH; undefined: every PUBLISH must be decoded. */
  fastPublish(): FastPublisher | undefined;
  acknowledgement(acknowledgement: DecodedAcknowledgement): void;
  /** An acknowledgement with success. False: nothing was done, and `acknowledgement` must handle it. */
  succeeded(type: number, packetId: number): boolean;
  /** Called after one or more calls of `succeeded`, before anything else. */
  acknowledgementsEnd(): void;
  /** Called before what was written in a turn leaves, where changes are stored: all are, or none could be. */
  committed(isStored: boolean): void;
}

/** What all connections of one broker share. */
export interface ConnectionContext {
  readonly counters: Counters;
  readonly codec: PacketCodec;
  readonly buffers: BufferPool;
  /** Milliseconds of the broker's clock. */
  readonly now: () => number;
  readonly maxPacketSize: number;
  readonly earlyBudget: EarlyBudget;
  readonly observe?: (
    clientId: string,
    direction: 'in' | 'out',
    packet: ObservedPacket,
    frame?: Buffer,
  ) => void;
  /** Absent where nothing is stored. */
  readonly changeLog?: ChangeLog;
  /** Whether frequent frames are handled in place; false: every frame is decoded alone. */
  readonly fastPath: boolean;
  /** Reports an error that is the broker's own fault. */
  readonly bug: (error: unknown) => void;
}
