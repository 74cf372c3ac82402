/** TLS for a broker on this machine: certificates in a directory of their own, and listeners that use them. */

import {mkdtemp, rm} from 'node:fs/promises';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import type {ListenerConfig} from '../config/settings.ts';
import {type CertificateFiles, makeCertificates, writeCertificates} from './certificates.ts';

export interface LocalCertificates extends AsyncDisposable {
  readonly files: CertificateFiles;
}

/**
 * Certificates for this machine's names, in the directory given, which stays, or in one that is removed
 * on disposal. `now` in milliseconds.
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

/** The listeners, and beside each a twin with TLS: on a free port where the other is, else on the usual one. */
export function withTls(
  listeners: readonly ListenerConfig[],
  files: CertificateFiles | undefined,
): readonly ListenerConfig[] {
  if (files === undefined) return listeners;
  const {certFile, keyFile, caFile} = files;
  const tls = {
    certFile,
    keyFile,
    caFile,
    requireCertificate: false,
    useIdentityAsUsername: false,
    useSubjectAsUsername: false,
  };
  const twins = listeners
    .filter((listener) => listener.tls === undefined && listener.socketPath === undefined)
    .map((listener) => {
      const usual = listener.protocol === 'mqtt' ? 8883 : 9002;
      return {...listener, port: listener.port === 0 ? 0 : usual, tls};
    });
  return [...listeners, ...twins];
}
