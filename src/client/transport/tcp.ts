/**
 * Sockets of the operating system: TCP to a name or an address, and unix sockets. Knows what a host
 * name resolves to and from which local address to connect; knows nothing of what is spoken on top.
 */

import {connect, isIP, type LookupFunction, type NetConnectOpts, type Socket} from 'node:net';
import {platform} from 'node:os';
import {defined} from '../../defined.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {socketPathProblem} from '../../protocol/socket-path.ts';
import {Abandoned, connectStep} from './connect-step.ts';
import type {ConnectionDetail} from './connection-details.ts';
import {lookUp} from './name-lookup.ts';
import type {SocketMemory} from './read-buffer.ts';

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** A local address or name to connect from. */
  readonly bindAddress?: string;
  readonly noDelay?: boolean;
}

/** Milliseconds for one address of several: Node's own 250 give up on brokers that are merely far away. */
const attemptTimeoutMilliseconds = 2000;

/** The address and family that a local name or address forces upon the connection. */
interface Local {
  readonly localAddress: string;
  readonly family: number;
}

async function lookUpLocal(name: string, signal: AbortSignal, detail?: ConnectionDetail): Promise<Local> {
  detail?.(`Looking up ${name}`);
  const [first] = await lookUp(name, signal);
  return {localAddress: first!.address, family: first!.family};
}

function open(
  options: NetConnectOpts,
  signal: AbortSignal,
  watch?: (stream: Socket) => void,
): Promise<Socket> {
  const stream = connect(options);
  watch?.(stream);
  return connectStep<Socket>({stream, signal, waitingFor: 'an answer from'}, (done) => {
    const connected = () => done(stream);
    stream.once('connect', connected);
    return () => stream.off('connect', connected);
  });
}

const loopback: readonly string[] = ['127.0.0.1', '::1'];

/**
 * The hosts to try in order. localhost is the loopback address [RFC 6761, 6.3]: asking for it by number
 * spares a short-lived process the whole resolver.
 */
function hostsOf(host: string, family: number | undefined): readonly string[] {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (bare.toLowerCase() !== 'localhost') return [bare];
  if (family === undefined) return loopback;
  return [family === 6 ? '::1' : '127.0.0.1'];
}

/** What reports the steps of a socket to `detail`; loaded before the socket takes the first. */
async function watcher(
  detail: ConnectionDetail | undefined,
): Promise<((stream: Socket) => void) | undefined> {
  if (detail === undefined) return undefined;
  const {watchSocket} = await import('./connection-details.ts');
  return (stream) => watchSocket(stream, detail);
}

/** What Node's socket asks for the addresses of the host, which are known by then. */
async function lookupOf(
  host: string,
  signal: AbortSignal,
  detail: ConnectionDetail | undefined,
): Promise<LookupFunction> {
  // Node asks isIP, too; the second time V8 compiles its expression, which takes 1 % of a one-shot.
  const isName = !loopback.includes(host) && isIP(host) === 0;
  if (isName) detail?.(`Looking up ${host}`);
  const addresses = isName ? await lookUp(host, signal) : [];
  return (hostname, {family}, callback) => {
    const fitting = addresses.filter((each) => !family || each.family === family);
    const error =
      fitting.length > 0 ? null : Object.assign(new Error('no address'), {code: 'ENOTFOUND', hostname});
    callback(error, fitting);
  };
}

/**
 * Connects by TCP. Several addresses of a name are tried in turn. What comes goes to `readBuffer`, if given.
 * @throws the system's error (code ECONNREFUSED, ENOTFOUND, …), Abandoned
 */
export async function connectTcp(
  target: TcpTarget,
  signal: AbortSignal,
  readBuffer?: SocketMemory,
  detail?: ConnectionDetail,
): Promise<Socket> {
  const {bindAddress} = target;
  const watch = detail === undefined ? undefined : await watcher(detail);
  let local: Local | undefined;
  if (bindAddress !== undefined) {
    const family = isIP(bindAddress);
    local =
      family === 0 ? await lookUpLocal(bindAddress, signal, detail) : {localAddress: bindAddress, family};
  }
  let refusal: unknown;
  for (const host of hostsOf(target.host, local?.family)) {
    if (host !== target.host) detail?.(`${target.host} is ${host}`);
    try {
      const socket = await open(
        {
          host,
          port: target.port,
          autoSelectFamily: true,
          autoSelectFamilyAttemptTimeout: attemptTimeoutMilliseconds,
          ...local,
          lookup: await lookupOf(host, signal, detail),
          ...defined({onread: readBuffer?.onread}),
        },
        signal,
        watch,
      );
      if (readBuffer !== undefined) readBuffer.isAttached = true;
      if (target.noDelay) socket.setNoDelay(true);
      return socket;
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
  const problem = socketPathProblem(path, platform());
  if (problem !== undefined) throw new TmqError(problem, ExitCode.failure);
  try {
    return await open({path}, signal);
  } catch (error) {
    // The system refuses a connection to an ordinary file in the same words as to a dead socket.
    const {stat} = await import('node:fs/promises');
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() || found?.isDirectory())
      throw new TmqError(`${path} is not a socket.`, ExitCode.failure);
    throw error;
  }
}
