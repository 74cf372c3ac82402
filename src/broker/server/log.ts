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
  /** Writes a line, if lines of its type are wanted. */
  readonly write: (type: LogType, line: string) => void;
  /** Writes a line that the user asked for by a signal, of whatever type. */
  readonly print: (line: string) => void;
  /** Whether lines of this type go anywhere. */
  readonly wants: (type: LogType) => boolean;
  /** Opens the path of the log file again: after a rotation it is a new file. */
  reopen(): void;
  close(): void;
  /** Publishes a line; undefined until the broker runs. */
  publish: ((topic: string, line: string) => void) | undefined;
}

/** What a line looks like on a terminal, with its time, in nanoseconds since the epoch. */
export type LogLooks = (type: LogType | undefined, line: string, time: bigint) => string;

/** Opens the log. `warn` gets a sentence when the file cannot be opened or written: the broker goes on. */
export function openLog(
  settings: LogSettings,
  io: Pick<Io, 'stdout' | 'stderr' | 'now'>,
  warn: (sentence: string) => void,
  looks?: LogLooks,
): Log {
  const file = logFileOf(settings, warn);
  const to = (name: string) =>
    settings.destinations.includes(name) && !settings.destinations.includes('none');
  const wants = (type: LogType) => settings.types.has(type) && !settings.types.has('none');
  let publishing = false;
  const put = (type: LogType | undefined, given: string) => {
    const topic = type === undefined ? undefined : topics[type];
    const text = safeText(given);
    const ownTimes = !settings.timestamp || settings.timestampFormat !== undefined;
    const line = `${settings.timestamp ? `${stamp(settings.timestampFormat, io.now())}: ` : ''}${text}`;
    if (to('stdout')) io.stdout.write(`${line}\n`);
    if (to('stderr')) {
      io.stderr.write(`${looks === undefined || ownTimes ? line : looks(type, text, io.now())}\n`);
    }
    file?.write(`${line}\n`);
    if (!to('topic') || topic === undefined || publishing) return;
    // Publishing may log lines itself, which would be published in turn.
    publishing = true;
    log.publish?.(`$SYS/broker/log/${topic}`, line);
    publishing = false;
  };
  const log: Log = {
    publish: undefined,
    wants,
    write(type, line) {
      if (wants(type)) put(type, line);
    },
    print: (line) => put(undefined, line),
    reopen: () => file?.open(),
    close: () => file?.close(),
  };
  return log;
}

/** The path of the last log_dest file, if any. */
export function logPath({destinations}: LogSettings): string | undefined {
  return destinations.findLast((each) => each.startsWith('file '))?.slice('file '.length);
}

interface LogFile {
  write(line: string): void;
  open(): void;
  close(): void;
}

/** A full disk, or a path of another machine, must not end the broker: the log is the lesser loss. */
function logFileOf(settings: LogSettings, warn: (sentence: string) => void): LogFile | undefined {
  const path = logPath(settings);
  if (path === undefined) return undefined;
  let file: number | undefined;
  let isFailing = false;
  const failed = (error: unknown) => {
    if (!isFailing)
      warn(`${fileError('log file', path, error, 'write').message} The broker goes on without it.`);
    isFailing = true;
  };
  const close = () => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  const open = () => {
    try {
      const opened = openSync(path, 'a', 0o640);
      close();
      file = opened;
      isFailing = false;
    } catch (error) {
      failed(error);
    }
  };
  open();
  return {
    write(line) {
      if (file === undefined) return;
      try {
        writeSync(file, line);
        isFailing = false;
      } catch (error) {
        failed(error);
      }
    },
    open,
    close,
  };
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
