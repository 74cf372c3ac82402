/** What a connection has around it: whom it tells what it receives, and what all of a broker's share. */

import type {ObservedPacket} from './broker.ts';
import type {IConnectPacket, Packet} from './connection.ts';
import type {Counters} from './counters.ts';
import type {FastPublish} from './fast-publish.ts';
import type {DecodedPublish} from './publish-packet.ts';
import type {PacketViolation} from './reason-code.ts';
import type {Acknowledgement, ConnectDetails} from './validate.ts';

/** Why a connection ended. */
export type Ending =
  | {readonly cause: 'closed'}
  | {readonly cause: 'error'; readonly error: Error}
  | {readonly cause: 'violation'; readonly violation: PacketViolation}
  /** We closed it ourselves. */
  | {readonly cause: 'ours'};

/** Who is told what a connection receives. May throw PacketViolation to end it. */
export interface ConnectionHandler {
  /** The first packet. Nothing more is read until it resolves. */
  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void>;
  publish(publish: DecodedPublish): void;
  /** Asked after a PUBLISH: how some of those that follow may be handled without it. */
  fastPublish(): FastPublish | undefined;
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

export interface ConnectionContext {
  readonly counters: Counters;
  /** Milliseconds of the broker's clock. */
  readonly now: () => number;
  readonly maxPacketSize: number;
  readonly observe?: (clientId: string, direction: 'in' | 'out', packet: ObservedPacket) => void;
  /** See BrokerContext. */
  readonly fastPath?: boolean | undefined;
  /** What should not happen. */
  readonly bug: (error: unknown) => void;
}
