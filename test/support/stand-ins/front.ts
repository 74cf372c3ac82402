/** The listening side of a stand-in: TCP, TLS and WebSockets, each connection a stream of MQTT bytes. */

import {createServer as createHttpServer, type IncomingMessage} from 'node:http';
import {createServer as createHttpsServer} from 'node:https';
import {createServer, type Server} from 'node:net';
import type {Duplex} from 'node:stream';
import {createServer as createTlsServer} from 'node:tls';
import {listening, type TestServer} from '../dialing.ts';
import type {Scheme} from '../four-listeners.ts';
import {acceptUpgrade, type WebSocketRules, WebSocketServerStream} from './web-socket-server.ts';

/** PEM, for the schemes with TLS. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Front {
  readonly scheme: Scheme;
  readonly identity: Identity;
  readonly rules?: WebSocketRules;
  readonly connected: (client: Duplex) => void;
  /** Called with the rule that a client broke, before its connection is ended. */
  readonly refused?: (reason: string) => void;
}

/** Opens it on a free loopback port. */
export async function openFront({
  scheme,
  identity,
  rules = {},
  connected,
  refused = () => undefined,
}: Front): Promise<TestServer> {
  if (scheme === 'mqtt')
    return await listening(createServer({allowHalfOpen: true, noDelay: true}, connected));
  if (scheme === 'mqtts') return await listening(createTlsServer({...identity, noDelay: true}, connected));
  const server: Server = scheme === 'ws' ? createHttpServer() : createHttpsServer(identity);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    acceptUpgrade(request, socket);
    connected(new WebSocketServerStream(socket, head, rules, refused));
  });
  return await listening(server);
}
