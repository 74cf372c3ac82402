/** What the threads of a load and the one that started them tell each other. Types only. */

import type {Failure} from './load-thread.ts';
import type {Measurement} from './measuring/measurement.ts';
import type {LoadPlan, Share} from './plan.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly plan: LoadPlan;
  readonly share: Share;
  readonly memory: SharedArrayBuffer;
}

/** To a thread. */
export type Order =
  /** Publish from this time on, in milliseconds of the clock. */
  | {readonly order: 'publish'; readonly start: number}
  /** Connect no more, send no more. */
  | {readonly order: 'finish'}
  | {readonly order: 'stop'}
  | {readonly order: 'passphrase'; readonly text: string};

/** From a thread. */
export type Report =
  | {readonly report: 'connected'; readonly failure: Failure | undefined}
  /** How many messages of each sender were acknowledged. */
  | {readonly report: 'published'; readonly acknowledged: ReadonlyMap<string, number>}
  | {readonly report: 'stopped'; readonly measurement: Measurement}
  | {readonly report: 'passphrase'};
