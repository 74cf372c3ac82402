/** --events: what happens to the connection, a line of JSON each, for a program that watches the run. */

import {appendFileSync, writeSync} from 'node:fs';
import {inGroup} from '../../cli/option.ts';
import type {SessionEvent} from '../../client/types.ts';
import {fileError, UsageError} from '../../errors.ts';
import {checkDescriptor} from '../../io/descriptor.ts';
import type {Io} from '../../io/process.ts';

export const eventsOption = inGroup('Connection', {
  events: {
    flags: '--events <where>',
    summary: 'write what happens to the connection to a descriptor or a file, as lines of JSON',
    details:
      'A number is a descriptor that is open for writing, as in --events 3 3>events; anything else is a file, to which lines are added. Each object has "time", "event" and, but for the last two, "host". The events: connected (with "again" and "session", new or kept), lost and refused (with "reason" and "status"), redirected (with "to"), gap (with "seconds": the broker has not kept the session, and messages may be missing) and resubscribed (with "filters", each with its "code").',
    noun: 'descriptor or file',
    complete: 'file',
    parse: (given: string): EventsPlace => {
      if (given === '') throw new UsageError('The argument of --events is empty.');
      if (!/^\d{1,5}$/.test(given)) return {file: given};
      const descriptor = Number(given);
      if (descriptor < 2) {
        throw new UsageError(
          `--events ${given}: standard input and output are not for events. Use 2, or a descriptor from 3.`,
        );
      }
      return {descriptor};
    },
  },
});

export type EventsPlace = {readonly descriptor: number} | {readonly file: string};

/** Takes the events. Where their place takes no more, the run goes on without it. @throws TmqError where it cannot be written to */
export function eventWriter(
  place: EventsPlace,
  {platform, now}: Pick<Io, 'platform' | 'now'>,
): (event: SessionEvent) => void {
  let isOpen = true;
  if ('descriptor' in place) checkDescriptor('--events', place.descriptor, platform);
  else append(place.file, '');
  return (event) => {
    if (!isOpen) return;
    const time = new Date(Number(now() / 1_000_000n)).toISOString();
    const line = `${JSON.stringify({time, ...event})}\n`;
    try {
      if ('descriptor' in place) writeSync(place.descriptor, line);
      else append(place.file, line);
    } catch {
      isOpen = false;
    }
  };
}

/** @throws TmqError */
function append(path: string, text: string): void {
  try {
    appendFileSync(path, text, {mode: 0o600});
  } catch (error) {
    throw fileError('events file', path, error, 'write');
  }
}
