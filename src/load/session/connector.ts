/** Connects the clients of a thread: so many a second, or as many at a time as a broker's queue has room for. */

import {setMaxListeners} from 'node:events';
import type {Endpoint, TlsOptions} from '../../client/connection-options.ts';
import {dial, type SharedTls} from '../../client/transport/transport.ts';
import {ExitCode, TmqError} from '../../errors.ts';
import {isFailure} from '../../protocol/reason-codes.ts';
import {sleep} from '../../timers.ts';
import {now} from '../measuring/clock.ts';
import {type ClientPlace, type CopiedEndpoint, clientCount, type LoadPlan, numbered} from '../plan.ts';
import {LightSession, type SessionRole} from './light-session.ts';
import {type Connack, connectPacket, connectReason} from './packets.ts';
import {SharedMemory} from './read-memory.ts';

/** A connection that was not made, or not accepted. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** What the command would end with if it were the only one. */
  readonly exitCode: ExitCode;

  constructor(reason: string, exitCode: ExitCode) {
    super(reason);
    this.exitCode = exitCode;
  }
}

/** Attempts at the same time: mosquitto has room for 100 connections that it has not accepted yet. */
const attemptsAtOnce = 64;
/** With a rate, a slow broker must not slow down the attempts. */
const attemptsAtOnceWithRate = 1000;

export class Connector {
  readonly #plan: LoadPlan;
  readonly #endpoints: readonly Endpoint[];
  readonly #tlsContexts = new WeakMap<TlsOptions, SharedTls>();
  readonly #signal: AbortSignal;

  /** @param passphrase asks for the passphrase of a key; `signal` ends all attempts */
  constructor(plan: LoadPlan, passphrase: () => Promise<string>, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
    // Each attempt listens to it.
    setMaxListeners(0, signal);
    this.#endpoints = plan.connecting.endpoints.map((endpoint) => completed(endpoint, passphrase));
  }

  /**
   * Calls `open` for each place when its attempt is due, in milliseconds of the clock, and waits until all have returned.
   * The first one is alone: what all have in common, such as a CA file, is then read once.
   */
  async each(
    places: readonly ClientPlace[],
    open: (place: ClientPlace, due: number) => Promise<void>,
  ): Promise<void> {
    const {rate} = this.#plan.connecting;
    const start = now();
    let taken = 0;
    const next = async () => {
      const place = places[taken++];
      if (place === undefined || this.#signal.aborted) return false;
      const due = rate === undefined ? now() : start + (place.index / rate) * 1000;
      // It ends early only where the signal aborts, which the loop sees.
      if (due > now()) await sleep(due - now(), this.#signal).catch(() => undefined);
      if (!this.#signal.aborted) await open(place, due);
      return true;
    };
    const go = async () => {
      while (await next());
    };
    await next();
    const lanes = Math.min(
      clientCount(this.#plan),
      rate === undefined ? attemptsAtOnce : attemptsAtOnceWithRate,
    );
    await Promise.all(Array.from({length: lanes}, go));
  }

  /** Connects a client, and lets `ready` say to the broker what else is to be said, in the same time. @throws Refusal */
  async open(
    {index}: ClientPlace,
    role: SessionRole,
    ready: (session: LightSession, connack: Connack) => Promise<void>,
  ): Promise<LightSession> {
    const {connecting, first} = this.#plan;
    const {protocolVersion, clientId, credentials, keepaliveSeconds, timeoutSeconds, headers} = connecting;
    const controller = new AbortController();
    const abandon = () => controller.abort(this.#signal.reason);
    const timer = setTimeout(
      () => controller.abort(new DOMException('', 'TimeoutError')),
      timeoutSeconds * 1000,
    );
    this.#signal.addEventListener('abort', abandon);
    const memory = new SharedMemory();
    let session: LightSession | undefined;
    try {
      const stream = await dial(this.#endpoints[index % this.#endpoints.length]!, {
        signal: controller.signal,
        protocolVersion,
        readBuffer: memory,
        tlsContexts: this.#tlsContexts,
        timeoutMilliseconds: timeoutSeconds * 1000,
        headers,
      });
      session = new LightSession({stream, memory, protocolVersion, keepaliveSeconds, role});
      const {username, password} = credentials ?? {};
      const number = first + index;
      const packet = connectPacket({
        protocolVersion,
        clientId: numbered(clientId, number),
        keepaliveSeconds,
        credentials: credentials && {
          ...(username === undefined ? {} : {username: numbered(username, number)}),
          ...(password === undefined ? {} : {password}),
        },
      });
      const opened = session;
      let awaited = 'CONNECT';
      controller.signal.addEventListener('abort', () =>
        opened.abandon(`The broker did not answer ${awaited} in time.`),
      );
      const connack = await opened.connect(packet);
      if (connack.code !== 0) throw new Refusal(connectReason(connack.code), connack.code);
      awaited = 'SUBSCRIBE';
      await ready(session, connack);
      return session;
    } catch (error) {
      session?.destroy();
      if (error instanceof Refusal) throw error;
      const status = error instanceof TmqError ? error.exitCode : ExitCode.noConnection;
      throw new Refusal((error as Error).message, status);
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', abandon);
    }
  }
}

/** The reason why a role cannot be played after CONNACK; undefined where it can. */
export function shortcoming(connack: Connack, qos: number, packetBytes: number): Refusal | undefined {
  if (qos > connack.maximumQos) {
    return new Refusal(`The broker takes QoS ${connack.maximumQos} at most.`, ExitCode.qosNotSupported);
  }
  if (packetBytes > connack.maximumPacketSize) {
    return new Refusal(
      `The broker takes packets of ${connack.maximumPacketSize} bytes at most.`,
      ExitCode.packetTooLarge,
    );
  }
  return undefined;
}

/** The refusal in a reason code of SUBACK; undefined where it grants. */
export function subscriptionRefusal(code: number, reason: string): Refusal | undefined {
  return isFailure(code) ? new Refusal(`Subscription: ${reason}`, code) : undefined;
}

function completed({proxy, tls, ...endpoint}: CopiedEndpoint, passphrase: () => Promise<string>): Endpoint {
  return {
    ...endpoint,
    // A small message must not wait for the acknowledgement of the one before.
    ...(endpoint.transport === 'unix' ? {} : {noDelay: true}),
    ...(tls === undefined ? {} : {tls: {...tls, passphrase}}),
    ...(proxy === undefined ? {} : {proxy: new URL(proxy)}),
  } as Endpoint;
}
