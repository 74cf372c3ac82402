/** The two brokers that every scenario runs against: ours, in this process, and the real mosquitto. */

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {freePort, startMosquitto} from './mosquitto.ts';
import {startMain} from './run.ts';

export const brokerKinds = ['bundled', 'mosquitto'] as const;
export type BrokerKind = (typeof brokerKinds)[number];

export interface TestBroker extends AsyncDisposable {
  readonly kind: BrokerKind;
  readonly port: number;
  /** Resolves when the broker's log matches. */
  logged(pattern: RegExp): Promise<void>;
}

/** Queues without bound: by default mosquitto drops what a subscriber is more than 1000 messages behind with. */
const anonymous = 'listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n';

/** Starts a broker on a free port. In `config`, {port} and {directory} are filled in. */
export async function startBroker(
  kind: BrokerKind,
  config: string = anonymous,
  prepare: (directory: string) => Promise<void> = async () => undefined,
): Promise<TestBroker> {
  if (kind === 'mosquitto') {
    const broker = await startMosquitto(config, prepare);
    return {
      kind,
      port: broker.port,
      logged: (pattern) => broker.logged(pattern),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    };
  }
  const directory = await mkdtemp(join(tmpdir(), 'tmq-broker-'));
  await prepare(directory);
  const port = await freePort();
  const path = join(directory, 'mosquitto.conf');
  await writeFile(path, config.replaceAll('{port}', String(port)).replaceAll('{directory}', directory));
  const running = startMain(['broker', '-v', '-c', path]);
  await running.waitFor('stderr', new RegExp(`${port}`));
  return {
    kind,
    port,
    async logged(pattern) {
      await running.waitFor('stderr', pattern);
    },
    async [Symbol.asyncDispose]() {
      await running.interrupt('SIGTERM');
      await rm(directory, {recursive: true, force: true});
    },
  };
}
