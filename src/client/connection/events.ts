/**
 * What passes between a link and the session above it: what a link is made of, messages on their way in,
 * and what a link tells of itself. Types only, so that neither side has to know the other.
 */

import type {Duplex} from 'node:stream';
import type {TmqError} from '../../errors.ts';
import type {Message} from '../../protocol/message.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import type {ReadBuffer} from '../transport/read-buffer.ts';
import type {Direction} from './debug-lines.ts';
import type {Libraries} from './mqttjs-client.ts';
import type {Packet} from './packet.ts';
import type {PacketIdentifiers} from './packet-ids.ts';
import type {IncomingMessages} from './received-qos2.ts';

/** What became of a message: 'later' holds it and all behind it until `resume`. */
export type Reception = 'taken' | 'later' | 'elsewhere';

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

/** A payload on its way. */
export interface PayloadStream {
  /** The bytes may change once this returns. Resolves when more may come; never rejects. */
  write(piece: Uint8Array): Promise<void>;
  end(): void;
  /** The rest will not come: what that means for whoever still wants it. */
  broken(): TmqError | undefined;
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
  /** A large message has begun to come on the fast way; undefined to have it offered when it is whole. */
  begun(message: Message, payloadBytes: number): PayloadStream | undefined;
  /** All that could be taken at once was offered; undefined when nothing has to be flushed. */
  settled(acknowledge: () => void): Promise<void> | undefined;
  /** Whether somebody takes messages: until then no PUBREC is sent, for it takes a message off the server. */
  accepting(): boolean;
}

/** What a link is made of. */
export interface LinkSetup {
  readonly stream: Duplex;
  readonly options: ConnectionOptions;
  readonly clientId: string;
  readonly identifiers: PacketIdentifiers;
  /** QoS 2 messages received and not yet released. */
  readonly incoming: IncomingMessages;
  readonly observer: LinkObserver;
  /** Aborting it before CONNACK destroys the stream. */
  readonly signal: AbortSignal;
  readonly libraries: Libraries;
  /** Whether messages and acknowledgements may pass MQTT.js by (tap.ts). */
  readonly fastPath: boolean;
  /** What the stream reads into, where it was given that; only on the fast path. */
  readonly readBuffer?: ReadBuffer | undefined;
  /** Whether packets may be sent before CONNACK came. */
  readonly pipelined: boolean;
}
