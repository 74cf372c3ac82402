/**
 * Runs `tmq broker`: configuration, log, certificates, ready line, the command of --exec, SIGHUP, and shutdown.
 * Loaded only when a broker starts.
 */

import {once} from 'node:events';
import {createWriteStream, openSync, rmSync, writeFileSync} from 'node:fs';
import type {Writable} from 'node:stream';
import {defined} from '../../defined.ts';
import {ExitCode, FileError, fileError, TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import {parseBrokerConfig} from '../config/parse-config.ts';
import {readNames, readText} from '../config/read-file.ts';
import {changesAtRestart, reloadedListeners} from '../config/reloaded-listeners.ts';
import type {BrokerConfig, ListenerConfig} from '../config/settings.ts';
import type {ObservedPacket} from '../wire/packets.ts';
import type {CertificateFiles} from './certificates.ts';
import type {Fault} from './faults.ts';
import {type Log, type LogLooks, openLog} from './log.ts';
import {withWritablePlaces} from './places.ts';
import {environmentOf, readyLine} from './ready-line.ts';
import {checkFiles, type RunContext, type RunningBroker, runBroker} from './run-broker.ts';
import {type Direction, debugLine, traceJson, traceText} from './trace.ts';

/** A file that is there while clients can connect. */
interface ReadyFile extends Disposable {
  write(text: string): void;
  remove(): void;
}

/** The command line. */
export interface ServePlan {
  readonly configFile?: string;
  readonly port?: number;
  readonly bindAddress?: string;
  /** Accept the users of this file only; not with a configuration file. */
  readonly passwordFile?: string;
  /** Accept clients without user name, too. */
  readonly allowAnonymous: boolean;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly testConfig: boolean;
  readonly tls: boolean;
  readonly tlsDirectory?: string;
  readonly webSockets: boolean;
  readonly ready?: 'json' | 'env';
  /** Where to write the ready line, in place of stdout. */
  readonly readyFile?: string;
  /** Checks that the file can be written. @throws TmqError */
  readonly openReadyFile: (path: string, pid: number, mode?: number) => ReadyFile;
  readonly trace?: 'text' | 'json';
  readonly traceFile?: string;
  /** The command of --exec; empty: none. */
  readonly command: readonly string[];
  /** Runs that command until it ends; resolves with its exit status. */
  readonly runCommand: (
    words: readonly string[],
    options: Pick<Io, 'env' | 'signal' | 'platform'>,
  ) => Promise<number>;
  readonly exitWithStdin: boolean;
  readonly faults: readonly Fault[];
  readonly seed?: number;
  /** Serve the page, by default on its usual port; `rules` are those of `faults`. */
  readonly web?: {readonly port: number | undefined; readonly rules: readonly string[]};
  readonly suggest: (word: string, known: readonly string[]) => string | undefined;
  /** What lines look like on a terminal. */
  readonly looks?: {readonly log?: LogLooks; readonly trace?: (line: string) => string};
  /** Formats a warning as a line for stderr. */
  readonly warningLine: (sentence: string) => Promise<string>;
  /** Locks a file against other brokers. @throws TmqError when another one holds the lock */
  readonly lock: NonNullable<RunContext['lock']>;
}

/** Serves until a signal, the end of stdin or of the command of --exec; resolves with the exit status. */
export async function serve(plan: ServePlan, io: Io): Promise<ExitCode> {
  // The reader has closed the stream: there is nowhere left to report it.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => undefined);
  const print = (line: string) => {
    if (!plan.quiet) io.stderr.write(`${line}\n`);
  };
  using signals = listenToSignals(io);
  const {config, problems} = withWritablePlaces(configOf(plan));
  if (!plan.quiet) {
    const warnings = [...config.warnings.map((warning) => `${warning}.`), ...problems];
    for (const warning of warnings) io.stderr.write(await plan.warningLine(warning));
  }
  if (plan.testConfig) {
    const remarks = locating(config, () => checkFiles(config.listeners));
    for (const remark of plan.quiet ? [] : remarks) io.stderr.write(await plan.warningLine(`${remark}.`));
    print(`${plan.configFile ?? 'The configuration'} is valid.`);
    return ExitCode.success;
  }
  // Loaded only when needed: it takes time, and few brokers make certificates.
  const tls = plan.tls ? await import('./local-tls.ts') : undefined;
  await using certificates = await tls?.localCertificates(plan.tlsDirectory, Number(io.now() / 1_000_000n));
  // The token of the page is in it.
  const mode = plan.web === undefined ? undefined : 0o600;
  using readyFile =
    plan.readyFile === undefined ? undefined : plan.openReadyFile(plan.readyFile, io.pid, mode);
  const withTls = (plain: BrokerConfig['listeners']) => tls?.withTls(plain, certificates?.files) ?? plain;
  const log = openLog(
    config.log,
    io,
    (sentence) => io.stderr.write(`Warning: ${sentence}\n`),
    plan.looks?.log,
  );
  try {
    const files = {certificates: certificates?.files, readyFile};
    return await runWith({plan, io, config, log, signals, print, withTls, ...files});
  } finally {
    readyFile?.remove();
    log.close();
  }
}

interface ServeContext {
  readonly plan: ServePlan;
  readonly io: Io;
  readonly config: BrokerConfig;
  readonly log: Log;
  readonly signals: Signals;
  readonly print: (line: string) => void;
  /** Adds the listeners of --tls to the given ones. */
  readonly withTls: (plain: BrokerConfig['listeners']) => BrokerConfig['listeners'];
  readonly certificates: CertificateFiles | undefined;
  readonly readyFile: ReadyFile | undefined;
}

/** What a running broker does at SIGHUP and SIGUSR2. */
interface SignalActions {
  readonly hangUp: () => void;
  readonly userSignal: () => void;
}

interface Signals extends Disposable {
  /** From now on signals have these actions; a SIGHUP that came before is made up for. */
  serve(actions: SignalActions): void;
}

/** Listens before anything is made that has to be removed again: by default these signals end the process. */
function listenToSignals(io: Io): Signals {
  let actions: SignalActions | undefined;
  let hungUp = false;
  const stops = [
    io.onHangup?.(() => {
      if (actions === undefined) hungUp = true;
      else actions.hangUp();
    }),
    io.onUserSignal?.(() => actions?.userSignal()),
  ];
  return {
    serve(given) {
      actions = given;
      if (hungUp) given.hangUp();
    },
    [Symbol.dispose]() {
      for (const stop of stops) stop?.();
    },
  };
}

async function runWith(context: ServeContext): Promise<ExitCode> {
  const {plan, io, config, log, signals, withTls} = context;
  await using tracer = tracerFor(plan, io, log);
  const start = runBroker(
    {...config, listeners: withTls(config.listeners)},
    {
      log: log.write,
      faults: plan.faults,
      faultsMayChange: plan.web !== undefined,
      lock: plan.lock,
      fastPath: (io.env.TMQ_NO_FASTPATH ?? '') === '',
      ...defined({seed: plan.seed, observe: tracer.observe}),
    },
  );
  const running = await start.catch((error: unknown) => {
    throw located(error, config);
  });
  log.publish = (topic, line) => {
    running.broker.publish({topic, payload: Buffer.from(line), qos: 0, retain: false});
  };
  signals.serve({
    hangUp: () => reload(context, running),
    userSignal() {
      log.print('Subscriptions:');
      for (const line of running.broker.subscriptionTree()) log.print(line);
    },
  });
  try {
    // Loaded only where it is asked for.
    await using page =
      plan.web && (await (await import('./page.ts')).servePage({...plan.web, io, config}, running));
    return await announceAndWait(context, running, page?.url);
  } finally {
    log.publish = undefined;
    await running.close();
  }
}

/** Writes the ready line. @throws TmqError when it cannot be written: who waits for it would wait for ever */
async function announce(stdout: Io['stdout'], line: string): Promise<void> {
  stdout.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    stdout.write(`${line}\n`, (error) =>
      error ? reject(fileError('', 'the ready line', error, 'write')) : resolve(),
    );
  });
}

/** @param web the URL of the page */
async function announceAndWait(
  context: ServeContext,
  running: RunningBroker,
  web: string | undefined,
): Promise<ExitCode> {
  const {plan, io, config, print, certificates} = context;
  const {addresses} = running;
  using _pidFile = pidFile(config.pidFile, io.pid);
  const ready = {pid: io.pid, addresses, certificates, web};
  const alone = plan.command.length === 0;
  if (alone && plan.configFile === undefined)
    print(banner(config.listeners, addresses.map(({url}) => url).join(', ')));
  if (alone && certificates !== undefined)
    print(`Certificates are in ${certificates.directory}: ca.crt, client.crt, client.key.`);
  if (web !== undefined) print(`The broker's page, for this user only: ${web}`);
  if (context.readyFile !== undefined) context.readyFile.write(`${readyLine(plan.ready ?? 'json', ready)}\n`);
  else if (plan.ready !== undefined) {
    await announce(io.stdout, readyLine(plan.ready, ready));
    // A shell that evaluates the output waits for its end.
    if (plan.ready === 'env' && alone && !usesStdout(context)) io.closeStdout?.();
  }
  if (plan.command.length > 0) {
    const env = {...io.env, ...environmentOf(addresses, certificates)};
    return await plan.runCommand(plan.command, {env, signal: io.signal, platform: io.platform});
  }
  await untilStopped(plan, io);
  return ExitCode.success;
}

/** Whether lines go to standard output while the broker runs. */
function usesStdout({plan, io, config}: ServeContext): boolean {
  const isTraced = plan.trace !== undefined && plan.traceFile === undefined;
  return isTraced || io.stdout.isTTY === true || config.log.destinations.includes('stdout');
}

function banner(listeners: readonly ListenerConfig[], urls: string): string {
  const local = listeners.every(({host = ''}) => /^(127\.|::1$|localhost$)/.test(host));
  const where = local ? 'for this machine only' : 'for every machine that reaches it';
  const who = listeners.some(({passwordFile}) => passwordFile !== undefined)
    ? 'users of a file'
    : 'no passwords';
  return `Test broker on ${urls}: ${who}, nothing kept, ${where}. Stop it with Ctrl-C.`;
}

/** Waits for SIGINT, SIGTERM, a closed reader of the trace, or with --exit-with-stdin the end of stdin. */
async function untilStopped(plan: ServePlan, io: Io): Promise<void> {
  // Keeps the process alive even when no listener does.
  const stay = setInterval(() => undefined, 2 ** 30);
  try {
    const {signal} = io;
    if (signal.aborted) return;
    const ends = [once(signal, 'abort')];
    if (plan.trace !== undefined && plan.traceFile === undefined)
      ends.push(first(io.stdout, ['error', 'close']));
    if (plan.exitWithStdin) {
      ends.push(first(io.stdin, ['end', 'close', 'error']));
      io.stdin.resume();
    }
    await Promise.race(ends);
    if (plan.exitWithStdin) io.stdin.pause();
  } finally {
    clearInterval(stay);
  }
}

/** Resolves with the first of these events. */
function first(emitter: NodeJS.EventEmitter, names: readonly string[]): Promise<unknown[]> {
  return new Promise((resolve) => {
    for (const name of names) emitter.once(name, (...values: unknown[]) => resolve(values));
  });
}

/** On SIGHUP: reads the configuration and the files it names again. An error is logged and changes nothing. */
function reload({plan, config, log, withTls}: ServeContext, running: RunningBroker): void {
  log.reopen();
  try {
    const changed = plan.configFile === undefined ? config : withWritablePlaces(configOf(plan)).config;
    const {listeners, kept} = reloadedListeners(config.listeners, changed.listeners);
    locating(changed, () => running.reload(withTls(listeners)));
    for (const sentence of [...kept, ...changesAtRestart(config, changed)]) {
      log.write('warning', `Warning: ${sentence}.`);
    }
    log.write('notice', 'Reloaded.');
  } catch (error) {
    if (!(error instanceof TmqError)) throw error;
    log.write('error', `Error: not reloaded: ${error.message}`);
  }
}

/** Names the line of the configuration that names the file of an error. */
function located(error: unknown, {origins}: BrokerConfig): unknown {
  const origin = error instanceof FileError ? origins.get(error.path) : undefined;
  if (origin === undefined || !(error instanceof FileError)) return error;
  return new TmqError(`${origin}: ${error.message}`, error.exitCode, {cause: error});
}

function locating<T>(config: BrokerConfig, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw located(error, config);
  }
}

/** The settings of the configuration file, if any, changed as the command line says. */
function configOf(plan: ServePlan): BrokerConfig {
  const {configFile, port, bindAddress} = plan;
  const source = {
    path: configFile ?? 'tmq broker',
    read: readText,
    list: readNames,
    suggest: plan.suggest,
    ...(port === undefined ? {} : {extra: defined({port, host: bindAddress})}),
  };
  const config = parseBrokerConfig(configFile === undefined ? '' : readText(configFile), source);
  const types = plan.verbose
    ? new Set(['error', 'warning', 'notice', 'information', 'debug', 'subscribe', 'unsubscribe'])
    : configFile === undefined
      ? new Set(['error', 'warning'])
      : config.log.types;
  return {...config, listeners: listenersOf(plan, config), log: {...config.log, types}};
}

function listenersOf(plan: ServePlan, config: BrokerConfig): readonly ListenerConfig[] {
  const {port, bindAddress, configFile, passwordFile, allowAnonymous} = plan;
  const given = defined({port, host: bindAddress});
  const access = passwordFile === undefined ? {} : {passwordFile, allowAnonymous};
  const [first, ...others] = config.listeners.map((listener) => ({...listener, ...access}));
  if (first === undefined) return [];
  const isOnly = others.length === 0 && first.socketPath === undefined;
  if (!isOnly && port === undefined && bindAddress !== undefined) {
    throw new TmqError(`${configFile} has its own listeners: leave out --bind, or give --port too.`);
  }
  // Of several listeners, -p names one, or it was added as one more: see ConfigSource.
  const main = isOnly ? {...first, ...given} : first;
  // With a free port for one listener, no other gets a fixed one.
  const webSockets = {...main, port: main.port === 0 ? 0 : 9001, protocol: 'websockets'} as const;
  return [main, ...others, ...(plan.webSockets ? [webSockets] : [])];
}

interface Tracer extends AsyncDisposable {
  readonly observe: ((clientId: string, direction: Direction, packet: ObservedPacket) => void) | undefined;
}

/** The file of --trace-file, emptied. @throws FileError */
function openTraceFile(path: string, log: Log): Writable {
  const problem = (error: unknown) => fileError('trace file', path, error, 'write');
  let descriptor: number;
  try {
    descriptor = openSync(path, 'w', 0o600);
  } catch (error) {
    throw problem(error);
  }
  const file = createWriteStream(path, {fd: descriptor});
  return file.on('error', (error) => log.write('error', `Error: ${problem(error).message}`));
}

/** Writes packets to the trace and the debug log; `observe` is undefined when there is neither. */
function tracerFor(plan: ServePlan, io: Io, log: Log): Tracer {
  const trace = plan.trace === undefined ? undefined : plan.trace === 'json' ? traceJson : traceText;
  const debug = log.wants('debug');
  if (trace === undefined && !debug) {
    return {observe: undefined, [Symbol.asyncDispose]: async () => undefined};
  }
  const file = plan.traceFile === undefined ? undefined : openTraceFile(plan.traceFile, log);
  const out: Writable = file ?? io.stdout;
  const looks = (file === undefined && plan.trace === 'text' && plan.looks?.trace) || String;
  return {
    observe(clientId, direction, packet) {
      if (trace !== undefined) out.write(`${looks(trace({clientId, direction, packet, time: io.now()}))}\n`);
      if (debug) log.write('debug', debugLine(clientId, direction, packet));
    },
    async [Symbol.asyncDispose]() {
      if (file !== undefined) await new Promise<void>((resolve) => file.end(() => resolve()));
    },
  };
}

/** Writes the process id to pid_file, and removes the file on disposal. */
function pidFile(path: string | undefined, pid: number): Disposable {
  if (path === undefined) return {[Symbol.dispose]: () => undefined};
  try {
    writeFileSync(path, `${pid}\n`);
  } catch (error) {
    throw fileError('pid_file', path, error, 'write');
  }
  return {[Symbol.dispose]: () => rmSync(path, {force: true})};
}
