/**
 * Through a proxy: SOCKS5 [RFC 1928, 1929] by the socks package, whose only importer this is, and HTTP
 * CONNECT [RFC 9110, 9.3.6] by hand. Gives back a socket on which the broker itself is at the other end.
 */

import type {Socket} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import {ExitCode, TmqError, UsageError} from '../../errors.ts';
import {explainAt, hostAndPort, type Place} from './connect-error.ts';
import {Abandoned, ClosedEarly, guarded, step} from './connect-step.ts';
import {openTunnel} from './http-tunnel.ts';
import {connectTcp, type TcpTarget} from './tcp.ts';

/** What the URL of a proxy says. */
export interface Proxy {
  readonly protocol: 'socks5' | 'http';
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
}

/** The socks package has a timer of its own; ours is the signal, and comes first. */
const farAwayMilliseconds = 600_000;

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

function socksError(error: unknown, place: Place, target: string): unknown {
  if (error instanceof Abandoned) return error;
  const message = error instanceof Error ? error.message : String(error);
  const reply = /rejected connection - (\w+)/.exec(message)?.[1];
  if (reply !== undefined) {
    const [exitCode, reason] = replies[reply] ?? [ExitCode.invalid, 'a reply that SOCKS5 does not have'];
    return new TmqError(`${place.name} cannot connect to ${target}: ${reason}.`, exitCode, {cause: error});
  }
  if (/no accepted authentication|unknown authentication/.test(message)) {
    return new TmqError(
      `${place.name} wants another authentication. Give user and password: socks5h://user:password@host`,
      ExitCode.proxyAuthentication,
      {cause: error},
    );
  }
  if (/Authentication failed/.test(message)) {
    return new TmqError(`${place.name} refused the user name or password.`, ExitCode.proxy, {cause: error});
  }
  if (/socks version/.test(message)) {
    return new TmqError(`${place.name} does not speak SOCKS5.`, ExitCode.proxy, {cause: error});
  }
  return new TmqError(`${place.name} closed the connection during the SOCKS5 handshake.`, ExitCode.proxy, {
    cause: error,
  });
}

/**
 * socks leaves the socket flowing, and bytes that came early it emits once to whoever listens. Both are
 * undone: the stream is again as if it had just connected.
 */
async function settle(socket: Socket): Promise<void> {
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
  readonly place: Place;
  readonly signal: AbortSignal;
}

async function throughSocks(socket: Socket, proxy: Proxy, tunnel: Tunnel): Promise<void> {
  const {SocksClient} = await import('socks');
  const {target, place, signal} = tunnel;
  try {
    await step<void>({stream: socket, signal, waitingFor: 'an answer from'}, (done, fail) => {
      SocksClient.createConnection({
        command: 'connect',
        existing_socket: socket,
        timeout: farAwayMilliseconds,
        proxy: {
          host: proxy.host,
          port: proxy.port,
          type: 5,
          ...(proxy.username === undefined ? {} : {userId: proxy.username}),
          ...(proxy.password === undefined ? {} : {password: proxy.password}),
        },
        destination: {host: target.host.replace(/^\[(.*)\]$/, '$1'), port: target.port},
      }).then(async () => done(await settle(socket)), fail);
      return undefined;
    });
  } catch (error) {
    throw socksError(error, place, hostAndPort(target.host, target.port));
  }
}

function credentials({username, password}: Proxy): {readonly credentials?: string} {
  if (username === undefined && password === undefined) return {};
  return {credentials: `${username ?? ''}:${password ?? ''}`};
}

/**
 * Connects to a broker through a proxy. The broker's name is resolved by the proxy.
 * @throws TmqError: 1 no connection to the proxy, 11 credentials, 4 broker not reached by it, 16 other trouble
 */
export async function connectThroughProxy(url: URL, target: TcpTarget, signal: AbortSignal): Promise<Socket> {
  const proxy = parseProxy(url);
  const place: Place = {
    name: `The proxy ${hostAndPort(proxy.host, proxy.port)}`,
    host: proxy.host,
    proxy: true,
    ...(target.bindAddress === undefined ? {} : {bindAddress: target.bindAddress}),
  };
  const tunnel: Tunnel = {target, place, signal};
  try {
    const socket = await connectTcp({...target, host: proxy.host, port: proxy.port}, signal);
    await guarded(socket, () =>
      proxy.protocol === 'socks5'
        ? throughSocks(socket, proxy, tunnel)
        : openTunnel(socket, {...tunnel, ...credentials(proxy), name: place.name}),
    );
    return socket;
  } catch (error) {
    if (error instanceof ClosedEarly) {
      throw new TmqError(`${place.name} closed the connection.`, ExitCode.proxy, {cause: error});
    }
    throw explainAt({...place, name: `the proxy ${hostAndPort(proxy.host, proxy.port)}`}, error);
  }
}
