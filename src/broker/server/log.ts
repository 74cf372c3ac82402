/**
 * The broker's log as mosquitto.conf(5) describes it: which lines are written, with which timestamp, and where.
 * Knows no broker: it publishes to $SYS topics through `publish`.
 */

import {closeSync, openSync, writeSync} from 'node:fs';
import {fileError} from '../../errors.ts';
import {localTime, strftime} from '../../format/strftime.ts';
import type {Io} from '../../io/process.ts';
import type {LogSettings} from '../config/settings.ts';
import type {BrokerContext} from '../state/broker-context.ts';

export type LogType = Parameters<BrokerContext['log']>[0];

/** The last level of a line's topic below $SYS/broker/log. */
const topics: Readonly<Record<LogType, string | undefined>> = {
  error: 'E',
  warning: 'W',
  notice: 'N',
  information: 'I',
  // mosquitto never publishes these: each publication would be logged in turn.
  debug: undefined,
  subscribe: 'M/subscribe',
  unsubscribe: 'M/unsubscribe',
};

/** An open log. */
export interface Log {
  readonly write: (type: LogType, line: string) => void;
  /** Whether lines of this type go anywhere. */
  readonly wants: (type: LogType) => boolean;
  /** Closes the log file and opens the path again: after a rotation it is a new file. */
  reopen(): void;
  close(): void;
  /** Publishes a line; undefined until the broker runs. */
  publish: ((topic: string, line: string) => void) | undefined;
}

/** Opens the log. @throws TmqError when its file cannot be written to */
export function openLog(settings: LogSettings, io: Pick<Io, 'stdout' | 'stderr' | 'now'>): Log {
  const path = settings.destinations.findLast((each) => each.startsWith('file '))?.slice('file '.length);
  const to = (name: string) =>
    settings.destinations.includes(name) && !settings.destinations.includes('none');
  let file = path === undefined ? undefined : openFile(path);
  const wants = (type: LogType) => settings.types.has(type) && !settings.types.has('none');
  let publishing = false;
  const log: Log = {
    publish: undefined,
    wants,
    write(type, given) {
      if (!wants(type)) return;
      const text = safeText(given);
      const line = `${settings.timestamp ? `${stamp(settings.timestampFormat, io.now())}: ` : ''}${text}`;
      if (to('stdout')) io.stdout.write(`${line}\n`);
      if (to('stderr')) io.stderr.write(`${line}\n`);
      if (file !== undefined) writeSync(file, `${line}\n`);
      const topic = topics[type];
      if (!to('topic') || topic === undefined || publishing) return;
      // Publishing may log lines itself, which would be published in turn.
      publishing = true;
      log.publish?.(`$SYS/broker/log/${topic}`, line);
      publishing = false;
    },
    reopen() {
      log.close();
      if (path !== undefined) file = openFile(path);
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
  return log;
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a', 0o640);
  } catch (error) {
    throw fileError('log file', path, error, 'write');
  }
}

/** Seconds since the epoch, or what log_timestamp_format makes of the time. */
function stamp(format: string | undefined, now: bigint): string {
  if (format === undefined) return String(now / 1_000_000_000n);
  const time = localTime(now);
  return format.replace(/%(.)/gs, (_, letter: string) => strftime(letter, time));
}

/** Replaces control characters: topics and client identifiers are not trusted with the terminal. */
function safeText(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, '?');
}
