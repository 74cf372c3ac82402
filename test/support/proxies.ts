/** Small real proxies on loopback: SOCKS5 and HTTP CONNECT, scripted to accept, to refuse, to hang up. */

import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Server, type Socket} from 'node:net';

/** What a client asked a proxy for. */
export interface ProxyRequest {
  readonly host: string;
  readonly port: number;
  /** SOCKS5: 1 IPv4, 3 domain name, 4 IPv6. */
  readonly addressType?: number;
  readonly username?: string;
  readonly password?: string;
  /** HTTP: the head of the request. */
  readonly head?: string;
}

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  readonly requests: readonly ProxyRequest[];
  /** Connections that are open now. */
  connections(): number;
}

interface Listening {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
}

/** A server on a free loopback port that destroys what is left of its connections in the end. */
export async function listenLoopback(
  serve: (socket: Socket) => void,
): Promise<Listening & AsyncDisposable & {readonly port: number}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .on('close', () => {
        sockets.delete(socket);
        // Wake the reader that waits.
        socket.emit('readable');
      });
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    sockets,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Bytes in the pieces that a protocol has; what was not asked for stays in the socket. */
function reader(socket: Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    for (;;) {
      if (length === 0) return Buffer.alloc(0);
      const piece = socket.read(length) as Buffer | null;
      if (piece?.length === length) return piece;
      // At the end of the stream read() gives what is left: less than was asked for.
      if (piece !== null) throw new Error('the client sent less than its protocol has');
      if (socket.readableEnded || socket.destroyed) throw new Error('the client hung up');
      await once(socket, 'readable');
    }
  };
}

/** Joins the client to the host and port it gets from `route`; every name is this machine. */
function join(client: Socket, port: number, host = '127.0.0.1'): Promise<Socket> {
  const upstream = connect(port, host);
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
  return new Promise((resolve, reject) =>
    upstream.once('connect', () => resolve(upstream)).once('error', reject),
  );
}

export interface SocksScript {
  /** The user name and password it wants; none unless given. */
  readonly credentials?: {readonly username: string; readonly password: string};
  /** Answers requests with this reply instead of connecting [RFC 1928, 6]. */
  readonly reply?: number;
  /** 'method': refuses all methods. 'silence': never answers. 'hang up': at once. */
  readonly mood?: 'method' | 'silence' | 'hang up';
  /** Sent in one packet with the last reply, as an eager server behind the proxy would. */
  readonly greeting?: string;
}

async function authenticate(socket: Socket, read: ReturnType<typeof reader>, script: SocksScript) {
  const [, count = 0] = await read(2);
  const methods = await read(count);
  const wanted = script.credentials === undefined ? 0 : 2;
  if (script.mood === 'method' || !methods.includes(wanted)) {
    socket.end(Buffer.from([5, 0xff]));
    return undefined;
  }
  socket.write(Buffer.from([5, wanted]));
  if (script.credentials === undefined) return {};
  const text = async () => (await read((await read(1))[0]!)).toString();
  await read(1);
  const given = {username: await text(), password: await text()};
  const {username, password} = script.credentials;
  const accepted = given.username === username && given.password === password;
  socket.write(Buffer.from([1, accepted ? 0 : 1]));
  return accepted ? given : undefined;
}

async function readAddress(read: ReturnType<typeof reader>): Promise<ProxyRequest> {
  const [, , , addressType = 0] = await read(4);
  let host = '';
  if (addressType === 1) host = (await read(4)).join('.');
  else if (addressType === 3) host = (await read((await read(1))[0]!)).toString('latin1');
  else host = (await read(16)).toString('hex');
  return {host, port: (await read(2)).readUInt16BE(), addressType};
}

async function serveSocks(socket: Socket, script: SocksScript, requests: ProxyRequest[]): Promise<void> {
  if (script.mood === 'hang up') socket.destroy();
  if (script.mood === 'silence' || script.mood === 'hang up') return;
  const read = reader(socket);
  const credentials = await authenticate(socket, read, script);
  if (credentials === undefined) return;
  const request = {...(await readAddress(read)), ...credentials};
  requests.push(request);
  const reply = (code: number) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
  if (script.reply !== undefined) {
    socket.end(reply(script.reply));
    return;
  }
  const upstream = await join(socket, request.port, request.addressType === 4 ? '::1' : '127.0.0.1');
  socket.write(Buffer.concat([reply(0), Buffer.from(script.greeting ?? '')]));
  socket.pipe(upstream).pipe(socket);
}

/** A SOCKS5 proxy [RFC 1928] with user and password [RFC 1929]. */
export async function startSocksProxy(script: SocksScript = {}): Promise<TestProxy> {
  const requests: ProxyRequest[] = [];
  const listening = await listenLoopback((socket) => {
    serveSocks(socket, script, requests).catch(() => socket.destroy());
  });
  return {
    port: listening.port,
    requests,
    connections: () => listening.sockets.size,
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

export interface HttpScript {
  readonly credentials?: string;
  /** The whole response instead of connecting. */
  readonly response?: string;
  readonly mood?: 'silence' | 'hang up';
  /** Sent in one packet with the response's head. */
  readonly greeting?: string;
  /** Sends the response's head byte by byte. */
  readonly dribble?: boolean;
}

async function readHead(read: ReturnType<typeof reader>): Promise<string> {
  let head = '';
  while (!head.endsWith('\r\n\r\n')) head += (await read(1)).toString('latin1');
  return head;
}

async function serveHttp(socket: Socket, script: HttpScript, requests: ProxyRequest[]): Promise<void> {
  if (script.mood === 'hang up') socket.destroy();
  if (script.mood !== undefined) return;
  const head = await readHead(reader(socket));
  const [, host = '', port = ''] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  requests.push({host, port: Number(port), head});
  const authorization = /^Proxy-Authorization: Basic (\S+)\r$/im.exec(head)?.[1] ?? '';
  const given = Buffer.from(authorization, 'base64').toString();
  if (script.response !== undefined) {
    socket.end(script.response);
  } else if (script.credentials !== undefined && given !== script.credentials) {
    socket.end('HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n');
  } else {
    const upstream = await join(socket, Number(port), host.startsWith('[') ? '::1' : '127.0.0.1');
    const answer = `HTTP/1.1 200 Connection established\r\nX-Proxy: test\r\n\r\n${script.greeting ?? ''}`;
    const pieces = script.dribble ? [...answer] : [answer];
    socket.setNoDelay(true);
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
    socket.pipe(upstream).pipe(socket);
  }
}

/** A proxy that knows the CONNECT method and nothing else. */
export async function startHttpProxy(script: HttpScript = {}): Promise<TestProxy> {
  const requests: ProxyRequest[] = [];
  const listening = await listenLoopback((socket) => {
    serveHttp(socket, script, requests).catch(() => socket.destroy());
  });
  return {
    port: listening.port,
    requests,
    connections: () => listening.sockets.size,
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}
