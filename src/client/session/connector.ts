/**
 * Makes the connections of a session, one after the other: tries the hosts in turn, waits for CONNACK within the time
 * allowed, and connects again after a loss. The only owner of reconnecting. What a connection is used for is not
 * known here.
 *
 * States: opening (the first connection); connected; between connections (a pause, then each host once, again and
 * again); ended (`halt` is aborted, or `keepConnected` has thrown).
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {ReasonCode, ReturnCode} from '../../protocol/reason-codes.ts';
import {sleep} from '../../timers.ts';
import {ClientConnection, type ConnectionSetup} from '../connection/client-connection.ts';
import {ConnectionRefused, DisconnectedByServer} from '../connection/connection-lost.ts';
import {createMinimalClient} from '../connection/minimal-client.ts';
import {loadMqttJs} from '../connection/mqttjs-client.ts';
import {ReceivedQos2} from '../connection/received-qos2.ts';
import type {ConnectionOptions, Endpoint} from '../connection-options.ts';
import {authenticationOf} from '../credentials/authentication.ts';
import {ReadBuffer} from '../transport/read-buffer.ts';
import {describe, dial} from '../transport/transport.ts';
import type {SessionContext} from '../types.ts';
import {monotonicMilliseconds} from '../waiting.ts';
import {mayBeMinimal, mayFilter, mayPipeline} from './fast-path-policy.ts';
import {Hosts} from './hosts.ts';
import {ReconnectPauses} from './reconnect-pauses.ts';
import {consequenceOf} from './reconnect-policy.ts';
import {lossAt, RepeatedLoss, type Unanswered} from './repeated-loss.ts';

export interface ConnectorSetup {
  readonly options: ConnectionOptions;
  readonly context: SessionContext;
  /** Aborts when the session ends or fails. */
  readonly halt: AbortSignal;
  readonly identifiers: ConnectionSetup['identifiers'];
  readonly events: ConnectionSetup['events'];
  /** The identifier to connect with: the server may have assigned one. */
  readonly clientId: () => string;
  /** The packet that the server was to answer next when the connection was lost. */
  readonly unanswered: () => Unanswered | undefined;
  /** Whether messages may have been lost, because this connection found no session. */
  readonly hasGap: (connection: ClientConnection) => boolean;
  /** There is a connection. */
  onConnected(connection: ClientConnection): void;
  /** The connection is gone; no other one yet. */
  onLost(): void;
  /** Resolves when all messages of a connection that is not replaced were handled. */
  handled(): Promise<void>;
}

interface Attempt {
  readonly endpoint: Endpoint;
  /** Aborts it. */
  readonly signal: AbortSignal;
  /** The time allowed. */
  readonly milliseconds: number;
  readonly pipelined: boolean;
}

/** Neither a connection nor CONNACK within the time allowed. */
function noAnswer(endpoint: Endpoint, milliseconds: number): TmqError {
  return new TmqError(
    `No answer from ${describe(endpoint)} within ${Math.round(milliseconds / 100) / 10} seconds.`,
    ExitCode.keepalive,
  );
}

/** "12 s", "0.4 s" */
function seconds(milliseconds: number): string {
  return `${milliseconds < 9500 ? Math.round(milliseconds / 100) / 10 : Math.round(milliseconds / 1000)} s`;
}

/** The query of the WebSocket request that AWS IoT Core wants. */
async function signedQuery({awsSigning, endpoint}: ConnectionOptions): Promise<string | undefined> {
  if (awsSigning === undefined || endpoint.transport !== 'ws') return undefined;
  const {presignedQuery} = await import('../credentials/aws-sigv4.ts');
  return presignedQuery(endpoint, awsSigning, new Date());
}

/** The server has refused the user name or the password. */
const credentialCodes: ReadonlySet<number> = new Set([
  ReturnCode.badUserNameOrPassword,
  ReturnCode.notAuthorized,
  ReasonCode.badUserNameOrPassword,
  ReasonCode.notAuthorized,
]);

function isAboutCredentials(error: unknown): boolean {
  return error instanceof ConnectionRefused && credentialCodes.has(error.reason.reasonCode);
}

function sentence(error: unknown): string {
  return (error as Error).message.replace(/[^.?]$/, '$&.');
}

/** The error to end with where the server has ended the session for good. */
function ended(loss: TmqError, clientId: string): TmqError {
  if (!(loss instanceof DisconnectedByServer)) return loss;
  const {reasonCode} = loss.reason;
  const why =
    reasonCode === ReasonCode.sessionTakenOver
      ? ` Another client uses this client identifier, ${clientId}: give each its own with -i.`
      : '';
  return new TmqError(`${loss.message}${why}`, reasonCode, {cause: loss});
}

/** The last error of an attempt, and whether a later attempt may succeed. */
class AttemptFailed extends Error {
  readonly error: unknown;
  readonly mayPass: boolean;

  constructor(error: unknown, mayPass: boolean) {
    super('No host could be connected to.');
    this.error = error;
    this.mayPass = mayPass;
  }
}

export class Connector {
  readonly #setup: ConnectorSetup;
  readonly #hosts: Hosts;
  readonly #pauses: ReconnectPauses;
  readonly #losses = new RepeatedLoss();
  /** QoS 2 messages received and not yet released, over all connections of a session that the server keeps. */
  #receivedQos2 = new ReceivedQos2();
  /** A connection was accepted: the server may have the session. */
  #wasAccepted = false;

  constructor(setup: ConnectorSetup) {
    this.#setup = setup;
    this.#hosts = new Hosts(setup.options, setup.context);
    this.#pauses = new ReconnectPauses(setup.context.reconnect);
  }

  /** Makes the first connection. @throws TmqError when that fails and need not be tried again */
  async open(): Promise<ClientConnection> {
    const {context, options} = this.#setup;
    const connection = await this.#connect(context.reconnect.atStart, mayPipeline(options, context));
    this.#tellConnected(connection, false);
    if (connection.endpoint !== options.endpoint)
      context.notice?.(`Connected to ${describe(connection.endpoint)}.`);
    this.#setup.onConnected(connection);
    return connection;
  }

  /** Watches over the connection, and makes the next one when it is lost. @throws what ends the session */
  async keepConnected(connection: ClientConnection): Promise<void> {
    const {halt, context, hasGap, onConnected} = this.#setup;
    for (;;) {
      const loss = await connection.closed;
      if (halt.aborted) return;
      this.#setup.onLost();
      const lostAt = monotonicMilliseconds();
      const host = describe(connection.endpoint);
      context.onEvent?.({event: 'lost', host, reason: sentence(loss), status: loss.exitCode});
      const reason = this.#reasonToEnd(connection, loss);
      if (reason !== undefined) {
        await this.#setup.handled();
        throw reason;
      }
      if (!this.#hosts.isRedirected) {
        context.notice?.(`${sentence(loss)} Connecting again.`);
        await this.#pause(loss);
      }
      connection = await this.#connect(true, false);
      this.#tellConnected(connection, true);
      const lasted = monotonicMilliseconds() - lostAt;
      const isGap = hasGap(connection);
      if (isGap) context.onEvent?.({event: 'gap', seconds: Math.round(lasted) / 1000});
      const missing = isGap
        ? ` It has not kept the session: messages of the ${seconds(lasted)} between may be missing.`
        : '';
      onConnected(connection);
      context.notice?.(`Connected again to ${describe(connection.endpoint)}.${missing}`);
    }
  }

  #tellConnected({endpoint, sessionPresent}: ClientConnection, again: boolean): void {
    const session = sessionPresent ? 'kept' : 'new';
    this.#setup.context.onEvent?.({event: 'connected', host: describe(endpoint), again, session});
  }

  /** Why the session ends with this loss; undefined when it goes on. */
  #reasonToEnd(connection: ClientConnection, loss: TmqError): unknown {
    const {context, unanswered, clientId, options} = this.#setup;
    if (!connection.isAccepted) return loss;
    if (!context.reconnect.afterLoss) return lossAt(loss, unanswered(), options.protocolVersion);
    const {endpoint} = connection;
    const acceptedMilliseconds = monotonicMilliseconds() - connection.acceptedAt;
    this.#pauses.ended(acceptedMilliseconds);
    if (this.#pauses.attempts === 0) this.#hosts.lasted();
    const consequence = consequenceOf(loss, {...options, endpoint});
    if (consequence === 'end') return ended(loss, clientId());
    if (consequence === 'redirect') return this.#hosts.redirect(loss as DisconnectedByServer, endpoint);
    const repeated = this.#losses.add({error: loss, unanswered: unanswered(), acceptedMilliseconds});
    if (repeated === undefined && this.#losses.isSuspicious) {
      context.notice?.(
        `Three connections running have ended within two seconds. Perhaps another client uses the client identifier ${clientId()}: give each its own with -i.`,
      );
    }
    return repeated;
  }

  /** Waits as the policy says. @throws the error behind it when the policy allows no further attempt, or the reason of `halt` */
  async #pause(error: unknown): Promise<void> {
    const milliseconds = this.#pauses.next();
    if (milliseconds === undefined) throw error;
    await sleep(milliseconds, this.#setup.halt);
  }

  /** Tries until there is a connection. @throws what need not be tried again, or the reason of `halt` */
  async #connect(again: boolean, pipelined: boolean): Promise<ClientConnection> {
    const {halt} = this.#setup;
    for (;;) {
      try {
        return await this.#tryHosts(pipelined);
      } catch (failure) {
        if (halt.aborted) throw halt.reason;
        const {error, mayPass} = failure as AttemptFailed;
        if (!again || !mayPass) throw error;
        await this.#pause(error);
      }
    }
  }

  /** Tries each host once, and where they send the client. @throws AttemptFailed */
  async #tryHosts(pipelined: boolean): Promise<ClientConnection> {
    const {options, context, halt} = this.#setup;
    const deadline = monotonicMilliseconds() + options.connectTimeoutSeconds * 1000;
    const queue = [...this.#hosts.take()];
    let mayPass = false;
    for (;;) {
      const endpoint = queue.shift()!;
      try {
        const left = Math.max(0, deadline - monotonicMilliseconds());
        const dial = () => this.#dial(endpoint, left / (queue.length + 1), pipelined);
        const connection = await dial().catch((error: unknown) => {
          // What was cached may have expired.
          if (isAboutCredentials(error) && options.renewal?.refused() === true) return dial();
          throw error;
        });
        this.#hosts.connected(endpoint);
        return connection;
      } catch (error) {
        const consequence = halt.aborted ? 'end' : consequenceOf(error, {...options, endpoint});
        const isRefused = error instanceof ConnectionRefused;
        if (!halt.aborted) this.#tellRefused(endpoint, error);
        if (isRefused && consequence === 'redirect') {
          const reason = this.#hosts.redirect(error, endpoint);
          if (reason !== undefined) throw new AttemptFailed(reason, false);
          if (this.#hosts.isRedirected) queue.unshift(this.#hosts.take()[0]!);
        }
        mayPass ||= consequence === 'retry';
        const isFinal = isRefused && consequence === 'end';
        if (isFinal || queue.length === 0) throw new AttemptFailed(error, mayPass && !isFinal);
        // In a long outage, once is enough.
        if (consequence !== 'redirect' && this.#pauses.attempts <= 1)
          context.notice?.(`${sentence(error)} Trying ${describe(queue[0]!)}.`);
      }
    }
  }

  #tellRefused(endpoint: Endpoint, error: unknown): void {
    const status = error instanceof TmqError ? error.exitCode : ExitCode.failure;
    const host = describe(endpoint);
    this.#setup.context.onEvent?.({event: 'refused', host, reason: sentence(error), status});
  }

  /** Dials and waits for CONNACK, all within the time allowed. */
  async #dial(endpoint: Endpoint, milliseconds: number, pipelined: boolean): Promise<ClientConnection> {
    const {halt} = this.#setup;
    // With AbortSignal.any, each attempt would leave some 90 bytes in `halt`.
    const attempt = new AbortController();
    const onHalt = () => attempt.abort(halt.reason);
    const timer = setTimeout(() => attempt.abort(noAnswer(endpoint, milliseconds)), milliseconds);
    halt.addEventListener('abort', onHalt, {once: true});
    if (halt.aborted) onHalt();
    const inTime = () => {
      clearTimeout(timer);
      halt.removeEventListener('abort', onHalt);
    };
    try {
      const connection = await this.#create({endpoint, signal: attempt.signal, milliseconds, pipelined});
      connection.accepted.then(inTime, inTime);
      if (!pipelined) await connection.accepted;
      return connection;
    } catch (error) {
      inTime();
      throw error;
    }
  }

  async #create({endpoint, signal, milliseconds, pipelined}: Attempt): Promise<ClientConnection> {
    const {context, identifiers, events, clientId} = this.#setup;
    const given = this.#setup.options;
    const renewed = await given.renewal?.parts(signal);
    const isLater = given.continues === true && this.#wasAccepted;
    const options = {...given, ...renewed, endpoint, ...(isLater ? {clean: false} : {})};
    const fastPath = mayFilter(options, context);
    const readBuffer = fastPath ? new ReadBuffer() : undefined;
    const authentication = await authenticationOf(options);
    const client = mayBeMinimal(options, context) ? createMinimalClient : loadMqttJs(authentication);
    const {notice, detail} = context;
    const stream = await dial(endpoint, {
      signal,
      protocolVersion: options.protocolVersion,
      headers: options.headers,
      query: await signedQuery(options),
      readBuffer,
      detail,
      timeoutMilliseconds: milliseconds,
      ...(notice === undefined ? {} : {notice}),
    });
    // Until the connection listens, an error event without a listener would end the process.
    stream.on('error', () => undefined);
    const receivedQos2 = new ReceivedQos2(this.#receivedQos2);
    const connection = new ClientConnection({
      stream,
      options,
      clientId: clientId(),
      identifiers,
      receivedQos2,
      events,
      signal,
      createClient: await client,
      fastPath,
      pipelined,
      readBuffer: readBuffer?.isAttached === true ? readBuffer : undefined,
    });
    const keep = () => {
      this.#wasAccepted = true;
      this.#receivedQos2 = receivedQos2;
    };
    if (pipelined) keep();
    else connection.accepted.then(keep, () => undefined);
    return connection;
  }
}
