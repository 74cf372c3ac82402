/**
 * The wall around the MQTT implementations: what a connection needs of a client that reads and encodes packets.
 * mqttjs-client.ts has MQTT.js behind it, minimal-client.ts a few packets of our own. Types only.
 */

import type {Readable} from 'node:stream';
import type {Message, QoS} from '../../protocol/message.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import type {ReceivedQos2, UnacknowledgedMessages} from './received-qos2.ts';

/** One filter of a SUBSCRIBE packet; nl, rap and rh are the subscription options [MQTT 5, 3.8.3.1]. */
export interface PacketSubscription {
  readonly topic: string;
  readonly qos: QoS;
  readonly nl?: boolean;
  readonly rap?: boolean;
  readonly rh?: number;
}

/** Any control packet; which fields are there depends on `cmd`. */
export interface Packet {
  readonly cmd: string;
  readonly messageId?: number | undefined;
  readonly reasonCode?: number | undefined;
  readonly returnCode?: number | undefined;
  readonly sessionPresent?: boolean | undefined;
  readonly granted?: readonly number[] | undefined;
  readonly topic?: string | undefined;
  readonly payload?: Uint8Array | undefined;
  readonly qos?: QoS | undefined;
  readonly retain?: boolean | undefined;
  readonly dup?: boolean | undefined;
  readonly subscriptions?: readonly PacketSubscription[] | undefined;
  readonly unsubscriptions?: readonly string[] | undefined;
  /** By the names of protocol/, with its values; sent with MQTT 5 only. */
  readonly properties?: Readonly<Record<string, unknown>> | undefined;
}

/** A message that came as a packet, and how to answer it. */
export interface IncomingMessage {
  readonly message: Message;
  /** At QoS 2: the receiver took it on an earlier connection, so it only has to be acknowledged. */
  readonly isRepeated: boolean;
  /** The broker marks it as sent before [MQTT-3.3.1-1]. */
  readonly isDuplicate: boolean;
  /** The receiver has taken it. */
  take(): void;
  /** Sends PUBACK or PUBREC; nothing at QoS 0 or when the connection is gone. */
  acknowledge(): void;
}

/** The client's side of enhanced authentication on one connection [MQTT 5, 4.12]. */
export interface Authentication {
  readonly method: string;
  /** The data of CONNECT. */
  readonly first: Buffer;
  /** The data to answer an AUTH packet of the server with. @throws TmqError */
  answer(data: Uint8Array): Promise<Buffer>;
  /** The server has accepted the client, with this data. @throws TmqError when it has not proved itself */
  finish(data: Uint8Array | undefined): void;
}

/** What the connection does for its client. */
export interface ProtocolHandler {
  /** Writes a packet of the client behind all that was written before; `done` when there may be more. */
  send(packet: Packet, done?: () => void): void;
  /** A packet came; called before the client acts on it. */
  onPacket(packet: Packet): void;
  /** A message came. The client reads no further packet until `proceed` is called. */
  onMessage(message: IncomingMessage, proceed: () => void): void;
  /** The broker has not answered a PINGREQ for half the keepalive time; called again after each further half. */
  onSilence(): void;
  /** The bytes that came are not MQTT, or the client failed. */
  onError(error: unknown): void;
}

export interface ProtocolClientSetup {
  /** Where packets come from. The client writes with `handler.send`. */
  readonly stream: Readable;
  readonly options: ConnectionOptions;
  readonly clientId: string;
  readonly receivedQos2: ReceivedQos2;
  readonly unacknowledged: UnacknowledgedMessages;
  readonly handler: ProtocolHandler;
}

/** Reads the packets of one connection, keeps it alive, and encodes what is sent, except PUBLISH. */
export interface ProtocolClient {
  /** Sends CONNECT and begins to read. */
  connect(): void;
  /**
   * A packet as bytes. Called when the packet is about to be written.
   * @throws TmqError 3 or Error when the packet cannot be encoded
   */
  encode(packet: Packet): Uint8Array;
  /** Sends PINGREQ, once the broker has accepted the connection. */
  ping(): void;
  /** Starts the keepalive time again, as after a packet of the broker. */
  restartKeepalive(): void;
}

export type CreateProtocolClient = (setup: ProtocolClientSetup) => ProtocolClient;
