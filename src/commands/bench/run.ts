/** Runs a load of bench: checks first that it can be run, shows how it goes, and gives the report. */

import {readdirSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import type {ConnectionOptions, Endpoint} from '../../client/connection-options.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {type Io, openFilesLimit} from '../../io/process.ts';
import {grouped, statusLine, unwatched} from '../../io/status-line.ts';
import {warn} from '../../io/terminal.ts';
import {Load} from '../../load/load.ts';
import type {Failure} from '../../load/load-thread.ts';
import {clockIdentifier, newIdentifier} from '../../load/measuring/clock.ts';
import {type Measurement, total} from '../../load/measuring/measurement.ts';
import {type CopiedEndpoint, clientCount, type LoadPlan} from '../../load/plan.ts';
import {resolveConnection} from '../client/resolve-connection.ts';
import type {BenchPlan} from './plan.ts';
import type {Kind, Report} from './report.ts';

/** Clients that one thread has before another one is started. */
const clientsOfThread = 2500;
/** Descriptors that Node needs for itself, and for each thread. */
const ownDescriptors = 24;
const descriptorsOfThread = 12;

export interface Ran {
  readonly report: Report;
  /** Where no client could connect, or none had a connection left. */
  readonly failure: TmqError | undefined;
}

/** @throws TmqError where the load cannot be run */
export async function runLoad(plan: BenchPlan, kind: Kind, io: Io): Promise<Ran> {
  const {client, holdSeconds, messages} = plan;
  const clients = plan.idle + (plan.publishing?.clients ?? 0) + (plan.subscribing?.clients ?? 0);
  const threads = Math.min(clients, plan.threads ?? usualThreads(clients));
  checkDescriptors(clients, threads);
  if (!client.quiet) for (const warning of client.warnings) await warn(io, warning);
  const connection = await resolveConnection(client.connection, io);
  const load = loadPlan(plan, connection);
  const {passphrase} = connection.endpoint.tls ?? {};
  const running = new Load({
    plan: load,
    threads,
    signal: io.signal,
    holdSeconds,
    messages,
    passphrase: async () => (await passphrase?.(io.signal)) ?? '',
  });
  using _line = client.quiet ? unwatched : statusLine(io, () => progressText(running, load));
  const {measurement, failure} = await running.run();
  return {
    report: {
      format: 'tmq-bench',
      version: 1,
      kind,
      runs: [load.run],
      scheduled: load.publishing?.rate !== undefined || kind === 'conn',
      qos: load.publishing?.qos ?? load.subscribing?.qos ?? 0,
      measurement,
    },
    failure: overallFailure(clients, measurement, failure),
  };
}

function overallFailure(
  clients: number,
  {connected, lost}: Measurement,
  failure: Failure | undefined,
): TmqError | undefined {
  if (connected === 0 && failure !== undefined) {
    const all = `${clients} client${clients === 1 ? '' : 's'}`;
    return new TmqError(`None of ${all} could connect. ${failure.message}`, failure.exitCode);
  }
  if (connected === 0 || total(lost) < connected) return undefined;
  const all = connected === 1 ? 'The connection was' : `All ${grouped(connected)} connections were`;
  return new TmqError(`${all} lost: the report says why.`, ExitCode.connectionLost);
}

/** The broker is to have a core for itself. */
function usualThreads(clients: number): number {
  return Math.max(1, Math.min(Math.ceil(clients / clientsOfThread), availableParallelism() - 1));
}

/** @throws TmqError where so many connections cannot be open at the same time */
function checkDescriptors(clients: number, threads: number): void {
  const limit = openFilesLimit();
  const needed = clients + openNow() + threads * descriptorsOfThread;
  if (needed <= limit) return;
  throw new TmqError(
    `${grouped(clients)} connections need ${grouped(needed)} file descriptors, and this shell allows ${grouped(limit)}. Raise the limit first, as in ulimit -n ${Math.ceil(needed / 1000) * 1000}, as root where the shell refuses; or use several machines with --first.`,
    ExitCode.failure,
  );
}

/** Descriptors in use. */
function openNow(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return ownDescriptors;
  }
}

function loadPlan(plan: BenchPlan, connection: ConnectionOptions): LoadPlan {
  const {endpoint, alternatives = [], protocolVersion, credentials, headers, keepaliveSeconds} = connection;
  const {publishing, subscribing, idle, first, connectRate: rate, clientId} = plan;
  const run = newIdentifier();
  return {
    run,
    clock: clockIdentifier(),
    first,
    idle,
    connecting: {
      endpoints: [endpoint, ...alternatives].map(copied),
      protocolVersion,
      // Within the 23 bytes that every server accepts [MQTT-3.1.3-5], up to a million clients.
      clientId: clientId ?? `tmq-bench-${run.slice(0, 6)}-{i}`,
      keepaliveSeconds,
      timeoutSeconds: connection.connectTimeoutSeconds,
      ...(credentials === undefined ? {} : {credentials}),
      ...(headers === undefined ? {} : {headers}),
      ...(rate === undefined ? {} : {rate}),
    },
    ...(publishing === undefined ? {} : {publishing}),
    ...(subscribing === undefined ? {} : {subscribing}),
    warmupMilliseconds: plan.warmupSeconds * 1000,
    settleMilliseconds: plan.settleSeconds * 1000,
  };
}

/** Without what cannot be copied to another thread. */
function copied(endpoint: Endpoint): CopiedEndpoint {
  const {tls, ...rest} = endpoint;
  const {passphrase: _, ...copiedTls} = tls ?? {};
  const proxy = 'proxy' in rest ? rest.proxy?.href : undefined;
  const {proxy: _proxy, ...plain} = rest as typeof rest & {proxy?: URL};
  return {
    ...plain,
    ...(tls === undefined ? {} : {tls: copiedTls}),
    ...(proxy === undefined ? {} : {proxy}),
  } as CopiedEndpoint;
}

/** The progress line. */
function progressText(load: Load, plan: LoadPlan): string {
  const {connected, failed, sent, acknowledged, received} = load.watched;
  const qos = plan.publishing?.qos ?? 0;
  const parts = [
    `${grouped(connected)} of ${grouped(clientCount(plan))} connected`,
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
    ...(plan.publishing === undefined ? [] : [`${grouped(sent)} sent`]),
    ...(plan.publishing !== undefined && qos > 0 ? [`${grouped(acknowledged)} acknowledged`] : []),
    ...(plan.subscribing === undefined ? [] : [`${grouped(received)} received`]),
    ...(load.phase === 'settling' ? ['waiting for the rest'] : []),
  ];
  return parts.join(', ');
}
