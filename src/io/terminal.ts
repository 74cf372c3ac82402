/**
 * What only a terminal gets: colour, and a spinner where something takes its time. Neither is ever needed
 * to understand what is printed. The only importer of chalk and ora, and only when they are used. Prompts
 * are in prompt.ts.
 */

import type {ChalkInstance} from 'chalk';
import type {Io, Terminal} from './process.ts';
import {oneSafeLine} from './sanitise.ts';
import {canRewrite} from './status-line.ts';

export type ColourChoice = 'auto' | 'always' | 'never';

type ColourLevel = 0 | 1 | 2 | 3;

/**
 * How many colours to use on a stream: 0 none, 1 sixteen, 2 256, 3 all. The user's choice comes first, then
 * NO_COLOR (no-color.org), then FORCE_COLOR (as Node and chalk read it), then what the stream is.
 */
export function colourLevel(
  env: Io['env'],
  choice: ColourChoice,
  stream: {readonly isTTY?: boolean},
): ColourLevel {
  const forced = forcedLevel(env.FORCE_COLOR);
  const depth = terminalLevel(env);
  if (choice === 'never') return 0;
  if (choice === 'always') return forced || depth || 1;
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return 0;
  if (forced !== undefined) return forced;
  return stream.isTTY === true ? depth : 0;
}

function forcedLevel(value: string | undefined): ColourLevel | undefined {
  if (value === undefined) return undefined;
  if (value === '0' || value === 'false') return 0;
  return value === '2' ? 2 : value === '3' ? 3 : 1;
}

function terminalLevel({TERM, COLORTERM}: Io['env']): ColourLevel {
  if (TERM === 'dumb') return 0;
  if (COLORTERM === 'truecolor' || COLORTERM === '24bit') return 3;
  return TERM?.endsWith('256color') === true ? 2 : 1;
}

/** Chalk by our own rule: chalk's ignores NO_COLOR and searches the words of the command line. */
export async function colours(
  io: Pick<Io, 'env' | 'stderr'>,
  choice: ColourChoice = 'auto',
  stream: Terminal<object> = io.stderr,
): Promise<ChalkInstance> {
  const {Chalk} = await import('chalk');
  return new Chalk({level: colourLevel(io.env, choice, stream)});
}

/** A sentence that stops nothing, as a line for stderr: 'Warning:' stands out where a terminal shows it. */
export async function warningLine(
  io: Pick<Io, 'env' | 'stderr'>,
  sentence: string,
  choice: ColourChoice = 'auto',
): Promise<string> {
  const text = oneSafeLine(sentence);
  if (io.stderr.isTTY !== true && choice !== 'always') return `Warning: ${text}\n`;
  return `${(await colours(io, choice)).yellow('Warning:')} ${text}\n`;
}

/** Writes a warning to stderr; resolves when it is written. */
export async function warn(io: Pick<Io, 'env' | 'stderr'>, sentence: string): Promise<void> {
  const line = await warningLine(io, sentence);
  await new Promise<void>((resolve) => io.stderr.write(line, () => resolve()));
}

/** What stands before and after text to change its looks. */
export interface Paint {
  readonly open: string;
  readonly close: string;
}

/** Whether data on a stream may be coloured: on a terminal, or where the user insists; FORCE_COLOR is for people's eyes. */
function paintsData(io: Pick<Io, 'env'>, choice: ColourChoice, stream: {readonly isTTY?: boolean}): boolean {
  return (stream.isTTY === true || choice === 'always') && colourLevel(io.env, choice, stream) > 0;
}

/** The looks of a topic before its payload on stdout; undefined where it has none. */
export async function topicPaint(
  io: Pick<Io, 'env' | 'stderr' | 'stdout'>,
  choice: ColourChoice,
): Promise<Paint | undefined> {
  if (!paintsData(io, choice, io.stdout)) return undefined;
  const [open = '', close = ''] = (await colours(io, choice, io.stdout)).cyan('\0').split('\0');
  return {open, close};
}

/**
 * What a line of -d looks like on stderr: on a terminal directions stand below each other, and the packet
 * stands out; elsewhere the line is left alone.
 */
export async function traceLooks(
  io: Pick<Io, 'env' | 'stderr'>,
  choice: ColourChoice,
): Promise<(line: string) => string> {
  const {stderr} = io;
  if (stderr.isTTY !== true && choice !== 'always') return (line) => line;
  const chalk = await colours(io, choice);
  return (line) => {
    const match = /^(Client .*?) (sending|received) ([A-Z]+)(.*)$/s.exec(line);
    if (match === null) return chalk.dim(line);
    const [, name = '', verb = '', packet = '', rest = ''] = match;
    // mosquitto says (null) in some lines, and null in others, where there is no client id.
    const who = name.replace(/^Client \(?null\)?$/, 'Client');
    const direction = verb === 'sending' ? chalk.green('sending ') : chalk.blue('received');
    return `${chalk.dim(who)} ${direction} ${chalk.bold(packet)}${rest}`;
  };
}

export interface Spinner extends Disposable {
  update(text: string): void;
  /** Takes it off the screen; may be called again. */
  stop(): void;
}

/** How long something may take before it is worth a word. */
const spinnerDelayMilliseconds = 300;

const stillness: Spinner = {
  update: () => undefined,
  stop: () => undefined,
  [Symbol.dispose]: () => undefined,
};

/** In the bundle, where packages are CommonJS, the default export is the module, which has the function. */
async function loadOra() {
  const {default: loaded} = await import('ora');
  return (loaded as typeof loaded & {readonly default?: typeof loaded}).default ?? loaded;
}

/**
 * A line on stderr that says what is being waited for: only on a terminal that says how wide it is (without
 * a width ora would not come to an end), and only after 300 ms.
 */
export function spinner(
  io: Pick<Io, 'env' | 'stderr'>,
  text: string,
  choice: ColourChoice = 'auto',
): Spinner {
  const {stderr, env} = io;
  if (!canRewrite(io)) return stillness;
  let current = text;
  let stopped = false;
  let shown: {text: string; stop(): unknown} | undefined;
  const show = async () => {
    const ora = await loadOra();
    if (stopped) return;
    shown = ora({
      text: current,
      stream: stderr,
      color: colourLevel(env, choice, stderr) > 0 && 'cyan',
      isEnabled: true,
      // stdin is the user's: ora would put it into raw mode.
      discardStdin: false,
      // To show it again, ora would listen to signals, and end the process at the first.
      hideCursor: false,
    }).start();
  };
  // The work goes on without it, whatever is wrong with it.
  const timer = setTimeout(() => void show().catch(() => undefined), spinnerDelayMilliseconds);
  const stop = () => {
    stopped = true;
    clearTimeout(timer);
    shown?.stop();
    shown = undefined;
  };
  return {
    update(next) {
      current = next;
      if (shown !== undefined) shown.text = next;
    },
    stop,
    [Symbol.dispose]: stop,
  };
}
