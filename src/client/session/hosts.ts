/**
 * The hosts of a session, in the order to try them in, and where servers send the client [MQTT 5, 4.13]. Connects to
 * none of them.
 */

import {TmqError} from '../../errors.ts';
import {ReasonCode, reasonText} from '../../protocol/reason-codes.ts';
import type {ConnectionRefused, DisconnectedByServer} from '../connection/connection-lost.ts';
import type {ConnectionOptions, Endpoint} from '../connection-options.ts';
import {describe} from '../transport/transport.ts';
import type {SessionContext} from '../types.ts';
import {redirection} from './redirection.ts';

/** How often servers may send the client on before a connection lasts. */
const mostRedirections = 3;

/** A refusal or a DISCONNECT that may name another server. */
type Redirecting = ConnectionRefused | DisconnectedByServer;

export class Hosts {
  readonly #options: ConnectionOptions;
  readonly #context: Pick<SessionContext, 'notice' | 'onEvent'>;
  /** The one to try first stands first. */
  #hosts: readonly Endpoint[];
  /** Where a server has sent the client: for the next attempt only. */
  #next: Endpoint | undefined;
  #redirections = 0;

  constructor(options: ConnectionOptions, context: Pick<SessionContext, 'notice' | 'onEvent'> = {}) {
    this.#options = options;
    this.#context = context;
    this.#hosts = [options.endpoint, ...(options.alternatives ?? [])];
  }

  /** Whether a server has just sent the client on. */
  get isRedirected(): boolean {
    return this.#next !== undefined;
  }

  /** The hosts of the next attempt, in order. */
  take(): readonly Endpoint[] {
    const first = this.#next === undefined ? [] : [this.#next];
    this.#next = undefined;
    return [...first, ...this.#hosts];
  }

  /** There is a connection to this host: the next attempt begins with it, if it is one of the session's. */
  connected(endpoint: Endpoint): void {
    const index = this.#hosts.indexOf(endpoint);
    if (index > 0) this.#hosts = [...this.#hosts.slice(index), ...this.#hosts.slice(0, index)];
  }

  /** A connection has lasted. */
  lasted(): void {
    this.#redirections = 0;
  }

  /**
   * A server said to use another one: the next attempt begins with the one it named, or with the next of several
   * hosts. Returns why the session ends instead, if it does.
   */
  redirect(error: Redirecting, from: Endpoint): TmqError | undefined {
    const {reasonCode, serverReference} = error.reason;
    const isFollowed = this.#options.followsRedirection !== false && serverReference !== undefined;
    if (!isFollowed) return this.#leave(from) ? undefined : new TmqError(error.message, reasonCode);
    const target = redirection(serverReference, from, this.#options);
    const place = describe(from);
    if ('problem' in target) {
      const why = `${place} sends this client to ${serverReference}, and tmq does not go there: ${target.problem}.`;
      return new TmqError(why, reasonCode);
    }
    if (++this.#redirections > mostRedirections) {
      const why = `${place} sends this client on to ${serverReference}, after ${mostRedirections} other servers did so.`;
      return new TmqError(why, reasonCode);
    }
    const {endpoint} = target;
    const {notice, onEvent} = this.#context;
    onEvent?.({event: 'redirected', host: place, to: describe(endpoint)});
    notice?.(`${place} sends this client to ${describe(endpoint)} (${reasonText(reasonCode)}).`);
    this.#next = endpoint;
    if (reasonCode === ReasonCode.serverMoved) {
      this.#hosts = this.#hosts.map((each) => (each === from ? endpoint : each));
    }
    return undefined;
  }

  /** Puts the host behind the others; false when there are none. */
  #leave(host: Endpoint): boolean {
    const others = this.#hosts.filter((each) => each !== host);
    if (others.length === 0) return false;
    this.#hosts = this.#hosts.includes(host) ? [...others, host] : others;
    return true;
  }
}
