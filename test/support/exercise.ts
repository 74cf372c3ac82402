/**
 * What a client must be able to do with a broker, done with MQTT.js: the same steps in Node and in a
 * browser's page. Imports nothing, so that it can be served to a page as it is; asserts nothing.
 */

import type {IClientOptions, MqttClient} from 'mqtt';

/** What was received, one line for each message: 'topic payload q1 r0'. */
export interface Exercise {
  readonly live: readonly string[];
  readonly kept: readonly string[];
  readonly will: readonly string[];
  /** User properties of the first live message; MQTT 5 only. */
  readonly userProperties: unknown;
}

export interface ExerciseOptions {
  readonly url: string;
  /** Begins all topics and client identifiers. */
  readonly name: string;
  readonly client: IClientOptions;
}

/** What a test expects, for an exercise of this name. */
export function expectedExercise(name: string, protocolVersion: number): Exercise {
  return {
    live: [0, 1, 2].map((qos) => `${name}/live/${qos} live ${qos} q${qos} r0`),
    kept: [0, 1, 2].map((qos) => `${name}/kept/${qos} kept ${qos} q${qos} r1`),
    will: [`${name}/will gone q1 r0`],
    userProperties: protocolVersion === 5 ? {colour: 'blue'} : null,
  };
}

/** Connects, subscribes, publishes at each QoS, receives retained messages, and closes without DISCONNECT. */
export async function exercise(
  connectAsync: (url: string, options: IClientOptions) => Promise<MqttClient>,
  {url, name, client: shared}: ExerciseOptions,
): Promise<Exercise> {
  const five = shared.protocolVersion === 5;
  const open = (role: string, more: IClientOptions = {}) =>
    connectAsync(url, {reconnectPeriod: 0, clientId: `${name}-${role}`, ...shared, ...more});
  let userProperties: unknown = null;
  const collect = async (client: MqttClient, filter: string, count: number, act: () => Promise<unknown>) => {
    const lines: string[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('message', (topic, payload, packet) => {
        lines.push(`${topic} ${payload} q${packet.qos} r${Number(packet.retain)}`);
        if (packet.properties?.userProperties !== undefined) {
          userProperties ??= {...packet.properties.userProperties};
        }
        if (lines.length === count) resolve();
      });
    });
    await client.subscribeAsync(filter, {qos: 2});
    await act();
    await all;
    await client.endAsync();
    return lines.sort();
  };
  const levels = [0, 1, 2] as const;
  const publisher = await open('publisher', {
    will: {topic: `${name}/will`, payload: 'gone' as never, qos: 1, retain: false},
  });
  const properties = five ? {properties: {userProperties: {colour: 'blue'}}} : {};
  const live = await collect(await open('watcher'), `${name}/live/#`, 3, async () => {
    for (const qos of levels) {
      await publisher.publishAsync(`${name}/live/${qos}`, `live ${qos}`, {qos, ...properties});
      await publisher.publishAsync(`${name}/kept/${qos}`, `kept ${qos}`, {qos, retain: true});
    }
  });
  const kept = await collect(await open('late'), `${name}/kept/#`, 3, async () => undefined);
  const will = await collect(await open('heir'), `${name}/will`, 1, async () => {
    publisher.stream.destroy();
  });
  const sweeper = await open('sweeper');
  for (const qos of levels) await sweeper.publishAsync(`${name}/kept/${qos}`, '', {qos, retain: true});
  await sweeper.endAsync();
  await publisher.endAsync(true);
  return {live, kept, will, userProperties};
}
