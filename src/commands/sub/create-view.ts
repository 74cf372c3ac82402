/** From the plan of `sub` to the view that it asks for. */

import type {Output} from '../../io/output.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import type {ClientPlan} from '../client/client-options.ts';
import {type ReceiveValues, toFormatter} from '../client/receive-options.ts';
import type {RecordValues} from './record-options.ts';
import {formatView, rateView, type View, watchView} from './view.ts';

export interface ViewPlan {
  readonly client: ClientPlan;
  readonly output: ReceiveValues & RecordValues;
  readonly view: 'messages' | 'watch' | 'rate';
}

/** The view; dispose of it at the end. @throws TmqError */
export async function createView(plan: ViewPlan, io: Io, output: Output): Promise<View> {
  if (plan.view === 'rate') return rateView(output);
  if (plan.view === 'messages')
    return formatView(await toFormatter(plan.output, io, plan.client), output, io);
  const {endpoint} = plan.client.connection;
  const title = endpoint.transport === 'unix' ? endpoint.path : endpoint.host;
  const isTable = io.stdout.isTTY === true && !isDropIn(io);
  // The table has the topic in a column of its own.
  const values = isTable ? {...plan.output, verbose: false} : plan.output;
  const {color} = plan.client;
  const format = await toFormatter(values, io, {...plan.client, color: 'never'});
  if (!isTable) return watchView({format, output, io, title});
  const {watchTableView} = await import('./watch-table-view.ts');
  return await watchTableView({format, output, io, title, color});
}
