/**
 * What passes between a link and the session above it: messages on their way in, and what a link tells of
 * itself. Types only, so that neither side has to know the other.
 */

import type {Message} from './message.ts';
import type {Packet} from './packet.ts';
import type {Reception} from './tap.ts';
import type {Direction} from './trace.ts';

/** A message that came, and how to acknowledge it. */
export interface Arrival {
  /** The connection it came on. */
  readonly link: {readonly isOpen: boolean};
  readonly message: Message;
  /** At QoS 2: whether it was taken before, from another connection; then it is only to be acknowledged. */
  isRepeated(): boolean;
  /** It is in the receiver's hands now. */
  take(): void;
  /** Sends PUBACK or PUBCOMP; nothing at QoS 0 or when the connection is gone. */
  acknowledge(): void;
}

/** What a link tells whoever opened it. */
export interface LinkObserver {
  /** Before the packet has any effect. */
  received(packet: Packet): void;
  /** Absent when nobody wants to know. */
  traced?(direction: Direction, packet: Packet): void;
  /** No further packet is looked at until `proceed` is called. */
  arrived(arrival: Arrival, proceed: () => void): void;
  /** A message came on the fast way; `offerAgain` is to be called when 'later' has come. */
  offered(message: Message, arrival: () => Arrival, offerAgain: () => void): Reception;
  /** All that could be taken at once was offered; undefined when nothing has to be flushed. */
  settled(acknowledge: () => void): Promise<void> | undefined;
  /** Whether somebody takes messages: until then no PUBREC is sent, for it takes a message off the server. */
  accepting(): boolean;
}
