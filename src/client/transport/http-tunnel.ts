/**
 * The CONNECT request of HTTP [RFC 9110, 9.3.6; RFC 9112]: makes a socket to a proxy a socket to somebody
 * else. Reads exactly the response's head and leaves every byte behind it in the socket.
 */

import type {Socket} from 'node:net';
import {ExitCode, TmqError} from '../../errors.ts';
import {hostAndPort} from './connect-error.ts';
import {step} from './connect-step.ts';
import {statusText} from './http-status.ts';

export interface TunnelRequest {
  readonly target: {readonly host: string; readonly port: number};
  /** "user:password" for the Basic scheme [RFC 7617]. */
  readonly credentials?: string;
  /** The proxy as messages name it. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** More than any proxy says before the empty line; beyond it, it is not HTTP. */
const longestHeadBytes = 64 * 1024;

function requestHead({target, credentials}: TunnelRequest): string {
  const authority = hostAndPort(target.host, target.port);
  const authorization =
    credentials === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`;
}

/** The head of the response, once it is complete; what follows it is put back. */
function readHead(socket: Socket, signal: AbortSignal, name: string): Promise<string> {
  return step<string>({stream: socket, signal, waitingFor: 'an answer from'}, (done, fail) => {
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
  return new TmqError(`${name} closed the connection without an answer.`, ExitCode.proxy);
}

function notHttp(name: string): TmqError {
  return new TmqError(`${name} does not speak HTTP.`, ExitCode.proxy);
}

function refusal(status: number, {name, target, credentials}: TunnelRequest): TmqError {
  const place = hostAndPort(target.host, target.port);
  if (status === 407) {
    const remedy =
      credentials === undefined
        ? 'wants user and password: http://user:password@host'
        : 'refused the user name or password.';
    return new TmqError(`${name} ${remedy}`, ExitCode.proxyAuthentication);
  }
  const unreachable = status >= 502 && status <= 504;
  return new TmqError(
    `${name} ${unreachable ? 'cannot connect' : 'does not permit a connection'} to ${place}: HTTP ${statusText(status)}.`,
    unreachable ? ExitCode.noConnection : ExitCode.proxy,
  );
}

/**
 * Asks the proxy at the other end of the socket to connect it to the target.
 * @throws TmqError: 11 for credentials, 4 when the proxy cannot reach the target, 16 otherwise; Abandoned
 */
export async function openTunnel(socket: Socket, request: TunnelRequest): Promise<void> {
  socket.write(requestHead(request));
  const head = await readHead(socket, request.signal, request.name);
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r|$)/.exec(head)?.[1]);
  if (status >= 200 && status < 300) return;
  socket.destroy();
  throw Number.isNaN(status) ? notHttp(request.name) : refusal(status, request);
}
