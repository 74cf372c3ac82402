/**
 * From the words of the command line to an exit status: finds the command, loads it alone, reads its
 * options file, parses, plans, runs. The only place where errors end: each gets its line and its status.
 */

import type {AnyCommand} from './cli/command.ts';
import type {HelpStyle} from './cli/help.ts';
import type {OptionTable} from './cli/option.ts';
import {readOptionsFile} from './cli/options-file.ts';
import type {OptionsLine} from './cli/parse.ts';
import type {Sources} from './cli/words.ts';
import {commands} from './commands/all.ts';
import {ExitCode, TmqError, UsageError} from './errors.ts';
import {type Io, isDropIn} from './io/process.ts';
import type {ColourChoice} from './io/terminal.ts';

/** For the bundles of one command, which look up the others' options, and help, in the bundle of all. */
export {commands} from './commands/all.ts';
export {processIo} from './io/process.ts';
export const loadHelp = () => import('./commands/help-about.ts');

/** Filled in by the build. */
const version = process.env.TMQ_VERSION ?? '(not built)';

/** Options of the program itself, which stand where a command would. */
const programOptions = {
  help: {flags: '--help', group: 'General', summary: 'print this help and exit'},
  version: {flags: '--version', group: 'General', summary: 'print the version and exit'},
  manual: {
    flags: '--manual [page]',
    group: 'General',
    summary: "show the manual page of tmq, a command, 'formats' or 'testing'; in a pipe, its source",
  },
  completion: {
    flags: '--completion <shell>',
    group: 'General',
    summary: 'print what makes a shell complete: bash, zsh, fish or powershell',
    complete: ['bash', 'zsh', 'fish', 'powershell'],
  },
} as const satisfies OptionTable;

/** What the error line needs to know of a command line that failed. */
interface Progress {
  /** How the command is called: 'tmq pub', or 'mosquitto_pub'. */
  invocation: string;
  /** What to show behind the error in place of the hint to --help. */
  brief?: (style: HelpStyle) => Promise<string>;
  quiet: boolean;
  color: ColourChoice;
}

/** Runs a command line; every error has been printed when it resolves. */
export async function main(argv: readonly string[], io: Io): Promise<ExitCode> {
  const progress: Progress = {invocation: 'tmq', quiet: false, color: 'auto'};
  try {
    return await start(argv, io, progress);
  } catch (error) {
    return await report(error, io, progress);
  }
}

/** Other programs' words for --version, where they stand alone. */
const versionWords: ReadonlySet<string> = new Set(['version', '-v', '-V']);

async function start(argv: readonly string[], io: Io, progress: Progress): Promise<ExitCode> {
  if (io.malformedArgument !== undefined) {
    throw new UsageError(
      `Malformed UTF-8 in argument ${io.malformedArgument + 1}. To send arbitrary bytes, use -f, -s or -l.`,
    );
  }
  const linked = linkedCommand(io.programName);
  if (linked !== undefined) {
    progress.invocation = io.programName;
    return await runCommand(linked, argv, io, progress);
  }
  const [given, ...rest] = argv;
  const first = rest.length === 0 && given !== undefined && versionWords.has(given) ? '--version' : given;
  switch (first) {
    case undefined:
      await complain(io, await greet(await styleFor(io, io.stderr)));
      return ExitCode.failure;
    case '--version':
      return await print(io, `tmq version ${version}\n`);
    case '--manual':
      return await printManual(rest[0], io);
    case '--completion':
      return await printCompletion(rest[0], io);
    case 'help':
    case '--help':
      return await printHelp(rest[0], io, progress);
    default:
      if (isCryForHelp([first])) progress.brief = greet;
      return await runCommand(first, rest, io, progress);
  }
}

/** The command that a link of this name stands for: mosquitto's and VerneMQ's names of the same tools. */
function linkedCommand(programName: string): string | undefined {
  if (programName === 'mosquitto') return 'broker';
  if (programName === 'vmq-passwd') return 'passwd';
  const linked = /^mosquitto_(\w+)$/.exec(programName)?.[1];
  return commands.find(({name}) => name === linked)?.name;
}

async function runCommand(
  name: string,
  words: readonly string[],
  io: Io,
  progress: Progress,
): Promise<ExitCode> {
  const entry = commands.find((each) => each.name === name);
  if (entry === undefined) throw await unknownCommand(name, words.length === 0);
  if (progress.invocation === 'tmq') progress.invocation = `tmq ${name}`;
  const [command, {parse}] = await Promise.all([entry.load(), import('./cli/parse.ts')]);
  const {invocation} = progress;
  if (invocation !== io.programName && (words.length === 0 || isCryForHelp(words))) {
    progress.brief = async (style) => (await loadHelp()).helpAbout(name, 'brief', invocation, style);
  }
  const files = await filesOf(command, words, io);
  const {values, operands, request} = await orElsewhere(invocation, () => parse(command, words, files.lines));
  progress.quiet = values.quiet === true;
  progress.color = (values.color as ColourChoice | undefined) ?? 'auto';
  if (request === 'help') return await printCommandHelp(name, io, invocation);
  if (request === 'version') return await print(io, `${invocation} version ${version}\n`);
  const warning = values.quiet === true ? undefined : files.warning();
  if (warning !== undefined) {
    const {warningLine} = await import('./io/terminal.ts');
    io.stderr.write(await warningLine(io, warning, progress.color));
  }
  const complete = isDropIn(io) ? values : (command.fromEnvironment?.(values, io.env) ?? values);
  return await command.run(command.plan(complete, operands), io);
}

/** Runs the parser; an option that it does not know may be one of other commands. */
async function orElsewhere<Result>(invocation: string, work: () => Result): Promise<Result> {
  try {
    return work();
  } catch (error) {
    const {optionsIn, UnknownOption} = await import('./cli/words.ts');
    if (!(error instanceof UnknownOption)) throw error;
    const {word} = error;
    const owners = (await loadAll()).filter(({options}) => {
      const {rows, isKnown} = optionsIn(options, word);
      return isKnown && rows.length === 1;
    });
    if (owners.length === 0) throw error;
    const prefix = invocation.replace(/[a-z]+$/, '');
    const names = owners.map(({name}) => `${prefix}${name}`);
    const list = [names.slice(0, -1).join(', '), ...names.slice(-1)].filter(Boolean).join(' and ');
    throw new UnknownOption(word, ` It is an option of ${list}.`);
  }
}

/** Whether the last word is what other programs print their help for; here -h is the host. */
function isCryForHelp(words: readonly string[]): boolean {
  return ['-h', '-help', '-?', '/?', 'help'].includes(words.at(-1) ?? '');
}

async function greet(style: HelpStyle): Promise<string> {
  const {greeting} = await import('./cli/help.ts');
  return greeting(
    commands.map(({name}) => name),
    style,
  );
}

/** The files with options of a command that reads any. */
interface OptionFiles {
  /** Reads them, when the parser asks for them. */
  readonly lines: (given: Sources) => readonly OptionsLine[];
  /** A sentence about what was read. */
  readonly warning: () => string | undefined;
}

/** The options file, and the profile of --profile or TMQ_PROFILE behind it. */
async function filesOf(command: AnyCommand, words: readonly string[], io: Io): Promise<OptionFiles> {
  const {optionsFile} = command;
  if (optionsFile === undefined) return {lines: () => [], warning: () => undefined};
  const usual = isDropIn(io) ? '' : (io.env.TMQ_PROFILE ?? '');
  // Few runs have a profile.
  const profiles =
    usual !== '' || words.some((word) => word === '--profile' || word.startsWith('--profile='))
      ? await import('./cli/profiles.ts')
      : undefined;
  let warning: string | undefined;
  return {
    warning: () => warning,
    lines({optionsFile: given, profile: named}) {
      const lines = readOptionsFile(optionsFile, given, io.env, io.platform);
      const name = named ?? usual;
      if (profiles === undefined || (named === undefined && name === '')) return lines;
      const profile = profiles.readProfile(name, io.env, io.platform);
      warning = profiles.openWarning(command.options, profile);
      return [...lines, ...profiles.linesFor(command.options, profile)];
    },
  };
}

/** `isAlone`: no further word says what was meant. `topics` may have been meant, too. */
async function unknownCommand(
  word: string,
  isAlone = true,
  topics: readonly string[] = [],
): Promise<UsageError> {
  const [{suggestCommand}, {spelling}] = await Promise.all([
    import('./cli/suggest.ts'),
    import('./cli/option.ts'),
  ]);
  const names = [...commands.map(({name}) => name), ...topics];
  const options = Object.values(programOptions).map((option) => spelling(option).long ?? '');
  const near = suggestCommand(word, names, isAlone ? options : []);
  const isOption = word.startsWith('-');
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
  const advice =
    hint !== ''
      ? hint
      : isOption
        ? ` A command comes first: tmq pub ${word} …`
        : ` It is one of ${names.join(', ')}.`;
  return new UsageError(`Unknown ${isOption ? 'option' : 'command'} '${word}'.${advice}`);
}

/** Help about tmq, a command or a topic. */
async function printHelp(name: string | undefined, io: Io, progress: Progress): Promise<ExitCode> {
  if (name !== undefined && commands.some((each) => each.name === name)) {
    return await runCommand(name, ['--help'], io, progress);
  }
  const {programHelp, helpTopics} = await import('./cli/help.ts');
  const [all, style] = await Promise.all([loadAll(), styleFor(io)]);
  if (name === undefined || name.startsWith('-'))
    return await page(io, programHelp(all, programOptions, style));
  const topic = helpTopics.find((each) => each.name === name);
  if (topic === undefined) {
    throw await unknownCommand(
      name,
      true,
      helpTopics.map((each) => each.name),
    );
  }
  const [{topicSections}, {sectionsOnly}, {roffText}] = await Promise.all([
    import('./commands/manual/topics.ts'),
    import('./cli/manual.ts'),
    import('./cli/roff-text.ts'),
  ]);
  return await page(io, roffText(sectionsOnly(topicSections[topic.name](all)), style));
}

async function printCommandHelp(name: string, io: Io, invocation: string): Promise<ExitCode> {
  const {helpAbout} = await loadHelp();
  const text = await helpAbout(name, 'whole', invocation, await styleFor(io));
  return invocation === io.programName ? await print(io, text) : await page(io, text);
}

/** Roff for a pipe; on a terminal as man shows it. */
async function printManual(name: string | undefined, io: Io): Promise<ExitCode> {
  const source = await manualSource(name);
  if (io.stdout.isTTY !== true) return await print(io, source);
  const {formatManual} = await import('./io/pager.ts');
  const style = await styleFor(io);
  const formatted = await formatManual(source, style.width, io.env);
  const text = formatted ?? (await import('./cli/roff-text.ts')).roffText(source, style);
  return await page(io, text, ['MANPAGER', 'PAGER']);
}

async function manualSource(name: string | undefined): Promise<string> {
  const {commandManual, programManual, topicManual, topicPageNames} = await import('./cli/manual.ts');
  const names = commands.map((each) => each.name);
  if (name === undefined) {
    const {programSections} = await import('./commands/manual/topics.ts');
    return programManual(await loadAll(), programOptions, programSections);
  }
  const topic = topicPageNames.find((each) => each === name);
  if (topic !== undefined) {
    const {topicSections} = await import('./commands/manual/topics.ts');
    return topicManual(topic, topicSections[topic]([]), names);
  }
  const entry = commands.find((each) => each.name === name);
  if (entry === undefined) throw await unknownCommand(name, true, topicPageNames);
  return commandManual(await entry.load(), names);
}

async function printCompletion(shell: string | undefined, io: Io): Promise<ExitCode> {
  const {completionScript, isShell} = await import('./cli/completion.ts');
  if (shell === undefined) throw new UsageError('--completion argument given but no shell specified.');
  if (!isShell(shell))
    throw new UsageError(`No completion for '${shell}'. The shells are bash, zsh, fish and powershell.`);
  return await print(io, completionScript(shell, await loadAll(), programOptions));
}

/** Every command, for what is about all of them. */
async function loadAll(): Promise<readonly AnyCommand[]> {
  return await Promise.all(commands.map(({load}) => load()));
}

/** As wide as the terminal, and with colour where it shows it. */
async function styleFor(io: Io, stream: Io['stdout'] = io.stdout): Promise<HelpStyle> {
  const {textWidth} = await import('./io/pager.ts');
  const width = textWidth(stream);
  if (stream.isTTY !== true) return {heading: String, name: String, width};
  const {colours} = await import('./io/terminal.ts');
  const chalk = await colours(io, 'auto', stream);
  return {heading: (text) => chalk.bold(text), name: (text) => chalk.cyan(text), width};
}

/** Prints text that may be longer than the terminal. */
async function page(io: Io, text: string, pagers?: readonly string[]): Promise<ExitCode> {
  await (await import('./io/pager.ts')).page(io, text, pagers);
  return ExitCode.success;
}

async function print(io: Io, text: string): Promise<ExitCode> {
  const output = await import('./io/output.ts');
  await output.print(io, text);
  return ExitCode.success;
}

/** Writes the error to stderr and returns the exit status. */
async function report(error: unknown, io: Io, progress: Progress): Promise<ExitCode> {
  const {invocation, quiet} = progress;
  if (error instanceof UsageError) {
    const line = await errorLine(error, io, progress);
    const more = await progress.brief?.(await styleFor(io, io.stderr));
    await complain(io, `${line}\n${more ?? `Use '${invocation} --help' to see usage.\n`}`);
    return error.exitCode;
  }
  if (error instanceof TmqError) {
    if (!error.silent && !quiet) await complain(io, await errorLine(error, io, progress));
    return error.exitCode;
  }
  const details = error instanceof Error ? (error.stack ?? error.message) : String(error);
  await complain(io, `${details}\nThis is a bug in tmq ${version}: please report it with the lines above.\n`);
  return ExitCode.failure;
}

/** One line, with 'Error:' in red where a terminal shows it. Brokers have a say in it: it commands no terminal. */
async function errorLine({message}: TmqError, io: Io, {color}: Progress): Promise<string> {
  const {oneSafeLine} = await import('./io/sanitise.ts');
  const text = oneSafeLine(message);
  if (io.stderr.isTTY !== true && color !== 'always') return `Error: ${text}\n`;
  const {colours} = await import('./io/terminal.ts');
  return `${(await colours(io, color)).red('Error:')} ${text}\n`;
}

/** Resolves when the text is written, or cannot be written. */
async function complain(io: Io, text: string): Promise<void> {
  io.stderr.on('error', () => undefined);
  await new Promise<void>((resolve) => io.stderr.write(text, () => resolve()));
}
