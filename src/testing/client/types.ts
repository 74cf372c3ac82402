/** The public types of the scripted client: packets by name, with all of their fields. Types only. */

import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {
  AuthProperties,
  ConnectProperties,
  DisconnectProperties,
  Properties,
  PropertiesOf,
  SubscribeProperties,
  UnsubscribeProperties,
  WillProperties,
} from '../../protocol/properties.ts';
import type {WaitOptions} from '../waits/wait-options.ts';

/** A will in CONNECT. */
export interface WillFields {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  readonly properties?: WillProperties;
}

/** The fields of CONNECT; those of the client's options are its defaults. */
export interface ConnectFields {
  /** Default: a random one. Empty: the broker chooses one. */
  readonly clientId?: string;
  /** Clean Start, before MQTT 5 Clean Session; default true. */
  readonly cleanStart?: boolean;
  /** Seconds; default 0: none. The client sends no PINGREQ of its own. */
  readonly keepAliveSeconds?: number;
  readonly username?: string;
  readonly password?: string | Uint8Array;
  readonly will?: WillFields;
  readonly properties?: ConnectProperties;
}

/** The fields of PUBACK, PUBREC, PUBREL and PUBCOMP to send. */
export interface AcknowledgementFields {
  readonly packetId: number;
  /** Default 0, success. Left out before MQTT 5. */
  readonly reasonCode?: number;
  readonly properties?: PropertiesOf<'puback'>;
}

/** One filter of SUBSCRIBE. */
export interface SubscriptionFields {
  readonly filter: string;
  /** Default 0. */
  readonly qos?: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  /** Default 0: send retained messages. */
  readonly retainHandling?: 0 | 1 | 2;
}

/** The packets that a client sends, by name, and their fields. Nothing is checked: what is wrong is sent so. */
export interface SentFields {
  readonly connect: ConnectFields;
  readonly publish: {
    readonly topic: string;
    /** Default: empty. */
    readonly payload?: string | Uint8Array;
    /** Default 0. */
    readonly qos?: QoS;
    readonly retain?: boolean;
    readonly duplicate?: boolean;
    /** Default: the next free number; none at QoS 0. */
    readonly packetId?: number;
    readonly properties?: Properties;
  };
  readonly puback: AcknowledgementFields;
  readonly pubrec: AcknowledgementFields;
  readonly pubrel: AcknowledgementFields;
  readonly pubcomp: AcknowledgementFields;
  readonly subscribe: {
    readonly subscriptions: readonly SubscriptionFields[];
    /** Default: the next free number. */
    readonly packetId?: number;
    readonly properties?: SubscribeProperties;
  };
  readonly unsubscribe: {
    readonly filters: readonly string[];
    /** Default: the next free number. */
    readonly packetId?: number;
    readonly properties?: UnsubscribeProperties;
  };
  readonly pingreq: Readonly<Record<never, never>>;
  readonly disconnect: {
    /** Default 0. Left out before MQTT 5. */
    readonly reasonCode?: number;
    readonly properties?: DisconnectProperties;
  };
  readonly auth: {
    /** 0x18 continues, 0x19 begins again; default 0x18. */
    readonly reasonCode?: number;
    readonly properties?: AuthProperties;
  };
}

/** A packet that a client sends. */
export type SentName = keyof SentFields;

/** An acknowledgement as received. */
export interface ReceivedAcknowledgement {
  readonly packetId: number;
  /** 0 before MQTT 5, and where the broker left it out. */
  readonly reasonCode: number;
  readonly properties?: PropertiesOf<'puback'>;
}

/** The packets that a broker sends, by name, and their fields. `properties` is absent where there are none. */
export interface ReceivedFields {
  readonly connack: {
    readonly sessionPresent: boolean;
    /** Before MQTT 5 the return code. */
    readonly reasonCode: number;
    readonly properties?: PropertiesOf<'connack'>;
  };
  readonly publish: {
    readonly topic: string;
    readonly payload: Buffer;
    readonly qos: QoS;
    readonly retain: boolean;
    readonly duplicate: boolean;
    /** 0 at QoS 0, which has none. */
    readonly packetId: number;
    readonly properties?: Properties;
  };
  readonly puback: ReceivedAcknowledgement;
  readonly pubrec: ReceivedAcknowledgement;
  readonly pubrel: ReceivedAcknowledgement;
  readonly pubcomp: ReceivedAcknowledgement;
  readonly suback: {
    readonly packetId: number;
    /** For each filter, the QoS granted or a code from 0x80. */
    readonly reasonCodes: readonly number[];
    readonly properties?: PropertiesOf<'suback'>;
  };
  readonly unsuback: {
    readonly packetId: number;
    /** For each filter; empty before MQTT 5. */
    readonly reasonCodes: readonly number[];
    readonly properties?: PropertiesOf<'unsuback'>;
  };
  readonly pingresp: Readonly<Record<never, never>>;
  readonly disconnect: {readonly reasonCode: number; readonly properties?: PropertiesOf<'disconnect'>};
  readonly auth: {readonly reasonCode: number; readonly properties?: PropertiesOf<'auth'>};
}

/** A packet that a broker sends. */
export type ReceivedName = keyof ReceivedFields;

/** A packet that was received: its name, and its fields. */
export type ReceivedPacket<Name extends ReceivedName = ReceivedName> = {
  [Each in Name]: {readonly name: Each} & ReceivedFields[Each];
}[Name];

/** The fields that a packet must have; a payload may be given as text. Of `properties`, only those given count. */
export type ExpectedFields<Name extends ReceivedName> = {
  readonly [Field in keyof ReceivedFields[Name]]?: Field extends 'payload'
    ? string | Uint8Array
    : Field extends 'properties'
      ? Partial<NonNullable<ReceivedFields[Name][Field]>>
      : ReceivedFields[Name][Field];
};

/** Files and settings for mqtts and wss. */
export interface ScriptedTls {
  /** The certificate to trust, in the place of the system's; for `broker.client` the broker's own. */
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** The name to ask for and to find in the certificate, in the place of the host's. */
  readonly serverName?: string;
  /** Accept every certificate. */
  readonly insecure?: boolean;
}

/** Options of a scripted client. */
export interface ScriptedClientOptions extends ConnectFields {
  /** 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5; default 5. */
  readonly protocolVersion?: ProtocolVersion;
  /** Send CONNECT and wait for CONNACK; default true. False: the test does that itself. */
  readonly connect?: boolean;
  readonly tls?: ScriptedTls;
  /** Milliseconds for each wait of this client, and for connecting; default 4000. */
  readonly timeout?: number;
  /** When it aborts, the connection is closed, and all waits reject with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * A client that sends exactly what the test says, and answers nothing by itself: no PUBACK, no PINGREQ. What the
 * broker sends waits, in order, until the test asks for it. Disposal is `close`.
 */
export interface ScriptedClient extends AsyncDisposable {
  readonly clientId: string;
  readonly protocolVersion: ProtocolVersion;
  /** The answer to CONNECT; undefined with `connect: false`. */
  readonly connack: ReceivedPacket<'connack'> | undefined;
  /**
   * Sends a packet; resolves when it has left, with its fields and the packet identifier that it got.
   * @throws Error when the connection is closed; TmqError for a string of more than 65,535 bytes
   */
  send<Name extends SentName>(
    name: Name,
    ...fields: Record<never, never> extends SentFields[Name]
      ? [fields?: SentFields[Name]]
      : [fields: SentFields[Name]]
  ): Promise<SentFields[Name] & {readonly packetId: number}>;
  /** Sends bytes as they are, also what is no packet. @throws Error when the connection is closed */
  sendBytes(bytes: Uint8Array | readonly number[]): Promise<void>;
  /** The next packet. @throws Error after the timeout, and when the connection is closed */
  next(options?: WaitOptions): Promise<ReceivedPacket>;
  /**
   * The next packet, which must have this name and these fields.
   * @throws Error when it has not, and as `next` does
   */
  expect<Name extends ReceivedName>(
    name: Name,
    fields?: ExpectedFields<Name>,
    options?: WaitOptions,
  ): Promise<ReceivedPacket<Name>>;
  /**
   * The first packet with this name and these fields, of those that wait and those that come; the others stay where
   * they are. For what brokers send in different orders.
   * @throws Error after the timeout, naming the packets that came instead, and when the connection is closed
   */
  find<Name extends ReceivedName>(
    name: Name,
    fields?: ExpectedFields<Name>,
    options?: WaitOptions,
  ): Promise<ReceivedPacket<Name>>;
  /** Resolves after this time. @throws Error for a packet that waits or comes, and when the connection is closed */
  expectNothing(milliseconds: number, options?: Pick<WaitOptions, 'signal'>): Promise<void>;
  /**
   * Resolves when the broker has closed the connection and every packet before that was taken.
   * @throws Error after the timeout, and for a packet that waits or comes
   */
  expectClosed(options?: WaitOptions): Promise<void>;
  /** Closes the connection without DISCONNECT, as when the network fails. */
  drop(): void;
  /** Sends DISCONNECT if the connection is open, and closes it. */
  close(): Promise<void>;
}
