/** One message over TLS, to a mosquitto whose certificate comes from an authority of this run's own. */

import {execFileSync} from 'node:child_process';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type BenchContext, tmq} from './bench.ts';
import {type BenchBroker, openConfig, startBroker} from './brokers.ts';
import {measure, paired, wallRatios} from './measure.ts';

/** An authority and a certificate for localhost, made by openssl. */
export async function makeCertificates(directory: string): Promise<void> {
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, {cwd: directory, stdio: 'ignore'});
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...key, '-subj', '/CN=bench CA', '-keyout', 'ca.key', '-out', 'ca.crt');
  openssl('req', ...key.slice(0, 5), '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  await writeFile(join(directory, 'san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san'];
  openssl('x509', '-req', '-in', 'server.csr', ...authority, '-out', 'server.crt');
}

function certificateLines(directory: string): string {
  const file = (name: string) => join(directory, name);
  return `certfile ${file('server.crt')}\nkeyfile ${file('server.key')}\n`;
}

/** One listener with TLS, with the certificates of a directory. */
export function secureConfig(directory: string): string {
  return `${openConfig}${certificateLines(directory)}`;
}

/** {port2} is for WebSockets, with TLS where a directory has certificates. mosquitto 2.0 needs the other listener. */
export function webSocketConfig(directory?: string): string {
  const listener = 'listener {port2} 127.0.0.1\nprotocol websockets\n';
  return `${openConfig}${listener}${directory === undefined ? '' : certificateLines(directory)}`;
}

export interface SecureBroker extends BenchBroker {
  /** Options with which pub, of either family, sends it a message. */
  readonly words: readonly string[];
}

/** Starts mosquitto with TLS; its certificates are kept in the directory. */
export async function startSecureBroker(directory: string): Promise<SecureBroker> {
  await makeCertificates(directory);
  const broker = await startBroker('mosquitto', secureConfig(directory));
  const caFile = join(directory, 'ca.crt');
  const words = ['-p', String(broker.port), '--cafile', caFile, '-t', 'bench/tls', '-m', 'hello'];
  return {...broker, words};
}

/** Times of tmq pub on this Node over those of mosquitto_pub, a pair a round. */
export async function securePublish(
  context: BenchContext,
  words: readonly string[],
  node: string,
): Promise<readonly number[]> {
  const series = await paired(
    {
      tmq: () => measure({...tmq('pub', ...words), command: node}),
      mosquitto: () => measure({command: 'mosquitto_pub', args: words}),
    },
    {rounds: context.rounds(15), warmUp: 2},
  );
  return wallRatios(series.tmq, series.mosquitto);
}
