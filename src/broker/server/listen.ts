/**
 * Binds the listeners of a configuration: TCP, TLS, Unix sockets and WebSockets. Gives each client to the broker as
 * a stream, and explains bind errors. Knows no packet.
 */

import {once} from 'node:events';
import {createServer as createHttpServer, type Server as HttpServer, type IncomingMessage} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls';
import {defined} from '../../defined.ts';
import type {Identity} from '../access/access.ts';
import {connectSeconds} from '../client/client.ts';
import {describeListener} from '../config/parse-config.ts';
import type {BrokerConfig, ListenerConfig} from '../config/settings.ts';
import {type WebSocketClients, webSocketUpgrade} from '../wire/web-socket.ts';
import {codeOf, explain, hostsOf, removeStaleSocket} from './listen-addresses.ts';
import {type ReadFile, ServerTls} from './listener-tls.ts';

/** What takes the clients: the broker. */
export interface Acceptor {
  accept(
    stream: Duplex,
    listener: ListenerConfig,
    peer: Pick<Identity, 'certifiedUsername' | 'address'>,
  ): void;
}

/** What listeners need from the process. */
export interface ListenContext {
  readonly read: ReadFile;
  /** Lines for the log. */
  readonly log: (type: 'notice' | 'information', line: string) => void;
  /** Milliseconds for a TLS handshake or an HTTP request; default: as long as a client may take to send CONNECT. */
  readonly handshakeMilliseconds?: number;
  /** Whether servers and sockets keep the process running; default true. */
  readonly keepsProcess?: boolean;
}

/** An address where clients can connect. */
export interface Address {
  readonly listener: ListenerConfig;
  /** 'mqtt://127.0.0.1:1883', 'wss://localhost:8081', 'unix:///run/mqtt.sock' */
  readonly url: string;
  readonly host?: string;
  /** The port in use, also where the listener has port 0. */
  readonly port?: number;
}

/** Bound listeners. */
export interface Listening {
  readonly addresses: readonly Address[];
  /**
   * Reads the certificates, keys and pre-shared keys of these listeners: those of the start, in their order, with new
   * settings; or of the same ones. What it returns puts them into use; before, nothing changes. @throws TmqError
   */
  prepareReload(listeners?: readonly ListenerConfig[]): () => void;
  /** Accepts no more clients; once `drained`, ends the remaining connections. Resolves when all sockets are closed. */
  close(drained?: Promise<void>): Promise<void>;
}

interface Bound {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  readonly address: Address;
  readonly prepareReload: PrepareReload;
}

/** Reads the TLS files of the listener's new settings, and returns what puts them into use. @throws TmqError */
type PrepareReload = (listener: ListenerConfig) => () => void;

/**
 * Binds all listeners, or none.
 * @throws TmqError when one cannot be bound or its TLS files cannot be used; its status is 1
 */
export async function listen(
  broker: Acceptor,
  config: Pick<BrokerConfig, 'listeners'>,
  context: ListenContext,
): Promise<Listening> {
  const bound: Bound[] = [];
  try {
    for (const listener of config.listeners) bound.push(...(await bind(broker, listener, context)));
  } catch (error) {
    await closeAll(bound);
    throw error;
  }
  return {
    addresses: bound.map(({address}) => address),
    prepareReload(changed = config.listeners) {
      const current = new Map(config.listeners.map((listener, index) => [listener, changed[index]]));
      const prepared = bound.map(({address: {listener}, prepareReload}) =>
        prepareReload(current.get(listener) ?? listener),
      );
      return () => {
        for (const use of prepared) use();
      };
    },
    close: (drained) => closeAll(bound, drained),
  };
}

async function closeAll(bound: readonly Bound[], drained: Promise<void> = Promise.resolve()): Promise<void> {
  const closed = bound.map(({server}) => new Promise<void>((resolve) => server.close(() => resolve())));
  await drained;
  for (const {sockets} of bound) for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
}

/** Binds one listener, to each address of its host name. */
async function bind(
  broker: Acceptor,
  listener: ListenerConfig,
  context: ListenContext,
): Promise<readonly Bound[]> {
  const bound: Bound[] = [];
  let {port} = listener;
  try {
    if (listener.socketPath !== undefined) await removeStaleSocket(listener.socketPath);
    for (const host of await hostsOf(listener)) {
      const next = await bindTo({broker, listener, context, host, port, first: bound.length === 0});
      if (next === undefined) continue;
      bound.push(next);
      port = next.address.port ?? port;
    }
    return bound;
  } catch (error) {
    await closeAll(bound);
    throw explain(error, listener);
  }
}

interface Binding {
  readonly broker: Acceptor;
  readonly listener: ListenerConfig;
  readonly context: ListenContext;
  readonly host: string | undefined;
  readonly port: number;
  readonly first: boolean;
}

/** Binds to one address; undefined if this machine lacks it and another address of the listener is bound. */
async function bindTo(binding: Binding): Promise<Bound | undefined> {
  const {listener, context, host, port, first} = binding;
  const {keepsProcess = true} = context;
  const {server, prepareReload} = await serverOf(binding);
  const sockets = new Set<Socket>();
  // One for all sockets.
  function forget(this: Socket): void {
    sockets.delete(this);
  }
  server.on('connection', (socket: Socket) => {
    if (!keepsProcess) socket.unref();
    sockets.add(socket);
    socket.on('close', forget);
  });
  const path = listener.socketPath;
  const only = listener.socketDomain === 'ipv6';
  server.listen(path === undefined ? defined({port, host, ipv6Only: only}) : {path});
  try {
    await once(server, 'listening');
  } catch (error) {
    if (!first && codeOf(error) === 'EADDRNOTAVAIL') return undefined;
    throw error;
  }
  // For example EMFILE: the server goes on, the next client may be accepted.
  server.on('error', (error) =>
    context.log('notice', `Error on ${describeListener(listener)}: ${error.message}`),
  );
  if (!keepsProcess) server.unref();
  const address = addressOf(listener, server);
  context.log('information', `Opening ${listener.protocol} listen socket on ${address.url}.`);
  return {server, sockets, address, prepareReload};
}

function addressOf(listener: ListenerConfig, server: Server): Address {
  if (listener.socketPath !== undefined) return {listener, url: `unix://${listener.socketPath}`};
  const {address, port} = server.address() as AddressInfo;
  const wild = address === '::' || address === '0.0.0.0';
  const host = wild ? 'localhost' : address;
  const scheme = `${listener.protocol === 'mqtt' ? 'mqtt' : 'ws'}${listener.tls === undefined ? '' : 's'}`;
  return {listener, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`, host, port};
}

/** A server for the listener's protocol, not listening yet: ordered, lossless bytes [MQTT-4.2.0-1]. */
async function serverOf({
  broker,
  listener,
  context,
}: Binding): Promise<Pick<Bound, 'server' | 'prepareReload'>> {
  const {handshakeMilliseconds = connectSeconds * 1000} = context;
  const tls = listener.tls && new ServerTls(listener, listener.tls, {...context, handshakeMilliseconds});
  let current = listener;
  /** Perhaps chosen by the system. Read from one socket: each socket whose address is read keeps it in memory. */
  let port: number | undefined;
  const accept = (stream: Duplex, socket: Socket) => {
    const address = peerAddress(socket);
    port ??= socket.localPort;
    const where = describeListener({...listener, port: port ?? listener.port});
    context.log('notice', `New connection from ${address} on ${where}.`);
    const certifiedUsername = tls?.username(socket as TLSSocket);
    broker.accept(
      stream,
      listener,
      certifiedUsername === undefined ? {address} : {address, certifiedUsername},
    );
  };
  if (listener.protocol === 'websockets') {
    const mayConnect = ({headers, socket}: IncomingMessage) => {
      const {webSocketOrigins} = current;
      if (webSocketOrigins === undefined || webSocketOrigins.includes(headers.origin ?? '')) return true;
      context.log(
        'notice',
        `WebSocket of ${peerAddress(socket)} refused: its origin is not in websockets_origin.`,
      );
      return false;
    };
    const made = await webSocketServer({accept, mayConnect, framing: 'packet'}, tls, handshakeMilliseconds);
    made.server.on('clientError', handshakeReporter(made.server, context));
    const prepareReload: PrepareReload = (changed) => {
      const use = made.prepareReload(changed);
      return () => {
        use();
        current = changed;
      };
    };
    return {...made, prepareReload};
  }
  if (tls === undefined) {
    const server = createServer({noDelay: true}, (socket) => accept(socket, socket));
    return {server, prepareReload: preparerOf(undefined, undefined)};
  }
  const server = createTlsServer({...firstOptions(tls), noDelay: true}, (socket) => accept(socket, socket));
  server.on('tlsClientError', handshakeReporter(server, context));
  return {server, prepareReload: preparerOf(server, tls)};
}

/**
 * Logs a handshake that failed or took too long, and closes the socket: Node leaves it open after a timeout. The
 * address is taken when the connection begins, for a closed socket has none.
 */
function handshakeReporter(
  server: Server,
  {log}: ListenContext,
): (error: Error, socket: Duplex & {readonly _parent?: Duplex}) => void {
  const peers = new WeakMap<Duplex, string>();
  server.on('connection', (socket: Socket) => peers.set(socket, peerAddress(socket)));
  return (error, socket) => {
    // A TLSSocket knows the socket that it is on only by this undocumented name.
    const peer = peers.get(socket) ?? (socket._parent && peers.get(socket._parent)) ?? 'an unknown address';
    const isHttp = /^(?:HPE_|ERR_HTTP_)/.test(codeOf(error)) || socket._parent === undefined;
    log(
      'notice',
      `${isHttp ? 'HTTP request' : 'TLS handshake'} with ${peer} failed: ${reasonOf(error, socket)}`,
    );
    socket.destroy();
  };
}

/** Node reports a client certificate that is not trusted as a connection that was closed. */
function reasonOf(error: Error & {readonly reason?: string}, socket: Duplex): string {
  const {authorizationError} = socket as Duplex & {readonly authorizationError?: Error | string | null};
  if (authorizationError) {
    const why = typeof authorizationError === 'string' ? authorizationError : codeOf(authorizationError);
    return `its certificate is not trusted (${why.toLowerCase().replaceAll('_', ' ')})`;
  }
  // Of an error of OpenSSL, the message has its place in OpenSSL's source, too.
  return error.reason ?? error.message;
}

function firstOptions(tls: ServerTls): TlsOptions {
  const {options, use} = tls.prepare();
  use();
  return options;
}

/** Reloads the TLS of a server; without TLS there is nothing to read. */
function preparerOf(server: TlsServer | undefined, tls: ServerTls | undefined): PrepareReload {
  return (listener) => {
    const prepared = tls?.prepare(listener);
    return () => {
      if (prepared === undefined) return;
      prepared.use();
      server?.setSecureContext(prepared.options);
    };
  };
}

async function webSocketServer(
  clients: WebSocketClients,
  tls: ServerTls | undefined,
  handshakeMilliseconds: number,
): Promise<Pick<Bound, 'server' | 'prepareReload'>> {
  const upgrade = await webSocketUpgrade(clients);
  const options = {
    noDelay: true,
    headersTimeout: handshakeMilliseconds,
    requestTimeout: handshakeMilliseconds,
    connectionsCheckingInterval: Math.min(1000, handshakeMilliseconds),
  };
  const secure = tls === undefined ? undefined : createHttpsServer({...firstOptions(tls), ...options});
  const server: HttpServer = secure ?? createHttpServer(options);
  server.on('request', (_request, response) => {
    response.writeHead(426, {upgrade: 'websocket', connection: 'close'}).end('MQTT over WebSocket only\n');
  });
  server.on('upgrade', upgrade);
  return {server, prepareReload: preparerOf(secure, tls)};
}

/** '127.0.0.1:50123'; for a Unix socket mosquitto's words. */
function peerAddress(socket: Socket): string {
  const {remoteAddress, remotePort} = socket;
  if (remoteAddress === undefined) return 'unix socket';
  // A join is one string; a template would keep its parts, for as long as the client stays.
  return [remoteAddress.replace(/^::ffff:/, ''), remotePort].join(':');
}
