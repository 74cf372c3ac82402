/** What the rooms of one broker share; put together once, in broker.ts. */

import type {BrokerContext} from './broker.ts';
import type {BrokerLimits} from './config.ts';
import type {Counters} from './counters.ts';
import type {PublishEncoder} from './publish-packet.ts';
import type {RetainedMessages} from './retained.ts';
import type {Router} from './router.ts';
import type {Schedule} from './schedule.ts';
import type {SessionRegistry} from './session-registry.ts';

export interface BrokerParts {
  readonly limits: BrokerLimits;
  readonly context: BrokerContext;
  readonly schedule: Schedule;
  readonly router: Router;
  readonly registry: SessionRegistry;
  readonly retained: RetainedMessages;
  readonly counters: Counters;
  readonly encoder: PublishEncoder;
  /** Lines about clients coming and going. */
  readonly notice: (line: string) => void;
}
