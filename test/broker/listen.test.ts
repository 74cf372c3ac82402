// needs: mosquitto_pub, openssl
/** Listeners from outside: real sockets, real TLS, mosquitto's clients and MQTT.js. */

import assert from 'node:assert/strict';
import {X509Certificate} from 'node:crypto';
import {once} from 'node:events';
import {copyFile, mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {type AddressInfo, connect, createServer} from 'node:net';
import {networkInterfaces, tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {setImmediate} from 'node:timers/promises';
import {connect as connectTls} from 'node:tls';
import mqtt from 'mqtt';
import WebSocket from 'ws';
import {fileAccess} from '../../src/broker/access/access.ts';
import {Broker} from '../../src/broker/broker.ts';
import {parseBrokerConfig} from '../../src/broker/config/parse-config.ts';
import {readBytes} from '../../src/broker/config/read-file.ts';
import {
  type CertificateFiles,
  makeCertificates,
  writeCertificates,
} from '../../src/broker/server/certificates.ts';
import {type Listening, listen} from '../../src/broker/server/listen.ts';
import {TmqError} from '../../src/errors.ts';
import {certificates} from '../support/certificates.ts';
import {PacketClient} from '../support/packet-client.ts';
import {run} from '../support/spawn.ts';

interface Fixture {
  readonly directory: string;
  readonly files: CertificateFiles;
  readonly log: string[];
  /** Starts a broker; {directory} is filled in. */
  start(config: string, context?: {readonly handshakeMilliseconds?: number}): Promise<Listening>;
}

async function withBroker(test: (fixture: Fixture) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-listen-'));
  const files = await writeCertificates(directory, makeCertificates(['localhost', '127.0.0.1'], Date.now()));
  const log: string[] = [];
  const stops: (() => Promise<void>)[] = [];
  const start: Fixture['start'] = async (text, context = {}) => {
    const config = parseBrokerConfig(text.replaceAll('{directory}', directory), {
      path: 'x.conf',
      read: () => assert.fail(),
    });
    const access = fileAccess(config.listeners, readBytes);
    const broker = new Broker(config, {
      access,
      now: () => BigInt(Date.now()) * 1_000_000n,
      log: (_type, line) => log.push(line),
    });
    const write = (_type: string, line: string) => log.push(line);
    const listening = await listen(broker, config, {read: readBytes, log: write, ...context});
    stops.push(() => listening.close(broker.close()));
    return listening;
  };
  try {
    await test({directory, files, log, start});
  } finally {
    for (const stop of stops) await stop();
    await rm(directory, {recursive: true, force: true});
  }
}

const tlsFiles = 'certfile {directory}/server.crt\nkeyfile {directory}/server.key\n';

async function publish(args: readonly string[]): Promise<number | null> {
  return (await run('mosquitto_pub', ['-t', 'a', '-m', 'x', '-q', '1', ...args])).exitCode;
}

async function refusal(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => assert.fail('it started'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TmqError, String(error));
  assert.equal(error.exitCode, 1);
  return error.message;
}

describe('listeners', () => {
  it('TCP: takes a free port and reports it', async () => {
    await withBroker(async ({start}) => {
      const {addresses} = await start('listener 0 127.0.0.1\nallow_anonymous true');
      const [address] = addresses;
      assert.match(address?.url ?? '', /^mqtt:\/\/127\.0\.0\.1:[1-9]\d+$/);
      assert.equal(await publish(['-p', String(address?.port)]), 0);
    });
  });

  it('each has its own rules for clients without an identifier', async () => {
    await withBroker(async ({log, start}) => {
      const {addresses} = await start(`per_listener_settings true
listener 0 127.0.0.1
allow_anonymous true
auto_id_prefix here-
listener 0 127.0.0.1
allow_anonymous true
allow_zero_length_clientid false
`);
      assert.equal(await publish(['-p', String(addresses[0]?.port)]), 0);
      assert.ok(
        log.some((line) => / as here-[\dA-F-]+ /.test(line)),
        log.join('\n'),
      );
      assert.equal(await publish(['-p', String(addresses[1]?.port), '-V', '5']), 133);
    });
  });

  it('binds a name to each of its addresses, on one port', async () => {
    await withBroker(async ({start}) => {
      const {addresses} = await start('listener 0 localhost\nallow_anonymous true');
      assert.equal(new Set(addresses.map(({port}) => port)).size, 1);
      for (const {host, port} of addresses) {
        assert.equal(await publish(['-h', String(host), '-p', String(port)]), 0, host);
      }
    });
  });

  it('Unix socket: replaces the socket of a killed broker, and no other file', async () => {
    await withBroker(async ({directory, start}) => {
      const path = join(directory, 's');
      const left = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
      assert.equal((await run(process.execPath, ['-e', left, path])).signal, 'SIGKILL');
      const {addresses} = await start('listener 0 {directory}/s\nallow_anonymous true');
      assert.equal(addresses[0]?.url, `unix://${path}`);
      assert.equal(await publish(['--unix', path]), 0);
      assert.match(await refusal(start('listener 0 {directory}/s\nallow_anonymous true')), /it is in use/);
      await writeFile(join(directory, 'file'), 'x');
      assert.match(
        await refusal(start('listener 0 {directory}/file\nallow_anonymous true')),
        /is not a socket/,
      );
    });
  });

  it('TLS: mosquitto_pub trusts the authority, and no client without its certificate does', async () => {
    await withBroker(async ({files, start}) => {
      const {addresses} = await start(`listener 0 127.0.0.1\nallow_anonymous true\n${tlsFiles}`);
      const port = String(addresses[0]?.port);
      assert.match(addresses[0]?.url ?? '', /^mqtts:/);
      assert.equal(await publish(['-h', 'localhost', '-p', port, '--cafile', files.caFile]), 0);
      const other = makeCertificates(['localhost'], Date.now()).authority;
      await writeFile(join(files.directory, 'other.crt'), other);
      assert.notEqual(
        await publish(['-h', 'localhost', '-p', port, '--cafile', `${files.directory}/other.crt`]),
        0,
      );
    });
  });

  it('TLS: a client certificate is required, checked and becomes the user name', async () => {
    await withBroker(async ({files, log, start}) => {
      const common = `listener 0 127.0.0.1\n${tlsFiles}cafile {directory}/ca.crt\nrequire_certificate true\n`;
      const identity = await start(`${common}use_identity_as_username true`);
      const subject = await start(`${common}use_subject_as_username true`);
      const args = ['-h', 'localhost', '--cafile', files.caFile];
      const own = ['--cert', files.clientCertFile, '--key', files.clientKeyFile];
      assert.notEqual(await publish([...args, '-p', String(identity.addresses[0]?.port)]), 0);
      const refused = () => log.filter((line) => /^TLS handshake with 127\.0\.0\.1:\d+ failed: /.test(line));
      assert.match(refused()[0]!, /failed: peer did not return a certificate$/);
      assert.equal(await publish([...args, ...own, '-p', String(identity.addresses[0]?.port)]), 0);
      assert.ok(
        log.some((line) => line.includes("u'tmq client'")),
        log.join('\n'),
      );
      assert.equal(await publish([...args, ...own, '-p', String(subject.addresses[0]?.port)]), 0);
      assert.ok(
        log.some((line) => line.includes("u'CN=tmq client'")),
        log.join('\n'),
      );
    });
  });

  it('TLS: capath and crlfile decide which client certificates are accepted', async () => {
    await withBroker(async ({directory, log, start}) => {
      const made = await certificates(directory);
      await mkdir(join(directory, 'authorities'));
      await copyFile(made.ca, join(directory, 'authorities', 'ca.pem'));
      const revoke = async (serials: readonly string[]) => {
        const lines = serials.map(
          (serial) => `R\t350101000000Z\t250101000000Z\t${serial}\tunknown\t/CN=client\n`,
        );
        const settings = `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n`;
        await writeFile(join(directory, 'index.txt'), lines.join(''));
        await writeFile(join(directory, 'ca.cnf'), settings);
        const words = 'ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -out crl.pem'.split(' ');
        const result = await run('openssl', words, {cwd: directory});
        assert.equal(result.exitCode, 0, result.stderr);
      };
      await revoke([]);
      const listening = await start(`listener 0 127.0.0.1
certfile ${made.server.cert}
keyfile ${made.server.key}
capath {directory}/authorities
crlfile {directory}/crl.pem
require_certificate true
allow_anonymous true
`);
      const args = ['-h', 'localhost', '-p', String(listening.addresses[0]?.port), '--cafile', made.ca];
      const own = ['--cert', made.client.cert, '--key', made.client.key];
      assert.equal(await publish([...args, ...own]), 0);
      const {cert, key} = made.strangeClient;
      assert.notEqual(await publish([...args, '--cert', cert, '--key', key]), 0);
      await revoke([new X509Certificate(await readFile(made.client.cert)).serialNumber]);
      listening.prepareReload()();
      assert.notEqual(await publish([...args, ...own]), 0);
      const reasons = log.flatMap((line) => /its certificate is not trusted \((.*)\)$/.exec(line)?.[1] ?? []);
      assert.match(reasons.join(), /^unable to [a-z ]+,cert revoked$/);
      const encrypted = `listener 0\ncertfile ${made.client.cert}\nkeyfile ${made.encryptedKey}\nallow_anonymous true`;
      assert.match(
        await refusal(start(encrypted)),
        /is encrypted; a broker needs one without a passphrase\.$/,
      );
    });
  });

  it('TLS: takes pre-shared keys', async () => {
    await withBroker(async ({directory, log, start}) => {
      await writeFile(join(directory, 'psk'), '# keys\ndev:0123456789abcdef\n');
      const listening = await start(
        'psk_file {directory}/psk\nlistener 0 127.0.0.1\npsk_hint here\nuse_identity_as_username true',
      );
      const args = ['-p', String(listening.addresses[0]?.port), '--psk-identity', 'dev', '--psk'];
      assert.equal(await publish([...args, '0123456789abcdef']), 0);
      assert.ok(
        log.some((line) => line.includes("u'dev'")),
        log.join('\n'),
      );
      assert.notEqual(await publish([...args, 'ffff']), 0);
      await writeFile(join(directory, 'psk'), 'dev:ffff\n');
      listening.prepareReload()();
      assert.equal(await publish([...args, 'ffff']), 0);
      assert.notEqual(await publish([...args, '0123456789abcdef']), 0);
    });
  });

  it('C7: bind_interface binds to the addresses of the interface only', async () => {
    await withBroker(async ({start}) => {
      const {addresses} = await start('listener 0\nbind_interface lo\nallow_anonymous true');
      const own = networkInterfaces().lo ?? [];
      assert.deepEqual(
        addresses.map(({host}) => host),
        own.map(({address}) => address),
      );
      assert.match(
        await refusal(start('listener 0 192.0.2.1\nbind_interface lo\nallow_anonymous true')),
        /network interface lo: it has no address 192\.0\.2\.1 here/,
      );
    });
  });

  it('C7: accept_protocol_versions, global_max_connections and websockets_origin keep clients out', async () => {
    await withBroker(async ({start}) => {
      const {addresses} = await start(`listener 0 127.0.0.1
accept_protocol_versions 5
allow_anonymous true
listener 0 127.0.0.1
protocol websockets
websockets_origin https://a.example`);
      const [plain, browser] = addresses.map(({port}) => port ?? 0);
      const limited = (await start('global_max_connections 1\nlistener 0 127.0.0.1\nallow_anonymous true'))
        .addresses;
      const join = async (version: 4 | 5, port = plain!) => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        const client = new PacketClient(socket, version);
        const {reasonCode, returnCode} = await client.ask({
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: version,
          clientId: 'c',
          clean: true,
        });
        return {client, code: reasonCode ?? returnCode};
      };
      const refused = await join(4);
      assert.equal(refused.code, 1);
      await refused.client.closed;
      const open = async (headers: Record<string, string>) => {
        const socket = new WebSocket(`ws://127.0.0.1:${browser}`, 'mqtt', {headers});
        const event = await once(socket, 'open').then(() => 'open', String);
        socket.on('error', () => undefined).terminate();
        return event;
      };
      assert.match(await open({origin: 'https://b.example'}), /403/);
      assert.match(await open({}), /403/);
      assert.equal(await open({origin: 'https://a.example'}), 'open');
      assert.equal((await join(5)).code, 0);
      const first = await join(5, limited[0]?.port);
      assert.equal(first.code, 0);
      const second = connect(limited[0]?.port ?? 0, '127.0.0.1');
      second.on('error', () => undefined).resume();
      await once(second, 'close');
      first.client.drop();
    });
  });

  for (const [kind, config, what] of [
    ['a TLS', tlsFiles, 'TLS handshake'],
    ['a WebSocket', 'protocol websockets\n', 'HTTP request'],
    ['a secure WebSocket', `protocol websockets\n${tlsFiles}`, 'TLS handshake'],
  ] as const) {
    it(`C2: ${kind} client that stays silent is closed, with its address and the reason in the log`, async () => {
      await withBroker(async ({log, start}) => {
        const {addresses} = await start(`listener 0 127.0.0.1\nallow_anonymous true\n${config}`, {
          handshakeMilliseconds: 100,
        });
        const socket = connect(addresses[0]?.port ?? 0, '127.0.0.1');
        await once(socket, 'connect');
        const {localPort} = socket;
        socket.resume();
        await once(socket, 'close');
        const lines = log.filter((line) => line.includes(`127.0.0.1:${localPort}`));
        assert.equal(lines.length, 1, log.join('\n'));
        assert.match(lines[0]!, new RegExp(`^${what} with 127\\.0\\.0\\.1:\\d+ failed: .*time`, 'i'));
      });
    });
  }

  it('C2, C11: a failed handshake is logged with the address of a socket that is gone', async () => {
    await withBroker(async ({log, start}) => {
      const {addresses} = await start(`listener 0 127.0.0.1\nallow_anonymous true\n${tlsFiles}`);
      const socket = connect(addresses[0]?.port ?? 0, '127.0.0.1');
      await once(socket, 'connect');
      const {localPort} = socket;
      socket.destroy();
      while (!log.some((line) => line.startsWith(`TLS handshake with 127.0.0.1:${localPort} failed: `))) {
        await setImmediate();
      }
    });
  });

  it('F11: TLS: a client with a pre-shared key that resumes its session keeps its identity', async () => {
    await withBroker(async ({directory, start}) => {
      await writeFile(join(directory, 'psk'), 'dev:0123456789abcdef\n');
      const {addresses} = await start(
        'psk_file {directory}/psk\nlistener 0 127.0.0.1\npsk_hint here\nuse_identity_as_username true',
      );
      const login = async (session: Buffer | undefined) => {
        const socket = connectTls({
          port: addresses[0]?.port ?? 0,
          host: '127.0.0.1',
          ciphers: 'PSK',
          maxVersion: 'TLSv1.2',
          checkServerIdentity: () => undefined,
          pskCallback: () => ({identity: 'dev', psk: Buffer.from('0123456789abcdef', 'hex')}),
          ...(session === undefined ? {} : {session}),
        });
        await once(socket, 'secureConnect');
        const client = new PacketClient(socket, 4);
        const answer = {cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clientId: 'c', clean: true};
        assert.equal((await client.ask(answer)).returnCode, 0);
        const kept = socket.getSession();
        client.drop();
        return kept;
      };
      await login(await login(undefined));
    });
  });

  it('TLS: minimum version and cipher list are enforced', async () => {
    await withBroker(async ({files, start}) => {
      const {addresses} = await start(
        `listener 0 127.0.0.1\nallow_anonymous true\n${tlsFiles}tls_version tlsv1.3\nciphers_tls1.3 TLS_CHACHA20_POLY1305_SHA256`,
      );
      const port = String(addresses[0]?.port);
      const probe = async (version: string) =>
        await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, version]);
      assert.equal(await publish(['-h', 'localhost', '-p', port, '--cafile', files.caFile]), 0);
      assert.match((await probe('-tls1_2')).stderr, /alert protocol version/);
      assert.match((await probe('-tls1_3')).stdout.toString(), /TLS_CHACHA20_POLY1305_SHA256/);
    });
  });

  it('TLS: a reload takes the new certificate, and an invalid one changes nothing', async () => {
    await withBroker(async ({files, start}) => {
      const listening = await start(`listener 0 127.0.0.1\nallow_anonymous true\n${tlsFiles}`);
      const port = listening.addresses[0]?.port ?? 0;
      const serial = async () => {
        const socket = connectTls({port, host: '127.0.0.1', rejectUnauthorized: false});
        await once(socket, 'secureConnect');
        const {serialNumber} = socket.getPeerCertificate();
        socket.destroy();
        return serialNumber;
      };
      const before = await serial();
      await writeFile(files.certFile, 'rubbish');
      assert.throws(() => listening.prepareReload(), TmqError);
      assert.equal(await serial(), before);
      await writeCertificates(files.directory, makeCertificates(['localhost'], Date.now()));
      listening.prepareReload()();
      assert.notEqual(await serial(), before);
    });
  });

  for (const [scheme, config] of [
    ['ws', ''],
    ['wss', tlsFiles],
  ] as const) {
    it(`${scheme}: serves MQTT.js, and answers other HTTP requests with 426`, async () => {
      await withBroker(async ({files, start}) => {
        const {addresses} = await start(
          `listener 0 127.0.0.1\nprotocol websockets\nallow_anonymous true\n${config}`,
        );
        const url = addresses[0]?.url ?? '';
        assert.ok(url.startsWith(`${scheme}://`), url);

        const ca = await readFile(files.caFile);
        const client = await mqtt.connectAsync(url, {ca, reconnectPeriod: 0, protocolVersion: 5});
        const received = new Promise<[string, Buffer]>((resolve) =>
          client.on('message', (...message) => resolve([message[0], message[1]])),
        );
        await client.subscribeAsync('a', {qos: 1});
        await client.publishAsync('a', Buffer.alloc(200_000, 7), {qos: 1});
        const [, payload] = await received;
        assert.equal(payload.length, 200_000);
        await client.endAsync();
        const stranger = new WebSocket(url, ['chat'], {ca: [ca]});
        const [error] = (await once(stranger, 'error')) as [Error];
        assert.match(error.message, /400/);
      });
    });
  }

  it('ws: closes a connection that sends text', async () => {
    await withBroker(async ({start}) => {
      const {addresses} = await start('listener 0 127.0.0.1\nprotocol websockets\nallow_anonymous true');
      const socket = new WebSocket(addresses[0]?.url ?? '', ['mqttv3.1']);
      await once(socket, 'open');
      assert.equal(socket.protocol, 'mqttv3.1');
      socket.send('text');
      await once(socket, 'close');
    });
  });

  it('close ends clients and listeners, also idle connections', async () => {
    await withBroker(async ({start}) => {
      const listening = await start(`listener 0 127.0.0.1\nallow_anonymous true\n${tlsFiles}`);

      const silent = connect(listening.addresses[0]?.port ?? 0, '127.0.0.1');
      await once(silent, 'connect');
      const closed = once(silent, 'close');
      silent.on('error', () => undefined);
      silent.resume();
      await listening.close();
      await closed;
    });
  });
});

describe('errors of listeners', () => {
  it('are one sentence each, and leave no listener open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const {port} = taken.address() as AddressInfo;
    try {
      await withBroker(async ({directory, files, start}) => {
        const anonymous = '\nallow_anonymous true\n';
        assert.equal(
          await refusal(start(`listener 0 127.0.0.1\nlistener ${port} 127.0.0.1${anonymous}`)),
          `Cannot listen on 127.0.0.1:${port}: it is in use; perhaps another broker is running, or give -p 0 for a free port.`,
        );
        assert.match(await refusal(start(`listener 1 192.0.2.1${anonymous}`)), /does not have that address/);
        assert.match(
          await refusal(start(`listener 0 /nowhere/x${anonymous}`)),
          /^Cannot listen on \/nowhere\/x: there is no directory \/nowhere\.$/,
        );
        const tls = (cert: string, key: string) =>
          `listener 0 127.0.0.1${anonymous}certfile ${cert}\nkeyfile ${key}\n`;
        assert.match(await refusal(start(tls('/nowhere', files.keyFile))), /^Cannot read \/nowhere: /);
        assert.equal(
          await refusal(start(tls(files.certFile, files.clientKeyFile))),
          `The key in ${files.clientKeyFile} does not belong to the certificate in ${files.certFile}.`,
        );
        assert.equal(
          await refusal(start(tls(files.keyFile, files.keyFile))),
          `${files.keyFile} holds no PEM certificate.`,
        );
        await mkdir(join(directory, 'dir'));
        assert.match(await refusal(start(tls(join(directory, 'dir'), files.keyFile))), /is a directory/);
        assert.match(
          await refusal(start(`${tls(files.certFile, files.keyFile)}ciphers NONSENSE\n`)),
          /^ciphers names no cipher that OpenSSL has: NONSENSE\.$/,
        );
      });
    } finally {
      taken.close();
    }
  });
});
