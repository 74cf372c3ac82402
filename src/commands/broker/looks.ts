/** The log and the trace of the broker as a person reads them on a terminal. Elsewhere they stay as they are. */

import {localTime, strftime} from '../../format/strftime.ts';
import {type Io, isDropIn, type Terminal} from '../../io/process.ts';
import {colours} from '../../io/terminal.ts';
import {reasonText, returnText} from '../../protocol/reason-codes.ts';

export interface BrokerLooks {
  /** A line of the log with its time, in nanoseconds since the epoch; `type` is that of the log. */
  readonly log?: (type: string | undefined, line: string, time: bigint) => string;
  /** A line of the trace in text. */
  readonly trace?: (line: string) => string;
}

const isTerminal = (stream: Terminal<object>, {env}: Io) => stream.isTTY === true && env.TERM !== 'dumb';

/** '15:04:05' */
function clock(time: bigint): string {
  const local = localTime(time);
  return `${strftime('H', local)}:${strftime('M', local)}:${strftime('S', local)}`;
}

/** 'RC:135' as 'RC:135 Not authorized', and the same for the codes of a CONNACK. */
function withReasons(line: string): string {
  return line
    .replace(
      /(?<=^(?:Received|Sending) PUB\w+ .*(?:RC:|rc))([1-9]\d*)(?=\)$)/,
      (code) => `${code} ${reasonText(Number(code))}`,
    )
    .replace(
      /(?<=^Sending CONNACK .*\([01], )([1-9]\d*)(?=\)$)/,
      (code) => `${code} ${returnText(Number(code)) ?? reasonText(Number(code))}`,
    );
}

/** What lines on the terminals among stdout and stderr look like. */
export async function brokerLooks(io: Io): Promise<BrokerLooks> {
  if (isDropIn(io)) return {};
  const [log, trace] = await Promise.all([colours(io, 'auto', io.stderr), colours(io, 'auto', io.stdout)]);
  const byType = (type: string | undefined, text: string) =>
    type === 'error' ? log.red(text) : type === 'warning' ? log.yellow(text) : text;
  return {
    ...(isTerminal(io.stderr, io)
      ? {
          log(type, line, time) {
            const text = withReasons(line).replace(
              /^(Received|Sending) ([A-Z]+)/,
              (_, verb: string, packet: string) =>
                `${verb === 'Received' ? log.green('Received') : log.blue('Sending ')} ${log.bold(packet)}`,
            );
            return `${log.dim(clock(time))} ${byType(type, text)}`;
          },
        }
      : {}),
    ...(isTerminal(io.stdout, io)
      ? {
          trace: (line) =>
            line.replace(
              /^(\S+) (\S+) ([<>]) (\S+)/,
              (_, time: string, client: string, arrow: string, packet: string) =>
                `${trace.dim(time)} ${client} ${arrow === '>' ? trace.green(arrow) : trace.blue(arrow)} ${trace.bold(packet)}`,
            ),
        }
      : {}),
  };
}
