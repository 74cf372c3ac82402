/** What a load is, as values that can be handed to another thread. Types, and the numbers of clients. */

import type {Credentials, Endpoint, Header, TlsOptions} from '../client/connection-options.ts';
import type {ProtocolVersion, QoS} from '../protocol/message.ts';

/** A run or a clock: 8 bytes, as 16 hexadecimal digits. */
export type Identifier = string;

/** TLS without the function that asks for a passphrase: the thread asks the one that started it. */
type CopiedTls = Omit<TlsOptions, 'passphrase'>;

/** An endpoint that can be copied to another thread. */
export type CopiedEndpoint = Omit<Endpoint, 'tls' | 'proxy'> & {
  readonly tls?: CopiedTls;
  /** As text. */
  readonly proxy?: string;
};

export interface Connecting {
  /** The nodes of the broker; clients are spread over them. */
  readonly endpoints: readonly CopiedEndpoint[];
  readonly protocolVersion: ProtocolVersion;
  /** {i} in it stands for the number of the client; in the user name, too. */
  readonly clientId: string;
  readonly credentials?: Credentials;
  readonly headers?: readonly Header[];
  readonly keepaliveSeconds: number;
  readonly timeoutSeconds: number;
  /** Connections a second of all threads together; as many as the broker takes where it is absent. */
  readonly rate?: number;
}

export interface Publishing {
  /** How many clients publish. */
  readonly clients: number;
  /** {i} in it stands for the number of the client among those that publish. */
  readonly topic: string;
  readonly qos: QoS;
  /** Bytes of a payload. */
  readonly size: number;
  /** Messages a second of each client; without it as many as the broker takes. */
  readonly rate?: number;
  /** Messages of each client at most. */
  readonly count?: number;
  /** Seconds after which no client sends any more. */
  readonly seconds?: number;
  /** Messages at QoS 1 and 2 that a client has sent and that are not acknowledged, at most. */
  readonly window: number;
}

export interface Subscribing {
  readonly clients: number;
  /** {i} in it stands for the number of the client among those that subscribe. */
  readonly filter: string;
  readonly qos: QoS;
}

export interface LoadPlan {
  readonly run: Identifier;
  readonly clock: Identifier;
  /** The number of the first client. */
  readonly first: number;
  readonly connecting: Connecting;
  /** Clients that only connect. */
  readonly idle: number;
  readonly publishing?: Publishing;
  readonly subscribing?: Subscribing;
  /** Milliseconds at the beginning whose messages are counted, but not their latency. */
  readonly warmupMilliseconds: number;
  /** Milliseconds without progress after which what is still to come is given up. */
  readonly settleMilliseconds: number;
}

/** Which clients a thread has: with 4 threads each has every fourth. */
export interface Share {
  readonly thread: number;
  readonly threads: number;
}

/** A client of the load. */
export interface ClientPlace {
  /** From 0, among all: publishers come first, then subscribers. */
  readonly index: number;
  readonly role: 'idle' | 'publisher' | 'subscriber';
  /** From 0, among those of its role. */
  readonly ofRole: number;
}

/** How many clients there are. */
export function clientCount({idle, publishing, subscribing}: LoadPlan): number {
  return idle + (publishing?.clients ?? 0) + (subscribing?.clients ?? 0);
}

/** The clients of a thread, in the order of their numbers. */
export function clientsOf(plan: LoadPlan, {thread, threads}: Share): readonly ClientPlace[] {
  const publishers = plan.publishing?.clients ?? 0;
  const places: ClientPlace[] = [];
  for (let index = thread; index < clientCount(plan); index += threads) {
    if (plan.idle > 0) places.push({index, role: 'idle', ofRole: index});
    else if (index < publishers) places.push({index, role: 'publisher', ofRole: index});
    else places.push({index, role: 'subscriber', ofRole: index - publishers});
  }
  return places;
}

/** A text with the number of a client in the place of {i}. */
export function numbered(template: string, number: number): string {
  return template.replaceAll('{i}', String(number));
}
