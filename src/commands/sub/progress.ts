/** How far a run of `sub` has come, and what is missing when its time is over. */

import type {TmqError} from '../../errors.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {noConnection} from '../client/receive-options.ts';
import type {SelectionPlan} from './selection.ts';

export interface Progress {
  /** Messages that count. */
  received: number;
  isConnected: () => boolean;
  /** What --remove-retained has not removed. */
  left: () => TmqError | undefined;
}

/** What did not come in time, for the error of -W. */
export function missing(
  {selection, client}: {readonly selection: SelectionPlan; readonly client: ClientPlan},
  {received, isConnected}: Progress,
): string {
  const {limit, conditions: {where, until} = {}} = selection;
  if (!isConnected()) return noConnection(client.connection);
  if (received === 0) return where === undefined ? 'No message' : 'No message that --where takes';
  const messages = `${received} message${received === 1 ? '' : 's'}`;
  if (until !== undefined) return `No match of --until among ${messages}`;
  if (limit !== undefined && received >= limit) return `${messages} came, and not all were handled`;
  return limit === undefined ? `Only ${messages}` : `Only ${received} of ${limit} messages`;
}
