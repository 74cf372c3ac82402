/**
 * TLS of one listener: its settings → options of node:tls, with all files read, and the user name that a client's
 * certificate or pre-shared key stands for. Errors name the file. Opens no socket.
 */

import {constants, createPrivateKey, X509Certificate} from 'node:crypto';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {createSecureContext, DEFAULT_CIPHERS, type TLSSocket, type TlsOptions} from 'node:tls';
import {defined} from '../../defined.ts';
import {FileError, fileError, TmqError} from '../../errors.ts';
import type {ListenerConfig, ListenerTls} from '../config/settings.ts';

/** Reads a file's bytes. @throws TmqError naming the file */
export type ReadFile = (path: string) => Uint8Array;

/** Files of a listener, read and checked; `use` makes the pre-shared keys and settings the current ones. */
export interface PreparedTls {
  /** For tls.createServer and, after a reload, for setSecureContext. */
  readonly options: TlsOptions;
  readonly use: () => void;
}

/** The TLS of one listener, from its start through all reloads. */
export class ServerTls {
  #listener: ListenerConfig;
  #settings: ListenerTls;
  readonly #read: ReadFile;
  readonly #handshakeMilliseconds: number | undefined;
  /** By identity. A server keeps the callback that it started with, which looks here also after a reload. */
  #pskKeys: ReadonlyMap<string, Buffer> = new Map();
  /** The PSK identities of the clients, by their sockets. */
  readonly #pskIdentities = new WeakMap<TLSSocket, string>();

  constructor(
    listener: ListenerConfig,
    settings: ListenerTls,
    {read, handshakeMilliseconds}: {readonly read: ReadFile; readonly handshakeMilliseconds?: number},
  ) {
    this.#listener = listener;
    this.#settings = settings;
    this.#read = read;
    this.#handshakeMilliseconds = handshakeMilliseconds;
  }

  /**
   * Reads the files that the settings name: those of the listener, or those of a reload.
   * @throws TmqError when a file is missing or has the wrong content; then nothing has changed
   */
  prepare(listener = this.#listener, settings = listener.tls ?? this.#settings): PreparedTls {
    const {pskHint, pskFile = ''} = listener;
    const keys =
      pskFile === '' ? undefined : parsePskFile(Buffer.from(this.#read(pskFile)).toString(), pskFile);
    const options: TlsOptions = {
      minVersion: settings.minimumVersion ?? 'TLSv1.2',
      ...defined({handshakeTimeout: this.#handshakeMilliseconds}),
      honorCipherOrder: true,
      ...(pskHint === undefined
        ? certificateOptions(settings, this.#read)
        : this.#pskOptions(pskHint, settings)),
    };
    checkCiphers(settings);
    try {
      createSecureContext(options);
    } catch (error) {
      const file = settings.certFile ?? pskFile;
      throw new FileError(`TLS cannot be set up with ${file}: ${opensslReason(error)}.`, file, {
        cause: error,
      });
    }
    const use = () => {
      this.#listener = listener;
      this.#settings = settings;
      this.#pskKeys = keys ?? new Map();
    };
    return {options, use};
  }

  #pskOptions(pskIdentityHint: string, {ciphers = 'PSK'}: ListenerTls): TlsOptions {
    return {
      // Node.js supports pre-shared keys up to TLS 1.2.
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers,
      pskIdentityHint,
      // A connection that resumes a TLS session comes without identity: no tickets, no resumed sessions.
      secureOptions: constants.SSL_OP_NO_TICKET,
      pskCallback: (socket: TLSSocket, identity: string) => {
        const key = this.#pskKeys.get(identity);
        if (key === undefined) return null;
        this.#pskIdentities.set(socket, identity);
        return key;
      },
    };
  }

  /** The user name of a client, if the listener takes it from TLS; undefined where the client has none. */
  username(socket: TLSSocket): string | undefined {
    const {useIdentityAsUsername, useSubjectAsUsername} = this.#settings;
    if (!useIdentityAsUsername && !useSubjectAsUsername) return undefined;
    if (this.#listener.pskHint !== undefined) return this.#pskIdentities.get(socket);
    const subject = socket.getPeerX509Certificate?.()?.subject;
    if (subject === undefined) return undefined;
    return useIdentityAsUsername ? commonName(subject) : distinguishedName(subject);
  }
}

function certificateOptions(settings: ListenerTls, read: ReadFile): TlsOptions {
  const {certFile = '', keyFile = '', caFile, caPath, crlFile, ciphers, tls13Ciphers} = settings;
  const authorities = [
    ...(caFile === undefined ? [] : [readCertificate(caFile, read)]),
    ...(caPath === undefined ? [] : readDirectory(caPath, read)),
  ];
  const cert = readCertificate(certFile, read);
  const key = readPem(keyFile, read, 'pkey');
  checkPair({certFile, keyFile, cert, key});
  return {
    cert,
    key,
    ...defined({
      ca: authorities.length === 0 ? undefined : authorities,
      crl: crlFile === undefined ? undefined : readRevocations(crlFile, read),
      ciphers: cipherList(ciphers, tls13Ciphers),
    }),
    requestCert: settings.requireCertificate,
    rejectUnauthorized: settings.requireCertificate,
  };
}

/** Node.js takes both lists as one; without one directive, that part of the list is Node.js's default. */
function cipherList(ciphers: string | undefined, suites: string | undefined): string | undefined {
  if (ciphers === undefined && suites === undefined) return undefined;
  const standard = (isSuite: boolean) =>
    DEFAULT_CIPHERS.split(':')
      .filter((name) => name.startsWith('TLS_') === isSuite)
      .join(':');
  return `${suites ?? standard(true)}:${ciphers ?? standard(false)}`;
}

function readCertificate(path: string, read: ReadFile): Buffer {
  const content = readPem(path, read, 'x509');
  if (!content.includes('-----BEGIN CERTIFICATE-----')) {
    throw new FileError(`${path} holds no PEM certificate.`, path);
  }
  // As one of a cafile, OpenSSL would pass over it.
  used(path, () => new X509Certificate(content));
  return content;
}

function readRevocations(path: string, read: ReadFile): Buffer {
  const content = readPem(path, read, 'crl');
  if (!content.includes('-----BEGIN X509 CRL-----')) {
    throw new FileError(`${path} holds no PEM revocation list.`, path);
  }
  return content;
}

/** `command` of openssl would convert the file, if it is DER: OpenSSL's own error about that is a riddle. */
function readPem(path: string, read: ReadFile, command: 'x509' | 'pkey' | 'crl'): Buffer {
  const content = Buffer.from(read(path));
  // A long SEQUENCE [X.690]: certificates and keys alike begin with it.
  if (content[0] === 0x30 && content[1]! >= 0x80) {
    throw new FileError(
      `${path} is not PEM but DER: openssl ${command} -inform DER -in ${path} makes it PEM.`,
      path,
    );
  }
  return content;
}

/** The certificates of a capath: every file in it that contains one. */
function readDirectory(path: string, read: ReadFile): readonly Buffer[] {
  try {
    return readdirSync(path, {withFileTypes: true})
      .filter((entry) => entry.isFile() || entry.isSymbolicLink())
      .map((entry) => Buffer.from(read(join(path, entry.name))))
      .filter((content) => content.includes('-----BEGIN CERTIFICATE-----'));
  } catch (error) {
    if (error instanceof TmqError) throw error;
    throw fileError('directory', path, error);
  }
}

/** Names the files, which OpenSSL's "key values mismatch" does not. @throws TmqError */
function checkPair(pair: {certFile: string; keyFile: string; cert: Buffer; key: Buffer}): void {
  const {certFile, keyFile, cert, key} = pair;
  if (key.includes('ENCRYPTED')) {
    throw new FileError(
      `The key in ${keyFile} is encrypted; a broker needs one without a passphrase.`,
      keyFile,
    );
  }
  const parsed = used(keyFile, () => createPrivateKey(key));
  if (used(certFile, () => new X509Certificate(cert)).checkPrivateKey(parsed)) return;
  throw new FileError(`The key in ${keyFile} does not belong to the certificate in ${certFile}.`, keyFile);
}

/** What OpenSSL would not say: in a list of both kinds it passes over an unknown name. @throws FileError with the list */
function checkCiphers({ciphers, tls13Ciphers}: ListenerTls): void {
  for (const [name, list] of Object.entries(defined({ciphers, 'ciphers_tls1.3': tls13Ciphers}))) {
    const isOfKind = list !== tls13Ciphers || list.split(':').every((each) => each.startsWith('TLS_'));
    if (!isOfKind || !hasCiphers(list)) {
      throw new FileError(`${name} names no cipher that OpenSSL has: ${list}.`, list);
    }
  }
}

function hasCiphers(ciphers: string): boolean {
  try {
    createSecureContext({ciphers});
    return true;
  } catch {
    return false;
  }
}

/** 'Failed to parse CRL', or the last part of 'error:0A0000B9:SSL routines::no cipher match'. */
function opensslReason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split(':').at(-1)?.trim() ?? message;
}

/** What OpenSSL makes of a file. @throws FileError with its reason */
function used<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FileError(`${path} cannot be used: ${reason}.`, path, {cause: error});
  }
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

/** The last common name of a subject as Node.js gives it: 'C=GB\nCN=x', the most general part first. */
function commonName(subject: string): string | undefined {
  const line = subject.split('\n').findLast((each) => each.startsWith('CN='));
  // A backslash escapes one character or two hexadecimal digits [RFC 2253, 2.4].
  return line
    ?.slice(3)
    .replace(/\\([\da-f]{2}|.)/gi, (_, escaped: string) =>
      escaped.length === 2 ? String.fromCharCode(Number.parseInt(escaped, 16)) : escaped,
    );
}

/** The subject as mosquitto writes it: 'CN=x,O=y,C=GB', the most specific part first [RFC 2253]. */
function distinguishedName(subject: string): string {
  const escapeByte = (byte: number) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return subject
    .split('\n')
    .toReversed()
    .join(',')
    .replace(/[^\x00-\x7f]+/g, (text) => [...Buffer.from(text)].map(escapeByte).join(''));
}
