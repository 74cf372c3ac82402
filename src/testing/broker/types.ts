/** The public types of `tmq/testing`: a broker for tests, its options, and what it shows. Types only. */

import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {Properties} from '../../protocol/properties.ts';
import type {ScriptedClient, ScriptedClientOptions} from '../client/types.ts';
import type {WaitOptions} from '../waits/wait-options.ts';

export type {ProtocolVersion, QoS} from '../../protocol/message.ts';
export type {Properties} from '../../protocol/properties.ts';
export type {WaitOptions} from '../waits/wait-options.ts';

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly directory: string;
  /** The certificate that clients have to trust. */
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** A certificate that the same authority signed for a client. */
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

/** Options of startBroker and of the fixtures. */
export interface StartOptions {
  /** The port on 127.0.0.1; default 0: a free one. */
  readonly port?: number;
  /** Also listen with TLS, on a free port; the certificates are made for this broker. */
  readonly tls?: 'auto';
  /** Also listen for MQTT over WebSockets, on a free port; with `tls` for wss too. */
  readonly webSockets?: boolean;
  /** The text of a mosquitto.conf; its listeners take the place of the one on 127.0.0.1. */
  readonly config?: string;
  /** Accept only the users of this file, which `tmq passwd` writes; without `config`, where password_file does that. */
  readonly passwordFile?: string;
  /** Faults to inject, as in `tmq broker --fault`: 'drop puback p=0.1'. `setFaults` changes them. */
  readonly faults?: readonly string[];
  /** The random seed of the faults; default 1. */
  readonly seed?: number;
  /** Gets the broker's log, a line at a time. */
  readonly log?: (line: string) => void;
  /** The most messages that `published` holds; the oldest go first. Default 10,000. */
  readonly keepMessages?: number;
  /** The most bytes of payloads that `published` holds; the oldest go first, and the last one stays. Default 67,108,864. */
  readonly keepBytes?: number;
  /**
   * Decides what clients may do, beside password file and ACL file, which come first. It returns or resolves with true,
   * false (which refuses with 0x87, Not authorized) or a reason code of MQTT 5 from 0x80 to 0xFF to refuse with. Before
   * MQTT 5 a refused CONNECT gets the return code that fits, a refused filter 0x80, and a refused message is dropped
   * without a word. While a promise is pending, the client's next packets wait. An error that it throws refuses with
   * 0x80; the waits that are pending reject with it, or else `close` does. Wills and deliveries are not asked about.
   */
  readonly authorize?: (request: AuthorizationRequest) => Answer | PromiseLike<Answer>;
  /**
   * Called with each message of a client that is accepted, before it is delivered and acknowledged. While a promise is
   * pending, the message and the client's next packets wait. An error refuses the message, as one of `authorize` does.
   */
  readonly onPublish?: (message: Published) => void | PromiseLike<void>;
}

/** Whether something is allowed: true, false, or the reason code of MQTT 5 to refuse it with, from 0x80. */
export type Answer = boolean | number;

/** What a client wants to do. */
export interface AuthorizationRequest {
  readonly action: 'connect' | 'publish' | 'subscribe';
  readonly clientId: string;
  /** The user name; absent: the client gave none. */
  readonly user?: string;
  /** At 'connect': the password, if there is one. */
  readonly password?: Uint8Array;
  /** At 'publish' the topic, at 'subscribe' the filter; empty at 'connect'. */
  readonly topic: string;
}

/** A message that was published. */
export interface Published {
  /** A client's PUBLISH, the will of a client, or `broker.publish`. */
  readonly source: 'client' | 'will' | 'broker';
  /** Of the client that published it, or whose will it is; absent where the broker published it. */
  readonly clientId?: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** The client sent it again, because it saw no acknowledgement. */
  readonly duplicate: boolean;
  /** Absent where the message has none, as all do before MQTT 5. */
  readonly properties?: Properties;
}

/** Options of waitFor. */
export interface WaitForOptions extends WaitOptions {
  /** Wait for this number of messages that fit, and resolve with the last; default 1. */
  readonly count?: number;
  /** Which of the messages to the filter fit; default: all. An exception in it rejects the wait. */
  readonly where?: (message: Published) => boolean;
}

/** Options of publish. */
export interface PublishOptions {
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  readonly properties?: Properties;
}

/** A message for `retain`. */
export interface RetainedMessage {
  readonly topic: string;
  /** An empty one removes what is retained. */
  readonly payload: string | Uint8Array;
  /** Default 0. */
  readonly qos?: QoS;
  readonly properties?: Properties;
}

/** A subscription of a connected client. */
export interface ClientSubscription {
  /** As the client sent it, with $share/ where it has that. */
  readonly filter: string;
  /** As granted. */
  readonly qos: QoS;
  /** Messages of the client itself are not delivered to it. */
  readonly noLocal: boolean;
  /** Messages come with the retain flag that they were published with. */
  readonly retainAsPublished: boolean;
  /** The Subscription Identifier of MQTT 5. */
  readonly identifier?: number;
}

/** The will of a connected client. */
export interface ClientWill {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Seconds from the end of the connection to the will. */
  readonly delaySeconds: number;
}

/** A client that is connected. */
export interface ConnectedClient {
  readonly clientId: string;
  /** The user name; absent: the client gave none. */
  readonly user?: string;
  /** '127.0.0.1:50123'; 'unix socket' for a Unix socket. */
  readonly address: string;
  /** 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly protocolVersion: ProtocolVersion;
  /** Seconds; 0: none. */
  readonly keepAliveSeconds: number;
  /** Clean Start, before MQTT 5 Clean Session. */
  readonly cleanStart: boolean;
  /** Seconds that the session outlives the connection; 4294967295: it does not expire. */
  readonly sessionExpirySeconds: number;
  /** In the order in which they were made. */
  readonly subscriptions: readonly ClientSubscription[];
  readonly will?: ClientWill;
}

/** The scheme of a listener. */
export type Scheme = 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix';

/** Options of `broker.client`. */
export interface BrokerClientOptions extends ScriptedClientOptions {
  /** The listener to connect to; default: that of `broker.url`. */
  readonly scheme?: Scheme;
}

/**
 * A running broker; disposal closes it. It does not keep the process running: a test file that forgets to close it
 * ends all the same.
 */
export interface TestBroker extends AsyncDisposable {
  /** 'mqtt://127.0.0.1:40213'; the same after `restart`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** The URL of each listener, by its scheme. */
  readonly urls: Readonly<Partial<Record<Scheme, string>>>;
  /** The paths of the PEM files, which `close` removes; undefined without `tls`. */
  readonly certificates: CertificateFiles | undefined;

  /**
   * The last messages, in the order received: of clients, also those that the broker refused, wills, and those of
   * `publish`. Always the same array. It is bounded by `keepMessages` and `keepBytes`.
   */
  readonly published: readonly Published[];
  /** The clients that are connected now, in the order in which they came; none while the broker is stopped. */
  readonly clients: readonly ConnectedClient[];
  /**
   * Resolves with the first message to a matching topic, or with the last of `count`: at once if it is in `published`.
   * @throws Error after the timeout, naming the topics that were published to instead; when the broker is closed;
   * TypeError for an invalid filter or option
   */
  waitFor(filter: string, options?: WaitForOptions): Promise<Published>;
  /**
   * Resolves when nothing was published to a matching topic during this time, which begins with the call. To watch
   * an action, call it before that, and await it after.
   * @throws UnexpectedMessageError when a message comes; Error when the broker is closed
   */
  expectNothing(filter: string, milliseconds: number, options?: Pick<WaitOptions, 'signal'>): Promise<void>;
  /**
   * Resolves with a client when it is connected, at once if it is.
   * @throws Error after the timeout, naming the clients that are connected instead; when the broker is closed
   */
  connected(clientId: string, options?: WaitOptions): Promise<ConnectedClient>;

  /**
   * Publishes a message in the name of the broker. It is in `published`, too.
   * @throws TypeError for what is no topic or no property; Error while the broker is stopped
   */
  publish(topic: string, payload: string | Uint8Array, options?: PublishOptions): void;
  /**
   * Sets retained messages, as if they had been published before the test. They are not in `published`.
   * @throws TypeError for what is no topic or no property; Error while the broker is stopped
   */
  retain(messages: readonly RetainedMessage[]): void;
  /** Empties `published`. */
  clear(): void;
  /**
   * Makes the broker as new between two tests: empties `published`, removes retained messages and the sessions of
   * clients that are not connected, and sets the faults to those of the start. Clients that are connected stay so.
   */
  reset(): void;

  /**
   * Replaces all faults, also for clients that are connected; [] ends them. They stay over `restart`.
   * @throws TmqError for a rule that is not valid; then nothing has changed
   */
  setFaults(faults: readonly string[]): void;
  /**
   * Disconnects a client as an administrator would: with DISCONNECT and this reason code (default 0x98, Administrative
   * action) in MQTT 5. Its will is published. Returns whether it was connected.
   * @throws TypeError for what is no code from 0x80 to 0xFF
   */
  disconnect(clientId: string, reasonCode?: number): boolean;
  /**
   * Closes connections without DISCONNECT, as when the network fails: of this client, or of all. Wills are published.
   * Returns how many there were.
   */
  dropConnections(clientId?: string): number;
  /**
   * Disconnects all clients and closes the listeners, as a broker that shuts down. Sessions with their subscriptions
   * and messages, and retained messages, are kept for `restart`, in memory unless `config` has persistence. Waits go
   * on. Without effect on a broker that is stopped.
   */
  stop(): Promise<void>;
  /**
   * Starts the broker again on the same ports, after stopping it if need be.
   * @throws TmqError when another program has taken a port; Error when the broker is closed
   */
  restart(): Promise<void>;

  /**
   * Connects a scripted client to this broker, which sends and expects packets by name. `close` ends it.
   * @throws Error when it is not accepted within its timeout
   */
  client(options?: BrokerClientOptions): Promise<ScriptedClient>;
  /**
   * Disconnects all clients, closes the listeners and removes the certificates; waits that are pending reject. A second
   * call has no further effect.
   * @throws the first error of `authorize` or `onPublish` that no wait has rejected with
   */
  close(): Promise<void>;
}
