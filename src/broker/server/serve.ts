/**
 * `tmq broker` from its plan to its end: configuration, log, certificates, ready line, the child that it
 * is there for, SIGHUP, and a clean end. Loaded only when a broker is wanted.
 */

import {once} from 'node:events';
import {createWriteStream, rmSync, writeFileSync} from 'node:fs';
import type {Writable} from 'node:stream';
import {ExitCode, TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import {parseBrokerConfig} from '../config/parse-config.ts';
import {readBytes, readNames} from '../config/read-file.ts';
import type {BrokerConfig, ListenerConfig} from '../config/settings.ts';
import type {ObservedPacket} from '../wire/packets.ts';
import type {CertificateFiles} from './certificates.ts';
import {runChild} from './exec.ts';
import type {Fault} from './faults.ts';
import {type Log, openLog} from './log.ts';
import {environmentOf, readyLine} from './ready-line.ts';
import {checkFiles, type RunContext, type RunningBroker, runBroker} from './run-broker.ts';
import {type Direction, debugLine, traceJson, traceText} from './trace.ts';

/** What the command line says. */
export interface ServePlan {
  readonly configFile?: string;
  readonly port?: number;
  readonly bindAddress?: string;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly testConfig: boolean;
  readonly tls: boolean;
  readonly tlsDirectory?: string;
  readonly webSockets: boolean;
  readonly ready?: 'json' | 'env';
  readonly trace?: 'text' | 'json';
  readonly traceFile?: string;
  /** A command to run with the broker around it; empty: none. */
  readonly command: readonly string[];
  readonly exitWithStdin: boolean;
  readonly faults: readonly Fault[];
  readonly seed?: number;
  readonly suggest: (word: string, known: readonly string[]) => string | undefined;
  /** A warning as a line for stderr. */
  readonly warningLine: (sentence: string) => Promise<string>;
  /** Keeps other brokers from a file. @throws TmqError when one has it */
  readonly lock: NonNullable<RunContext['lock']>;
}

/** Serves until a signal, the end of stdin or of the child; resolves with the exit status. */
export async function serve(plan: ServePlan, io: Io): Promise<ExitCode> {
  // Nobody reads them any more, and there is nobody to tell.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => undefined);
  const say = (line: string) => {
    if (!plan.quiet) io.stderr.write(`${line}\n`);
  };
  const config = configOf(plan);
  if (!plan.quiet) {
    for (const warning of config.warnings) io.stderr.write(await plan.warningLine(`${warning}.`));
  }
  if (plan.testConfig) {
    checkFiles(config.listeners);
    say(`${plan.configFile ?? 'The configuration'} is valid.`);
    return ExitCode.success;
  }
  // What it takes to make certificates takes time to load, and few brokers make any.
  const tls = plan.tls ? await import('./local-tls.ts') : undefined;
  await using certificates = await tls?.localCertificates(plan.tlsDirectory, Number(io.now() / 1_000_000n));
  const withTls = (plain: BrokerConfig['listeners']) => tls?.withTls(plain, certificates?.files) ?? plain;
  const log = openLog(config.log, io);
  try {
    await using tracer = tracerFor(plan, io, log);
    const running = await runBroker(
      {...config, listeners: withTls(config.listeners)},
      {
        now: io.now,
        log: log.write,
        faults: plan.faults,
        lock: plan.lock,
        fastPath: (io.env.TMQ_NO_FASTPATH ?? '') === '',
        ...(plan.seed === undefined ? {} : {seed: plan.seed}),
        ...(tracer.observe === undefined ? {} : {observe: tracer.observe}),
      },
    );
    log.publish = (topic, line) => {
      running.broker.publish({topic, payload: Buffer.from(line), qos: 0, retain: false});
    };
    try {
      return await announceAndWait({
        plan,
        io,
        config,
        running,
        log,
        say,
        withTls,
        certificates: certificates?.files,
      });
    } finally {
      log.publish = undefined;
      await running.close();
    }
  } finally {
    log.close();
  }
}

interface Serving {
  readonly plan: ServePlan;
  readonly io: Io;
  readonly config: BrokerConfig;
  readonly running: RunningBroker;
  readonly log: Log;
  readonly say: (line: string) => void;
  /** The listeners, and those that --tls adds to them. */
  readonly withTls: (plain: BrokerConfig['listeners']) => BrokerConfig['listeners'];
  readonly certificates: CertificateFiles | undefined;
}

async function announceAndWait(serving: Serving): Promise<ExitCode> {
  const {plan, io, config, running, say, certificates} = serving;
  const {addresses} = running;
  using _pidFile = pidFile(config.pidFile, io.pid);
  const alone = plan.command.length === 0;
  if (alone && plan.configFile === undefined)
    say(banner(config.listeners, addresses.map(({url}) => url).join(', ')));
  if (alone && certificates !== undefined)
    say(`Certificates are in ${certificates.directory}: ca.crt, client.crt, client.key.`);
  if (plan.ready !== undefined) {
    io.stdout.write(`${readyLine(plan.ready, {pid: io.pid, addresses, certificates})}\n`);
  }
  const stopListening = io.onHangup?.(() => reload(serving));
  try {
    if (plan.command.length > 0) {
      const env = {...io.env, ...environmentOf(addresses, certificates)};
      return await runChild(plan.command, env, io.signal);
    }
    await untilTold(plan, io);
    return ExitCode.success;
  } finally {
    stopListening?.();
  }
}

function banner(listeners: readonly ListenerConfig[], urls: string): string {
  const local = listeners.every(({host = ''}) => /^(127\.|::1$|localhost$)/.test(host));
  const who = local ? 'for this machine only' : 'for every machine that reaches it';
  return `Test broker on ${urls}: no passwords, nothing kept, ${who}. Stop it with Ctrl-C.`;
}

/**
 * Waits for SIGINT, SIGTERM or, where asked to, the end of stdin; a trace that nobody reads any more is an
 * ordinary end too.
 */
async function untilTold(plan: ServePlan, io: Io): Promise<void> {
  // Sockets keep a process alive, but a broker on nothing but its timers needs a reason to stay.
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

/** On SIGHUP: the configuration, and all files it names; what cannot be used leaves things as they were. */
function reload({plan, config, running, log, withTls}: Serving): void {
  try {
    log.reopen();
    const {listeners} = plan.configFile === undefined ? config : configOf(plan);
    if (listeners.length !== config.listeners.length) {
      log.write('warning', 'Warning: listeners are added and removed by a restart only.');
    }
    running.reload(withTls(listeners));
    log.write('notice', 'Reloaded.');
  } catch (error) {
    if (!(error instanceof TmqError)) throw error;
    log.write('error', `Error: not reloaded: ${error.message}`);
  }
}

/** The configuration file with what the command line says about it; without one, a broker for tests. */
function configOf(plan: ServePlan): BrokerConfig {
  const {configFile} = plan;
  const read = (path: string) => Buffer.from(readBytes(path)).toString();
  const source = {path: configFile ?? 'tmq broker', read, list: readNames, suggest: plan.suggest};
  const config = parseBrokerConfig(configFile === undefined ? '' : read(configFile), source);
  const types = plan.verbose
    ? new Set(['error', 'warning', 'notice', 'information', 'debug', 'subscribe', 'unsubscribe'])
    : configFile === undefined
      ? new Set(['error', 'warning'])
      : config.log.types;
  return {...config, listeners: listenersOf(plan, config), log: {...config.log, types}};
}

function listenersOf(plan: ServePlan, config: BrokerConfig): readonly ListenerConfig[] {
  const {port, bindAddress, configFile} = plan;
  const asked = {
    ...(port === undefined ? {} : {port}),
    ...(bindAddress === undefined ? {} : {host: bindAddress}),
  };
  const [first, ...others] = config.listeners;
  if (first === undefined) return [];
  if (Object.keys(asked).length > 0 && (others.length > 0 || first.socketPath !== undefined)) {
    throw new TmqError(`${configFile} has its own listeners: leave out --port and --bind.`, ExitCode.failure);
  }
  const main = {...first, ...asked};
  // Whoever asked for a free port wants no fixed one anywhere.
  const webSockets = {...main, port: main.port === 0 ? 0 : 9001, protocol: 'websockets'} as const;
  return [main, ...others, ...(plan.webSockets ? [webSockets] : [])];
}

interface Tracer extends AsyncDisposable {
  readonly observe: ((clientId: string, direction: Direction, packet: ObservedPacket) => void) | undefined;
}

/** Shows packets: to the trace, to the debug log, or to nobody, and then none is looked at. */
function tracerFor(plan: ServePlan, io: Io, log: Log): Tracer {
  const trace = plan.trace === undefined ? undefined : plan.trace === 'json' ? traceJson : traceText;
  const debug = log.wants('debug');
  if (trace === undefined && !debug) {
    return {observe: undefined, [Symbol.asyncDispose]: async () => undefined};
  }
  const file = plan.traceFile === undefined ? undefined : createWriteStream(plan.traceFile, {mode: 0o600});
  file?.on('error', (error) => log.write('error', `Error: cannot write the trace: ${error.message}`));
  const out: Writable = file ?? io.stdout;
  return {
    observe(clientId, direction, packet) {
      if (trace !== undefined) out.write(`${trace({clientId, direction, packet, time: io.now()})}\n`);
      if (debug) log.write('debug', debugLine(clientId, direction, packet));
    },
    async [Symbol.asyncDispose]() {
      if (file !== undefined) await new Promise<void>((resolve) => file.end(() => resolve()));
    },
  };
}

/** Writes the process id where pid_file says, and takes it away at the end. */
function pidFile(path: string | undefined, pid: number): Disposable {
  if (path === undefined) return {[Symbol.dispose]: () => undefined};
  try {
    writeFileSync(path, `${pid}\n`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TmqError(`Cannot write the pid_file ${path}: ${reason}.`, ExitCode.failure, {cause: error});
  }
  return {[Symbol.dispose]: () => rmSync(path, {force: true})};
}
