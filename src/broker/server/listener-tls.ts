/**
 * What a listener says about TLS → options of node:tls, with every file read and every complaint naming
 * its file; and the user name that a certificate or a pre-shared key stands for. Opens no socket.
 */

import {createPrivateKey, X509Certificate} from 'node:crypto';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {createSecureContext, DEFAULT_CIPHERS, type TLSSocket, type TlsOptions} from 'node:tls';
import {ExitCode, TmqError} from '../../errors.ts';
import type {ListenerConfig, ListenerTls} from '../config/settings.ts';

/** Reads a file's bytes. @throws TmqError naming the file */
export type ReadFile = (path: string) => Uint8Array;

/** The identities that came with pre-shared keys. */
const identities = new WeakMap<object, string>();

/** The pre-shared keys of a listener: a server asks the callback it began with, also after a reload. */
const pskKeys = new WeakMap<ListenerConfig, ReadonlyMap<string, Buffer>>();

/**
 * Options for tls.createServer and, after a reload, for setSecureContext.
 * @throws TmqError when a file is missing or holds something else
 */
export function serverTlsOptions(
  listener: ListenerConfig,
  settings: ListenerTls,
  read: ReadFile,
): TlsOptions {
  const common: TlsOptions = {
    minVersion: settings.minimumVersion ?? 'TLSv1.2',
    handshakeTimeout: 20_000,
    honorCipherOrder: true,
  };
  const options =
    listener.pskHint === undefined
      ? {...common, ...certificateOptions(settings, read)}
      : {...common, ...pskOptions(listener, settings, read)};
  try {
    createSecureContext(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const file = settings.certFile ?? listener.pskFile;
    throw new TmqError(`TLS cannot be set up with ${file}: ${reason}.`, ExitCode.failure, {cause: error});
  }
  return options;
}

function certificateOptions(settings: ListenerTls, read: ReadFile): TlsOptions {
  const {certFile = '', keyFile = '', caFile, caPath, crlFile, ciphers, tls13Ciphers} = settings;
  const authorities = [
    ...(caFile === undefined ? [] : [readCertificate(caFile, read)]),
    ...(caPath === undefined ? [] : readDirectory(caPath, read)),
  ];
  const cert = readCertificate(certFile, read);
  const key = Buffer.from(read(keyFile));
  checkPair({certFile, keyFile, cert, key});
  return {
    cert,
    key,
    ...(authorities.length === 0 ? {} : {ca: authorities}),
    ...(crlFile === undefined ? {} : {crl: Buffer.from(read(crlFile))}),
    ...(ciphers === undefined && tls13Ciphers === undefined
      ? {}
      : {ciphers: cipherList(ciphers, tls13Ciphers)}),
    requestCert: settings.requireCertificate,
    rejectUnauthorized: settings.requireCertificate,
  };
}

/** Node.js takes both lists as one; what one directive does not say stays as it is by default. */
function cipherList(ciphers: string | undefined, suites: string | undefined): string {
  const standard = (isSuite: boolean) =>
    DEFAULT_CIPHERS.split(':')
      .filter((name) => name.startsWith('TLS_') === isSuite)
      .join(':');
  return `${suites ?? standard(true)}:${ciphers ?? standard(false)}`;
}

function readCertificate(path: string, read: ReadFile): Buffer {
  const content = Buffer.from(read(path));
  if (!content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new TmqError(`${path} holds no PEM certificate.`, ExitCode.failure);
  }
  return content;
}

/** The certificates of a capath: every file in it that holds one. */
function readDirectory(path: string, read: ReadFile): readonly Buffer[] {
  try {
    return readdirSync(path, {withFileTypes: true})
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => Buffer.from(read(join(path, entry.name))))
      .filter((content) => content.includes('-----BEGIN CERTIFICATE-----'));
  } catch (error) {
    if (error instanceof TmqError) throw error;
    throw new TmqError(`Cannot read the directory ${path}.`, ExitCode.failure, {cause: error});
  }
}

/** OpenSSL says "key values mismatch"; the user has to know of which files. */
function checkPair(pair: {certFile: string; keyFile: string; cert: Buffer; key: Buffer}): void {
  const {certFile, keyFile, cert, key} = pair;
  if (key.includes('ENCRYPTED')) {
    throw new TmqError(`The key in ${keyFile} is encrypted; a broker needs one without a passphrase.`);
  }
  let matching: boolean;
  try {
    const parsed = createPrivateKey(key);
    matching = new X509Certificate(cert).checkPrivateKey(parsed);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TmqError(`${certFile} or ${keyFile} cannot be used: ${reason}.`, ExitCode.failure, {
      cause: error,
    });
  }
  if (!matching)
    throw new TmqError(`The key in ${keyFile} does not belong to the certificate in ${certFile}.`);
}

function pskOptions(listener: ListenerConfig, settings: ListenerTls, read: ReadFile): TlsOptions {
  const path = listener.pskFile ?? '';
  pskKeys.set(listener, parsePskFile(Buffer.from(read(path)).toString(), path));
  return {
    // Node.js speaks pre-shared keys up to TLS 1.2.
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: settings.ciphers ?? 'PSK',
    pskIdentityHint: listener.pskHint ?? '',
    pskCallback(socket: TLSSocket, identity: string) {
      const key = pskKeys.get(listener)?.get(identity);
      if (key === undefined) return null;
      identities.set(socket, identity);
      return key;
    },
  };
}

/** 'identity:hexadecimal key' lines. @throws TmqError with file and line */
export function parsePskFile(text: string, path: string): ReadonlyMap<string, Buffer> {
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.startsWith('#') || line.trim() === '') continue;
    const [, identity, key] = /^([^:]+):\s*((?:[\da-f]{2})+)\s*$/i.exec(line) ?? [];
    if (identity === undefined || key === undefined) {
      throw new TmqError(`${path}:${index + 1}: a line is identity:key, the key in hexadecimal.`);
    }
    keys.set(identity.trim(), Buffer.from(key, 'hex'));
  }
  return keys;
}

/** The name that stands for the user name, where the listener takes it from TLS; undefined where there is none. */
export function certifiedUsername(socket: TLSSocket, listener: ListenerConfig): string | undefined {
  const {tls} = listener;
  if (!tls?.useIdentityAsUsername && !tls?.useSubjectAsUsername) return undefined;
  if (listener.pskHint !== undefined) return identities.get(socket);
  const certificate = socket.getPeerX509Certificate?.();
  if (certificate === undefined) return undefined;
  return tls.useIdentityAsUsername ? commonName(certificate.subject) : distinguishedName(certificate.subject);
}

/** OpenSSL's lines, 'C=GB\nCN=x', most general first. */
function commonName(subject: string): string | undefined {
  const line = subject.split('\n').findLast((each) => each.startsWith('CN='));
  // A backslash escapes one character or two hexadecimal digits [RFC 2253, 2.4].
  return line
    ?.slice(3)
    .replace(/\\([\da-f]{2}|.)/gi, (_, escaped: string) =>
      escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped,
    );
}

/** As mosquitto writes a subject: 'CN=x,O=y,C=GB', the most specific first [RFC 2253]. */
function distinguishedName(subject: string): string {
  const escapeByte = (byte: number) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return subject
    .split('\n')
    .toReversed()
    .join(',')
    .replace(/[^\x00-\x7f]+/g, (text) => [...Buffer.from(text)].map(escapeByte).join(''));
}
