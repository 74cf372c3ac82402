// needs: mosquitto_pub
/** Faults: their rules, and what real clients see of them. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {duplexPair} from 'node:stream';
import {describe, it} from 'node:test';
import {setImmediate as nextTurn} from 'node:timers/promises';
import fc from 'fast-check';
import mqtt, {type MqttClient} from 'mqtt';
import {openAccess} from '../../src/broker/access/access.ts';
import {Broker} from '../../src/broker/broker.ts';
import {parseBrokerConfig} from '../../src/broker/config/parse-config.ts';
import {FaultPlan, type PassingPacket, parseFault} from '../../src/broker/server/faults.ts';
import {faultyStream} from '../../src/broker/server/faulty-stream.ts';
import {listen} from '../../src/broker/server/listen.ts';
import {runBroker} from '../../src/broker/server/run-broker.ts';
import {UsageError} from '../../src/errors.ts';
import {frameOf, within} from '../support/packet-client.ts';
import {run} from '../support/spawn.ts';

const publish: PassingPacket = {packet: 'publish', direction: 'in', clientId: 'dev1', topic: 'a/b'};

function fates(rules: readonly string[], passing: readonly PassingPacket[], seed = 1): string {
  const plan = new FaultPlan(rules.map(parseFault), seed);
  return passing
    .map((packet) => {
      const {result, copies} = plan.decide(packet);
      return result === 'pass' ? String(copies) : result[0];
    })
    .join('');
}

const times = (count: number, packet = publish) => Array<PassingPacket>(count).fill(packet);

describe('rules', () => {
  it('select packets by type, direction, topic, client and count', () => {
    assert.equal(fates(['drop publish'], [publish, {...publish, packet: 'puback'}]), 'd1');
    assert.equal(fates(['drop'], [publish, {...publish, packet: 'puback'}]), 'dd');
    assert.equal(fates(['drop publish out'], [publish, {...publish, direction: 'out'}]), '1d');
    assert.equal(fates(['drop topic=a/+'], [publish, {...publish, topic: 'b'}]), 'd1');
    const puback: PassingPacket = {packet: 'puback', direction: 'in', clientId: 'x'};
    assert.equal(fates(['drop topic=a/+'], [puback]), '1');
    assert.equal(fates(['close client=dev*'], [publish, {...publish, clientId: 'de'}]), 'c1');
    assert.equal(fates(['close client=dev'], [publish]), '1');
    assert.equal(fates(['drop after=2 first=1'], times(5)), '11d11');
    assert.equal(fates(['duplicate publish', 'duplicate first=1', 'drop after=2'], times(3)), '32d');
  });

  it('add up delays within their jitter', () => {
    fc.assert(
      fc.property(fc.integer({min: 0, max: 2 ** 32 - 1}), (seed) => {
        const plan = new FaultPlan([parseFault('delay publish 1s'), parseFault('delay 200ms±50ms')], seed);
        const {delayMilliseconds} = plan.decide(publish);
        assert.ok(delayMilliseconds >= 1150 && delayMilliseconds <= 1250);
      }),
    );
  });

  it('give the same results for the same seed, with the given probability', () => {
    const rule = ['drop p=0.25'];
    const count = (text: string) => text.split('d').length - 1;
    assert.equal(fates(rule, times(200), 7), fates(rule, times(200), 7));
    assert.notEqual(fates(rule, times(200), 7), fates(rule, times(200), 8));
    const dropped = count(fates(rule, times(4000)));
    assert.ok(dropped > 800 && dropped < 1200, String(dropped));
  });

  it('are refused when a word is invalid', () => {
    for (const [rule, message] of [
      ['', /begins with drop, delay, duplicate, close, connack, disconnect, not with ''/],
      ['explode publish', /not with 'explode'/],
      ['drop publsh', /'publsh' means nothing/],
      ['drop p=2', /'p=2' means nothing/],
      ['drop p=x', /'p=x' means nothing/],
      ['drop topic=a#', /'topic=a#' means nothing/],
      ['delay publish', /needs a time/],
      ['drop 200ms', /'200ms' means nothing/],
      ['connack', /needs the code/],
      ['connack 0', /needs the code/],
      ['connack 300', /'300' means nothing/],
    ] as const) {
      assert.throws(
        () => parseFault(rule),
        (error) => error instanceof UsageError && message.test(error.message),
        rule,
      );
    }
  });
});

interface Fixture {
  readonly port: number;
  /** 'in connect', 'out connack' …, as the broker itself sees them. */
  readonly seen: string[];
  client(options?: Parameters<typeof mqtt.connectAsync>[1]): Promise<MqttClient>;
}

async function withFaults(
  rules: readonly string[],
  test: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const config = parseBrokerConfig('listener 0 127.0.0.1\nallow_anonymous true\n', {
    path: 'x',
    read: () => assert.fail(),
  });
  const seen: string[] = [];
  const broker = new Broker(config, {
    access: openAccess,
    now: () => BigInt(Date.now()) * 1_000_000n,
    log: () => undefined,
    observe: (_clientId, direction, {cmd}) => seen.push(`${direction} ${cmd}`),
  });
  const plan = new FaultPlan(rules.map(parseFault), 1);
  const listening = await listen(
    {accept: (stream, listener, peer) => broker.accept(faultyStream(stream, plan), listener, peer)},
    config,
    {read: () => assert.fail(), log: () => undefined},
  );
  const port = listening.addresses[0]?.port ?? 0;
  const clients: MqttClient[] = [];
  try {
    const client: Fixture['client'] = async (options) => {
      const made = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {reconnectPeriod: 0, ...options});
      made.on('error', () => undefined);
      clients.push(made);
      return made;
    };
    await test({port, seen, client});
  } finally {
    for (const client of clients) await client.endAsync(true);
    await listening.close(broker.close());
  }
}

const count = (seen: readonly string[], what: string) => seen.filter((each) => each === what).length;

describe('clients see', () => {
  it('no difference where no rule applies: large messages pass both ways', async () => {
    await withFaults(['drop topic=other'], async ({client}) => {
      const subscriber = await client({protocolVersion: 5});
      await subscriber.subscribeAsync('a', {qos: 2});
      const received = new Promise<Buffer>((resolve) =>
        subscriber.on('message', (_, payload) => resolve(payload)),
      );
      const payload = Buffer.alloc(3_000_000, 'x');
      await subscriber.publishAsync('a', payload, {qos: 2});
      assert.ok((await received).equals(payload));
    });
  });

  it('a dropped PUBACK: the client sends again after it has reconnected', async () => {
    await withFaults(['drop puback first=1', 'close pingreq first=1'], async ({client, seen}) => {
      const sender = await client({clean: false, clientId: 'keeper', reconnectPeriod: 1, keepalive: 1});
      await sender.publishAsync('a', 'x', {qos: 1});
      assert.equal(count(seen, 'in publish'), 2);
      assert.equal(count(seen, 'out puback'), 2);
      assert.equal(count(seen, 'in connect'), 2);
    });
  });

  it('a dropped and a duplicated PUBLISH', async () => {
    await withFaults(
      ['drop publish in topic=lost', 'duplicate publish out topic=twice'],
      async ({client}) => {
        const subscriber = await client();
        const received: string[] = [];
        await subscriber.subscribeAsync('#');
        const end = new Promise<void>((resolve) => {
          subscriber.on('message', (topic) => {
            received.push(topic);
            if (topic === 'end') resolve();
          });
        });
        for (const topic of ['lost', 'twice', 'end']) await subscriber.publishAsync(topic, 'x');
        await end;
        assert.deepEqual(received, ['twice', 'twice', 'end']);
      },
    );
  });

  it('delayed packets in their order', async () => {
    await withFaults(['delay publish out topic=slow 150ms'], async ({client}) => {
      const subscriber = await client();
      const received: string[] = [];
      await subscriber.subscribeAsync('#');
      const end = new Promise<void>((resolve) => {
        subscriber.on('message', (topic) => {
          received.push(topic);
          if (topic === 'end') resolve();
        });
      });
      for (const topic of ['slow', 'fast', 'end']) await subscriber.publishAsync(topic, 'x');
      await end;
      assert.deepEqual(received, ['slow', 'fast', 'end']);
    });
  });

  it('a connection closed at a packet, which the broker does not receive; the will is sent', async () => {
    await withFaults(['close publish topic=cut'], async ({client, seen}) => {
      const watcher = await client();
      await watcher.subscribeAsync('will');
      const will = new Promise<string>((resolve) => watcher.on('message', (topic) => resolve(topic)));
      const sender = await client({will: {topic: 'will', payload: Buffer.from('x'), qos: 0, retain: false}});
      const closed = once(sender as unknown as NodeJS.EventEmitter, 'close');
      sender.publish('cut', 'x');
      await closed;
      assert.equal(await will, 'will');
      assert.equal(count(seen, 'in publish'), 0);
    });
  });

  it('a refusing CONNACK in the form of each version', async () => {
    await withFaults(['connack 0x89 client=five', 'connack 3 client=three'], async ({port, seen}) => {
      const args = ['-p', String(port), '-t', 'a', '-m', 'x'];
      const five = await run('mosquitto_pub', [...args, '-V', '5', '-i', 'five']);
      assert.equal(five.exitCode, 0x89, five.stderr);
      const three = await run('mosquitto_pub', [...args, '-i', 'three']);
      assert.equal(three.exitCode, 3, three.stderr);
      assert.equal((await run('mosquitto_pub', [...args, '-i', 'other'])).exitCode, 0);
      assert.equal(count(seen, 'in connect'), 1);
    });
  });
});

describe('faults of a running broker', () => {
  const start = (faultsMayChange?: boolean) =>
    runBroker(
      parseBrokerConfig('listener 0 127.0.0.1\nallow_anonymous true\n', {
        path: 'x',
        read: () => assert.fail(),
      }),
      {log: () => undefined, ...(faultsMayChange === undefined ? {} : {faultsMayChange})},
    );

  it('change for clients that are connected, and also for packets whose topic has an alias', async () => {
    const running = await start(true);
    try {
      const client = await mqtt.connectAsync(running.addresses[0]!.url, {
        ...{protocolVersion: 5, reconnectPeriod: 0, autoAssignTopicAlias: false},
        properties: {topicAliasMaximum: 0},
      });
      const received: string[] = [];
      client.on('message', (_topic, payload) => received.push(String(payload)));
      await client.subscribeAsync('t', {qos: 1});
      const send = (text: string, topic = '') =>
        client.publish(topic, text, {qos: 0, properties: {topicAlias: 1}});
      const handled = () => client.publishAsync('other', '', {qos: 1});
      send('1', 't');
      await handled();
      running.setFaults?.([parseFault('drop publish in topic=t first=1')]);
      send('2');
      send('3');
      await handled();
      running.setFaults?.([]);
      send('4');
      await handled();
      await handled();
      assert.deepEqual(received, ['1', '3', '4']);
      await client.endAsync();
    } finally {
      await running.close();
    }
  });

  it('let a packet pass as it comes while there are none, and know its alias afterwards', async () => {
    const [client, ours] = duplexPair();
    const plan = new FaultPlan([], 1);
    const stream = faultyStream(ours, plan);
    let received = 0;
    let arrived: () => void = () => undefined;
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length;
      arrived();
    });
    const reaches = async (bytes: number) => {
      while (received < bytes)
        await within(new Promise<void>((resolve) => (arrived = resolve)), 'more bytes');
      assert.equal(received, bytes);
    };
    const connect = frameOf(0x10, [0, 4, ...Buffer.from('MQTT'), 5, 2, 0, 0, 0, 0, 1, 0x78]);
    const named = frameOf(0x30, [0, 1, 0x74, 3, 0x23, 0, 1, ...Buffer.alloc(100_000)]);
    const aliased = frameOf(0x30, [0, 0, 3, 0x23, 0, 1]);
    const ping = frameOf(0xc0, []);
    client.write(connect.subarray(0, 5));
    client.write(Buffer.concat([connect.subarray(5), named.subarray(0, 50_000)]));
    await reaches(connect.length + 50_000);
    plan.set([parseFault('drop publish topic=t')]);
    client.write(Buffer.concat([named.subarray(50_000), aliased, ping.subarray(0, 1)]));
    client.write(ping.subarray(1));
    await reaches(connect.length + named.length + ping.length);
    client.destroy();
    stream.destroy();
  });

  it('cost nothing where none are to come', async () => {
    const running = await start();
    assert.equal(running.setFaults, undefined);
    await running.close();
  });
});

describe('a delay', () => {
  const frame = frameOf(0x30, [0, 1, 0x74, ...Buffer.alloc(10_000)]);
  const count = 1000;

  it('F15: stops reading from a client before much of what it sends has to wait', async () => {
    const [client, ours] = duplexPair();
    const stream = faultyStream(ours, new FaultPlan([parseFault('delay in 100s')], 1));
    stream.resume();
    for (let index = 0; index < count; index++) client.write(frame);
    for (let turns = 0; turns < count; turns++) await nextTurn();
    assert.ok(client.writableLength > (count / 2) * frame.length, `${client.writableLength}`);
    stream.destroy();
  });

  it('F15: takes no more from the broker while much has to wait', async () => {
    const [client, ours] = duplexPair();
    client.resume();
    const stream = faultyStream(ours, new FaultPlan([parseFault('delay out 100s')], 1));
    for (let index = 0; index < count; index++) stream.write(frame);
    for (let turns = 0; turns < count; turns++) await nextTurn();
    assert.ok(stream.writableLength > (count / 2) * frame.length, `${stream.writableLength}`);
    stream.destroy();
  });

  it('F15: loses nothing where packets wait for room', async () => {
    const [client, ours] = duplexPair();
    const stream = faultyStream(ours, new FaultPlan([parseFault('delay 10ms')], 1));
    stream.pipe(stream);
    let received = 0;
    const all = new Promise<void>((resolve) => {
      client.on('data', (chunk: Buffer) => {
        received += chunk.length;
        if (received === count * frame.length) resolve();
      });
    });
    for (let index = 0; index < count; index++) client.write(frame);
    await within(all, 'the end of the packets');
    client.destroy();
    stream.destroy();
  });
});
