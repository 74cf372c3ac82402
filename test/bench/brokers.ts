/**
 * The brokers that are compared, each a process on a free loopback port: this clone's, Debian's
 * mosquitto with the same configuration file, and aedes-cli.
 */

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {freePort} from '../support/mosquitto.ts';
import {type Running, start} from '../support/spawn.ts';
import {tmq} from './bench.ts';
import type {Invocation} from './measure.ts';
import {aedesCli} from './peers.ts';

export type BrokerName = 'tmq' | 'mosquitto' | 'aedes';

export interface BenchBroker extends AsyncDisposable {
  readonly port: number;
  /** The ports of {port}, {port2}, {port3} and so on in the configuration. */
  readonly ports: readonly number[];
  readonly pid: number;
  /** From the start of the process to the first connection accepted. */
  readonly readyMilliseconds: number;
}

/**
 * One listener for all clients. mosquitto drops messages at QoS 0 when a subscriber has 1000 waiting; here
 * every message must arrive, so the limit is off.
 */
export const openConfig = 'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n';

/** Starts a broker. In `config`, {port}, {port2} and so on, and {directory}, are filled in; aedes-cli gets its ports. */
export async function startBroker(
  name: BrokerName,
  config = openConfig,
  prepare: (directory: string) => Promise<void> = async () => undefined,
): Promise<BenchBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-bench-broker-'));
  await prepare(directory);
  const ports: number[] = [];
  const names = ['{port}', '{port2}', '{port3}', '{port4}'].filter((name) => config.includes(name));
  let text = config.replaceAll('{directory}', directory);
  for (const name of names) {
    const free = await freePort();
    ports.push(free);
    text = text.replaceAll(name, String(free));
  }
  const port = ports[0]!;
  const path = join(directory, 'mosquitto.conf');
  // As root, mosquitto changes to a user that cannot read the directory.
  await writeFile(path, `user root\nlog_type error\nlog_type warning\n${text}`);
  const {command, args} = words(name, path, ports, text);
  const started = performance.now();
  const running = start(command, args, {timeoutMilliseconds: 600_000});
  // Also when the benches are interrupted.
  const kill = () => void running.child.kill('SIGKILL');
  process.once('exit', kill);
  await accepting(port, running);
  return {
    port,
    ports,
    pid: running.child.pid!,
    readyMilliseconds: performance.now() - started,
    async [Symbol.asyncDispose]() {
      // A broker that ends in peace has its code cached.
      await running.stop('SIGTERM');
      process.off('exit', kill);
      await rm(directory, {recursive: true, force: true});
    },
  };
}

function words(
  name: BrokerName,
  path: string,
  ports: readonly number[],
  config: string,
): Pick<Invocation, 'command' | 'args'> {
  if (name === 'tmq') return tmq('broker', '-c', path);
  if (name === 'mosquitto') return {command: 'mosquitto', args: ['-c', path]};
  return aedesCli('--port', String(ports[0]), '--host', '127.0.0.1', ...webSocketWords(ports, config));
}

/** What aedes-cli has in place of the second listener of a configuration, which is for WebSockets. */
function webSocketWords([, port]: readonly number[], config: string): readonly string[] {
  if (port === undefined) return [];
  const file = (kind: string) => new RegExp(`^${kind}file (.*)$`, 'm').exec(config)?.[1];
  const [certificate, key] = [file('cert'), file('key')];
  if (certificate === undefined || key === undefined)
    return ['--protos', 'tcp', 'ws', '--ws-port', String(port)];
  return ['--protos', 'tcp', 'wss', '--wss-port', String(port), '--cert', certificate, '--key', key];
}

/** Resolves when the port accepts. @throws Error when the process ends first */
async function accepting(port: number, running: Running): Promise<void> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  void running.finished.then(end, end);
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    if (ended) throw new Error(`The broker ended: ${running.stderr()}${running.stdout()}`);
    // The polling must leave the processor to the broker.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
