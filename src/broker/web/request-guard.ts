/**
 * Which HTTP requests the page's server answers: those with its token and with its own Host and Origin. A page of
 * another origin, also one that has given its name the address of this machine, and other users of this machine get
 * nothing.
 */

import {createHash, timingSafeEqual} from 'node:crypto';
import type {IncomingHttpHeaders} from 'node:http';

/** The names that this machine has for itself; a port follows. */
const ownNames = ['127.0.0.1', 'localhost', '[::1]'];

/** A request in so far as it decides whether it is answered. */
export interface GuardedRequest {
  readonly url?: string | undefined;
  readonly headers: Pick<IncomingHttpHeaders, 'host' | 'origin'>;
}

/**
 * The path of a request below the token, '/api/clients' of '/TOKEN/api/clients', without its query; undefined for a
 * request that is not answered. Takes the same time for every wrong token.
 */
export function guardedPath(
  {url = '', headers: {host = '', origin}}: GuardedRequest,
  {token, port}: {readonly token: string; readonly port: number},
): string | undefined {
  const [, given = '', path = ''] = /^\/([^/?]*)([^?]*)/.exec(url) ?? [];
  const isKnown = timingSafeEqual(digest(given), digest(token));
  // Browsers leave out the port of the scheme.
  const hosts = ownNames.flatMap((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])]);
  const isOwn = hosts.includes(host) && (origin === undefined || origin === `http://${host}`);
  return isKnown && isOwn ? path : undefined;
}

/** Of one length, as the comparison needs it. */
function digest(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
