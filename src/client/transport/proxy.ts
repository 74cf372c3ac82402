/**
 * Connects through a proxy: SOCKS5 [RFC 1928, 1929] by the socks package, whose only importer this is, and
 * HTTP CONNECT [RFC 9110, 9.3.6] by hand. The result is a socket connected to the broker.
 */

import type {Socket} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import {defined} from '../../defined.ts';
import {codeOf, ExitCode, TmqError, UsageError} from '../../errors.ts';
import {connectError, hostAndPort, type Peer, statusText} from './connect-error.ts';
import {Abandoned, ClosedEarly, connectStep, guarded} from './connect-step.ts';
import type {ConnectionDetail} from './connection-details.ts';
import {connectTcp, type TcpTarget} from './tcp.ts';

/** What the URL of a proxy says. */
export interface Proxy {
  readonly protocol: 'socks5' | 'http';
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** Long enough that the abort signal always comes before the socks package's own timeout. */
const socksTimeoutMilliseconds = 600_000;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('The user and password of a proxy URL must be percent-encoded UTF-8.');
  }
}

/**
 * Takes the URL of a proxy apart: the scheme, the default ports, percent-encoded user and password.
 * @throws UsageError for another scheme, no host, or credentials SOCKS5 cannot carry
 */
export function parseProxy(url: URL): Proxy {
  const protocol = /^socks5h?:$/.test(url.protocol) ? 'socks5' : 'http';
  if (protocol === 'http' && url.protocol !== 'http:') {
    throw new UsageError(`Unsupported proxy protocol ${url.protocol}// (supported: socks5h:// and http://).`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw new UsageError('The proxy URL names no host.');
  const username = decode(url.username);
  const password = decode(url.password);
  if (protocol === 'socks5' && [username, password].some((text) => Buffer.byteLength(text) > 255)) {
    throw new UsageError('A SOCKS5 proxy takes at most 255 bytes of user name or password.');
  }
  return {
    protocol,
    host,
    port: url.port === '' ? (protocol === 'http' ? 80 : 1080) : Number(url.port),
    ...(username === '' ? {} : {username}),
    ...(password === '' ? {} : {password}),
  };
}

/** The replies of a SOCKS5 server [RFC 1928, 6] as socks spells them: the status, and what it means. */
const replies: Readonly<Record<string, readonly [exitCode: ExitCode, reason: string]>> = {
  Failure: [ExitCode.proxy, 'general failure'],
  NotAllowed: [ExitCode.proxyAuthentication, 'not allowed by its rules'],
  NetworkUnreachable: [ExitCode.noConnection, 'network unreachable'],
  HostUnreachable: [ExitCode.noConnection, 'host unreachable'],
  ConnectionRefused: [ExitCode.noConnection, 'connection refused'],
  TTLExpired: [ExitCode.proxy, 'time to live expired'],
  CommandNotSupported: [ExitCode.proxy, 'command not supported'],
  AddressNotSupported: [ExitCode.proxy, 'address type not supported'],
};

const refusedCredentials = 'refused the user name or password. Check them in the URL of --proxy.';
const asHttp = 'If it is an HTTP proxy: --proxy http://…';
const asSocks = 'If it is a SOCKS5 proxy: --proxy socks5h://…';

/** The time is over, and the proxy has not answered at all: one of the other kind waits for more. */
function silence(error: Abandoned, name: string, answer: string): unknown {
  const {cause} = error;
  const isTimeout =
    cause instanceof TmqError && [ExitCode.timeout, ExitCode.keepalive].includes(cause.exitCode as 27);
  if (!isTimeout) return error;
  return new TmqError(`${name} does not answer${answer}`, cause.exitCode, {cause: error});
}

function socksError(error: unknown, {name}: Peer, target: string): unknown {
  if (error instanceof Abandoned) return error;
  const proxyFailure = (what: string, exitCode: ExitCode = ExitCode.proxy) =>
    new TmqError(`${name} ${what}`, exitCode, {cause: error});
  const message = error instanceof Error ? error.message : String(error);
  const reply = /rejected connection - (\w+)/.exec(message)?.[1];
  if (reply !== undefined) {
    const [exitCode, reason] = replies[reply] ?? [ExitCode.invalid, 'a reply that SOCKS5 does not have'];
    return proxyFailure(`cannot connect to ${target}: ${reason}.`, exitCode);
  }
  if (/no accepted authentication|unknown authentication/.test(message)) {
    const remedy = 'Give user and password: socks5h://user:password@host';
    return proxyFailure(`wants another authentication. ${remedy}`, ExitCode.proxyAuthentication);
  }
  if (/Authentication failed/.test(message)) return proxyFailure(refusedCredentials);
  if (/socks version/.test(message)) return proxyFailure(`does not speak SOCKS5. ${asHttp}`);
  return proxyFailure(
    `closed the connection during the SOCKS5 handshake. Does it permit connections to ${target}?`,
  );
}

/** Undoes what socks does to the socket: it leaves it flowing, and emits early bytes. Both are put back. */
async function rewind(socket: Socket): Promise<void> {
  const early: Buffer[] = [];
  const collect = (chunk: Buffer) => early.push(chunk);
  const readable = () => undefined;
  // While someone listens to 'readable', resume() does not make the stream flow.
  socket.on('readable', readable).on('data', collect);
  await setImmediate();
  socket.off('data', collect).off('readable', readable);
  if (early.length > 0) socket.unshift(Buffer.concat(early));
}

interface Tunnel {
  readonly target: TcpTarget;
  readonly peer: Peer;
  readonly signal: AbortSignal;
}

async function throughSocks(socket: Socket, proxy: Proxy, tunnel: Tunnel): Promise<void> {
  const {SocksClient} = await import('socks');
  const {target, peer, signal} = tunnel;
  try {
    await connectStep<void>({stream: socket, signal, waitingFor: 'an answer from'}, (done, fail) => {
      SocksClient.createConnection({
        command: 'connect',
        existing_socket: socket,
        timeout: socksTimeoutMilliseconds,
        proxy: {
          host: proxy.host,
          port: proxy.port,
          type: 5,
          ...defined({userId: proxy.username, password: proxy.password}),
        },
        destination: {host: target.host.replace(/^\[(.*)\]$/, '$1'), port: target.port},
      }).then(async () => done(await rewind(socket)), fail);
      return undefined;
    });
  } catch (error) {
    if (error instanceof Abandoned && socket.bytesRead === 0) {
      throw silence(error, peer.name, ` in SOCKS5. ${asHttp}`);
    }
    throw socksError(error, peer, hostAndPort(target.host, target.port));
  }
}

interface HttpTunnel {
  readonly target: {readonly host: string; readonly port: number};
  /** "user:password" for the Basic scheme [RFC 7617]. */
  readonly credentials?: string;
  /** The proxy as messages name it. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** A longer response head is not taken for HTTP. */
const longestHeadBytes = 64 * 1024;

function requestHead({target, credentials}: HttpTunnel): string {
  const authority = hostAndPort(target.host, target.port);
  const authorization =
    credentials === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`;
}

/** The head of the response. Bytes after it stay in the socket. */
function readHead(socket: Socket, signal: AbortSignal, name: string): Promise<string> {
  return connectStep<string>({stream: socket, signal, waitingFor: 'an answer from'}, (done, fail) => {
    let received = Buffer.alloc(0);
    const read = () => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        received = Buffer.concat([received, chunk as Buffer]);
      }
      const end = received.indexOf('\r\n\r\n');
      if (end !== -1) {
        socket.off('readable', read);
        const rest = received.subarray(end + 4);
        if (rest.length > 0) socket.unshift(rest);
        done(received.toString('latin1', 0, end));
      } else if (received.length > longestHeadBytes) {
        fail(notHttp(name));
      }
    };
    const ended = () => fail(received.length === 0 ? closed(name) : notHttp(name));
    socket.on('readable', read).on('end', ended);
    return () => socket.off('readable', read).off('end', ended);
  });
}

function closed(name: string): TmqError {
  return new TmqError(`${name} closed the connection without an answer. ${asSocks}`, ExitCode.proxy);
}

function notHttp(name: string): TmqError {
  return new TmqError(`${name} does not speak HTTP. ${asSocks}`, ExitCode.proxy);
}

async function refusal(status: number, {name, target, credentials}: HttpTunnel): Promise<TmqError> {
  const address = hostAndPort(target.host, target.port);
  // Some proxies answer with the status of servers.
  if (status === 407 || status === 401) {
    const remedy =
      credentials === undefined ? 'wants user and password: http://user:password@host' : refusedCredentials;
    return new TmqError(`${name} ${remedy}`, ExitCode.proxyAuthentication);
  }
  const unreachable = status >= 502 && status <= 504;
  const {STATUS_CODES} = await import('node:http');
  return new TmqError(
    `${name} ${unreachable ? 'cannot connect' : 'does not permit a connection'} to ${address}: HTTP ${statusText(status, STATUS_CODES)}.`,
    unreachable ? ExitCode.noConnection : ExitCode.proxy,
  );
}

/**
 * Asks the proxy at the other end of the socket to connect it to the target.
 * @throws TmqError: 11 for credentials, 4 when the proxy cannot reach the target, 16 otherwise; Abandoned
 */
async function throughHttp(socket: Socket, request: HttpTunnel): Promise<void> {
  socket.write(requestHead(request));
  const head = await readHead(socket, request.signal, request.name).catch((error: unknown) => {
    throw error instanceof Abandoned ? silence(error, request.name, `. ${asSocks}`) : error;
  });
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1]);
  if (status >= 200 && status < 300) return;
  socket.destroy();
  throw Number.isNaN(status) ? notHttp(request.name) : await refusal(status, request);
}

function credentials({username, password}: Proxy): {readonly credentials?: string} {
  if (username === undefined && password === undefined) return {};
  return {credentials: `${username ?? ''}:${password ?? ''}`};
}

/**
 * Connects to a broker through a proxy. The broker's name is resolved by the proxy.
 * @throws TmqError: 1 no connection to the proxy, 11 credentials, 4 broker not reached by it, 16 other trouble
 */
export async function connectThroughProxy(
  url: URL,
  target: TcpTarget,
  signal: AbortSignal,
  detail?: ConnectionDetail,
): Promise<Socket> {
  const proxy = parseProxy(url);
  const peer: Peer = {
    name: `The proxy ${hostAndPort(proxy.host, proxy.port)}`,
    host: proxy.host,
    proxy: true,
    ...defined({bindAddress: target.bindAddress}),
  };
  const tunnel: Tunnel = {target, peer, signal};
  try {
    const socket = await connectTcp(
      {...target, host: proxy.host, port: proxy.port},
      signal,
      undefined,
      detail,
    );
    const broker = hostAndPort(target.host, target.port);
    const user = proxy.username === undefined ? '' : `, as ${proxy.username}`;
    detail?.(`Asking the ${proxy.protocol} proxy for ${broker}${user}`);
    await guarded(socket, () =>
      proxy.protocol === 'socks5'
        ? throughSocks(socket, proxy, tunnel)
        : throughHttp(socket, {...tunnel, ...credentials(proxy), name: peer.name}),
    );
    detail?.(`The proxy has connected to ${broker}`);
    return socket;
  } catch (error) {
    if (error instanceof ClosedEarly || codeOf(error) === 'ECONNRESET') {
      throw new TmqError(
        `${peer.name} closed the connection. Is it a proxy, and this its port?`,
        ExitCode.proxy,
        {cause: error},
      );
    }
    throw connectError({...peer, name: `the proxy ${hostAndPort(proxy.host, proxy.port)}`}, error);
  }
}
