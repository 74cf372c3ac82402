/**
 * Why a connection could not be made or was lost, in one sentence with a remedy. Turns the errors of
 * sockets and name lookups into TmqErrors; knows no stream.
 */

import {defined} from '../../defined.ts';
import {codeOf, ExitCode, TmqError} from '../../errors.ts';
import type {Endpoint} from '../connection-options.ts';
import {Abandoned, ClosedEarly} from './connect-step.ts';

/** "127.0.0.1:1883", "[::1]:1883" */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The endpoint as messages name it: "127.0.0.1:1883", "/run/x.sock", "wss://h:8884/mqtt". */
export function describe(endpoint: Endpoint): string {
  if (endpoint.transport === 'unix') return endpoint.path;
  const {host, port, srv, path = '/mqtt'} = endpoint;
  // Which port it will be stands in the SRV record.
  const authority = srv ? host : hostAndPort(host, port);
  if (endpoint.transport === 'tcp') return authority;
  const scheme = endpoint.tls === undefined ? 'ws' : 'wss';
  return `${scheme}://${authority}${path.startsWith('/') ? '' : '/'}${path}`;
}

/** What the connection was to, and from where: the names in the sentences. */
export interface Peer {
  /** As messages name it; a proxy with "the proxy " in front. */
  readonly name: string;
  readonly host?: string;
  readonly bindAddress?: string;
  readonly unix?: boolean;
  readonly proxy?: boolean;
}

function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.|::1$|\[::1\]$)/i.test(host);
}

/** Of the errors of all addresses, the one that says most: a refusal shows that the host is there. */
function mostTelling(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error;
  return error.errors.find((each) => codeOf(each) === 'ECONNREFUSED') ?? error.errors[0];
}

function refused(peer: Peer): string {
  if (peer.unix) return `Nothing listens on ${peer.name} (connection refused). Is its broker still running?`;
  const hint =
    isLoopback(peer.host) && !peer.proxy
      ? 'Is a broker running? Try: tmq broker'
      : 'Is it running, and is this its port?';
  return `Connection refused by ${peer.name}. ${hint}`;
}

/** fe80::/10 without a zone [RFC 4007, 11]. */
function isLinkLocal(host: string | undefined): boolean {
  return host !== undefined && /^\[?fe[89ab][\da-f]?:[^%]*$/i.test(host);
}

type Sentence = (peer: Peer, error: NodeJS.ErrnoException) => string;

const lookup: Sentence = (peer, error) => {
  const name = (error as {hostname?: string}).hostname ?? peer.host ?? peer.name;
  const why = error.code === 'EAI_AGAIN' ? ': the name server does not answer' : '';
  if (/\s/.test(name)) {
    return `Cannot find the host name '${name}': a host name has no blanks. In an options file, each option has its own line.`;
  }
  return `Cannot find the host name ${name} (lookup error${why}). Is it spelled right?`;
};

const unreachable: Sentence = (peer) =>
  `There is no way to ${peer.name} (host or network unreachable). Is the network up, and the address right?`;

const sentences: Readonly<Record<string, Sentence>> = {
  ECONNREFUSED: refused,
  ENOTFOUND: lookup,
  EAI_AGAIN: lookup,
  EAI_FAIL: lookup,
  EAI_NODATA: lookup,
  EAI_NONAME: lookup,
  ETIMEDOUT: (peer) =>
    `No answer from ${peer.name} (connection timed out). Is the host up, and does a firewall let the port through?`,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  EADDRNOTAVAIL: (peer) =>
    peer.bindAddress === undefined
      ? `The address ${peer.name} cannot be reached from this machine.`
      : `Cannot connect from ${peer.bindAddress}: it is not an address of this machine.`,
  EINVAL: (peer) =>
    isLinkLocal(peer.host)
      ? `The address ${peer.host} is link-local: name the interface behind it, as in ${peer.host}%eth0`
      : peer.bindAddress === undefined
        ? `The address ${peer.name} cannot be connected to.`
        : `Cannot connect to ${peer.name} from ${peer.bindAddress}: no route leads from one to the other.`,
  ENOENT: (peer) => `There is no unix socket ${peer.name}. Is its broker running?`,
  ENOTDIR: (peer) => `There is no unix socket ${peer.name}: a part of its path is not a directory.`,
  ENAMETOOLONG: (peer) => `The unix socket path ${peer.name} is too long.`,
  EACCES: (peer) => `No permission to connect to ${peer.name}.`,
  EPERM: (peer) => `The system does not permit a connection to ${peer.name}. Does a firewall forbid it?`,
};

const lost: readonly string[] = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Whether it means that the other end is gone, however it went. */
export function isLoss(error: unknown): boolean {
  return error instanceof ClosedEarly || lost.includes(codeOf(error));
}

/** An abort is the caller's; only a deadline needs words of ours. */
function abandoned({cause, waitingFor}: Abandoned, {name}: Peer): TmqError {
  if (cause instanceof TmqError) return cause;
  return (cause as {name?: unknown} | null)?.name === 'TimeoutError'
    ? new TmqError(`Timed out waiting for ${waitingFor} ${name}.`, ExitCode.timeout, {cause})
    : new TmqError(`Connecting to ${name} was given up.`, ExitCode.failure, {cause});
}

/**
 * The error of a socket as a TmqError: 1 where no connection came about, 7 where one was lost.
 * A TmqError passes through as it is.
 */
export function connectError(peer: Peer, error: unknown): TmqError {
  if (error instanceof TmqError) return error;
  if (error instanceof Abandoned) return abandoned(error, peer);
  const telling = mostTelling(error) as NodeJS.ErrnoException;
  const code = codeOf(telling);
  if (isLoss(telling)) {
    return new TmqError(`${peer.name} closed the connection.`, ExitCode.connectionLost, {cause: error});
  }
  const detail = telling instanceof Error && telling.message !== '' ? telling.message : String(telling);
  const sentence =
    sentences[code]?.(peer, telling) ?? `Cannot connect to ${peer.name}: ${detail.split('\n')[0]}.`;
  return new TmqError(sentence, ExitCode.failure, {cause: error});
}

/** The peer of an endpoint that is reached directly. */
export function peerOf(endpoint: Endpoint): Peer {
  if (endpoint.transport === 'unix') return {name: endpoint.path, unix: true};
  return {name: describe(endpoint), host: endpoint.host, ...defined({bindAddress: endpoint.bindAddress})};
}

/** "404 Not Found"; a bare number where `words`, STATUS_CODES of node:http, which is loaded late, have none. */
export function statusText(status: number, words: Readonly<Record<string, string | undefined>>): string {
  const text = words[status];
  return text === undefined ? String(status) : `${status} ${text}`;
}
