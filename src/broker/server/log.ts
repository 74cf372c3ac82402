/**
 * The broker's log as mosquitto.conf(5) describes it: which lines, with what time in front, and where
 * to. Knows no broker; `publish` is how lines reach $SYS topics.
 */

import {closeSync, openSync, writeSync} from 'node:fs';
import {ExitCode, TmqError} from '../../errors.ts';
import {localTime, strftime} from '../../format/strftime.ts';
import type {Io} from '../../io/process.ts';
import type {BrokerConfig} from '../config/settings.ts';
import type {BrokerContext} from '../state/broker-context.ts';

export type LogType = Parameters<BrokerContext['log']>[0];

/** The last level of a line's topic below $SYS/broker/log. */
const topics: Readonly<Record<LogType, string | undefined>> = {
  error: 'E',
  warning: 'W',
  notice: 'N',
  information: 'I',
  // mosquitto never publishes these: they would make more of themselves.
  debug: undefined,
  subscribe: 'M/subscribe',
  unsubscribe: 'M/unsubscribe',
};

export interface Log {
  readonly write: (type: LogType, line: string) => void;
  /** Whether lines of this type go anywhere. */
  readonly wants: (type: LogType) => boolean;
  /** Closes the log file and opens it again, which may be another one by then. */
  reopen(): void;
  close(): void;
  /** Where lines for topics go, once there is a broker. */
  publish: ((topic: string, line: string) => void) | undefined;
}

/** Opens the log. @throws TmqError when its file cannot be written to */
export function openLog(config: BrokerConfig['log'], io: Pick<Io, 'stdout' | 'stderr' | 'now'>): Log {
  const path = config.destinations.findLast((each) => each.startsWith('file '))?.slice('file '.length);
  const to = (name: string) => config.destinations.includes(name) && !config.destinations.includes('none');
  let file = path === undefined ? undefined : openFile(path);
  const wants = (type: LogType) => config.types.has(type) && !config.types.has('none');
  let publishing = false;
  const log: Log = {
    publish: undefined,
    wants,
    write(type, given) {
      if (!wants(type)) return;
      const text = safeText(given);
      const line = `${config.timestamp ? `${stamp(config.timestampFormat, io.now())}: ` : ''}${text}`;
      if (to('stdout')) io.stdout.write(`${line}\n`);
      if (to('stderr')) io.stderr.write(`${line}\n`);
      if (file !== undefined) writeSync(file, `${line}\n`);
      const topic = topics[type];
      if (!to('topic') || topic === undefined || publishing) return;
      // PublishHandler may have something to log itself, and so on for ever.
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
    const reason = error instanceof Error ? error.message : String(error);
    throw new TmqError(`Cannot write the log file ${path}: ${reason}.`, ExitCode.failure, {cause: error});
  }
}

/** Seconds since the epoch, or what log_timestamp_format makes of the time. */
function stamp(format: string | undefined, now: bigint): string {
  if (format === undefined) return String(now / 1_000_000_000n);
  const time = localTime(now);
  return format.replace(/%(.)/gs, (_, letter: string) => strftime(letter, time));
}

/** Topics and identifiers come from anybody: they shall not write to the terminal what is no text. */
function safeText(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, '?');
}
