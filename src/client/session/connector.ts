/**
 * Makes the connections of a session, one after the other: dials, waits for CONNACK within the time allowed, and
 * connects again after a loss. The only owner of reconnecting. What a connection is used for is not known here.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {sleep} from '../../timers.ts';
import {ClientConnection, type ConnectionSetup} from '../connection/client-connection.ts';
import {createMinimalClient} from '../connection/minimal-client.ts';
import {loadMqttJs} from '../connection/mqttjs-client.ts';
import {ReceivedQos2} from '../connection/received-qos2.ts';
import type {ConnectionOptions} from '../connection-options.ts';
import {ReadBuffer} from '../transport/read-buffer.ts';
import {describe, dial} from '../transport/transport.ts';
import type {SessionContext} from '../types.ts';
import {mayBeMinimal, mayFilter, mayPipeline} from './fast-path-policy.ts';
import {isTemporary} from './reconnect-policy.ts';

export interface ConnectorSetup {
  readonly options: ConnectionOptions;
  readonly context: SessionContext;
  /** Aborts when the session ends or fails. */
  readonly halt: AbortSignal;
  readonly identifiers: ConnectionSetup['identifiers'];
  readonly events: ConnectionSetup['events'];
  /** The identifier to connect with: the server may have assigned one. */
  readonly clientId: () => string;
  /** There is a connection. */
  onConnected(connection: ClientConnection): void;
  /** The connection is gone; no other one yet. */
  onLost(): void;
  /** Resolves when all messages of a connection that is not replaced were handled. */
  handled(): Promise<void>;
}

/** Neither a connection nor CONNACK within the time allowed. */
function noAnswer({endpoint, connectTimeoutSeconds}: ConnectionOptions): TmqError {
  return new TmqError(
    `No answer from ${describe(endpoint)} within ${connectTimeoutSeconds} seconds.`,
    ExitCode.keepalive,
  );
}

export class Connector {
  readonly #setup: ConnectorSetup;
  /** QoS 2 messages received and not yet released, over all connections of a session that the server keeps. */
  #receivedQos2 = new ReceivedQos2();

  /** A connection was accepted: the server may have the session. */
  #wasAccepted = false;

  constructor(setup: ConnectorSetup) {
    this.#setup = setup;
  }

  /** Makes the first connection. @throws TmqError when that fails and need not be tried again */
  async open(): Promise<ClientConnection> {
    const {context, options} = this.#setup;
    const connection = await this.#connect(context.reconnect.atStart, mayPipeline(options, context));
    this.#setup.onConnected(connection);
    return connection;
  }

  /** Watches over the connection, and makes the next one when it is lost. @throws what ends the session */
  async keepConnected(connection: ClientConnection): Promise<void> {
    const {context, options, halt} = this.#setup;
    const {reconnect, notice} = context;
    const place = describe(options.endpoint);
    for (;;) {
      const loss = await connection.closed;
      if (halt.aborted) return;
      this.#setup.onLost();
      if (!connection.isAccepted || !reconnect.afterLoss || !isTemporary(loss, options.endpoint)) {
        await this.#setup.handled();
        throw loss;
      }
      notice?.(`${loss.message.replace(/\.?$/, '.')} Connecting again.`);
      await sleep(reconnect.delayMilliseconds, halt);
      connection = await this.#connect(true, false);
      this.#setup.onConnected(connection);
      notice?.(`Connected again to ${place}.`);
    }
  }

  /** Tries until there is a connection. @throws what need not be tried again, or the reason of `halt` */
  async #connect(again: boolean, pipelined: boolean): Promise<ClientConnection> {
    const {context, options, halt} = this.#setup;
    for (;;) {
      try {
        return await this.#dial(pipelined);
      } catch (error) {
        if (halt.aborted) throw halt.reason;
        if (!again || !isTemporary(error, options.endpoint)) throw error;
        await sleep(context.reconnect.delayMilliseconds, halt);
      }
    }
  }

  /** Dials and waits for CONNACK, all within the time allowed. */
  async #dial(pipelined: boolean): Promise<ClientConnection> {
    const {options, halt} = this.#setup;
    // With AbortSignal.any, each attempt would leave some 90 bytes in `halt`.
    const attempt = new AbortController();
    const onHalt = () => attempt.abort(halt.reason);
    const timer = setTimeout(() => attempt.abort(noAnswer(options)), options.connectTimeoutSeconds * 1000);
    halt.addEventListener('abort', onHalt, {once: true});
    if (halt.aborted) onHalt();
    const inTime = () => {
      clearTimeout(timer);
      halt.removeEventListener('abort', onHalt);
    };
    try {
      const connection = await this.#create(attempt.signal, pipelined);
      connection.accepted.then(inTime, inTime);
      if (!pipelined) await connection.accepted;
      return connection;
    } catch (error) {
      inTime();
      throw error;
    }
  }

  async #create(signal: AbortSignal, pipelined: boolean): Promise<ClientConnection> {
    const {context, identifiers, events, clientId} = this.#setup;
    const isLater = this.#setup.options.continues === true && this.#wasAccepted;
    const options = isLater ? {...this.#setup.options, clean: false} : this.#setup.options;
    const {endpoint, protocolVersion} = options;
    const fastPath = mayFilter(options, context);
    const readBuffer = fastPath ? new ReadBuffer() : undefined;
    const client = mayBeMinimal(options, context) ? createMinimalClient : loadMqttJs();
    const {notice, detail} = context;
    const stream = await dial(endpoint, {
      signal,
      protocolVersion,
      readBuffer,
      detail,
      timeoutMilliseconds: options.connectTimeoutSeconds * 1000,
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
