/** The line by which `sub` says on a terminal that it waits for messages, and for which. */

import {describe} from '../../client/transport/transport.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import {oneSafeLine} from '../../io/sanitise.ts';
import {colours} from '../../io/terminal.ts';
import {isFailure} from '../../protocol/reason-codes.ts';
import type {ClientPlan} from '../client/client-options.ts';

const shownFilters = 3;

/** Whether a person sees both what is printed and this line, and does not ask for silence or for more. */
export function tellsSubscribed({quiet, debug}: ClientPlan, io: Io): boolean {
  return io.stdout.isTTY === true && io.stderr.isTTY === true && !quiet && !debug && !isDropIn(io);
}

/** 'Subscribed to home/#, a and 2 more at localhost:1883. Ctrl-C ends it.' */
export async function subscribedLine(
  {connection, color}: ClientPlan,
  filters: readonly string[],
  codes: readonly number[],
  io: Io,
): Promise<string> {
  const granted = filters.filter((_, index) => !isFailure(codes[index] ?? 0));
  const rest = granted.length - shownFilters;
  const names = granted.slice(0, shownFilters).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
  const text = oneSafeLine(`Subscribed to ${names} at ${describe(connection.endpoint)}. Ctrl-C ends it.`);
  return `${(await colours(io, color)).dim(text)}\n`;
}
