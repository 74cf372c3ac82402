/**
 * `node --import tsx test/interop/large-store.ts [MEGABYTES]`: opens a store of 3 GB, by default, and tells how long
 * that takes, how much memory, and how long a client waits for PINGRESP at most while the store is compacted.
 */

import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {writeLargeStore} from '../support/large-store.ts';
import {PacketClient} from '../support/packet-client.ts';
import {startTmq} from '../support/tmq.ts';

const megabytes = Number(process.argv[2] ?? 3000);
const directory = await mkdtemp(join(tmpdir(), 'tmq-large-store-'));
const say = (line: string) => process.stdout.write(`${line}\n`);
try {
  const path = join(directory, 'store');
  writeLargeStore(path, {bytes: megabytes * 1e6, topics: 20_000, queued: 50_000});
  const {size} = await stat(path);
  const config = join(directory, 'mosquitto.conf');
  const own = 'listener 0 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence true\n';
  await writeFile(config, `${own}persistence_file ${path}\n`);
  const started = performance.now();
  await using broker = startTmq(['broker', '-c', config, '--quiet', '--ready', 'json'], {
    timeoutMilliseconds: 300_000,
  });
  const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  say(`${(size / 1e6).toFixed(0)} MB are open after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  const client = new PacketClient(connect(JSON.parse(line).listeners[0].port, '127.0.0.1'), 4);
  const login = {protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 0, clientId: 'p'};
  await client.ask({cmd: 'connect', ...login});
  const compacting = performance.now();
  const trips: number[] = [];
  // What is retained now must be there after the compaction.
  for (let index = 0; (await stat(path)).size > size / 2; index++) {
    const begin = performance.now();
    client.publish(`new/${index}`, 'x', {qos: 1, messageId: (index % 65_535) + 1, retain: true});
    await client.expect('puback');
    trips.push(performance.now() - begin);
  }
  say(`compacted after ${((performance.now() - compacting) / 1000).toFixed(1)} s`);
  const longest = Math.max(...trips);
  say(`${trips.length} round trips meanwhile, the longest ${longest.toFixed(0)} ms`);
  const status = await readFile(`/proc/${broker.child.pid}/status`, 'utf8');
  say(`${Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1000)} MB of memory at most`);
  await broker.stop();
  say(`${((await stat(path)).size / 1e6).toFixed(0)} MB are left`);
} finally {
  await rm(directory, {recursive: true, force: true});
}
