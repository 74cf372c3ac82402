/**
 * A place for mistakes: the brokers, servers and files that a wrong command line needs, each under a name such as
 * {password}, the port of a broker that wants a password.
 */

import {once} from 'node:events';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createServer as createHttpServer} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {startBroker} from './brokers.ts';
import {type Certificates, certificates} from './certificates.ts';
import {freePort, startMosquitto} from './mosquitto.ts';
import {listenLoopback, startHttpProxy, startSocksProxy} from './proxies.ts';
import {runMain} from './run.ts';
import {run} from './spawn.ts';
import {program} from './tmq.ts';

export interface MistakePlace extends AsyncDisposable {
  readonly directory: string;
  /** The text with each {name} replaced by what it stands for. */
  fill(text: string): string;
  /** The text with each port and path replaced by its {name}. */
  blank(text: string): string;
}

/** A mosquitto with a listener for each of these ports. */
function mosquittoConfig(files: Certificates, ports: Readonly<Record<string, number>>): string {
  const tls = (name: string, {cert, key}: {cert: string; key: string}, more = '') =>
    `listener ${ports[name]} 127.0.0.1\nallow_anonymous true\ncertfile ${cert}\nkeyfile ${key}\n${more}`;
  return [
    'per_listener_settings true',
    'listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {directory}/acl',
    `listener ${ports.password} 127.0.0.1\nallow_anonymous false\npassword_file {directory}/passwords`,
    `listener ${ports.psk} 127.0.0.1\nallow_anonymous true\npsk_hint x\npsk_file {directory}/psk`,
    tls('tls', files.server),
    tls('tls12', files.server, 'tls_version tlsv1.2\nciphers ECDHE-ECDSA-AES128-GCM-SHA256\n'),
    tls('mutual', files.server, `cafile ${files.ca}\nrequire_certificate true\n`),
    tls('othername', files.otherName),
    tls('expired', files.expired),
    tls('future', files.future),
    tls('selfsigned', files.selfSigned),
    '',
  ].join('\n');
}

const ofMosquitto = [
  ...['password', 'psk', 'tls', 'tls12', 'mutual', 'othername', 'expired', 'future', 'selfsigned'],
];

/** Ours, with small limits, and with WebSockets on the port `ws`. */
async function startOurBroker(ws: number) {
  const listeners = `listener {port} 127.0.0.1\nmax_qos 1\nlistener ${ws} 127.0.0.1\nprotocol websockets\n`;
  const limits = 'allow_anonymous true\nmax_packet_size 40000\n';
  return await startBroker('bundled', limits + listeners);
}

/** Files by name: what people have in their way. */
async function writeFiles(directory: string, files: Certificates): Promise<void> {
  const hash = `$6$AAAAAAAAAAAAAAAA$${'A'.repeat(86)}==`;
  const texts: Readonly<Record<string, string>> = {
    plain: 'alice:secret\n',
    good: `alice:${hash}\n`,
    damaged: 'alice:$7$x\n',
    twice: `alice:${hash}\nalice:${hash}\n`,
    nocolon: 'alice\n',
    empty: '',
    nul: 'alice:x\nbob:x\0y\n',
    long: 'x'.repeat(70_000),
    'mosquitto.db': '\0\xb5\0mosquitto db',
    'broken.crl': '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n',
    'broken.crt': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  };
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(directory, name), text, {mode: 0o600, encoding: 'latin1'});
  }
  await mkdir(join(directory, 'folder'));
  await mkdir(join(directory, 'two'));
  for (const name of ['a', 'b']) await writeFile(join(directory, 'two', name), '');
  await mkdir(join(directory, 'home/.config/tmq'), {recursive: true});
  await writeFile(join(directory, 'home/.config/tmq/pub'), '-h localhost\nport 1883\n');
  await writeFile(join(directory, 'home/.config/mosquitto_sub'), '--hots localhost\n');
  const der = ['x509', '-in', files.ca, '-outform', 'DER', '-out', join(directory, 'ca.der')];
  await run('openssl', der);
}

/** A socket file that no process accepts connections on. */
async function leaveSocket(path: string): Promise<void> {
  const text = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await run(process.execPath, ['-e', text]);
}

/** Starts everything; dispose of it to end all. */
export async function openMistakePlace(): Promise<MistakePlace> {
  const ends: (() => unknown)[] = [];
  const keep = <Kept extends AsyncDisposable>(kept: Kept): Kept => {
    ends.unshift(() => kept[Symbol.asyncDispose]());
    return kept;
  };
  const directory = await mkdtemp(join(tmpdir(), 'tmq-mistakes-'));
  ends.unshift(() => rm(directory, {recursive: true, force: true}));
  const files = await certificates(directory);
  await run('chmod', ['-R', 'a+rX', directory]);
  await writeFiles(directory, files);
  await leaveSocket(join(directory, 'dead.sock'));
  const ports: Record<string, number> = {};
  for (const name of [...ofMosquitto, 'ws', 'closed']) ports[name] = await freePort();
  const mosquitto = keep(
    await startMosquitto(mosquittoConfig(files, ports), async (place) => {
      await runMain(['passwd', '-c', '-b', '-H', 'sha512-pbkdf2', join(place, 'passwords'), 'ann', 'geheim']);
      await writeFile(join(place, 'acl'), 'topic readwrite open/#\n');
      await writeFile(join(place, 'psk'), 'ann:12345678\n');
    }),
  );
  const broker = keep(await startOurBroker(ports.ws!));
  const serve = async (handle: (socket: Socket) => void) => keep(await listenLoopback(handle)).port;
  const http = createHttpServer((_request, response) => response.writeHead(404).end());
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  ends.unshift(() => void http.close());
  const credentials = {username: 'joe', password: 'secret'};
  Object.assign(ports, {
    mqtt: mosquitto.port,
    broker: broker.port,
    http: (http.address() as AddressInfo).port,
    ssh: await serve((socket) => void socket.resume().write('SSH-2.0-OpenSSH_9.2\r\n')),
    closing: await serve((socket) => void socket.once('data', () => socket.destroy())),
    silent: await serve((socket) => void socket.resume()),
    proxy: keep(await startHttpProxy({credentials: 'joe:secret'})).port,
    socks: keep(await startSocksProxy({credentials})).port,
  });
  const names: Readonly<Record<string, string>> = {
    ca: files.ca,
    'other-ca': files.otherCa,
    'server-cert': files.server.cert,
    'server-key': files.server.key,
    'client-cert': files.client.cert,
    'client-key': files.client.key,
    'encrypted-key': files.encryptedKey,
    'stranger-cert': files.strangeClient.cert,
    'stranger-key': files.strangeClient.key,
    program,
    node: process.execPath,
    dir: directory,
  };
  return {
    directory,
    fill: (text) =>
      text.replace(/\{([\w-]+)\}/g, (whole, name: string) => names[name] ?? String(ports[name] ?? whole)),
    blank(text) {
      let blanked = text;
      for (const [name, path] of Object.entries(names)) blanked = blanked.replaceAll(path, `{${name}}`);
      for (const [name, port] of Object.entries(ports))
        blanked = blanked.replaceAll(String(port), `{${name}}`);
      return blanked;
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends) await end();
    },
  };
}
