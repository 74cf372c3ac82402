/**
 * One client from its first byte to its end: passes each packet that is not PUBLISH or an acknowledgement
 * to its handler, enforces the keep alive, and ends the session's connection [MQTT 5, 3.1.2.10, 3.14, 4.13].
 */

import type {Duplex} from 'node:stream';
import {protocolError} from '../../protocol/packet-violation.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {ScheduledTask} from '../state/schedule.ts';
import type {ConnectionHandler, Ending} from '../wire/connection-handler.ts';
import type {IAuthPacket, IConnectPacket, IDisconnectPacket, Packet} from '../wire/packets.ts';
import type {ConnectDetails} from '../wire/validate.ts';
import {type ClientDetails, clientDetails} from './client-details.ts';
import {type ActiveSession, ConnectHandler, type ConnectOptions} from './connect-handler.ts';
import {endLine, sendConnack, sendDisconnect} from './connection-end.ts';

/** Seconds from a stream's start to the end of its CONNECT. */
export const connectSeconds = 30;

/** What the clients belong to. */
export interface ClientOwner {
  /** The client has ended. */
  ended(client: Client): void;
  /** A client's stream is closed. */
  closed(stream: Duplex): void;
}

export interface ClientOptions extends ConnectOptions {
  readonly owner: ClientOwner;
}

/**
 * A client is
 * - new: its CONNECT is expected within `connectSeconds`;
 * - pending: its credentials are being checked; the connection reads no further meanwhile;
 * - authenticating: AUTH packets are exchanged, within the time for CONNECT;
 * - active: `#active` is set, and `#timer` watches the keep alive;
 * - ended.
 */
export class Client implements ConnectionHandler {
  readonly #options: ClientOptions;
  /** Until the client is active. */
  #connectHandler: ConnectHandler | undefined;
  #active: ActiveSession | undefined;
  #timer: ScheduledTask | undefined;
  /** The client sent DISCONNECT, and whether its will is published all the same [MQTT 5, 3.14.2.1]. */
  #disconnected: 'without-will' | 'with-will' | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#connectHandler = new ConnectHandler(options, (active) => {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#active = active;
      this.#connectHandler = undefined;
      this.#watchKeepAlive(active.parameters.keepAliveSeconds);
    });
    this.#timer = options.state.schedule.after(connectSeconds, () => this.#timedOut());
  }

  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void> {
    const timer = this.#timer;
    const handler = this.#connectHandler!;
    const done = handler.connect(packet, details);
    if (!handler.isAuthenticating) timer?.cancel();
    return done;
  }

  /** For the log. */
  get #clientId(): string {
    return this.#active?.session.clientId ?? this.#connectHandler?.clientId ?? '<unknown>';
  }

  /** [MQTT-3.1.2-22], [MQTT-3.2.2-22]: closes after one and a half times the keep alive without a packet. */
  #watchKeepAlive(keepAliveSeconds: number): void {
    if (keepAliveSeconds === 0) return;
    const {connection, state} = this.#options;
    const allowed = keepAliveSeconds * 1.5;
    const check = () => {
      if (!connection.open) return;
      const silent = connection.held ? 0 : (state.schedule.now() - connection.lastReceived) / 1000;
      if (silent < allowed) this.#timer = state.schedule.after(allowed - silent, check);
      else this.#timedOut();
    };
    this.#timer = state.schedule.after(allowed, check);
  }

  #timedOut(): void {
    this.disconnect(
      ReasonCode.keepAliveTimeout,
      `Client ${this.#clientId} has exceeded timeout, disconnecting.`,
    );
  }

  packet(packet: Packet): void {
    const active = this.#active;
    if (active === undefined) {
      this.#connectHandler?.packet(packet);
      return;
    }
    switch (packet.cmd) {
      case 'subscribe':
        active.subscribeHandler.subscribe(packet);
        return;
      case 'unsubscribe':
        active.subscribeHandler.unsubscribe(packet);
        return;
      case 'pingreq':
        // [MQTT-3.12.4-1]
        this.#options.connection.send({cmd: 'pingresp'});
        return;
      case 'disconnect':
        this.#handleDisconnect(packet, active);
        return;
      case 'auth':
        this.#authenticateAgain(packet, active);
        return;
      default:
        throw protocolError('2.1.2', `${packet.cmd.toUpperCase()} is not for a server.`);
    }
  }

  #authenticateAgain(packet: IAuthPacket, {authentication}: ActiveSession): void {
    // [MQTT-4.12.0-7]
    if (authentication === undefined)
      throw protocolError('4.12', 'AUTH without an authentication method in CONNECT.');
    const answer = authentication.again(packet);
    if (answer !== undefined) this.#options.connection.send(answer);
    else {
      // [MQTT-4.12.1-2]
      this.disconnect(ReasonCode.notAuthorized, `Client ${this.#clientId} disconnected, not authorised.`);
    }
  }

  #handleDisconnect(packet: IDisconnectPacket, {session, parameters}: ActiveSession): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      if (parameters.expirySeconds === 0 && expiry > 0) {
        throw protocolError('3.14.2.2.2', 'DISCONNECT begins a session expiry that CONNECT had at 0.');
      }
      this.#options.state.registry.changeExpiry(session, expiry);
    }
    this.#disconnected = (packet.reasonCode ?? 0) === 0 ? 'without-will' : 'with-will';
    this.#options.connection.close();
  }

  drained(): void {
    this.#active?.writer.drained();
  }

  closed(): void {
    const {connection, owner} = this.#options;
    owner.closed(connection.stream);
  }

  ended(ending: Ending): void {
    const {connection, state, owner} = this.#options;
    const active = this.#active;
    const {maximumPacketSize = Number.POSITIVE_INFINITY} =
      active?.parameters.writer ?? this.#connectHandler ?? {};
    this.#timer?.cancel();
    const line = endLine(this.#clientId, ending, this.#disconnected !== undefined);
    if (line !== undefined) state.notice(line);
    if (ending.cause === 'violation') {
      // [MQTT-3.14.0-1]
      if (active === undefined) sendConnack(connection, ending.violation, maximumPacketSize);
      else sendDisconnect(connection, ending.violation, maximumPacketSize);
    }
    this.#active = undefined;
    if (active !== undefined) {
      const {session, writer} = active;
      writer.close();
      // [MQTT-3.14.4-3]
      if (session.client === writer) state.registry.leave(session, this.#disconnected !== 'without-will');
    }
    owner.ended(this);
  }

  /** Undefined before the client is accepted, and after it has ended. */
  get details(): ClientDetails | undefined {
    const {address = '<unknown>'} = this.#options.peer;
    return this.#active && clientDetails(this.#active, address);
  }

  /** Closes the stream without a last packet, as when the network fails. */
  drop(): void {
    this.#options.connection.stream.destroy();
  }

  /** Disconnects an active client with a reason, and closes the stream of any other. */
  disconnect(reasonCode: number, log: string): void {
    const {connection, state} = this.#options;
    if (this.#active !== undefined) {
      this.#active.writer.disconnect(reasonCode, log);
      return;
    }
    if (!connection.open) return;
    if (log !== '') state.notice(log);
    connection.close();
  }
}
