/** TLS for a broker on this machine: certificates in a directory of their own, and the listeners that use them. */

import {mkdtemp, rm} from 'node:fs/promises';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import {defaultTls, type ListenerConfig} from '../config/settings.ts';
import {type CertificateFiles, makeCertificates, writeCertificates} from './certificates.ts';

/** Certificates on disk; disposal removes a temporary directory. */
export interface LocalCertificates extends AsyncDisposable {
  readonly files: CertificateFiles;
}

/**
 * Makes certificates for the names of this machine: in the directory given, or in a temporary one that is removed
 * on disposal. `now` in milliseconds since the epoch.
 * @throws TmqError when they cannot be written
 */
export async function localCertificates(given: string | undefined, now: number): Promise<LocalCertificates> {
  const directory = given ?? (await mkdtemp(join(tmpdir(), 'tmq-tls-')));
  const dispose = async () => {
    if (given === undefined) await rm(directory, {recursive: true, force: true});
  };
  try {
    const hosts = [...new Set(['localhost', hostname(), '127.0.0.1', '::1'])];
    const files = await writeCertificates(directory, makeCertificates(hosts, now));
    return {files, [Symbol.asyncDispose]: dispose};
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * The listeners, and for each without TLS a copy with TLS: on a free port if the listener has port 0, otherwise on
 * 8883, or 9002 for WebSockets.
 */
export function withTls(
  listeners: readonly ListenerConfig[],
  files: CertificateFiles | undefined,
): readonly ListenerConfig[] {
  if (files === undefined) return listeners;
  const {certFile, keyFile, caFile} = files;
  const tls = {...defaultTls, certFile, keyFile, caFile};
  const copies = listeners
    .filter((listener) => listener.tls === undefined && listener.socketPath === undefined)
    .map((listener) => {
      const usual = listener.protocol === 'mqtt' ? 8883 : 9002;
      return {...listener, port: listener.port === 0 ? 0 : usual, tls};
    });
  return [...listeners, ...copies];
}
