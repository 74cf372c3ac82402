/** `tmq broker --web` as a process of its own, with clients of MQTT.js on it. */

import {once} from 'node:events';
import {connectAsync, type IClientOptions, type IPublishPacket, type MqttClient} from 'mqtt';
import {patienceMilliseconds, type Running, type SpawnOptions} from './spawn.ts';
import {startTmq} from './tmq.ts';

export interface WebBroker extends AsyncDisposable {
  readonly running: Running;
  /** Of its first listener: 'mqtt://127.0.0.1:40213'. */
  readonly url: string;
  /** Of the page, with its token. */
  readonly page: string;
  /** Connects a client, which is closed with the broker. */
  connect(options?: IClientOptions): Promise<MqttClient>;
}

/** Starts it on free ports; `words` are further words of the command line. */
export async function startWebBroker(
  words: readonly string[] = ['-p', '0', '--web', '0'],
  env: SpawnOptions['env'] = {},
): Promise<WebBroker> {
  const running = startTmq(['broker', '--quiet', '--ready', 'json', ...words], {
    timeoutMilliseconds: 180_000,
    env,
  });
  const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  const {listeners, web} = JSON.parse(line) as {listeners: {url: string}[]; web: string};
  const clients: MqttClient[] = [];
  return {
    running,
    url: listeners[0]!.url,
    page: web,
    async connect(options) {
      const client = await connectAsync(listeners[0]!.url, {
        protocolVersion: 5,
        reconnectPeriod: 0,
        ...options,
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end(true);
      await running[Symbol.asyncDispose]();
    },
  };
}

/** The next packet of a client: topic, payload and the packet as MQTT.js gives it. */
export async function nextPacket(client: MqttClient): Promise<[string, Buffer, IPublishPacket]> {
  return await bounded(
    'message',
    new Promise((resolve) => client.once('message', (...words) => resolve(words))),
  );
}

/** The next message of a client, as topic and text. */
export async function nextMessage(client: MqttClient): Promise<[topic: string, text: string]> {
  const [topic, payload] = await nextPacket(client);
  return [topic, payload.toString()];
}

/** Resolves when the client's connection is closed. */
export async function nextClose(client: MqttClient): Promise<void> {
  await bounded('end of the connection', new Promise<void>((resolve) => client.once('close', resolve)));
}

/** Rejects after a minute. */
async function bounded<T>(name: string, event: Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(patienceMilliseconds);
  const late = once(signal, 'abort').then(() => {
    throw new Error(`There was no ${name} within a minute.`);
  });
  return await Promise.race([event, late]);
}
