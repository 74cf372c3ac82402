/** What a broker needs from its host: clock, log, access, journal. Types only. */

import type {Access} from '../access/access.ts';
import type {Journal, RestoredState} from '../persistence/journal.ts';
import type {ConnectionContext} from '../wire/connection-handler.ts';
import type {ChangeLog} from '../wire/connection-output.ts';

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
