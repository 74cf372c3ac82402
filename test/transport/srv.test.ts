// needs: openssl
/** SRV records from a real name server, and the order they are tried in. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {createServer as createPlainServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {createServer as createTlsServer} from 'node:tls';
import fc from 'fast-check';
import type {Endpoint} from '../../src/client/connection-options.ts';
import {orderTargets} from '../../src/client/transport/srv.ts';
import {certificates} from '../support/certificates.ts';
import {assertEchoes, assertFails, dialBounded, echo, listening} from '../support/dialing.ts';
import {freePort} from '../support/mosquitto.ts';
import {startNameServer} from '../support/name-server.ts';
import {startSocksProxy} from '../support/proxies.ts';

type HostEndpoint = Extract<Endpoint, {host: string}>;

/** Port 1 must never be used: the record says which. */
const service = (host: string, more: Partial<HostEndpoint> = {}): HostEndpoint => ({
  transport: 'tcp',
  srv: true,
  port: 1,
  host,
  ...more,
});

const record = (port: number, target = 'localhost', priority = 0, weight = 0) => ({
  port,
  target,
  priority,
  weight,
});

test('targets are ordered by priority, and all of them are there', () => {
  const records = fc.array(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      port: fc.nat(9),
      priority: fc.nat(3),
      weight: fc.nat(3),
    }),
  );
  fc.assert(
    fc.property(records, fc.infiniteStream(fc.double({min: 0, max: 0.999, noNaN: true})), (given, dice) => {
      const ordered = orderTargets(given, () => dice.next().value!);
      const text = ({name, port}: {name: string; port: number}) => `${name}:${port}`;
      const lowest = Math.min(...given.map(({priority}) => priority));
      const first = ordered[0];
      if (first !== undefined) {
        const candidates = given.filter(({priority}) => priority === lowest).map(text);
        assert.ok(candidates.includes(`${first.host}:${first.port}`));
      }
      assert.deepEqual(ordered.map(({host, port}) => `${host}:${port}`).sort(), given.map(text).sort());
      const priorities = [...new Set(given.map(({priority}) => priority))].sort();
      let at = 0;
      for (const priority of priorities) {
        const expected = given.filter((each) => each.priority === priority).map(text);
        const part = ordered.slice(at, at + expected.length).map(({host, port}) => `${host}:${port}`);
        assert.deepEqual(part.sort(), expected.sort());
        at += expected.length;
      }
    }),
  );
});

test('within a priority the weight is the share of the first places', () => {
  const records = [
    {name: 'light', port: 1, priority: 5, weight: 10},
    {name: 'heavy', port: 1, priority: 5, weight: 30},
    {name: 'none', port: 1, priority: 5, weight: 0},
  ];
  const firsts = Array.from({length: 1000}, (_, index) => orderTargets(records, () => index / 1000)[0]!.host);
  assert.equal(firsts.filter((host) => host === 'light').length, 250);
  assert.equal(firsts.filter((host) => host === 'heavy').length, 750);
  // A record without weight still has its chance.
  assert.equal(orderTargets(records, () => 0.99999)[0]!.host, 'none');
});

test('connects to the host and port of the record', async () => {
  await using server = await listening(createPlainServer(echo));
  await using names = await startNameServer({'_mqtt._tcp.example.test': [record(server.port)]});
  const context = {nameServers: [names.address]};
  await assertEchoes(await dialBounded(service('example.test'), context));
  assert.deepEqual(names.questions, ['_mqtt._tcp.example.test']);
});

test('tries the next target when one does not answer, and reports it', async () => {
  await using server = await listening(createPlainServer(echo));
  const dead = await freePort();
  await using names = await startNameServer({
    '_mqtt._tcp.example.test': [record(server.port, 'localhost', 2), record(dead, 'localhost', 1)],
    '_mqtt._tcp.dead.test': [record(dead, 'localhost', 1), record(dead, 'nosuch.invalid', 2)],
  });
  const notices: string[] = [];
  const context = {nameServers: [names.address], notice: (line: string) => void notices.push(line)};
  await assertEchoes(await dialBounded(service('example.test'), context));
  assert.deepEqual(notices, [
    `Connection refused by localhost:${dead}. Is a broker running? Try: tmq broker`,
  ]);
  await assertFails(
    service('dead.test'),
    {exitCode: 1, message: /^Connection refused by localhost/},
    context,
  );
});

test('a domain without records, with a refusal for a record, without an answer', async () => {
  await using names = await startNameServer({
    '_mqtt._tcp.nothing.test': [record(0, '.')],
    '_mqtt._tcp.empty.test': [],
    '_mqtt._tcp.silent.test': null,
  });
  const context = {nameServers: [names.address]};
  for (const domain of ['unknown.test', 'empty.test']) {
    await assertFails(
      service(domain),
      {
        exitCode: 1,
        message: `There is no SRV record _mqtt._tcp.${domain}. Connect to the host itself, without -S.`,
      },
      context,
    );
  }
  await assertFails(service('nothing.test'), {exitCode: 1, message: /says that it offers no MQTT/}, context);
  const signal = AbortSignal.timeout(150);
  await assertFails(
    service('silent.test'),
    {exitCode: 27, message: 'Timed out waiting for the SRV record of silent.test.'},
    {...context, signal},
  );
});

test('with TLS: another service name, and a certificate for the domain or a host within it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-srv-'));
  try {
    const files = await certificates(directory);
    const serve = async (pair: {cert: string; key: string}) => {
      const server = createTlsServer({cert: await readFile(pair.cert), key: await readFile(pair.key)}, echo);
      server.on('tlsClientError', () => undefined);
      return await listening(server);
    };
    await using local = await serve(files.server);
    await using other = await serve(files.otherName);
    await using names = await startNameServer({
      '_secure-mqtt._tcp.localhost': [record(local.port)],
      '_secure-mqtt._tcp.forged.test': [record(local.port)],
      '_secure-mqtt._tcp.example': [record(other.port, 'other.example')],
    });
    const context = {nameServers: [names.address]};
    const tls = {caFile: files.ca};
    await assertEchoes(await dialBounded(service('localhost', {tls}), context));
    // A forged record: the certificate is good, but for the forger's host.
    await assertFails(
      service('forged.test', {tls}),
      {exitCode: 8, message: /does not name forged\.test\. Connect by a name it has: localhost/},
      context,
    );
    await using proxy = await startSocksProxy();
    const within = service('example', {tls, proxy: new URL(`socks5h://127.0.0.1:${proxy.port}`)});
    await assertEchoes(await dialBounded(within, context));
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
});
