/** What can be shown about a connected client: plain data, made when it is asked for. */

import {defined} from '../../defined.ts';
import type {ProtocolVersion, QoS} from '../../protocol/message.ts';
import type {ActiveSession} from './connect-handler.ts';

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
  /** Subscription Identifier of MQTT 5. */
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

/** A connected client. */
export interface ClientDetails {
  readonly clientId: string;
  /** Absent: the client gave none. */
  readonly username?: string;
  /** '127.0.0.1:50123'; 'unix socket' for a Unix socket. */
  readonly address: string;
  /** 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly protocolVersion: ProtocolVersion;
  /** Seconds; 0: none. */
  readonly keepAliveSeconds: number;
  /** Clean Start, before MQTT 5 Clean Session. */
  readonly cleanStart: boolean;
  /** Seconds that the session outlives the connection; 0xFFFFFFFF: it does not expire. */
  readonly sessionExpirySeconds: number;
  /** In the order in which they were made. */
  readonly subscriptions: readonly ClientSubscription[];
  readonly will?: ClientWill;
}

/** The details of a client that was accepted, from a peer with this address. */
export function clientDetails({session, parameters, writer}: ActiveSession, address: string): ClientDetails {
  const {clientId, username, expirySeconds, subscriptions} = session;
  const {mountPoint} = parameters.writer;
  return {
    clientId,
    address,
    protocolVersion: writer.protocolVersion,
    keepAliveSeconds: parameters.keepAliveSeconds,
    cleanStart: parameters.cleanStart,
    sessionExpirySeconds: expirySeconds,
    subscriptions: [...subscriptions.values()].map(
      ({filter, qos, noLocal, retainAsPublished, identifier}) => ({
        filter: withoutMountPoint(filter, mountPoint),
        qos,
        noLocal,
        retainAsPublished,
        ...defined({identifier}),
      }),
    ),
    ...defined({username, will: willOf(session, mountPoint)}),
  };
}

function willOf({will}: ActiveSession['session'], mountPoint: string): ClientWill | undefined {
  if (will === undefined) return undefined;
  const {topic, payload, qos, retain} = will.message;
  return {
    topic: withoutMountPoint(topic, mountPoint),
    payload: Buffer.from(payload),
    qos,
    retain,
    delaySeconds: will.delaySeconds,
  };
}

/** A topic or filter as the client knows it: in a shared subscription, the mount point stands after $share/name/. */
function withoutMountPoint(text: string, mountPoint: string): string {
  if (mountPoint === '') return text;
  const [, share = '', rest = text] = /^(\$share\/[^/]*\/)(.*)$/s.exec(text) ?? [];
  return rest.startsWith(mountPoint) ? share + rest.slice(mountPoint.length) : text;
}
