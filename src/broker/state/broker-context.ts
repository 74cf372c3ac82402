/** What a broker gets from its surroundings: clock, log, access, journal. Types only. */

import type {Access} from '../access/access.ts';
import type {Journal, RestoredState} from '../persistence/journal.ts';
import type {ObservedPacket} from '../wire/packets.ts';

export interface BrokerContext {
  readonly access: Access;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  readonly log: (
    type: 'error' | 'warning' | 'notice' | 'information' | 'debug' | 'subscribe' | 'unsubscribe',
    line: string,
  ) => void;
  /** Each packet after it was received, and before it is sent; without the password of CONNECT. */
  readonly observe?: (clientId: string, direction: 'in' | 'out', packet: ObservedPacket) => void;
  /** Told of all that must survive. */
  readonly journal?: Journal;
  /** What survived; the journal is not told of it again. */
  readonly restored?: RestoredState;
  /** For $SYS/broker/version; 'tmq' unless told. */
  readonly version?: string;
  /** Log clients coming and going, unless false. */
  readonly connectionMessages?: boolean;
  /** Forward what needs no decision on a shorter way, unless false: nobody can tell, but by a clock. */
  readonly fastPath?: boolean;
}
