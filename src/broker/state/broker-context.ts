/** What a broker needs from its host: clock, log, access, journal, hooks. Types only. */

import type {Access, Identity} from '../access/access.ts';
import type {Journal, RestoredState} from '../persistence/journal.ts';
import type {ConnectionContext} from '../wire/connection-handler.ts';
import type {ChangeLog} from '../wire/connection-output.ts';
import type {DecodedPublish, StoredMessage} from '../wire/publish-packet.ts';
import type {Session} from './session.ts';

/** 0, or the reason code of MQTT 5 to refuse with; the client's next packets wait for a promise. */
export type Verdict = number | Promise<number>;

/**
 * What the host sees and decides beside its configuration. Each is called only where it is given; a broker without
 * them does nothing more. With `received` or `publish`, every PUBLISH is decoded.
 */
export interface BrokerHooks {
  /** A client was accepted: it is among the broker's clients. */
  readonly connected?: (clientId: string) => void;
  /** A client that would be accepted. */
  readonly connect?: (identity: Identity) => Verdict;
  /** Each PUBLISH of a client with its whole topic, also one that is refused or came before. */
  readonly received?: (from: Session, topic: string, publish: DecodedPublish) => void;
  /** A message that would be accepted. */
  readonly publish?: (from: Session, topic: string, publish: DecodedPublish) => Verdict;
  /** One filter of SUBSCRIBE, as the client sent it. */
  readonly subscribe?: (from: Session, filter: string) => Verdict;
  /** A will that is published. */
  readonly will?: (from: Session, message: StoredMessage) => void;
}

export interface BrokerContext {
  readonly access: Access;
  /** Nanoseconds on a clock that is never set: its intervals are what they seem. */
  readonly now: () => bigint;
  readonly log: (
    type: 'error' | 'warning' | 'notice' | 'information' | 'debug' | 'subscribe' | 'unsubscribe',
    line: string,
  ) => void;
  /** Each packet after it was received, and before it is sent, and its bytes; CONNECT without password and bytes. */
  readonly observe?: NonNullable<ConnectionContext['observe']>;
  readonly hooks?: BrokerHooks;
  /** Saves what must survive a restart. */
  readonly journal?: Journal;
  /** Stores what the journal saves, before anything about it leaves. */
  readonly changeLog?: ChangeLog;
  /** The state of before a restart; the journal has it already. */
  readonly restored?: RestoredState;
  /** For $SYS/broker/version; default 'tmq'. */
  readonly version?: string;
  /** Log clients coming and going, unless false. */
  readonly connectionMessages?: boolean;
  /** Forward frames unchanged where possible, unless false: only the speed differs. */
  readonly fastPath?: boolean;
}
