/** The real mosquitto broker, on a free loopback port, in a directory of its own, gone with the test. */

import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {connect, createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type Running, start} from './spawn.ts';

export interface Mosquitto extends AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  log(): string;
  /** Resolves when the broker's log matches: 'Received SUBSCRIBE from …'. mosquitto_sub's own -d output is block buffered on a pipe. */
  logged(pattern: RegExp): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Has it read its files again; resolves when it does so. */
  reload(): Promise<void>;
  /** Starts it again on the same port with the same configuration, after `stop`. */
  restart(): Promise<void>;
}

/** Below the ports that systems give out themselves: between its choice and its use, none of them is taken. */
const [lowestPort, highestPort] = [20_000, 32_000];

/** Each process begins elsewhere, because several look for ports at the same time. */
let nextPort = lowestPort + ((process.pid * 37) % (highestPort - lowestPort));

/** A port that was free a moment ago, another one each time. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++;
    if (nextPort === highestPort) nextPort = lowestPort;
    const server = createServer();
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Resolves when something accepts connections on the port. */
async function accepting(port: number, process: Running): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const outcome = await Promise.race([
      once(socket, 'connect').then(
        () => 'open',
        () => 'refused',
      ),
      process.finished.then(() => 'ended'),
    ]);
    socket.destroy();
    if (outcome === 'open') return;
    if (outcome === 'ended') throw new Error(`mosquitto ended: ${process.stderr()}${process.stdout()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * Starts mosquitto. In `config`, {port} and {directory} are filled in; files can be put in place by
 * `prepare` before the start. It is killed after the time, with its log in memory until then.
 */
export async function startMosquitto(
  config = 'listener {port} 127.0.0.1\nallow_anonymous true\n',
  prepare: (directory: string) => Promise<void> = async () => undefined,
  timeoutMilliseconds = 120_000,
): Promise<Mosquitto> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-mosquitto-'));
  await prepare(directory);
  const port = await freePort();
  const path = join(directory, 'mosquitto.conf');
  const text = config.replaceAll('{port}', String(port)).replaceAll('{directory}', directory);
  // As root, mosquitto changes to a user that cannot read the directory.
  await writeFile(path, `user root\n${text}`);
  const launch = async () => {
    const process = start('mosquitto', ['-v', '-c', path], {timeoutMilliseconds});
    await accepting(port, process);
    return process;
  };
  let running = await launch();
  return {
    port,
    directory,
    log: () => running.stderr() + running.stdout(),
    async logged(pattern) {
      await running.waitFor('stderr', pattern);
    },
    async stop(signal) {
      await running.stop(signal);
    },
    async reload() {
      const {length} = running.stderr();
      running.child.kill('SIGHUP');
      await running.waitFor('stderr', new RegExp(`^[^]{${length},}Reloading config`));
    },
    async restart() {
      running = await launch();
    },
    async [Symbol.asyncDispose]() {
      await running.stop('SIGKILL');
      await rm(directory, {recursive: true, force: true});
    },
  };
}
