// needs: mosquitto, openssl
/** TLS against node:tls servers and the real mosquitto: what works, and what a failure says. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {createServer as createPlainServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {createServer, type TlsOptions as ServerOptions, type TLSSocket} from 'node:tls';
import type {Endpoint, TlsOptions} from '../../src/client/connection-options.ts';
import {explain} from '../../src/client/transport/transport.ts';
import {type Certificates, certificates, type Pair} from '../support/certificates.ts';
import {
  assertBroker,
  assertEchoes,
  assertFails,
  connectPacket,
  dialBounded,
  echo,
  firstBytes,
  listening,
} from '../support/dialing.ts';
import {startMosquitto} from '../support/mosquitto.ts';
import {run} from '../support/spawn.ts';

let directory: string;
let files: Certificates;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tmq-tls-'));
  files = await certificates(directory);
});

after(async () => {
  await rm(directory, {recursive: true, force: true});
});

async function serve(pair: Pair, options: ServerOptions = {}) {
  const [cert, key] = await Promise.all([readFile(pair.cert), readFile(pair.key)]);
  const server = createServer({cert, key, ...options}, echo);
  server.on('tlsClientError', () => undefined);
  return await listening(server);
}

const to = (port: number, tls: TlsOptions, host = '127.0.0.1'): Endpoint => ({
  transport: 'tcp',
  host,
  port,
  tls,
});

test('connects by name and by address where the certificate holds them', async () => {
  await using server = await serve(files.server);
  for (const host of ['127.0.0.1', 'localhost', 'LocalHost']) {
    const stream = (await dialBounded(to(server.port, {caFile: files.ca}, host))) as TLSSocket;
    assert.equal(stream.authorized, true);
    assert.equal(stream.getProtocol(), 'TLSv1.3');
    await assertEchoes(stream);
  }
  await server.idle();
});

test('sends the host name for SNI, and never an address', async () => {
  const names: (string | false)[] = [];
  await using server = await serve(files.server);
  server.server.on('secureConnection', (socket: TLSSocket & {servername: string | false}) =>
    names.push(socket.servername),
  );
  await assertEchoes(await dialBounded(to(server.port, {caFile: files.ca}, 'localhost')));
  await assertEchoes(await dialBounded(to(server.port, {caFile: files.ca}, '127.0.0.1')));
  assert.deepEqual(names, ['localhost', false]);
});

test('--sni: another name is asked for, and has to stand in the certificate', async () => {
  const names: string[] = [];
  await using server = await serve(files.server, {
    SNICallback(name, done) {
      names.push(name);
      done(null);
    },
  });
  const tls = {caFile: files.ca};
  await assertEchoes(await dialBounded(to(server.port, {...tls, serverName: 'localhost'}, '127.0.0.1')));
  await assertFails(to(server.port, {...tls, serverName: 'other.example'}, 'localhost'), {
    exitCode: 8,
    message: /does not name other\.example\./,
  });
  assert.deepEqual(names, ['localhost', 'other.example']);
});

test('an expired certificate is refused, and its day is named', async () => {
  await using server = await serve(files.expired);
  await assertFails(to(server.port, {caFile: files.ca}), {
    exitCode: 8,
    message: `The certificate of 127.0.0.1:${server.port} expired on 2020-02-01. It must be renewed, or this machine's clock is wrong.`,
  });
  await server.idle();
});

test('a certificate that is not valid yet is refused', async () => {
  await using server = await serve(files.future);
  await assertFails(to(server.port, {caFile: files.ca}), {
    exitCode: 8,
    message: `The certificate of 127.0.0.1:${server.port} is not valid before 2090-01-01. Is this machine's clock right?`,
  });
});

test('an unknown issuer is named, together with the CA file that does not have it', async () => {
  await using server = await serve(files.server);
  await assertFails(to(server.port, {caFile: files.otherCa}), {
    exitCode: 8,
    message: `The certificate of 127.0.0.1:${server.port} was issued by "Test CA", which is not trusted. The CA certificate is not in ${files.otherCa}: is that the right --cafile?`,
  });
  await assertFails(to(server.port, {systemCertificates: true}), {
    exitCode: 8,
    message: /issued by "Test CA", which is not trusted\. Name the file .* --cafile\.$/,
  });
});

test('a self-signed certificate is refused, and accepted as its own CA', async () => {
  await using server = await serve(files.selfSigned);
  await assertFails(to(server.port, {caFile: files.ca}), {
    exitCode: 8,
    message: /"localhost"\) is self-signed/,
  });
  await assertEchoes(await dialBounded(to(server.port, {caFile: files.selfSigned.cert})));
});

test('a certificate for another name is refused, and the error lists its names', async () => {
  await using server = await serve(files.otherName);
  await assertFails(to(server.port, {caFile: files.ca}, 'localhost'), {
    exitCode: 8,
    message: `The certificate of localhost:${server.port} does not name localhost. Connect by a name it has: other.example.`,
  });
});

test('no byte of ours reaches a server whose certificate is refused', async () => {
  let received = 0;
  const [cert, key] = await Promise.all([readFile(files.otherName.cert), readFile(files.otherName.key)]);
  const server = createServer({cert, key}, (socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
  });
  server.on('tlsClientError', () => undefined);
  await using at = await listening(server);
  await assertFails(to(at.port, {caFile: files.ca}), {exitCode: 8, message: /does not name/});
  await at.idle();
  assert.equal(received, 0);
});

test('insecure accepts any certificate', async () => {
  for (const pair of [files.expired, files.otherName, files.selfSigned]) {
    await using server = await serve(pair);
    await assertEchoes(await dialBounded(to(server.port, {insecure: true})));
    await assertEchoes(await dialBounded(to(server.port, {insecure: true, caFile: files.otherCa})));
  }
});

test('a CA directory is read: hashed names, .pem, and what is no certificate is passed over', async () => {
  await using server = await serve(files.server);
  const caPath = join(directory, 'ca-path');
  await mkdir(caPath);
  await assertFails(to(server.port, {caPath}), {exitCode: 8, message: /holds no certificates in files/});
  await writeFile(join(caPath, 'other.pem'), await readFile(files.otherCa));
  await writeFile(
    join(caPath, 'broken.pem'),
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  );
  await assertFails(to(server.port, {caPath}), {
    exitCode: 8,
    message: /is not in .*ca-path: is that the right --capath/,
  });
  await symlink(files.ca, join(caPath, '1a2b3c4d.0'));
  await assertEchoes(await dialBounded(to(server.port, {caPath})));
  await assertFails(to(server.port, {caPath: join(directory, 'nowhere')}), {
    exitCode: 1,
    message: `Cannot read the CA directory ${directory}/nowhere: no such file or directory.`,
  });
});

test('system certificates: the variables of OpenSSL replace their places', async () => {
  await using server = await serve(files.server);
  const place = {systemCertificateFile: files.ca};
  await assertEchoes(await dialBounded(to(server.port, {systemCertificates: true, ...place})));
  await assertEchoes(await dialBounded(to(server.port, place)));
  await assertFails(to(server.port, {systemCertificateFile: '/nowhere'}), {
    exitCode: 1,
    message: 'Cannot read the CA file (SSL_CERT_FILE) /nowhere: no such file or directory.',
  });
  const systemCertificateDirectory = join(directory, 'system');
  await mkdir(systemCertificateDirectory);
  await symlink(files.ca, join(systemCertificateDirectory, 'ca.pem'));
  await assertEchoes(await dialBounded(to(server.port, {systemCertificateDirectory})));
  const both = {systemCertificates: true, systemCertificateFile: files.otherCa, caFile: files.ca};
  await assertEchoes(await dialBounded(to(server.port, both)));
  // Where a CA is given, the system's are not meant unless that is said, too.
  await assertFails(to(server.port, {...place, caFile: files.otherCa}), {
    exitCode: 8,
    message: /is not trusted/,
  });
});

test('a CA file that is missing, garbage or damaged has an error of its own, also without a server', async () => {
  const garbage = join(directory, 'garbage.crt');
  const damaged = join(directory, 'damaged.crt');
  await writeFile(garbage, 'no certificate at all\n');
  const good = await readFile(files.ca, 'utf8');
  await writeFile(damaged, good + good.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'));
  // Nothing listens on port 1: without these, the error would be another one.
  await assertFails(to(1, {caFile: garbage}), {
    exitCode: 8,
    message: `The CA file ${garbage} holds no certificate in PEM form.`,
  });
  await assertFails(to(1, {caFile: damaged}), {
    exitCode: 8,
    message: `The CA file ${damaged} is damaged: certificate 2 cannot be read.`,
  });
  await assertFails(to(1, {caFile: '/nowhere/ca.crt'}), {
    exitCode: 1,
    message: 'Cannot read the CA file /nowhere/ca.crt: no such file or directory.',
  });
});

test('a CA file that is damaged is of no use, though the certificate that counts can be read', async () => {
  const damaged = join(directory, 'half-damaged.crt');
  const good = await readFile(files.ca, 'utf8');
  await writeFile(damaged, good + good.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'));
  await using server = await serve(files.server);
  await assertFails(to(server.port, {caFile: damaged}), {
    exitCode: 8,
    message: `The CA file ${damaged} is damaged: certificate 2 cannot be read.`,
  });
});

const mutual = {requestCert: true, rejectUnauthorized: true};

test('the client certificate is presented, also without a CA file', async () => {
  await using server = await serve(files.server, {...mutual, ca: await readFile(files.ca)});
  const pair = {certificateFile: files.client.cert, keyFile: files.client.key};
  await assertEchoes(await dialBounded(to(server.port, {...pair, caFile: files.ca})));
  await assertEchoes(await dialBounded(to(server.port, {...pair, systemCertificateFile: files.ca})));
});

test('a missing or refused client certificate is reported, in TLS 1.2 and in TLS 1.3', async () => {
  const ca = await readFile(files.ca);
  await using older = await serve(files.server, {...mutual, ca, maxVersion: 'TLSv1.2'});
  await assertFails(to(older.port, {caFile: files.ca}), {exitCode: 8, message: /client certificate/});
  // With TLS 1.3 the client is done before the server has looked: the alert comes later.
  await using newer = await serve(files.server, {...mutual, ca});
  const endpoint = to(newer.port, {caFile: files.ca});
  const stream = await dialBounded(endpoint);
  const [alert] = await once(stream, 'error').catch((error: unknown) => [error]);
  const told = explain(alert, endpoint);
  assert.equal(
    told.message,
    `127.0.0.1:${newer.port} wants a client certificate. Give one with --cert and --key.`,
  );
  assert.equal(told.exitCode, 8);
});

test('an encrypted key is opened with the pass phrase, asked for once', async () => {
  await using server = await serve(files.server, {...mutual, ca: await readFile(files.ca)});
  let asked = 0;
  const tls: TlsOptions = {
    caFile: files.ca,
    certificateFile: files.client.cert,
    keyFile: files.encryptedKey,
    passphrase: async () => {
      asked++;
      return files.passphrase;
    },
  };
  await assertEchoes(await dialBounded(to(server.port, tls)));
  await assertEchoes(await dialBounded(to(server.port, tls)));
  assert.equal(asked, 1);
});

test('the pass phrase is not asked for when the key is in the clear', async () => {
  await using server = await serve(files.server);
  const passphrase = () => assert.fail('asked');
  const tls = {caFile: files.ca, certificateFile: files.client.cert, keyFile: files.client.key, passphrase};
  await assertEchoes(await dialBounded(to(server.port, tls)));
});

test('each kind of unusable key or certificate has its own error', async () => {
  const {client, encryptedKey, ca: caFile} = files;
  const withKey = (keyFile: string, more: TlsOptions = {}) =>
    to(1, {caFile, certificateFile: client.cert, keyFile, ...more});
  await assertFails(withKey(encryptedKey, {passphrase: async () => 'wrong'}), {
    exitCode: 8,
    message: `The passphrase of the key ${encryptedKey} is wrong. Give the right one with --keypass.`,
  });
  await assertFails(withKey(encryptedKey), {exitCode: 8, message: /is encrypted, and there is no terminal/});
  await assertFails(withKey(files.server.key), {exitCode: 8, message: /does not belong to the certificate/});
  await assertFails(withKey(client.cert), {exitCode: 8, message: /holds no private key in PEM form/});
  await assertFails(withKey('/nowhere/key'), {
    exitCode: 1,
    message: /^Cannot read the key file \/nowhere\/key:/,
  });
  await assertFails(to(1, {certificateFile: client.key, keyFile: client.key, caFile}), {
    exitCode: 8,
    message: /holds no certificate in PEM form/,
  });
});

test('the prompt for a pass phrase ends with the deadline', async () => {
  const deadline = new AbortController();
  const tls = {
    caFile: files.ca,
    certificateFile: files.client.cert,
    keyFile: files.encryptedKey,
    passphrase: () => {
      deadline.abort(new DOMException('too late', 'TimeoutError'));
      return new Promise<string>(() => undefined);
    },
  };
  await assertFails(
    to(1, tls),
    {exitCode: 27, message: 'Timed out waiting for the passphrase of the key for 127.0.0.1:1.'},
    {signal: deadline.signal},
  );
});

test('the minimum version and the ciphers are kept', async () => {
  await using older = await serve(files.server, {maxVersion: 'TLSv1.2'});
  await using newer = await serve(files.server);
  const tls = {caFile: files.ca};
  const plain = (await dialBounded(to(older.port, tls))) as TLSSocket;
  assert.equal(plain.getProtocol(), 'TLSv1.2');
  plain.destroy();
  await assertFails(to(older.port, {...tls, minimumVersion: 'TLSv1.3'}), {
    exitCode: 8,
    message: /no TLS version in common: TLSv1\.3 or later is asked for/,
  });
  const chosen = (await dialBounded(
    to(newer.port, {...tls, minimumVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256'}),
  )) as TLSSocket;
  assert.equal(chosen.getCipher().name, 'TLS_CHACHA20_POLY1305_SHA256');
  chosen.destroy();
  const old = (await dialBounded(
    to(older.port, {...tls, ciphers: 'ECDHE-ECDSA-AES128-SHA256'}),
  )) as TLSSocket;
  assert.equal(old.getCipher().name, 'ECDHE-ECDSA-AES128-SHA256');
  old.destroy();
  await assertFails(to(older.port, {...tls, ciphers: 'NOPE'}), {
    exitCode: 8,
    message: 'No usable cipher in the list "NOPE" (--ciphers).',
  });
  await assertFails(to(newer.port, {...tls, minimumVersion: 'TLSv1.3', ciphers: 'AES128-SHA'}), {
    exitCode: 8,
    message: /"AES128-SHA" is no cipher of TLS 1\.3/,
  });
  // The context is built while the connection is being made: neither may stay behind.
  await older.idle();
  await newer.idle();
});

test('a client certificate that OpenSSL finds too weak is an error before connecting', async () => {
  const weak = {certificateFile: join(directory, 'weak.crt'), keyFile: join(directory, 'weak.key')};
  const request = ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-subj', '/CN=weak', '-days', '1'];
  const {exitCode, stderr} = await run('openssl', [
    ...request,
    '-keyout',
    weak.keyFile,
    '-out',
    weak.certificateFile,
  ]);
  assert.equal(exitCode, 0, stderr);
  await using server = await serve(files.server);
  await assertFails(to(server.port, {caFile: files.ca, ...weak}), {
    exitCode: 8,
    message: /^The client certificate .*weak\.crt is too weak for OpenSSL \(ee key too small\)\./,
  });
  await server.idle();
});

test('ALPN: the protocol asked for, and one the server does not have', async () => {
  await using server = await serve(files.server, {ALPNProtocols: ['mqtt']});
  const stream = (await dialBounded(to(server.port, {caFile: files.ca, alpn: 'mqtt'}))) as TLSSocket;
  assert.equal(stream.alpnProtocol, 'mqtt');
  stream.destroy();
  await assertFails(to(server.port, {caFile: files.ca, alpn: 'smtp'}), {
    exitCode: 8,
    message: `127.0.0.1:${server.port} does not speak the protocol "smtp" asked for with --tls-alpn.`,
  });
});

test('a port that does not speak TLS, and one that hangs up, have errors of their own', async () => {
  await using talking = await listening(
    createPlainServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  await assertFails(to(talking.port, {caFile: files.ca}), {
    exitCode: 8,
    message: `127.0.0.1:${talking.port} does not speak TLS: it answered in plain text. Is this its TLS port?`,
  });
  await using broker = await startMosquitto();
  await assertFails(to(broker.port, {caFile: files.ca}), {
    exitCode: 8,
    message: `127.0.0.1:${broker.port} closed the connection during the TLS handshake. Is this its TLS port, and does it want a client certificate?`,
  });
});

test('a server that never answers the handshake runs into the deadline, and is left', async () => {
  await using server = await listening(createPlainServer((socket) => socket.resume()));
  await assertFails(
    to(server.port, {caFile: files.ca}),
    {exitCode: 27, message: `Timed out waiting for the TLS handshake with 127.0.0.1:${server.port}.`},
    {signal: AbortSignal.timeout(200)},
  );
  await server.idle();
});

test('the key log is appended to, for its owner only', async () => {
  await using server = await serve(files.server);
  const keyLogFile = join(directory, 'keys.log');
  const tls = {caFile: files.ca, keyLogFile};
  await assertEchoes(await dialBounded(to(server.port, tls)));
  const first = await readFile(keyLogFile, 'utf8');
  assert.match(first, /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+\n/m);
  assert.equal((await stat(keyLogFile)).mode & 0o777, 0o600);
  await assertEchoes(await dialBounded(to(server.port, tls)));
  const second = await readFile(keyLogFile, 'utf8');
  assert.ok(second.startsWith(first) && second.length > first.length);
  await assertFails(to(server.port, {caFile: files.ca, keyLogFile: directory}), {
    exitCode: 1,
    message: `Cannot write the key log file ${directory}: it is a directory.`,
  });
});

test('TLS over a unix socket: the chain is verified, a host name there is none', async () => {
  const path = join(directory, 'tls.sock');
  const [cert, key] = await Promise.all([readFile(files.otherName.cert), readFile(files.otherName.key)]);
  const server = createServer({cert, key}, echo);
  server.on('tlsClientError', () => undefined);
  server.listen(path);
  await once(server, 'listening');
  try {
    await assertEchoes(await dialBounded({transport: 'unix', path, tls: {caFile: files.ca}}));
    await assertFails(
      {transport: 'unix', path, tls: {caFile: files.otherCa}},
      {
        exitCode: 8,
        message: new RegExp(`^The certificate of ${path} was issued by "Test CA", which is not trusted`),
      },
    );
  } finally {
    server.close();
    await once(server, 'close');
  }
});

const secured = (listener: string) => (at: string) =>
  `listener {port} 127.0.0.1\nallow_anonymous true\n${listener.replaceAll('{files}', at)}`;

test('mosquitto: TLS, and TLS that wants a client certificate', async () => {
  const config = secured('cafile {files}/ca.crt\ncertfile {files}/server.crt\nkeyfile {files}/server.key\n')(
    directory,
  );
  await using broker = await startMosquitto(config);
  await assertBroker(await dialBounded(to(broker.port, {caFile: files.ca})));
  await using strict = await startMosquitto(`${config}require_certificate true\n`);
  const pair = {certificateFile: files.client.cert, keyFile: files.client.key};
  await assertBroker(await dialBounded(to(strict.port, {caFile: files.ca, ...pair})));
  const endpoint = to(strict.port, {caFile: files.ca});
  const stream = await dialBounded(endpoint);
  stream.write(connectPacket);
  const alert = await firstBytes(stream).catch((error: unknown) => error);
  assert.deepEqual(explain(alert, endpoint).exitCode, 8);
  const strange = {certificateFile: files.strangeClient.cert, keyFile: files.strangeClient.key};
  const other = to(strict.port, {caFile: files.ca, ...strange});
  const refused = await firstBytes(await dialBounded(other)).catch((error: unknown) => error);
  assert.match(explain(refused, other).message, /does not trust the issuer of the client certificate/);
});

test('mosquitto: pre-shared keys, a wrong key, an unknown identity', async () => {
  await using broker = await startMosquitto(
    'listener {port} 127.0.0.1\nallow_anonymous true\npsk_hint test\npsk_file {directory}/psk\n',
    (at) => writeFile(join(at, 'psk'), 'lamp:00112233aabb\n'),
  );
  const psk = (identity: string, key: string) =>
    to(broker.port, {psk: {identity, key: Buffer.from(key, 'hex')}});
  const stream = (await dialBounded(psk('lamp', '00112233aabb'))) as TLSSocket;
  assert.equal(stream.getProtocol(), 'TLSv1.2');
  await assertBroker(stream);
  await assertFails(psk('lamp', 'ffffffffffff'), {exitCode: 8, message: /"lamp"/});
  await assertFails(psk('nobody', '00112233aabb'), {exitCode: 8, message: /"nobody"/});
  await assertFails(
    to(broker.port, {psk: {identity: 'lamp', key: Buffer.of(1)}, minimumVersion: 'TLSv1.3'}),
    {exitCode: 8, message: /Pre-shared keys need TLS 1\.2/},
  );
});

test('a pre-shared key does not excuse a false certificate', async () => {
  await using server = await serve(files.otherName, {maxVersion: 'TLSv1.2'});
  const psk = {identity: 'lamp', key: Buffer.of(1, 2, 3)};
  await assertFails(to(server.port, {psk, ciphers: 'ECDHE-ECDSA-AES128-SHA256'}), {
    exitCode: 8,
    message: /not trusted/,
  });
  await assertFails(to(server.port, {psk, ciphers: 'ECDHE-ECDSA-AES128-SHA256', caFile: files.ca}), {
    exitCode: 8,
    message: /does not name/,
  });
});
