/**
 * The web server of `tmq broker --web`: the page, MQTT over WebSockets and a small JSON interface, on loopback. In a
 * bundle of its own, so that other brokers do not load it.
 */

import {once} from 'node:events';
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo, Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {defined} from '../../defined.ts';
import type {
  FaultSwitch,
  PageBroker,
  PageClient,
  PageClients,
  PageFaults,
  PageProblem,
} from '../../page-interface.ts';
import type {Access} from '../access/access.ts';
import type {ClientDetails} from '../client/client-details.ts';
import type {ListenerConfig} from '../config/settings.ts';
import type {Upgrade} from '../wire/web-socket.ts';
import {Logins} from './logins.ts';
import {readPageFile} from './page-file.ts';
import {guardedPath} from './request-guard.ts';

/** What the page's server needs of the broker. */
export interface WebContext {
  /** Where clients can connect. */
  readonly urls: readonly string[];
  /** Needed with each request: in its path. */
  readonly token: string;
  /** Makes MQTT clients of WebSockets. */
  readonly upgrade: Upgrade;
  readonly access: Access;
  /** The listener whose users may use the page. */
  readonly listener: ListenerConfig;
  readonly faults: FaultSwitches;
  clients(): readonly ClientDetails[];
  /** Whether it was connected. */
  disconnect(clientId: string): boolean;
}

/** The faults as they are switched on and off. */
export interface FaultSwitches {
  readonly list: readonly FaultSwitch[];
  /** Replaces the list. Returns a sentence about the first rule that is not valid; then nothing has changed. */
  set(list: readonly FaultSwitch[]): string | undefined;
}

/** The page's server; disposal closes it with all its connections. */
export interface WebServer extends AsyncDisposable {
  /** With the token. */
  readonly url: string;
}

/** Clients and subscriptions in one answer. */
const mostClients = 1000;
const mostSubscriptions = 100;
/** Bytes of the body of a request. */
const largestBody = 65_536;

/** Starts the server on 127.0.0.1. @throws Error of Node when the port cannot be bound */
export async function startWebServer(port: number, context: WebContext): Promise<WebServer> {
  const page = readPageFile();
  const logins = new Logins(context.access, context.listener);
  const guard = () => ({token: context.token, port: (server.address() as AddressInfo).port});
  const server: Server = createServer(
    {noDelay: true, headersTimeout: 30_000, requestTimeout: 30_000},
    (request, response) => {
      const path = guardedPath(request, guard());
      if (path === undefined) response.writeHead(403, commonHeaders).end();
      else if (path === '') response.writeHead(308, {...commonHeaders, location: `/${context.token}/`}).end();
      else if (path === '/') sendPage(request, response, page);
      else
        void answer({path, request, logins, context})
          .catch((error: unknown) => (error instanceof Refusal ? error : new Refusal(500)))
          .then((result) => sendJson(response, result));
    },
  );
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (request, socket, head) => {
    if (guardedPath(request, guard()) === '/mqtt') context.upgrade(request, socket, head);
    else refuseUpgrade(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // For example EMFILE: the next connection may be accepted.
  server.on('error', () => undefined);
  return {
    url: `http://127.0.0.1:${guard().port}/${context.token}/`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** What all answers have: nothing is stored, and no address goes to another site. */
const commonHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};

function sendPage(
  {method, headers}: IncomingMessage,
  response: ServerResponse,
  {html, policy}: ReturnType<typeof readPageFile>,
): void {
  if (method !== 'GET' && method !== 'HEAD')
    response.writeHead(405, {...commonHeaders, allow: 'GET, HEAD'}).end();
  else
    response
      .writeHead(200, {
        ...commonHeaders,
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': policy(headers.host ?? ''),
      })
      .end(html);
}

function refuseUpgrade(socket: Duplex): void {
  socket.on('error', () => undefined);
  socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}

/** An answer that is no success; without a sentence its body is empty. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, sentence = '') {
    super(sentence);
    this.status = status;
  }
}

function sendJson(response: ServerResponse, result: object | Refusal): void {
  if (!(result instanceof Refusal)) {
    response
      .writeHead(200, {...commonHeaders, 'content-type': 'application/json'})
      .end(JSON.stringify(result));
    return;
  }
  const {status, message: problem} = result;
  if (problem === '') response.writeHead(status, commonHeaders).end();
  else {
    const body: PageProblem = {problem};
    response
      .writeHead(status, {...commonHeaders, 'content-type': 'application/json'})
      .end(JSON.stringify(body));
  }
}

interface Asked {
  readonly path: string;
  readonly request: IncomingMessage;
  readonly logins: Logins;
  readonly context: WebContext;
}

/** The answer of the JSON interface. @throws Refusal */
async function answer({path, request, logins, context}: Asked): Promise<object> {
  const route = routes[path]?.[request.method ?? ''];
  if (route === undefined) throw new Refusal(path in routes ? 405 : 404);
  const {remoteAddress, remotePort} = request.socket;
  const {authorization} = request.headers;
  const admission = await logins.admit({authorization, address: `${remoteAddress}:${remotePort}`});
  if (admission === 'busy') throw new Refusal(503);
  if (!admission) throw new Refusal(401);
  return await route(context, request);
}

type Route = (context: WebContext, request: IncomingMessage) => object | Promise<object>;

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/api/broker': {
    GET: ({urls, listener: {clientIdPrefixes: clientIdPrefix = ''}}) =>
      ({urls, clientIdPrefix}) satisfies PageBroker,
  },
  '/api/clients': {GET: ({clients}) => pageClients(clients())},
  '/api/faults': {
    GET: ({faults}) => ({faults: faults.list}) satisfies PageFaults,
    async PUT({faults}, request) {
      const {faults: list} = await jsonBody(request);
      if (!Array.isArray(list) || !list.every(isFaultSwitch)) throw new Refusal(400, bodyRule);
      const problem = faults.set(list.map(({rule, isOn}) => ({rule, isOn})));
      if (problem !== undefined) throw new Refusal(422, problem);
      return {faults: faults.list} satisfies PageFaults;
    },
  },
  '/api/disconnect': {
    async POST({disconnect}, request) {
      const {clientId} = await jsonBody(request);
      if (typeof clientId !== 'string') throw new Refusal(400, 'The body has to be {"clientId": "..."}.');
      if (!disconnect(clientId))
        throw new Refusal(404, `No client ${JSON.stringify(clientId)} is connected.`);
      return {};
    },
  },
};

const bodyRule = 'The body has to be {"faults": [{"rule": "...", "isOn": true}]}.';

function isFaultSwitch(value: unknown): value is FaultSwitch {
  const {rule, isOn} = (value ?? {}) as Partial<FaultSwitch>;
  return typeof rule === 'string' && typeof isOn === 'boolean';
}

/** The object in the body of a request. @throws Refusal */
async function jsonBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > largestBody) throw new Refusal(413);
    pieces.push(piece);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(pieces).toString());
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // Answered below.
  }
  throw new Refusal(400, 'The body is no JSON object.');
}

function pageClients(details: readonly ClientDetails[]): PageClients {
  return {total: details.length, clients: details.slice(0, mostClients).map(pageClient)};
}

function pageClient(details: ClientDetails): PageClient {
  const {clientId, username, address, protocolVersion, keepAliveSeconds, cleanStart} = details;
  const {subscriptions, will} = details;
  return {
    ...{clientId, address, protocolVersion, keepAliveSeconds, cleanStart},
    subscriptions: subscriptions.slice(0, mostSubscriptions).map(({filter, qos}) => ({filter, qos})),
    subscriptionCount: subscriptions.length,
    ...defined({
      username,
      will: will && {
        topic: will.topic,
        qos: will.qos,
        retain: will.retain,
        size: will.payload.length,
        delaySeconds: will.delaySeconds,
      },
    }),
  };
}
