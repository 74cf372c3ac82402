/**
 * Runs whole processes and measures them from outside: wall time by our own clock, processor time and
 * peak memory by GNU time, which reads what the kernel counted for the process it waited for. Paired
 * runs go A B A B, so that a slow moment of the machine falls on both.
 */

import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {type FileHandle, open, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {cleanEnvironment} from '../support/spawn.ts';
import {ratios} from './statistics.ts';

export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  /** A file to read stdin from; empty by default. */
  readonly stdin?: string;
  /** A file to write stdout to; the null device by default. */
  readonly stdout?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Whether processor time and memory are wanted: it costs one more process, a millisecond. */
  readonly usage?: boolean;
  /** Milliseconds after which the run has failed; 120,000 by default. */
  readonly timeoutMilliseconds?: number;
}

export interface Measurement {
  readonly wallMilliseconds: number;
  /** User and system time of the process; NaN unless asked for. Resolution 10 ms. */
  readonly cpuMilliseconds: number;
  /** Largest resident set; NaN unless asked for. 1 MB = 10^6 bytes. */
  readonly peakMegabytes: number;
}

const gnuTime = '/usr/bin/time';

/** The same for every process measured: nothing that changes how Node or the loader starts. */
export function environment(extra: Invocation['env'] = {}): NodeJS.ProcessEnv {
  const {LD_LIBRARY_PATH: _, ...rest} = cleanEnvironment(extra);
  return rest;
}

/** Runs one process to its end. @throws Error when it fails, with the beginning of its stderr */
export async function measure(invocation: Invocation): Promise<Measurement> {
  const {args, usage = false, timeoutMilliseconds = 120_000} = invocation;
  const report = join(tmpdir(), `tmq-bench-usage-${randomBytes(6).toString('hex')}`);
  const words = usage ? [gnuTime, '-q', '-f', '%U %S %M', '-o', report] : [];
  const [command, ...rest] = [...words, invocation.command, ...args] as [string, ...string[]];
  const files = await openFiles(invocation);
  try {
    const started = process.hrtime.bigint();
    const child = spawn(command, rest, {
      env: environment(invocation.env),
      ...(invocation.cwd === undefined ? {} : {cwd: invocation.cwd}),
      stdio: [files.stdin?.fd ?? 'ignore', files.stdout?.fd ?? 'ignore', 'pipe'],
      // Its own group, so that a time-out also reaches what GNU time or a shell started.
      detached: true,
    });
    const errors: Buffer[] = [];
    child.stderr!.on('data', (chunk: Buffer) => errors.push(chunk));
    const kill = () => void process.kill(-child.pid!, 'SIGKILL');
    const timer = setTimeout(kill, timeoutMilliseconds);
    process.once('exit', kill);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    const wallMilliseconds = Number(process.hrtime.bigint() - started) / 1e6;
    clearTimeout(timer);
    process.off('exit', kill);
    if (code !== 0) {
      const said = Buffer.concat(errors).toString().slice(0, 500);
      throw new Error(`${[command, ...rest].join(' ')} ended with ${code ?? signal}: ${said}`);
    }
    return {wallMilliseconds, ...(usage ? await readUsage(report) : noUsage)};
  } finally {
    await files.stdin?.close();
    await files.stdout?.close();
    await rm(report, {force: true});
  }
}

const noUsage = {cpuMilliseconds: Number.NaN, peakMegabytes: Number.NaN};

async function openFiles(
  invocation: Invocation,
): Promise<{readonly stdin?: FileHandle; readonly stdout?: FileHandle}> {
  return {
    ...(invocation.stdin === undefined ? {} : {stdin: await open(invocation.stdin)}),
    ...(invocation.stdout === undefined ? {} : {stdout: await open(invocation.stdout, 'w')}),
  };
}

async function readUsage(report: string): Promise<typeof noUsage> {
  const last = (await readFile(report, 'utf8')).trimEnd().split('\n').at(-1) ?? '';
  const [user = Number.NaN, system = Number.NaN, kilobytes = Number.NaN] = last.split(' ').map(Number);
  return {cpuMilliseconds: (user + system) * 1000, peakMegabytes: (kilobytes * 1024) / 1e6};
}

/** What one program gave in each round. */
export interface Series {
  readonly wall: readonly number[];
  readonly cpu: readonly number[];
  readonly peak: readonly number[];
}

/**
 * Runs the variants in turn, round after round, and gives each one's series. `warmUp` rounds come first
 * and are not counted.
 */
export async function paired<Name extends string>(
  variants: Readonly<Record<Name, () => Promise<Measurement>>>,
  {rounds, warmUp = 0}: {readonly rounds: number; readonly warmUp?: number},
): Promise<Readonly<Record<Name, Series>>> {
  const names = Object.keys(variants) as Name[];
  const all = Object.fromEntries(names.map((name) => [name, [] as Measurement[]])) as Record<
    Name,
    Measurement[]
  >;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const measurement = await variants[name]();
      if (round >= 0) all[name].push(measurement);
    }
  }
  const series = (name: Name): Series => ({
    wall: all[name].map((one) => one.wallMilliseconds),
    cpu: all[name].map((one) => one.cpuMilliseconds),
    peak: all[name].map((one) => one.peakMegabytes),
  });
  return Object.fromEntries(names.map((name) => [name, series(name)])) as Record<Name, Series>;
}

/** Wall time over wall time, round by round. */
export function wallRatios(ours: Series, theirs: Series): readonly number[] {
  return ratios(ours.wall, theirs.wall);
}

/** Processor time over processor time, round by round. */
export function cpuRatios(ours: Series, theirs: Series): readonly number[] {
  return ratios(ours.cpu, theirs.cpu);
}

/** Peak memory over peak memory, round by round. */
export function peakRatios(ours: Series, theirs: Series): readonly number[] {
  return ratios(ours.peak, theirs.peak);
}

/** Processor time that a running process has used so far, in milliseconds (proc(5), fields 14 and 15 of stat). */
export async function cpuSoFar(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold blanks; what follows it does not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticksPerSecond = 100;
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1000;
}

/** Resident memory of a running process, in 10^6 bytes (proc(5), VmRSS). */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
}

/**
 * Whether a server on this port has connections, also such as the client has ended and it has not read to
 * the end of (proc(5), /proc/net/tcp).
 */
export async function hasConnections(port: number): Promise<boolean> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const established = '01';
  const closeWait = '08';
  const [, ...lines] = (await readFile('/proc/net/tcp', 'latin1')).trimEnd().split('\n');
  return lines.some((line) => {
    const [, local = '', , state = ''] = line.trim().split(/\s+/);
    return local.endsWith(suffix) && (state === established || state === closeWait);
  });
}
