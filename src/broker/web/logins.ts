/**
 * Who may use the JSON interface of the page: the users that may connect to a listener of the broker. A password is
 * checked once, and remembered as a hash for as long as its user would be accepted.
 */

import {createHash} from 'node:crypto';
import {defined} from '../../defined.ts';
import type {Access, Permissions} from '../access/access.ts';
import type {ListenerConfig} from '../config/settings.ts';

/** User names and passwords that are remembered: each page has one. */
const mostRemembered = 100;

/** What an HTTP request says about its sender. */
export interface Claim {
  /** The header Authorization: nothing, or Basic with user name and password in UTF-8. */
  readonly authorization: string | undefined;
  /** '127.0.0.1:50123' */
  readonly address: string;
}

/** Checks the users of HTTP requests against the access of a listener. */
export class Logins {
  readonly #access: Access;
  readonly #listener: ListenerConfig;
  /** By the hash of the header; oldest first. */
  readonly #remembered = new Map<string, Permissions>();

  constructor(access: Access, listener: ListenerConfig) {
    this.#access = access;
    this.#listener = listener;
  }

  /** Whether the user may connect to the listener; 'busy': too many passwords wait to be checked. */
  async admit({authorization, address}: Claim): Promise<boolean | 'busy'> {
    const key = createHash('sha256')
      .update(authorization ?? '')
      .digest('base64');
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      if (known.mayStay?.() ?? true) return true;
      this.#remembered.delete(key);
    }
    const identity = {
      clientId: this.#listener.clientIdPrefixes ?? '',
      address,
      ...credentials(authorization),
    };
    const admission = await this.#access.admit(identity, this.#listener);
    if (!admission.accepted) return admission.reason === 'busy' ? 'busy' : false;
    this.#remembered.set(key, admission.permissions);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
    return true;
  }
}

/** User name and password of HTTP's Basic authentication; without it, those of an anonymous client. */
function credentials(authorization = ''): {username?: string; password?: Uint8Array} {
  const [, encoded] = /^Basic ([\w+/]+=*)$/.exec(authorization) ?? [];
  if (encoded === undefined) return {};
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon === -1) return {username: text};
  return defined({username: text.slice(0, colon), password: Buffer.from(text.slice(colon + 1))});
}
