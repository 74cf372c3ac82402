/**
 * MQTT over WebSockets [MQTT 5, 6; RFC 6455]: asks for the upgrade on a connected socket and gives back
 * the bytes inside the frames. Knows neither TLS nor proxies. The only importer of ws on the client's side.
 */

import {type ClientRequest, type IncomingMessage, STATUS_CODES} from 'node:http';
import type {Socket} from 'node:net';
import {Duplex} from 'node:stream';
import type {RawData, WebSocket} from 'ws';
import {codeOf, ExitCode, TmqError} from '../../errors.ts';
import type {ProtocolVersion} from '../../protocol/message.ts';
import type {Header} from '../connection-options.ts';
import {hostAndPort, statusText} from './connect-error.ts';
import {Abandoned, ClosedEarly, connectStep} from './connect-step.ts';
import type {OnSocket} from './taken-bytes.ts';

export interface Upgrade {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly encrypted: boolean;
  readonly protocolVersion: ProtocolVersion;
  readonly headers: readonly Header[];
  /** The endpoint as messages name it. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** The values of each name. The types of ws know no lists; node:http, which gets them, does. */
function grouped(headers: readonly Header[]): Record<string, string> {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  return Object.fromEntries(values) as unknown as Record<string, string>;
}

/** The sub-protocol [MQTT-6.0.0-3]; MQTT 3.1 brokers know an older one. */
function subProtocol(protocolVersion: ProtocolVersion): string {
  return protocolVersion === 3 ? 'mqttv3.1' : 'mqtt';
}

function requestUrl({host, port, path, encrypted}: Upgrade): URL {
  // The zone of a link-local address means something on this machine only [RFC 6874, 4].
  const authority = hostAndPort(host.replace(/%[^\]]*/, ''), port);
  const url = new URL(`${encrypted ? 'wss' : 'ws'}://${authority}`);
  const [pathname = '', ...query] = path.split('?');
  // Assigned, not concatenated: # and the like are then part of the path, and get encoded.
  url.pathname = pathname;
  url.search = query.join('?');
  return url;
}

function refusal(name: string, status: number): TmqError {
  const hints: Readonly<Record<number, string>> = {
    400: 'It may not expect WebSockets there.',
    401: 'It asks for credentials of HTTP: give them with --header.',
    404: 'Is the path right?',
    426: 'It wants another version of the protocol.',
  };
  const hint =
    hints[status] ??
    (status >= 300 && status < 400 ? 'Redirects are not followed.' : 'Is it an MQTT broker?');
  return new TmqError(
    `${name} refused the WebSocket upgrade: HTTP ${statusText(status, STATUS_CODES)}. ${hint}`,
    ExitCode.webSocket,
  );
}

/** ws and node:http tell what the peer did in messages of their own. */
function upgradeError(error: unknown, {name, encrypted, protocolVersion}: Upgrade): unknown {
  if (error instanceof TmqError || error instanceof Abandoned) return error;
  const code = codeOf(error);
  const message = String((error as {message?: unknown} | null)?.message);
  if (error instanceof ClosedEarly || code === 'ECONNRESET' || code === 'EPIPE') {
    const closed = `${name} closed the connection during the WebSocket handshake.`;
    const sentence = `${closed} Is this its port for WebSockets, ${encrypted ? 'with' : 'without'} TLS?`;
    return new TmqError(sentence, ExitCode.connectionLost, {cause: error});
  }
  let problem = `The WebSocket handshake with ${name} failed: ${message}.`;
  if (code.startsWith('HPE_')) problem = `${name} does not speak HTTP: is this its port for WebSockets?`;
  else if (/subprotocol/.test(message)) {
    problem = `${name} speaks WebSockets, but not the sub-protocol "${subProtocol(protocolVersion)}": is it an MQTT broker?`;
  }
  return new TmqError(problem, ExitCode.webSocket, {cause: error});
}

/** The bytes inside the binary frames. One write is one frame, which ws gives to the socket in one piece. */
class WebSocketStream extends Duplex implements OnSocket {
  readonly #webSocket: WebSocket;
  readonly beneath: Socket;

  constructor(webSocket: WebSocket, socket: Socket, name: string) {
    super();
    this.#webSocket = webSocket;
    this.beneath = socket;
    const fail = (detail: string, cause?: unknown) =>
      this.destroy(
        new TmqError(`${name} broke the rules of WebSockets: ${detail}.`, ExitCode.webSocket, {cause}),
      );
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      if (this.destroyed) return;
      // [MQTT-6.0.0-1]
      if (!isBinary) fail('it sent a text frame');
      else if (!this.push(data)) webSocket.pause();
    });
    // ws would wait thirty seconds for the peer's close.
    webSocket.on('error', (error) => fail(error.message, error));
    webSocket.once('close', () => this.push(null));
    // ws leaves it open for writing, and silent. What came before the end is to be handed on first.
    this.once('end', () => setImmediate(() => this.destroy()));
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // mosquitto 2.1 ends the connection at an empty frame.
    if (chunk.length === 0) done();
    else {
      // Node calls back without an error, too, for a write that the end of its socket has cancelled.
      const isGone = () => (this.beneath.destroyed ? new Error('WebSocket is not open') : null);
      this.#webSocket.send(chunk, (error) => done(error ?? isGone()));
    }
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#webSocket.close();
    // Called when the system has taken the close frame; the peer may never answer it.
    if (this.beneath.writable) this.beneath.write('', () => done());
    else done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#webSocket.terminate();
    done(error);
  }
}

/**
 * Upgrades the connection. The socket belongs to the result, and is destroyed when there is none.
 * @throws TmqError 13 when the upgrade is refused, 7 when the peer hangs up; Abandoned
 */
export async function upgrade(socket: Socket, request: Upgrade): Promise<Duplex> {
  const {WebSocket} = await import('ws');
  const {name, signal} = request;
  try {
    const webSocket: WebSocket = new WebSocket(requestUrl(request), [subProtocol(request.protocolVersion)], {
      createConnection: () => socket,
      perMessageDeflate: false,
      // A name that was given twice has a list of values.
      headers: grouped(request.headers),
      // A message is a piece of a stream here: it has no size of its own to limit.
      maxPayload: 0,
    });
    const stream = new WebSocketStream(webSocket, socket, name);
    const waitingFor = 'the WebSocket handshake with';
    return await connectStep<Duplex>({stream, beneath: socket, signal, waitingFor}, (done, fail) => {
      const opened = () => done(stream);
      const refused = (_request: ClientRequest, response: IncomingMessage) =>
        fail(refusal(name, response.statusCode ?? 0));
      webSocket.once('open', opened);
      webSocket.once('unexpected-response', refused);
      // Its own error comes before the stream's, and before the socket's close.
      webSocket.once('error', fail);
      return () => webSocket.off('open', opened).off('unexpected-response', refused).off('error', fail);
    });
  } catch (error) {
    socket.destroy();
    throw upgradeError(error, request);
  }
}
