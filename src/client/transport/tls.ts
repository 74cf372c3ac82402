/**
 * TLS on top of a connected socket, as the client. Files are read first, the context is built while the
 * network works, the peer's certificate is judged here so that a refusal can say what was wrong with it.
 */

import {X509Certificate} from 'node:crypto';
import {appendFileSync} from 'node:fs';
import {open} from 'node:fs/promises';
import net, {type Socket} from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import {defined} from '../../defined.ts';
import {fileError} from '../../errors.ts';
import type {TlsOptions} from '../connection-options.ts';
import {atMost} from '../waiting.ts';
import {type ClientCertificate, clientCertificate} from './client-certificate.ts';
import {connectStep} from './connect-step.ts';
import {
  type CertificateFacts,
  certificateError,
  contextError,
  handshakeError,
  harmless,
  type TlsPeer,
  tlsError,
} from './tls-error.ts';
import {type TrustedCertificates, trustedCertificates} from './trusted-certificates.ts';

export interface TlsContext {
  readonly signal: AbortSignal;
  readonly notice?: (line: string) => void;
}

/** Everything that comes from files, read; `trusted` is to be checked yet. */
export interface TlsMaterial {
  readonly trusted: TrustedCertificates;
  readonly certificate: ClientCertificate | undefined;
}

async function checkKeyLogFile(path: string): Promise<void> {
  try {
    // Its reader can decrypt the traffic, so only the owner may read it.
    const file = await open(path, 'a', 0o600);
    await file.close();
  } catch (error) {
    throw fileError('key log file', path, error, 'write');
  }
}

/**
 * Reads the files the options name.
 * @throws TmqError: 1 for a file that cannot be read or written, 8 for one that does not hold what it should
 */
export async function loadTlsMaterial(options: TlsOptions, context: TlsContext): Promise<TlsMaterial> {
  if (options.keyLogFile !== undefined) await checkKeyLogFile(options.keyLogFile);
  return {
    trusted: await trustedCertificates(options, context.notice),
    certificate: await clientCertificate(options, context.signal),
  };
}

/** OpenSSL lets names of older ciphers pass in silence where only TLS 1.3 is allowed. */
function checkCiphers({ciphers, minimumVersion, psk}: TlsOptions): void {
  if (minimumVersion !== 'TLSv1.3') return;
  if (psk !== undefined) {
    throw tlsError('Pre-shared keys need TLS 1.2: drop --tls-version tlsv1.3.');
  }
  const older = ciphers?.split(':').find((name) => !name.startsWith('TLS_'));
  if (older !== undefined) {
    throw tlsError(
      `"${older}" is no cipher of TLS 1.3: with --tls-version tlsv1.3, --ciphers takes names like TLS_AES_256_GCM_SHA384.`,
    );
  }
}

/**
 * Builds what every connection with these options shares. Costs about 20 ms on Node 20: call it while
 * something else is on its way.
 * @throws TmqError 8 when OpenSSL refuses the certificates or the ciphers
 */
export function createTlsContext(options: TlsOptions, material: TlsMaterial): SecureContext {
  checkCiphers(options);
  const {certificates} = material.trusted;
  const ciphers = options.ciphers ?? (options.psk === undefined ? undefined : 'PSK');
  const settings: SecureContextOptions = {
    minVersion: options.minimumVersion ?? 'TLSv1.2',
    ...defined({
      maxVersion: options.psk && ('TLSv1.2' as const),
      ciphers,
      ca: certificates && [...certificates],
    }),
    ...material.certificate,
  };
  try {
    return createSecureContext(settings);
  } catch (error) {
    throw contextError(error, options);
  }
}

function distinguishedName(name: PeerCertificate['subject'] | undefined): string {
  const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
  return harmless(first(name?.CN) ?? first(name?.O) ?? first(name?.OU) ?? 'unnamed');
}

function isSelfSigned(der: Uint8Array): boolean {
  const certificate = new X509Certificate(der);
  return certificate.verify(certificate.publicKey);
}

/** The certificates the peer sent, its own first; the last may be its own issuer. */
function chainOf(socket: TLSSocket): readonly CertificateFacts[] {
  const facts: CertificateFacts[] = [];
  const seen = new Set<string>();
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.fingerprint256 !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    facts.push({
      subject: distinguishedName(certificate.subject),
      issuer: distinguishedName(certificate.issuer),
      names: harmless((certificate.subjectaltname ?? '').replace(/(DNS|IP Address):/g, '')),
      isSelfSigned: isSelfSigned(certificate.raw),
      validFrom: new Date(certificate.valid_from),
      validTo: new Date(certificate.valid_to),
    });
    certificate = certificate.issuerCertificate;
  }
  return facts;
}

function writeKeyLog(socket: TLSSocket, path: string, notice: TlsContext['notice']): void {
  socket.on('keylog', (line: Buffer) => {
    try {
      appendFileSync(path, line, {mode: 0o600});
    } catch (error) {
      notice?.(fileError('key log file', path, error, 'write').message);
    }
  });
}

export interface Handshake {
  readonly peer: TlsPeer;
  readonly secureContext: SecureContext;
  readonly context: TlsContext;
  /** Whom the context trusts. */
  readonly trusted: Pick<TrustedCertificates, 'check'>;
  /** Sees the socket after the handshake, before the peer's certificate is judged. */
  readonly inspect?: (socket: TLSSocket) => void;
}

/** Node's own functions: a bundle looks up imported ones at each call. */
const {isIP, isIPv4} = net;

/** What `net.isIP` returns, without its expression for IPv6 where there is no colon. */
function addressFamily(text: string): number {
  if (typeof text !== 'string' || text.includes(':')) return isIP(text);
  return isIPv4(text) ? 4 : 0;
}

/**
 * Runs `work`, which must be synchronous, with a faster `net.isIP`. node:tls calls it for each server name,
 * and compiling Node's expression for IPv6 takes 7 % of a one-shot with TLS to localhost.
 */
function withFastAddressCheck<Result>(work: () => Result): Result {
  net.isIP = addressFamily;
  try {
    return work();
  } finally {
    net.isIP = isIP;
  }
}

/** Puts TLS on the socket without waiting; nothing is verified yet. */
function wrap(socket: Socket, {peer, secureContext}: Handshake): TLSSocket {
  const {host} = peer;
  const {psk, alpn} = peer.options;
  const options: ConnectionOptions = {
    socket,
    secureContext,
    // A server name must not be an address [RFC 6066, 3]; without a host, as on a unix socket, there is none.
    servername: host === undefined || addressFamily(host) !== 0 ? '' : host,
    // Judged in `judge`: Node would destroy the socket, and with it what the sentence is made of.
    rejectUnauthorized: false,
    checkServerIdentity: (_name, certificate) =>
      // A pre-shared key comes without a certificate, a unix socket without a name.
      host === undefined || Object.keys(certificate).length === 0
        ? undefined
        : withFastAddressCheck(() => checkServerIdentity(host, certificate)),
    ...defined({
      ALPNProtocols: alpn === undefined ? undefined : [alpn],
      pskCallback: psk && (() => ({identity: psk.identity, psk: psk.key})),
    }),
  };
  return withFastAddressCheck(() => connect(options));
}

/** @throws TmqError unless the peer's certificate is valid, trusted and names the host, or --insecure was given */
function judge(socket: TLSSocket, peer: TlsPeer): void {
  if (socket.authorized || peer.options.insecure === true) return;
  // The declared type is Error; what Node sets is its code.
  const code = String(socket.authorizationError ?? 'not authorized');
  throw certificateError(code, chainOf(socket), peer);
}

/**
 * Shakes hands. The socket belongs to the result, and is destroyed when there is none.
 * @throws TmqError 8, Abandoned
 */
export async function secure(socket: Socket, handshake: Handshake): Promise<TLSSocket> {
  const {peer, context} = handshake;
  const stream = wrap(socket, handshake);
  if (peer.options.keyLogFile !== undefined) writeKeyLog(stream, peer.options.keyLogFile, context.notice);
  try {
    return await connectStep<TLSSocket>(
      {stream, beneath: socket, signal: context.signal, waitingFor: 'the TLS handshake with'},
      (done, fail) => {
        const finish = () => {
          try {
            handshake.inspect?.(stream);
            judge(stream, peer);
            done(stream);
          } catch (error) {
            fail(error);
          }
        };
        stream.once('secureConnect', finish);
        // Now it is the server that computes.
        handshake.trusted.check();
        return () => stream.off('secureConnect', finish);
      },
    );
  } catch (error) {
    throw handshakeError(error, peer);
  }
}

/** Milliseconds to wait for a session ticket: one from a server nearby comes earlier, one from afar too late. */
const ticketMilliseconds = 3;

/** The session tickets that come on a connection. */
class SessionTickets {
  count = 0;
  #onTicket: (() => void) | undefined;

  constructor(socket: TLSSocket) {
    socket.on('session', () => {
      this.count++;
      this.#onTicket?.();
    });
  }

  /** Resolves when so many have come, or the time is over. */
  async atLeast(count: number): Promise<void> {
    const next = new Promise<void>((resolve) => {
      this.#onTicket = resolve;
    });
    if (this.count < count) await atMost(next, ticketMilliseconds);
    // OpenSSL reports a ticket while it reads, and must not write meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type WriteDone = (error?: Error | null) => void;

interface Chunk {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/**
 * Sends the first write behind the session tickets of TLS 1.3: it waits for the first ticket, and its last byte for
 * the second, so that TCP acknowledges each at once. A server with Nagle's algorithm on, as mosquitto, holds back
 * what follows a ticket until then: 40 ms if nothing is sent, two fifths of a one-shot.
 * @param noDelay whether the algorithm is to be off here, afterwards
 */
export function writeBehindTickets(socket: TLSSocket, noDelay: boolean): void {
  if (socket.getProtocol() !== 'TLSv1.3') return;
  const tickets = new SessionTickets(socket);
  const {_write, _writev} = socket;
  const write = (bytes: Buffer, done: WriteDone) =>
    _write.call(socket, bytes, 'buffer' as BufferEncoding, done);
  const writeFirst = async (bytes: Buffer, done: WriteDone) => {
    await tickets.atLeast(1);
    // Both have come, or none in time.
    if (tickets.count !== 1) {
      write(bytes, done);
      return;
    }
    socket.setNoDelay(true);
    const error = await new Promise<Error | null | undefined>((resolve) => {
      write(bytes.subarray(0, -1), resolve);
    });
    await tickets.atLeast(2);
    if (error) done(error);
    else write(bytes.subarray(-1), done);
    socket.setNoDelay(noDelay);
  };
  const first = (chunks: readonly Chunk[], done: WriteDone) => {
    Object.assign(socket, {_write, _writev});
    void writeFirst(
      Buffer.concat(chunks.map((each) => Buffer.from(each.chunk as string, each.encoding))),
      done,
    );
  };
  Object.assign(socket, {
    _write: (chunk: Buffer | string, encoding: BufferEncoding, done: WriteDone) =>
      first([{chunk, encoding}], done),
    _writev: first,
  });
}
