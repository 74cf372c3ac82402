/**
 * What a listener binds to: the addresses of its host name or network interface, or a Unix socket; and why binding
 * failed. Binds nothing.
 */

import {lookup} from 'node:dns/promises';
import {once} from 'node:events';
import {lstat, unlink} from 'node:fs/promises';
import {connect, isIP} from 'node:net';
import {networkInterfaces, platform} from 'node:os';
import {dirname} from 'node:path';
import {defined} from '../../defined.ts';
import {ExitCode, fileReason, TmqError} from '../../errors.ts';
import {socketPathProblem} from '../../protocol/socket-path.ts';
import {describeListener} from '../config/parse-config.ts';
import type {ListenerConfig} from '../config/settings.ts';

/** The addresses to bind to; undefined: all of them, or a Unix socket. */
export async function hostsOf({
  bindInterface,
  host,
  socketDomain,
  socketPath,
}: Partial<ListenerConfig>): Promise<readonly (string | undefined)[]> {
  if (socketPath !== undefined) return [undefined];
  if (bindInterface !== undefined) return await interfaceHosts(bindInterface, defined({host, socketDomain}));
  if (host === undefined)
    return [socketDomain === 'ipv4' ? '0.0.0.0' : socketDomain === 'ipv6' ? '::' : undefined];
  const family = socketDomain === 'ipv4' ? 4 : socketDomain === 'ipv6' ? 6 : 0;
  // An address needs no lookup, which would load the resolver.
  if (isIP(host) !== 0 && [0, isIP(host)].includes(family)) return [host];
  const found = await lookup(host, {all: true, family});
  return [...new Set(found.map(({address}) => address))];
}

/**
 * The addresses of a network interface; with `host`, those of them that are its addresses.
 * @throws TmqError when there is none: without the interface the listener would be open to more networks
 */
async function interfaceHosts(
  name: string,
  {host, socketDomain}: Pick<ListenerConfig, 'host' | 'socketDomain'>,
): Promise<readonly string[]> {
  const wanted = host === undefined ? undefined : await hostsOf(defined({host, socketDomain}));
  const found = (networkInterfaces()[name] ?? [])
    .filter(({family}) => socketDomain === undefined || family.toLowerCase() === socketDomain)
    .filter(({address}) => wanted === undefined || wanted.includes(address))
    // Only with its interface a link-local address can be bound.
    .map(({address}) => (address.startsWith('fe80:') ? `${address}%${name}` : address));
  if (found.length > 0) return found;
  const which = wanted === undefined ? 'address' : `address ${host}`;
  throw new TmqError(`Cannot listen on the network interface ${name}: it has no ${which} here.`);
}

/**
 * Removes the socket file of a broker that was killed: no process accepts connections on it.
 * @throws TmqError for a path that no socket can have
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const problem = socketPathProblem(path, platform());
  if (problem !== undefined) throw new TmqError(problem);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) {
    // libuv reports a directory that is missing as a lack of permission.
    const directory = dirname(path);
    if (!(await lstat(directory).catch(() => undefined))) {
      throw new TmqError(`Cannot listen on ${path}: there is no directory ${directory}.`);
    }
    return;
  }
  if (!found.isSocket()) throw new TmqError(`Cannot listen on ${path}: it is there, and is not a socket.`);
  const probe = connect(path);
  const answer = await once(probe, 'connect').then(
    () => 'alive',
    (error: unknown) => codeOf(error),
  );
  probe.destroy();
  if (answer === 'ECONNREFUSED') await unlink(path);
}

/** The code of an error of Node; empty where it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Why binding failed. Other codes read as those of files. */
const bindErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use; perhaps another broker is running, or give -p 0 for a free port',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be looked up',
  ENOENT: 'there is no such directory',
  ENOTDIR: 'there is no such directory',
  EINVAL: 'the path is too long or not valid',
};

/** A bind error as a TmqError that names the listener; any other error as it is. */
export function explain(error: unknown, listener: ListenerConfig): unknown {
  if (error instanceof TmqError) return error;
  const code = codeOf(error);
  if (code === '') return error;
  const reason = bindErrors[code] ?? fileReason(error);
  const sentence = `Cannot listen on ${describeListener(listener)}: ${reason}.`;
  return new TmqError(sentence, ExitCode.failure, {cause: error});
}
