/**
 * The subscriptions of a session: asked for on a connection, and again on the next one when its server has no
 * session. Does not ask for filters that the server has announced it does not support: it may end the connection for
 * one, and would again on each next one.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import type {QoS} from '../../protocol/message.ts';
import type {UnsubscribeProperties} from '../../protocol/properties.ts';
import {isFailure, ReasonCode, reasonText} from '../../protocol/reason-codes.ts';
import type {ClientConnection} from '../connection/client-connection.ts';
import type {Packet} from '../connection/protocol-client.ts';
import type {ServerLimits} from '../connection/server-limits.ts';
import type {SessionContext, SubscribeOptions} from '../types.ts';
import type {Unanswered} from './repeated-loss.ts';

/** The filters of one call of `subscribe`. */
export interface SubscribeRequest {
  readonly filters: readonly string[];
  readonly options: SubscribeOptions;
}

/** As many filters are named in a message. */
const mostNamed = 3;

function namesOf(filters: readonly string[]): string {
  const rest = filters.length - mostNamed;
  return `${filters.slice(0, mostNamed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function qosOf(filter: string, {qos, qosByFilter}: SubscribeOptions): QoS {
  return qosByFilter?.get(filter) ?? qos;
}

/** SUBSCRIBE without its identifier [MQTT 5, 3.8]. */
function subscribePacket({filters, options}: SubscribeRequest): Omit<Packet, 'messageId'> {
  const {noLocal = false, retainAsPublished = false, retainHandling = 0, properties} = options;
  return {
    cmd: 'subscribe',
    subscriptions: filters.map((topic) => ({
      topic,
      qos: qosOf(topic, options),
      nl: noLocal,
      rap: retainAsPublished,
      rh: retainHandling,
    })),
    properties: {...properties},
  };
}

/** The reason code with which the server would refuse the filter, according to its CONNACK [MQTT 5, 3.9.3]. */
function foreseenRefusal(
  limits: ServerLimits,
  filter: string,
  {properties}: SubscribeOptions,
): number | undefined {
  if (!limits.sharedSubscriptions && filter.startsWith('$share/'))
    return ReasonCode.sharedSubscriptionsNotSupported;
  if (!limits.wildcardSubscriptions && /[+#]/.test(filter))
    return ReasonCode.wildcardSubscriptionsNotSupported;
  if (!limits.subscriptionIdentifiers && properties?.subscriptionIdentifier !== undefined)
    return ReasonCode.subscriptionIdentifiersNotSupported;
  return undefined;
}

export class Subscriptions {
  readonly #pingsAfterwards: boolean;
  #requests: readonly SubscribeRequest[] = [];
  /** Sent, and not answered on the present connection or the last one. */
  #unanswered: SubscribeRequest | undefined;

  /**
   * @param pingsAfterwards send PINGREQ after SUBACK. It carries the TCP acknowledgement of SUBACK, for which a broker
   * with Nagle's algorithm on holds back the retained messages: 40 ms if nothing is sent
   */
  constructor({pingsAfterwards}: {readonly pingsAfterwards: boolean}) {
    this.#pingsAfterwards = pingsAfterwards;
  }

  /** Whether no message of these subscriptions is acknowledged. */
  get areQos0(): boolean {
    return this.#requests.every(({filters, options}) =>
      filters.every((filter) => qosOf(filter, options) === 0),
    );
  }

  /** Whether messages are expected. */
  get areAny(): boolean {
    return this.#requests.length > 0;
  }

  /** The SUBSCRIBE whose answer is due. */
  get unanswered(): Unanswered | undefined {
    const request = this.#unanswered;
    if (request === undefined) return undefined;
    return {key: request, describe: () => `the subscription to ${namesOf(request.filters)}`};
  }

  /** Repeats the request on later connections, instead of earlier ones for the same filters [MQTT-3.8.4-3]. */
  add(request: SubscribeRequest): void {
    this.remove(request.filters);
    this.#requests = [...this.#requests, request];
  }

  remove(filters: readonly string[]): void {
    const removed = new Set(filters);
    this.#requests = this.#requests
      .map((each) => ({...each, filters: each.filters.filter((filter) => !removed.has(filter))}))
      .filter((each) => each.filters.length > 0);
  }

  /** Sends one SUBSCRIBE. Resolves with the reason codes in order. @throws TmqError that closed the connection */
  async send(connection: ClientConnection, request: SubscribeRequest): Promise<readonly number[]> {
    const {filters, options} = request;
    const refused = filters.map((filter) => foreseenRefusal(connection.limits, filter, options));
    const allowed = filters.filter((_, index) => refused[index] === undefined);
    if (allowed.length === 0) return refused.map((code) => code ?? 0);
    this.#unanswered = request;
    const {granted = []} = await connection.request(subscribePacket({filters: allowed, options}));
    this.#unanswered = undefined;
    if (this.#pingsAfterwards) connection.ping();
    const codes = granted.values();
    if (granted.length === allowed.length) return refused.map((code) => code ?? codes.next().value ?? 0);
    const error = new TmqError(
      'The broker answered other subscriptions than it was asked for.',
      ExitCode.protocol,
    );
    connection.fail(error);
    throw error;
  }

  /** Sends UNSUBSCRIBE for one filter. Resolves with its reason code. */
  async sendUnsubscribe(
    connection: ClientConnection,
    filter: string,
    properties?: UnsubscribeProperties,
  ): Promise<number> {
    const packet = {cmd: 'unsubscribe', unsubscriptions: [filter], properties: {...properties}};
    const {granted} = await connection.request(packet);
    // Before MQTT 5, an UNSUBACK has no codes: it always means success.
    return granted?.[0] ?? 0;
  }

  /** Subscribes again on a connection without a session; `notice` receives a line for each filter that is refused. */
  restore(connection: ClientConnection, tell: Pick<SessionContext, 'notice' | 'onEvent'>): void {
    for (const request of this.#requests) void this.#restoreOne(connection, request, tell);
  }

  async #restoreOne(
    connection: ClientConnection,
    request: SubscribeRequest,
    {notice, onEvent}: Pick<SessionContext, 'notice' | 'onEvent'>,
  ): Promise<void> {
    try {
      const codes = await this.send(connection, request);
      const filters = request.filters.map((filter, index) => ({filter, code: codes[index]!}));
      onEvent?.({event: 'resubscribed', filters});
      codes.forEach((code, index) => {
        if (isFailure(code))
          notice?.(`Subscription to ${request.filters[index]} refused: ${reasonText(code)}.`);
      });
    } catch {
      // The connection is lost again. Its `closed` reports that, and the next one subscribes anew.
    }
  }
}
