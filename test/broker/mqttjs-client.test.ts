/** MQTT.js on our broker, over real sockets: a client that uses the properties of MQTT 5. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {type AddressInfo, createServer, type Socket} from 'node:net';
import {describe, it} from 'node:test';
import {connectAsync, type IDisconnectPacket, type MqttClient} from 'mqtt';
import {openAccess} from '../../src/broker/access/access.ts';
import {Broker} from '../../src/broker/broker.ts';
import {defaultLimits} from '../../src/broker/config/settings.ts';
import {plainListener, within} from '../support/packet-client.ts';

async function served() {
  const now = () => BigInt(Date.now()) * 1_000_000n;
  const broker = new Broker(
    {limits: defaultLimits, sysInterval: 0},
    {access: openAccess, now, log: () => undefined},
  );
  const server = createServer({noDelay: true}, (socket) => broker.accept(socket, plainListener, {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broker,
    async [Symbol.asyncDispose]() {
      server.close();
      await broker.close();
    },
  };
}

/** The next messages a client gets, as 'topic payload'. */
async function messages(client: MqttClient, count: number): Promise<string[]> {
  const found: string[] = [];
  const all = new Promise<void>((resolve) => {
    client.on('message', (topic, payload) => {
      found.push(`${topic} ${payload}`);
      if (found.length === count) resolve();
    });
  });
  await within(all, `${count} messages`);
  return found;
}

describe('MQTT.js', () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    it(`publishes and receives 300 messages of each QoS, protocol version ${protocolVersion}`, async () => {
      await using place = await served();
      const client = await connectAsync(place.url, {
        protocolVersion,
        ...(protocolVersion === 3 ? {protocolId: 'MQIsdp', clientId: 'three'} : {}),
        reconnectPeriod: 0,
        ...(protocolVersion === 5 ? {properties: {topicAliasMaximum: 5, receiveMaximum: 10}} : {}),
      });
      // MQTT.js leaves Nagle's algorithm on: each round trip would cost 40 ms.
      (client.stream as Socket).setNoDelay(true);
      await client.subscribeAsync('load/#', {qos: 2});
      const received = messages(client, 900);
      for (let index = 0; index < 300; index += 10) {
        const batch = Array.from({length: 10}, (_, offset) =>
          ([0, 1, 2] as const).map((qos) => client.publishAsync(`load/${qos}`, `${index + offset}`, {qos})),
        );
        await within(Promise.all(batch.flat()), 'the acknowledgements');
      }
      const payloads = await received;
      for (const qos of [0, 1, 2]) {
        assert.deepEqual(
          payloads.filter((line) => line.startsWith(`load/${qos}`)),
          Array.from({length: 300}, (_, index) => `load/${qos} ${index}`),
        );
      }
      await client.endAsync();
    });
  }

  it('sees DISCONNECT with its reason when the broker closes', async () => {
    await using place = await served();
    const client = await connectAsync(place.url, {protocolVersion: 5, reconnectPeriod: 0});
    const told = new Promise<IDisconnectPacket>((resolve) => client.once('disconnect', resolve));
    const closed = new Promise<void>((resolve) => client.once('close', resolve));
    await place.broker.close();
    assert.equal((await within(told, 'DISCONNECT')).reasonCode, 0x8b);
    await within(closed, 'the end of the connection');
    await client.endAsync(true);
  });
});
