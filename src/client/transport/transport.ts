/**
 * From an endpoint to a connected stream: the layers (socket, proxy, TLS, WebSocket) are put on each
 * other here, in the order the endpoint asks for. What a layer needs is loaded only when it is asked for:
 * a short-lived process pays for nothing else.
 */

import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {SecureContext, TLSSocket} from 'node:tls';
import {defined} from '../../defined.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import type {Endpoint, Header, TlsOptions} from '../connection-options.ts';
import {connectError, describe, hostAndPort, peerOf} from './connect-error.ts';
import {Abandoned, guarded} from './connect-step.ts';
import type {ConnectionDetail} from './connection-details.ts';
import type {SocketMemory} from './read-buffer.ts';
import {connectTcp, connectUnix} from './tcp.ts';
import type {TlsMaterial} from './tls.ts';
import {handshakeError, isTlsError} from './tls-error.ts';

export {describe} from './connect-error.ts';

export interface DialContext {
  /**
   * Aborting it destroys whatever is in progress. A TmqError as its reason is what `dial` then throws; a
   * TimeoutError (as of AbortSignal.timeout) becomes a sentence that says what was being waited for, status 27.
   */
  readonly signal: AbortSignal;
  readonly protocolVersion: ProtocolVersion;
  /** One line for each thing worth telling on the way. */
  readonly notice?: (line: string) => void;
  /** One line for each step of connecting. */
  readonly detail?: ConnectionDetail | undefined;
  /** For the request of a WebSocket. */
  readonly headers?: readonly Header[] | undefined;
  /** Added to its path, and not shown. */
  readonly query?: string | undefined;
  /** For a plain connection by TCP to read into, which then reports its bytes. */
  readonly readBuffer?: SocketMemory | undefined;
  /** Where the TLS contexts of many connections are kept, so that those with the same options share one. */
  readonly tlsContexts?: WeakMap<TlsOptions, SharedTls>;
  /** How long all of it may take: several hosts of an SRV record get a share each. */
  readonly timeoutMilliseconds?: number;
  /** Name servers for SRV records, "127.0.0.1:53"; the system's unless given. */
  readonly nameServers?: readonly string[];
}

/** What connections with the same options have in common. */
export interface SharedTls {
  readonly material: TlsMaterial;
  readonly secureContext: SecureContext;
}

type HostEndpoint = Extract<Endpoint, {host: string}>;

/** Where one attempt goes to, and the name a certificate must hold there. */
interface Destination {
  readonly name: string;
  readonly certifiedHost?: string;
  /** Whether Nagle's algorithm is to be off; undefined where there is none. */
  readonly noDelay?: boolean;
  reach(signal: AbortSignal): Promise<Socket>;
}

function tlsPlace(endpoint: Endpoint, options: TlsOptions) {
  const name = describe(endpoint);
  const host = options.serverName ?? (endpoint.transport === 'unix' ? undefined : endpoint.host);
  return {name, options, ...defined({host})};
}

/**
 * The error of a stream that `dial` gave, as a TmqError with the exit status that fits: 7 for a connection
 * lost, 8 for a TLS alert that came after the handshake, as with TLS 1.3 it may.
 */
export function explain(error: unknown, endpoint: Endpoint): TmqError {
  const told =
    endpoint.tls !== undefined && isTlsError(error)
      ? handshakeError(error, tlsPlace(endpoint, endpoint.tls))
      : error;
  return connectError(peerOf(endpoint), told);
}

/** What reports a finished handshake to `detail`, also one whose certificate is then refused. */
async function tlsInspector({detail}: DialContext, {insecure = false}: TlsOptions) {
  if (detail === undefined) return {};
  const {tlsDetails} = await import('./connection-details.ts');
  const inspect = (socket: TLSSocket) => {
    for (const line of tlsDetails(socket, Date.now(), insecure)) detail(line);
  };
  return {inspect};
}

/** Starts connecting, builds the TLS context while the network works, then shakes hands. */
async function reachSecurely(
  destination: Destination,
  options: TlsOptions,
  context: DialContext,
): Promise<Socket> {
  const {createTlsContext, loadTlsMaterial, secure, writeBehindTickets} = await import('./tls.ts');
  const known = context.tlsContexts?.get(options);
  const material = known?.material ?? (await loadTlsMaterial(options, context));
  const inspector = await tlsInspector(context, options);
  const giveUp = new AbortController();
  const connecting = destination.reach(AbortSignal.any([context.signal, giveUp.signal])).then((socket) => {
    // It may be reset before TLS listens to it; TLS then finds it closed.
    return socket.on('error', () => undefined);
  });
  const {name, certifiedHost: host, noDelay} = destination;
  const peer = host === undefined ? {name, options} : {name, options, host};
  const {trusted} = material;
  let secureContext: SecureContext;
  let socket: Socket;
  try {
    // The system call that connects is made on the next tick; after it, the processor is free for this.
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), connecting]);
    secureContext = known?.secureContext ?? createTlsContext(options, material);
    context.tlsContexts?.set(options, {material, secureContext});
    socket = await connecting;
  } catch (error) {
    giveUp.abort(error);
    await connecting.then(
      (connected) => connected.destroy(),
      () => undefined,
    );
    trusted.check();
    throw error;
  }
  const stream = await secure(socket, {peer, secureContext, context, trusted, ...inspector});
  if (noDelay !== undefined) writeBehindTickets(stream, noDelay);
  return stream;
}

async function reach(destination: Destination, tls: TlsOptions | undefined, context: DialContext) {
  if (tls === undefined) return await destination.reach(context.signal);
  return await reachSecurely(destination, tls, context);
}

/** Connects to one host; `certifiedHost` differs from it where the host came from an SRV record. */
async function dialHost(
  endpoint: HostEndpoint,
  certifiedHost: string,
  context: DialContext,
): Promise<Duplex> {
  const {host, port, proxy, tls} = endpoint;
  const name = describe(endpoint);
  // Neither brackets nor the zone of a link-local address stand in a certificate.
  const bareHost = certifiedHost.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const destination: Destination = {
    name,
    certifiedHost: tls?.serverName ?? bareHost,
    noDelay: endpoint.noDelay ?? false,
    async reach(signal) {
      const isPlain = tls === undefined && endpoint.transport === 'tcp';
      if (proxy === undefined) {
        return await connectTcp(endpoint, signal, isPlain ? context.readBuffer : undefined, context.detail);
      }
      const {connectThroughProxy} = await import('./proxy.ts');
      return await connectThroughProxy(proxy, endpoint, signal, context.detail);
    },
  };
  try {
    const socket = await reach(destination, tls, context);
    if (endpoint.transport === 'tcp') return socket;
    const path = endpoint.path ?? '/mqtt';
    const {protocolVersion, signal} = context;
    return await guarded(socket, async () => {
      const {upgrade} = await import('./websocket.ts');
      context.detail?.(`Asking for a WebSocket at ${path}`);
      return await upgrade(socket, {
        host,
        port,
        path: context.query === undefined ? path : `${path}?${context.query}`,
        protocolVersion,
        signal,
        name,
        encrypted: tls !== undefined,
        headers: context.headers ?? [],
      });
    });
  } catch (error) {
    throw explain(error, endpoint);
  }
}

/**
 * The name to find in the certificate of a host that an SRV record names. An attacker who forges the record must
 * gain nothing: the host's own name counts only within the domain that was asked for [RFC 6125, 6.2.1].
 */
function certifiedHostOf(target: string, domain: string): string {
  return target.toLowerCase().endsWith(`.${domain.toLowerCase()}`) ? target : domain;
}

/** Tries the hosts of the SRV record in their order; the first that connects wins. */
async function dialService(endpoint: HostEndpoint, context: DialContext): Promise<Duplex> {
  const {srv: _, host: domain, ...rest} = endpoint;
  const {lookUpService} = await import('./srv.ts');
  context.detail?.(`Looking up the SRV record of ${domain}`);
  const targets = await lookUpService({
    domain,
    encrypted: endpoint.tls !== undefined,
    signal: context.signal,
    ...defined({servers: context.nameServers}),
  });
  context.detail?.(
    `SRV record of ${domain}: ${targets.map((each) => hostAndPort(each.host, each.port)).join(', ')}`,
  );
  let first: unknown;
  const share =
    context.timeoutMilliseconds === undefined ? undefined : context.timeoutMilliseconds / targets.length;
  for (const target of targets) {
    // The last one has all the time that is left.
    const limit = share === undefined || target === targets.at(-1) ? [] : [AbortSignal.timeout(share)];
    const signal = AbortSignal.any([context.signal, ...limit]);
    try {
      return await dialHost({...rest, ...target}, certifiedHostOf(target.host, domain), {...context, signal});
    } catch (error) {
      first ??= error;
      if (context.signal.aborted) throw error;
      if (targets.length > 1) context.notice?.((error as Error).message);
    }
  }
  throw first;
}

async function dialUnix(
  endpoint: Extract<Endpoint, {transport: 'unix'}>,
  context: DialContext,
): Promise<Duplex> {
  const {path, tls} = endpoint;
  context.detail?.(`Trying ${path}`);
  // The listener has no host name: there is nothing to compare the certificate with, unless --sni gives it.
  const certified = tls?.serverName === undefined ? {} : {certifiedHost: tls.serverName};
  return await reach({name: path, ...certified, reach: (signal) => connectUnix(path, signal)}, tls, context);
}

/** Port 0 and ports beyond 65535 are no ports to connect to; Node says so in a stack trace. */
function checkPort(endpoint: HostEndpoint): void {
  const {port, srv} = endpoint;
  if (srv || (Number.isInteger(port) && port > 0 && port < 65536)) return;
  throw new TmqError(`${port} is not a port to connect to: it must be from 1 to 65535.`, ExitCode.failure);
}

/**
 * Connects, through every layer. The stream is ready to be written to; errors on it are the caller's from now on.
 * @throws TmqError in one sentence: 1 no connection, 8 TLS, 13 WebSocket, 4, 11 or 16 a proxy, 7 when the
 * peer hung up, 27 a deadline
 */
export async function dial(endpoint: Endpoint, context: DialContext): Promise<Duplex> {
  const {signal} = context;
  try {
    if (signal.aborted) throw new Abandoned('an answer from', signal.reason);
    if (endpoint.transport === 'unix') return await dialUnix(endpoint, context);
    checkPort(endpoint);
    if (endpoint.srv) return await dialService(endpoint, context);
    return await dialHost(endpoint, endpoint.host, context);
  } catch (error) {
    throw explain(error, endpoint);
  }
}
