/**
 * The page and its broker: asks for a user where one is needed, connects, and connects again for as long as the page
 * is open.
 */

import type {PageBroker} from '../../page-interface.ts';
import {type Answer, askServer, type Credentials, type JsonRequest} from './json-interface.ts';
import {type Incoming, MqttSession, type Outgoing} from './mqtt-session.ts';

export type LinkState =
  | {readonly kind: 'connecting'}
  | {readonly kind: 'online'}
  /** A user is needed; `problem` is why the last one was not accepted. */
  | {readonly kind: 'login'; readonly problem?: string}
  /** There is no broker, or it closed the connection; the page tries again. */
  | {readonly kind: 'gone'; readonly reason?: string}
  /** The broker has another token: it has started anew. */
  | {readonly kind: 'stranger'};

export interface LinkEvents {
  changed(state: LinkState): void;
  /** A connection begins: retained messages come again. */
  connected(): void;
  message(message: Incoming): void;
  problem(sentence: string): void;
}

/** Milliseconds before the page tries to connect again. */
const pause = 1000;

const sysFilter = '$SYS/#';

export class BrokerLink {
  readonly #name: string;
  readonly #events: LinkEvents;
  #state: LinkState = {kind: 'connecting'};
  #credentials: Credentials | undefined;
  #session: MqttSession | undefined;
  #withSys = false;
  #broker: PageBroker = {urls: [], clientIdPrefix: ''};
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param name the client identifier, where the broker wants no prefix */
  constructor(name: string, events: LinkEvents) {
    this.#name = name;
    this.#events = events;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Where other clients connect. */
  get urls(): readonly string[] {
    return this.#broker.urls;
  }

  /** The client identifier of the page. */
  get clientId(): string {
    return this.#broker.clientIdPrefix + this.#name;
  }

  /** Connects; with another user than before, or again. */
  async connect(credentials: Credentials | undefined = this.#credentials): Promise<void> {
    const isNew = credentials !== this.#credentials;
    this.#credentials = credentials;
    clearTimeout(this.#timer);
    this.#session?.end();
    this.#session = undefined;
    // The other states stay to be seen until there is an answer.
    if (this.#state.kind === 'online') this.#become({kind: 'connecting'});
    const answer = await this.ask<PageBroker>({path: 'api/broker'});
    switch (answer.kind) {
      case 'done':
        this.#broker = answer.value;
        this.#open();
        return;
      case 'login':
        this.#become({kind: 'login', ...(isNew ? {problem: 'The broker does not accept this user.'} : {})});
        return;
      case 'stranger':
        this.#become({kind: 'stranger'});
        break;
      default:
        this.#become({kind: 'gone'});
    }
    this.#later();
  }

  #open(): void {
    const session = new MqttSession(
      {clientId: this.clientId, credentials: this.#credentials},
      {
        connected: () => {
          this.#events.connected();
          this.#become({kind: 'online'});
          void this.#subscribe(session);
        },
        message: (message) => this.#events.message(message),
        closed: (reason) => {
          this.#session = undefined;
          this.#become({kind: 'gone', ...(reason === undefined ? {} : {reason})});
          this.#later();
        },
      },
    );
    this.#session = session;
  }

  async #subscribe(session: MqttSession): Promise<void> {
    for (const filter of this.#withSys ? ['#', sysFilter] : ['#']) {
      const problem = await session.subscribe(filter);
      if (problem !== undefined && session === this.#session)
        this.#events.problem(`The page cannot subscribe to ${filter}: ${problem}`);
    }
  }

  #later(): void {
    this.#timer = setTimeout(() => void this.connect(), pause);
  }

  #become(state: LinkState): void {
    this.#state = state;
    this.#events.changed(state);
  }

  /** Whether topics of $SYS come, too. */
  showSys(withSys: boolean): void {
    this.#withSys = withSys;
    if (this.#state.kind !== 'online') return;
    void (withSys ? this.#session?.subscribe(sysFilter) : this.#session?.unsubscribe(sysFilter));
  }

  /** Resolves as `MqttSession.publish`. */
  async publish(message: Outgoing): Promise<string | undefined> {
    if (this.#state.kind !== 'online' || this.#session === undefined) return 'The page is not connected.';
    return await this.#session.publish(message);
  }

  /** Sends a request to the JSON interface, in the name of the user. */
  async ask<T>(request: Omit<JsonRequest, 'credentials'>): Promise<Answer<T>> {
    return await askServer<T>({...request, credentials: this.#credentials});
  }
}
