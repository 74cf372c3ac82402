/**
 * Sockets of the operating system: TCP to a name or an address, and unix sockets. Knows what a host
 * name resolves to and from which local address to connect; knows nothing of what is spoken on top.
 */

import {connect, isIP, type NetConnectOpts, type Socket} from 'node:net';
import {ExitCode, TmqError} from '../errors.ts';
import {Abandoned, step} from './handshake.ts';

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** A local address or name to connect from. */
  readonly bindAddress?: string;
  readonly noDelay?: boolean;
}

/** Milliseconds for one address of several: Node's own 250 give up on brokers that are merely far away. */
const attemptTimeoutMilliseconds = 2000;

/** The longest path a socket address holds on Linux [unix(7): sun_path], without its final NUL. */
const longestUnixPath = 107;

/** The family a local address forces upon the connection; 0 where there is none. */
async function bindFamily(bindAddress: string | undefined): Promise<{address?: string; family: number}> {
  if (bindAddress === undefined) return {family: 0};
  const family = isIP(bindAddress);
  if (family !== 0) return {address: bindAddress, family};
  const {promises} = await import('node:dns');
  return await promises.lookup(bindAddress);
}

function open(options: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  const stream = connect(options);
  return step<Socket>({stream, signal, waitingFor: 'the connection'}, (done) => {
    const connected = () => done(stream);
    stream.once('connect', connected);
    return () => stream.off('connect', connected);
  });
}

/**
 * The hosts to try in order. localhost is the loopback address [RFC 6761, 6.3]: asking for it by number
 * spares a short-lived process the whole resolver.
 */
function hostsOf(host: string, family: number): readonly string[] {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (bare.toLowerCase() !== 'localhost') return [bare];
  if (family === 0) return ['127.0.0.1', '::1'];
  return [family === 6 ? '::1' : '127.0.0.1'];
}

/**
 * Connects by TCP. Several addresses of a name are tried in turn.
 * @throws the system's error (code ECONNREFUSED, ENOTFOUND, …), Abandoned
 */
export async function connectTcp(target: TcpTarget, signal: AbortSignal): Promise<Socket> {
  const {address, family} = await bindFamily(target.bindAddress);
  let refusal: unknown;
  for (const host of hostsOf(target.host, family)) {
    try {
      return await open(
        {
          host,
          port: target.port,
          noDelay: target.noDelay ?? false,
          autoSelectFamily: true,
          autoSelectFamilyAttemptTimeout: attemptTimeoutMilliseconds,
          ...(address === undefined ? {} : {localAddress: address, family}),
        },
        signal,
      );
    } catch (error) {
      if (error instanceof Abandoned) throw error;
      refusal ??= error;
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') break;
    }
  }
  throw refusal;
}

/**
 * Connects to a unix socket.
 * @throws TmqError for a path that no socket can have, the system's error, Abandoned
 */
export async function connectUnix(path: string, signal: AbortSignal): Promise<Socket> {
  if (path === '') throw new TmqError('The path of the unix socket is empty.', ExitCode.failure);
  const length = Buffer.byteLength(path);
  if (length > longestUnixPath) {
    throw new TmqError(
      `The unix socket path ${path} is too long: ${length} bytes, ${longestUnixPath} are allowed.`,
      ExitCode.failure,
    );
  }
  return await open({path}, signal);
}
