/**
 * The client's certificate: certificate and key, read and checked to belong
 * together before any connection is made. Knows no socket; asks for a pass phrase through the options.
 */

import {createPrivateKey, type KeyObject, X509Certificate} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import {fileError} from '../../errors.ts';
import type {TlsOptions} from '../connection-options.ts';
import {unlessAborted} from './connect-step.ts';
import {notPem, tlsError} from './tls-error.ts';

/** PEM texts, as node:tls takes them. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
}

/** Pass phrases that opened their keys. A session that reconnects must not ask again. */
const remembered = new WeakMap<TlsOptions, string>();

async function read(role: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    throw fileError(role, path, error);
  }
}

/** PKCS #8 [RFC 5958] says it in its label, the older form in a header [RFC 1421, 4.6.1.1]. */
function isEncrypted(pem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

async function passphraseFor(options: TlsOptions, path: string, signal: AbortSignal): Promise<string> {
  const known = remembered.get(options);
  if (known !== undefined) return known;
  if (options.passphrase === undefined) {
    throw tlsError(`The key ${path} is encrypted, and there is no terminal to ask for its passphrase.`);
  }
  return await unlessAborted(options.passphrase(signal), {
    signal,
    waitingFor: 'the passphrase of the key for',
  });
}

function openKey(pem: string, path: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? pem : {key: pem, passphrase});
  } catch (error) {
    // A wrong pass phrase may also decrypt to something, and that something is then no key.
    throw passphrase === undefined
      ? notPem('key file', path, pem, 'private key')
      : tlsError(`The passphrase of the key ${path} is wrong. Give the right one with --keypass.`, error);
  }
}

function openCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw notPem('certificate file', path, pem, 'certificate');
  }
}

/**
 * Reads certificate and key; undefined where the options name none. Either alone is looked for both
 * parts in it, as one PEM file may hold them.
 * @throws TmqError: 1 for a file that cannot be read, 8 for a wrong pass phrase or a pair that is none
 */
export async function clientCertificate(
  options: TlsOptions,
  signal: AbortSignal,
): Promise<ClientCertificate | undefined> {
  const certificatePath = options.certificateFile ?? options.keyFile;
  const keyPath = options.keyFile ?? options.certificateFile;
  if (certificatePath === undefined || keyPath === undefined) return undefined;
  const cert = await read('certificate file', certificatePath);
  const key = await read('key file', keyPath);
  const certificate = openCertificate(cert, certificatePath);
  const passphrase = isEncrypted(key) ? await passphraseFor(options, keyPath, signal) : undefined;
  const privateKey = openKey(key, keyPath, passphrase);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw tlsError(
      `The key ${keyPath} does not belong to the certificate ${certificatePath}. Each certificate has its own key.`,
    );
  }
  if (passphrase === undefined) return {cert, key};
  remembered.set(options, passphrase);
  return {cert, key, passphrase};
}
