/**
 * A load as people write it with MQTT.js: connects clients, then publishes from each in a loop with at most so many
 * messages unacknowledged. Prints how long connecting and publishing took, and its memory while connected.
 */

import {parseArgs} from 'node:util';
import mqtt, {type MqttClient} from 'mqtt';
import {print} from './protocol.ts';

const {values} = parseArgs({
  options: {
    port: {type: 'string', default: '1883'},
    clients: {type: 'string', default: '1'},
    /** Messages of each client. */
    messages: {type: 'string', default: '0'},
    qos: {type: 'string', default: '0'},
    size: {type: 'string', default: '256'},
    window: {type: 'string', default: '100'},
  },
});
const [port, clients, messages, window] = [values.port, values.clients, values.messages, values.window].map(
  Number,
) as [number, number, number, number];
const qos = Number(values.qos) as 0 | 1;
const payload = Buffer.alloc(Number(values.size), 'x');

async function connected(): Promise<MqttClient> {
  return await mqtt.connectAsync({host: '127.0.0.1', port, reconnectPeriod: 0});
}

/** As many at a time as a broker has room for that it has not accepted. */
async function connectAll(): Promise<readonly MqttClient[]> {
  const all: MqttClient[] = [];
  let left = clients;
  const lane = async () => {
    while (left-- > 0) all.push(await connected());
  };
  await Promise.all(Array.from({length: Math.min(clients, 64)}, lane));
  return all;
}

function publishAll(client: MqttClient): Promise<void> {
  let sent = 0;
  let done = 0;
  return new Promise((resolve) => {
    const next = () => {
      while (sent < messages && sent - done < window) {
        sent++;
        client.publish('bench/load', payload, {qos}, () => {
          if (++done === messages) resolve();
          else if (sent - done < window / 2) next();
        });
      }
    };
    next();
  });
}

const began = performance.now();
const all = await connectAll();
const connectMilliseconds = performance.now() - began;
const megabytes = process.memoryUsage.rss() / 1e6;
const publishBegan = performance.now();
if (messages > 0) await Promise.all(all.map(publishAll));
print({connectMilliseconds, megabytes, publishMilliseconds: performance.now() - publishBegan});
for (const client of all) client.end();
