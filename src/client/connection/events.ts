/**
 * What a connection reports to the session above it, and what it offers there. Types only, so that neither side
 * imports the other's classes.
 */

import type {TmqError} from '../../errors.ts';
import type {Message} from '../../protocol/message.ts';
import type {Direction} from './debug-lines.ts';
import type {IncomingMessage, Packet} from './protocol-client.ts';

/**
 * The answer to an offered message. 'taken': the source acknowledges it after the flush. 'later': the source holds
 * it, and everything behind it, until `offerAgain`. 'passed': the source goes on and does not acknowledge.
 */
export type OfferAnswer = 'taken' | 'later' | 'passed';

/** Where messages come from on one connection: the publish filter, or the packets of the protocol client. */
export interface MessageSource {
  /** No further bytes will come, so that a held message has to be kept elsewhere. */
  readonly hasEnded: boolean;
  /** The offered message in a form that outlives the offer. */
  keep(): KeptMessage;
  /** Offers the held message again, after 'later'. */
  offerAgain(): void;
  /** What acknowledges all messages taken since the last call; to be called after the flush that begins now. */
  acknowledgementOfTaken(): () => void;
}

/** A message that waits outside its source, and is acknowledged one by one. */
export interface KeptMessage extends IncomingMessage {
  /** The connection it came on. */
  readonly connection: {readonly isOpen: boolean};
}

/** A payload that is delivered as it comes. */
export interface PayloadStream {
  /** The bytes may change once this returns. Resolves when more may come; never rejects. */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
  /** The connection closed before the end. Returns the error that this means; undefined when the receiver has gone. */
  broken(): TmqError | undefined;
}

/** Takes the messages of connections. */
export interface MessageEvents {
  /** A message came whole. Its bytes may change once this returns. */
  offered(message: Message, source: MessageSource, isRepeated?: boolean): OfferAnswer;
  /** A large message at QoS 0 has begun to come; undefined to have it offered when it is whole. */
  begun(message: Message, payloadBytes: number): PayloadStream | undefined;
  /** A source has offered all that it has for now: the messages taken are to be flushed, then acknowledged. */
  flush(): void;
}

/** What a connection reports. */
export interface ConnectionEvents {
  readonly messages: MessageEvents;
  /** PUBACK, PUBREC or PUBCOMP came. @throws TmqError that ends the connection */
  acknowledged(packet: Packet): void;
  /** CONNACK assigned a client identifier. */
  assigned(clientId: string): void;
  /** Only with a trace: a packet is sent, or came. */
  readonly traced?: ((direction: Direction, packet: Packet) => void) | undefined;
}
