/**
 * Connects, cuts, wrong and half packets, takeovers, slow and silent clients, thousands of them at random:
 * well-behaved clients are served throughout, and no resource is left open.
 */

import assert from 'node:assert/strict';
import {connect, type Socket} from 'node:net';
import {describe, it} from 'node:test';
import {isDeepStrictEqual} from 'node:util';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import fc from 'fast-check';
import {parseBrokerConfig} from '../../src/broker/config/parse-config.ts';
import {runBroker} from '../../src/broker/server/run-broker.ts';
import type {ObservedPacket} from '../../src/broker/wire/packets.ts';
import {frameOf, PacketClient} from '../support/packet-client.ts';

/** What a server may say in each packet of MQTT 5 [2.4]; what it never sends is not here. */
const serverCodes: Readonly<Record<string, ReadonlySet<number>>> = {
  connack: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99,
    0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ]),
  puback: new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
  pubrec: new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
  pubrel: new Set([0x00, 0x92]),
  pubcomp: new Set([0x00, 0x92]),
  suback: new Set([0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  unsuback: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  disconnect: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
    0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ]),
  publish: new Set([0]),
  pingresp: new Set([0]),
};

/** Bytes that no server may send, whatever it received. */
function judge(packet: ObservedPacket): void {
  const allowed = serverCodes[packet.cmd];
  assert.ok(allowed !== undefined, `a server does not send ${packet.cmd}`);
  const {reasonCode, granted} = packet as {reasonCode?: number; granted?: readonly number[]};
  for (const code of granted ?? [reasonCode ?? 0]) assert.ok(allowed.has(code), JSON.stringify(packet));
  const properties = (packet.properties ?? {}) as Record<string, unknown>;
  assert.ok(packet.cmd !== 'disconnect' || properties.sessionExpiryInterval === undefined);
  assert.ok(properties.authenticationMethod === undefined);
  if (packet.cmd === 'publish') assert.ok(!(packet.qos === 0 && packet.dup === true));
  else assert.ok(properties.userProperties === undefined);
}

const text = (value: string) => [value.length >> 8, value.length & 255, ...Buffer.from(value)];

interface Plan {
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly clean: boolean;
  readonly will: boolean;
  /** Bytes after CONNECT. */
  readonly frames: readonly Uint8Array[];
  readonly ending: 'cut' | 'half' | 'disconnect' | 'garbage' | 'silent';
}

const topic = fc.constantFrom('chaos/a', 'chaos/b', 'chaos/c/d', '$SYS/x', '', 'chaos/#');
const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc
    .tuple(
      topic,
      fc.constantFrom(0x30, 0x31, 0x32, 0x3a, 0x34, 0x35),
      fc.integer({min: 0, max: 3}),
      fc.boolean(),
    )
    .map(([name, first, packetId, five]) => {
      const identifier = (first & 6) === 0 ? [] : [0, packetId];
      return frameOf(first, [...text(name), ...identifier, ...(five ? [0] : []), 0x78]);
    }),
  fc
    .tuple(topic, fc.constantFrom(0, 1, 2, 3, 0x2c), fc.boolean())
    .map(([name, options, five]) => frameOf(0x82, [0, 1, ...(five ? [0] : []), ...text(name), options])),
  fc
    .tuple(topic, fc.boolean())
    .map(([name, five]) => frameOf(0xa2, [0, 2, ...(five ? [0] : []), ...text(name)])),
  fc
    .tuple(fc.constantFrom(0x40, 0x50, 0x62, 0x70), fc.integer({min: 0, max: 3}))
    .map(([first, packetId]) => frameOf(first, [0, packetId])),
  fc.constant(Buffer.from([0xc0, 0])),
);

const plan: fc.Arbitrary<Plan> = fc.record({
  clientId: fc.constantFrom('', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8'),
  version: fc.constantFrom(4 as const, 5 as const),
  clean: fc.boolean(),
  will: fc.boolean(),
  frames: fc.array(anyFrame, {maxLength: 8}),
  ending: fc.constantFrom(
    'cut' as const,
    'half' as const,
    'disconnect' as const,
    'garbage' as const,
    'silent' as const,
  ),
});

function connectOf({clientId, version, clean, will}: Plan): Buffer {
  const flags = (clean ? 2 : 0) | (will ? 4 : 0);
  return frameOf(0x10, [
    ...[...text('MQTT'), version, flags, 0, 60],
    // Half of the sessions of MQTT 5 stay for a second.
    ...(version === 5 ? [5, 17, 0, 0, 0, clean ? 0 : 1] : []),
    ...text(clientId),
    ...(will ? [...(version === 5 ? [0] : []), ...text('chaos/will'), ...text('gone')] : []),
  ]);
}

/** One client, from its connection to its end, as planned. */
async function live(port: number, planned: Plan): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined).resume();
  const bytes = Buffer.concat([connectOf(planned), ...planned.frames]);
  const endings = {
    cut: () => socket.write(bytes, () => socket.resetAndDestroy()),
    half: () => socket.end(bytes.subarray(0, bytes.length - 1)),
    disconnect: () => socket.write(Buffer.concat([bytes, Buffer.from([0xe0, 0])])),
    garbage: () => socket.write(Buffer.concat([bytes, Buffer.from([0xf7, 0xff, 0xff, 0xff, 0xff])])),
    silent: () => socket.write(bytes, () => setImmediate(() => socket.destroy())),
  } as const;
  endings[planned.ending]();
  await closed;
}

async function client(port: number, clientId: string): Promise<PacketClient> {
  const connected = new PacketClient(connect({port, host: '127.0.0.1', noDelay: true}), 5);
  connected.raw(frameOf(0x10, [...text('MQTT'), 5, 2, 0, 0, 0, ...text(clientId)]));
  assert.equal((await connected.expect('connack')).reasonCode, 0);
  return connected;
}

/** Bytes that are in use once everything unused is gone. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) collect();
  const {heapUsed, external} = process.memoryUsage();
  return heapUsed + external;
}

/** Open resources by kind; not requests (FSReqCallback), which end by themselves. */
function countResources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (!kind.includes('Req')) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Resolves when this process has the same sockets and timers as before. */
async function settled(before: Readonly<Record<string, number>>): Promise<void> {
  const end = Date.now() + 5000;
  while (Date.now() < end && !isDeepStrictEqual(countResources(), before)) await new Promise(setImmediate);
  assert.deepEqual(countResources(), before);
}

const rounds = 8;
const clientsPerRound = 800;

describe('chaos', () => {
  it('leaves no resource open, and well-behaved clients are served', async (context) => {
    const parsed = parseBrokerConfig('listener 0 127.0.0.1\nallow_anonymous true\nsys_interval 1\n', {
      path: 'x.conf',
      read: () => assert.fail(),
    });
    // Abandoned sessions last a second: the shortest expiry of mosquitto.conf is an hour.
    const config = {...parsed, limits: {...parsed.limits, persistentClientExpiration: 1}};
    let problem: unknown;
    await using broker = await disposable(
      runBroker(config, {
        log: (type, line) => {
          if (type === 'error') problem ??= new Error(line);
        },
        observe: (_clientId, direction, packet) => {
          if (direction === 'in') return;
          try {
            judge(packet);
          } catch (error) {
            problem ??= error;
          }
        },
      }),
    );
    const port = broker.addresses[0]!.port!;
    const reader = await client(port, 'reader');
    await reader.subscribe('good/#', {qos: 1});
    const writer = await client(port, 'writer');
    const before = countResources();
    const used: number[] = [];
    const [seed] = fc.sample(fc.integer(), 1);
    context.diagnostic(`seed ${seed}`);
    for (let round = 0; round < rounds; round++) {
      const plans = fc.sample(plan, {numRuns: clientsPerRound, seed: seed! + round});
      let next = 0;
      const chaos = Array.from({length: 40}, async () => {
        while (next < plans.length) await live(port, plans[next++]!);
      });
      const served = (async () => {
        for (let index = 0; index < 100; index++) {
          writer.publish('good/t', `${round}:${index}`, {qos: 1, messageId: index + 1});
          const {payload, messageId} = await reader.expect('publish');
          assert.equal(String(payload), `${round}:${index}`);
          reader.send({cmd: 'puback', messageId, reasonCode: 0});
          assert.equal((await writer.expect('puback')).reasonCode, 0);
        }
      })();
      await Promise.all([...chaos, served]);
      used.push(usedBytes());
    }
    await allGone(port);
    const {topics, retained} = await leftOver(port);
    assert.deepEqual(topics, {
      'clients/total': 3,
      'clients/connected': 3,
      // The reader's connection, and that of the client that reads $SYS.
      'subscriptions/count': 2,
    });
    assert.deepEqual(
      retained.filter((name) => !/^chaos\/(a|b|c\/d)$/.test(name)),
      [],
    );
    await settled(before);
    const growth = used.at(-1)! - used[1]!;
    context.diagnostic(
      `${rounds * clientsPerRound} clients; ${Math.round(growth / 1024)} kB more at the end`,
    );
    assert.ok(growth < 4 << 20, `${used.join(' ')} bytes`);
    if (problem !== undefined) throw problem;
    await reader.leave();
    await writer.leave();
  });
});

/** Closes what it is given at the end of its block. */
async function disposable<Thing extends {close(): Promise<void>}>(starting: Promise<Thing>) {
  const thing = await starting;
  return Object.assign(thing, {[Symbol.asyncDispose]: () => thing.close()});
}

/** Resolves when the only sessions left are those of the reader, the writer and the client that reads $SYS. */
async function allGone(port: number): Promise<void> {
  const watcher = await client(port, 'watcher');
  await watcher.subscribe('$SYS/broker/clients/total');
  while (Number((await watcher.expect('publish')).payload) !== 3) {
    // The next update comes with the next second.
  }
  await watcher.leave();
}

/** The next values of $SYS, and the topics of retained messages. */
async function leftOver(port: number) {
  const watcher = await client(port, 'watcher');
  const names = ['clients/total', 'clients/connected', 'subscriptions/count'];
  watcher.send({
    cmd: 'subscribe',
    messageId: 1,
    properties: {},
    subscriptions: [{topic: '$SYS/broker/#', qos: 0}],
  });
  await watcher.expect('suback');
  const topics: Record<string, number> = {};
  // The uptime changes with every update, and comes first in it: after the second one all is new.
  for (let updates = 0; updates < 3; ) {
    const {topic: name, payload} = await watcher.expect('publish');
    const short = String(name).replace('$SYS/broker/', '');
    if (short === 'uptime') updates++;
    if (names.includes(short)) topics[short] = Number(payload);
  }
  await watcher.leave();
  const collector = await client(port, 'collector');
  collector.send({cmd: 'subscribe', messageId: 1, subscriptions: [{topic: '#', qos: 0}]});
  collector.send({cmd: 'pingreq'});
  const retained: string[] = [];
  for (let packet = await collector.next(); packet.cmd !== 'pingresp'; packet = await collector.next()) {
    if (packet.cmd === 'publish') retained.push(String(packet.topic));
  }
  await collector.leave();
  return {topics, retained};
}
