/** What sub and rr share beyond the connection: how messages are shown, and how long to wait for them. */

import {choice, inGroup, integer, type Values} from '../../cli/option.ts';
import type {ConnectionOptions} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {ExitCode, TmqError, UsageError} from '../../errors.ts';
import {fieldTable} from '../../format/fields.ts';
import {
  compileFormat,
  type Formatter,
  jsonFormat,
  lengthFormat,
  nulFormat,
  plainFormat,
} from '../../format/format.ts';
import {isMisreadZone} from '../../format/strftime.ts';
import type {Io} from '../../io/process.ts';
import {oneSafeLine, sanitisingSink} from '../../io/sanitise.ts';
import {type ColourChoice, topicPaint, warningLine} from '../../io/terminal.ts';
import {isMqttString} from '../../protocol/topic.ts';
import {setLongTimeout} from '../../timers.ts';

export const receiveOptions = {
  ...inGroup('Output', {
    format: {
      flags: '-F, --format <format>',
      summary: 'print each message in this format, as in "%t %p"',
      details: 'The language of the format is described below, under Output formats.',
      noun: 'format',
      parse: (given: string) => {
        if (!isMqttString(given.replace(/[\x00-\x1f\x7f-\x9f]/g, ''))) {
          throw new UsageError('Malformed UTF-8 in -F argument.');
        }
        // Compiled here only to refuse it here, where it stands; the plan compiles it for use.
        compileFormat(given, {eol: true, pretty: false});
        return given;
      },
      complete: Object.keys(fieldTable).map((letter) => `%${letter}`),
    },
    verbose: {flags: '-v, --verbose', summary: 'print the topic before each payload'},
    noNewline: {flags: '-N, --no-newline', summary: 'print no newline after each message'},
    pretty: {flags: '--pretty', summary: 'indent the JSON of %j and %J'},
  }),
  ...inGroup('Messages', {
    hideRetained: {
      flags: '-R, --no-retained',
      summary: 'print no retained messages',
      details: 'With MQTT 5 the broker is also asked not to send any.',
    },
    retainAsPublished: {
      flags: '--retain-as-published',
      summary: 'keep the retain flag as it was published (MQTT 5)',
    },
    retainHandling: {
      flags: '--retain-handling <when>',
      summary: 'ask for retained messages always, new or never (MQTT 5)',
      details: "'new' asks for them only if the subscription is a new one.",
      noun: 'option',
      parse: choice(
        ['always', 'new', 'never'],
        (given) => `Unknown value '${given}' for --retain-handling. It is always, new or never.`,
      ),
      complete: ['always', 'new', 'never'],
    },
    timeout: {
      flags: '-W, --timeout <seconds>',
      summary: 'give up after this time, with exit status 27',
      noun: 'timeout',
      parse: integer({
        minimum: 1,
        maximum: 2_147_483_647,
        problem: (given) => `Invalid timeout "${given}". It is a number of seconds from 1.`,
      }),
    },
  }),
} as const;

export type ReceiveValues = Values<typeof receiveOptions>;

const retainHandlings = {always: 0, new: 1, never: 2} as const;

/** The subscription options of MQTT 5 that the rows describe; -R alone asks for no retained messages. */
export function retainOptions(values: ReceiveValues): {
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
} {
  const {retainHandling = values.hideRetained === true ? 'never' : 'always'} = values;
  return {
    retainAsPublished: values.retainAsPublished ?? false,
    retainHandling: retainHandlings[retainHandling],
  };
}

/** How a message is printed: the rows above, and those that only sub has. */
export interface OutputValues extends ReceiveValues {
  readonly json?: boolean;
  readonly nullData?: boolean;
  readonly framing?: 'u32be';
}

/**
 * The formatter that the rows describe; on a terminal it lets no message command it. `color` is for the topics of
 * -v. Lines about messages that cannot be shown as asked go to stderr unless `quiet`.
 * @throws UsageError where bytes would go to a terminal
 */
export async function toFormatter(
  values: OutputValues,
  io: Pick<Io, 'env' | 'stdout' | 'stderr'>,
  looks: {readonly quiet: boolean; readonly color: ColourChoice},
): Promise<Formatter> {
  if (values.nullData === true) return nulFormat(await recordFormatter(values, io, looks));
  if (values.framing === undefined) return await recordFormatter(values, io, looks);
  if (io.stdout.isTTY === true) {
    throw new UsageError(
      '--framing prints bytes that are no text: send standard output to a file or a program.',
    );
  }
  return lengthFormat(await recordFormatter(values, io, looks));
}

/** The same without what frames a message. */
async function recordFormatter(
  values: OutputValues,
  io: Pick<Io, 'env' | 'stdout' | 'stderr'>,
  {quiet, color}: {readonly quiet: boolean; readonly color: ColourChoice},
): Promise<Formatter> {
  const isFramed = values.nullData === true || values.framing !== undefined;
  const eol = values.noNewline !== true && !isFramed;
  if (values.json === true) return jsonFormat(eol);
  const guard = io.stdout.isTTY === true ? {guard: sanitisingSink} : {};
  if (values.format === undefined) {
    const verbose = values.verbose ?? false;
    const paint = verbose ? await topicPaint(io, color) : undefined;
    return plainFormat({eol, verbose, isFramed, ...guard, ...defined({topicPaint: paint})});
  }
  const warn = (line: string) => {
    if (!quiet) io.stderr.write(`${oneSafeLine(line)}\n`);
  };
  const {TZ: zone = ''} = io.env;
  // Only where a time is printed: %I, @, and the JSON of %j and %J.
  if (!quiet && /@|%[-\d.]*[IjJ]/.test(values.format) && isMisreadZone(zone)) {
    const remedy = 'Name a zone, as in TZ=America/New_York.';
    io.stderr.write(
      await warningLine(io, `times are in UTC: the rule TZ=${zone} is not known. ${remedy}`, color),
    );
  }
  return compileFormat(values.format, {eol, pretty: values.pretty ?? false, warn, ...guard});
}

/** What has not come when the time of -W is over before there is a connection. */
export function noConnection({
  endpoint,
  alternatives = [],
}: Pick<ConnectionOptions, 'endpoint' | 'alternatives'>): string {
  const places = [endpoint, ...alternatives].map((each) =>
    each.transport === 'unix' ? each.path : `${each.host}:${each.port}`,
  );
  return `No connection to ${places.join(' or ')}`;
}

/**
 * Aborts when the seconds are over, with what has not come by then as the error: 'No message'. Dispose of it to
 * stop the clock.
 */
export function timeLimit(
  seconds: number | undefined,
  missing: () => string,
): {readonly signal: AbortSignal} & Disposable {
  const controller = new AbortController();
  const expire = () => controller.abort(new TmqError(`${missing()} within ${seconds} s.`, ExitCode.timeout));
  const stop = seconds === undefined ? () => undefined : setLongTimeout(expire, seconds * 1000);
  return {signal: controller.signal, [Symbol.dispose]: stop};
}
