/**
 * `tmq broker` as a process of its own, with a configuration file in a directory that goes with it: to be killed,
 * started again, and looked at from outside. Knows no client.
 */

import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Running} from './spawn.ts';
import {startTmq} from './tmq.ts';

export interface BrokerProcess extends AsyncDisposable {
  readonly directory: string;
  /** Of the first listener; another after each start. */
  readonly port: number;
  /** Bytes of memory that are resident. */
  residentBytes(): Promise<number>;
  stderr(): string;
  /** Resolves when the broker's stderr matches: its log, unless `quiet`. */
  logged(pattern: RegExp): Promise<void>;
  /** Ends it, by default with SIGTERM. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again after `stop`, with what is now in its directory. */
  restart(): Promise<void>;
}

/** Starts it. In `config`, {directory} is filled in; it should have a listener on port 0. */
export async function startBrokerProcess(
  config: string,
  {quiet = true}: {readonly quiet?: boolean} = {},
): Promise<BrokerProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-broker-process-'));
  const path = join(directory, 'mosquitto.conf');
  await writeFile(path, config.replaceAll('{directory}', directory));
  const launch = async (): Promise<{readonly running: Running; readonly port: number}> => {
    const words = ['broker', '-c', path, '--ready', 'json', ...(quiet ? ['--quiet'] : ['-v'])];
    const running = startTmq(words, {timeoutMilliseconds: 120_000});
    const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    return {running, port: JSON.parse(line).listeners[0].port};
  };
  let current = await launch();
  return {
    directory,
    get port() {
      return current.port;
    },
    async residentBytes() {
      const status = await readFile(`/proc/${current.running.child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    stderr: () => current.running.stderr(),
    async logged(pattern) {
      await current.running.waitFor('stderr', pattern);
    },
    async stop(signal) {
      await current.running.stop(signal);
    },
    async restart() {
      current = await launch();
    },
    async [Symbol.asyncDispose]() {
      await current.running.stop('SIGKILL');
      await rm(directory, {recursive: true, force: true});
    },
  };
}
