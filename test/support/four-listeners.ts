/**
 * `tmq broker` as a mosquitto.conf of the usual kind makes it: tcp, tls, ws and wss, each on a port of
 * its own, behind the self-signed certificate that every tutorial makes. Knows no client.
 */

import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {startMain} from './run.ts';
import {run} from './spawn.ts';
import {startTmq} from './tmq.ts';

export const schemes = ['mqtt', 'mqtts', 'ws', 'wss'] as const;
export type Scheme = (typeof schemes)[number];

export interface FourListeners extends AsyncDisposable {
  readonly directory: string;
  /** PEM, its own issuer, for localhost and 127.0.0.1. */
  readonly certificate: string;
  readonly ports: Readonly<Record<Scheme, number>>;
  url(scheme: Scheme): string;
  /** Resolves when the broker's log matches. */
  logged(pattern: RegExp): Promise<void>;
}

/** The listeners of such a file; {directory} is filled in. */
const configuration = `allow_anonymous true

# plain MQTT
listener 0 127.0.0.1

# MQTT over TLS
listener 0 127.0.0.1
certfile {directory}/server.crt
keyfile {directory}/server.key

# WebSocket, for pages
listener 0 127.0.0.1
protocol websockets

# WebSocket over TLS
listener 0 127.0.0.1
protocol websockets
certfile {directory}/server.crt
keyfile {directory}/server.key
`;

/** A self-signed certificate, as tutorials make one. */
export async function tutorialCertificate(directory: string): Promise<string> {
  const certificate = join(directory, 'server.crt');
  const made = await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '365'],
    ...['-keyout', join(directory, 'server.key'), '-out', certificate, '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
  ]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return certificate;
}

/** How the broker runs: in this process, from the sources, or as the built program. */
export type BrokerHost = 'main' | 'program';

/** Starts it; `more` goes on top of the configuration. */
export async function startFourListeners(more = '', host: BrokerHost = 'main'): Promise<FourListeners> {
  const directory = await mkdtemp(join(tmpdir(), 'tmq-four-'));
  const certificate = await tutorialCertificate(directory);
  const path = join(directory, 'mosquitto.conf');
  await writeFile(path, `${more}${configuration}`.replaceAll('{directory}', directory));
  const words = ['broker', '-v', '-c', path, '--ready', 'json'];
  const running = host === 'main' ? startMain(words) : startTmq(words, {timeoutMilliseconds: 300_000});
  const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  const {listeners}: {listeners: readonly {protocol: Scheme; port: number}[]} = JSON.parse(line);
  const ports = Object.fromEntries(listeners.map(({protocol, port}) => [protocol, port])) as Record<
    Scheme,
    number
  >;
  return {
    directory,
    certificate,
    ports,
    url: (scheme) => `${scheme}://127.0.0.1:${ports[scheme]}`,
    async logged(pattern) {
      await running.waitFor('stderr', pattern);
    },
    async [Symbol.asyncDispose]() {
      await ('interrupt' in running ? running.interrupt('SIGTERM') : running.stop());
      await rm(directory, {recursive: true, force: true});
    },
  };
}
