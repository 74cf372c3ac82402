/**
 * One client from CONNECT to its end: joins its connection with its session, gives each packet to those
 * who handle it, keeps its time, and says goodbye with the right code [MQTT 5, 3.1.4, 3.14, 4.13].
 */

import {firstByte, PacketType} from '../../protocol/fixed-header.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {Admission, Identity, Permissions} from '../access/access.ts';
import type {ListenerConfig} from '../config/settings.ts';
import {allowsFastPath, FastPublish} from '../forwarding/fast-publish.ts';
import {ForwardingRoutes} from '../forwarding/forwarding-routes.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Delivery} from '../state/delivery-queue.ts';
import type {ScheduledTask} from '../state/schedule.ts';
import type {Passage, Session, SessionLink} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import type {ConnectionHandler, Ending} from '../wire/connection-handler.ts';
import {protocolError} from '../wire/packet-violation.ts';
import type {IConnectPacket, IDisconnectPacket, Packet} from '../wire/packets.ts';
import type {DecodedPublish} from '../wire/publish-packet.ts';
import type {Acknowledgement, ConnectDetails} from '../wire/validate.ts';
import {ClientWriter} from './client-writer.ts';
import {
  type ConnectParameters,
  connackProperties,
  connectedLine,
  connectParameters,
  GuardedPermissions,
  type Refusal,
  refusals,
  storedWill,
} from './connect-handler.ts';
import {endLine, sendConnack, sendDisconnect} from './connection-end.ts';
import {PublishHandler} from './publish-handler.ts';
import {SubscribeHandler} from './subscribe-handler.ts';

/** Seconds a stream may take to bring its CONNECT. */
const connectSeconds = 30;

/** A CONNECT that waits for its answer. */
interface Asking {
  readonly packet: IConnectPacket;
  readonly details: ConnectDetails;
  readonly parameters: ConnectParameters;
}

/** What a client is once its CONNECT was accepted. */
interface Member {
  readonly session: Session;
  readonly parameters: ConnectParameters;
  readonly outlet: ClientWriter;
  readonly publishing: PublishHandler;
  readonly subscribing: SubscribeHandler;
}

export interface ClientOptions {
  readonly connection: Connection;
  readonly state: BrokerState;
  readonly listener: ListenerConfig;
  readonly peer: Pick<Identity, 'certifiedUsername' | 'address'>;
  /** Told when it is gone. */
  readonly gone: () => void;
}

/** Serves one client; its connection and the router call it. */
export class Client implements ConnectionHandler, SessionLink {
  readonly #options: ClientOptions;
  #member: Member | undefined;
  #timer: ScheduledTask | undefined;
  /** The CONNECT of it, for the log. */
  #clientId = '<unknown>';
  /** Bytes the client takes, once it said so. */
  #maximumPacketSize = Number.POSITIVE_INFINITY;
  /** What ended it, where it is not the stream. */
  #farewell: 'disconnect' | 'disconnect-with-will' | 'taken-over' | 'removed' | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    const late = () =>
      this.disconnect(ReasonCode.keepAliveTimeout, 'Client <unknown> has exceeded timeout, disconnecting.');
    this.#timer = options.state.schedule.after(connectSeconds, late);
  }

  get clientId(): string {
    return this.#clientId;
  }

  // CONNECT

  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void> {
    const {connection, state, listener, peer} = this.#options;
    this.#timer?.cancel();
    if (packet.clientId !== '') this.#clientId = packet.clientId;
    this.#maximumPacketSize = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    // As for mosquitto, an empty name is none.
    const named = packet.username === '' ? undefined : packet.username;
    const username = peer.certifiedUsername ?? named;
    const parameters = connectParameters({packet, details, username}, state.limits, listener);
    if ('reason' in parameters) {
      connection.observeConnect(packet);
      this.#refuse(parameters);
      return;
    }
    this.#clientId = parameters.clientId;
    connection.clientId = parameters.clientId;
    connection.observeConnect(packet);
    const identity: Identity = {
      ...peer,
      clientId: parameters.clientId,
      ...(named === undefined ? {} : {username: named}),
      ...(packet.password === undefined ? {} : {password: packet.password}),
    };
    const admission = state.context.access.admit(identity, listener);
    if (!(admission instanceof Promise)) {
      this.#admitted(admission, {packet, details, parameters});
      return;
    }
    return admission.then(
      (answer) => this.#admitted(answer, {packet, details, parameters}),
      (error: unknown) => {
        state.context.log('error', `Error: ${error instanceof Error ? error.message : String(error)}`);
        this.#refuse(refusals.unavailable);
      },
    );
  }

  #admitted(admission: Admission, {packet, details, parameters}: Asking): void {
    const {connection, state, listener, peer} = this.#options;
    // It may have gone while the answer took its time.
    if (!connection.open) return;
    const {registry, limits} = state;
    const properties = connackProperties(parameters, limits, listener);
    const refusal = this.#refusal(admission, parameters, properties);
    if (refusal !== undefined || !admission.accepted) {
      this.#refuse(refusal ?? refusals.notAuthorized);
      return;
    }
    const known = registry.get(parameters.clientId);
    if (known?.link !== undefined) this.#takeOver(known, parameters);
    const {session, present} = registry.open(parameters.clientId, parameters.cleanStart);
    const {username} = admission;
    registry.join(session, this, {expirySeconds: parameters.expirySeconds, username});
    this.#join(session, parameters, admission.permissions);
    session.will = storedWill(packet, details, parameters.outlet.mountPoint);
    state.counters.connections++;
    const {protocolVersion} = details;
    state.notice(
      connectedLine(parameters, {address: peer.address ?? '<unknown>', protocolVersion, username}),
    );
    this.#acknowledgeConnect(present, properties);
    session.deliveries.keep(({message}) => session.mayReceive(message.topic));
    session.deliveries.attach(this.#member!.outlet);
    this.#watch(parameters.keepAliveSeconds);
  }

  /** What speaks against a CONNECT that is well-formed; undefined: nothing. */
  #refusal(
    admission: Admission,
    {clientId}: ConnectParameters,
    properties: Record<string, unknown>,
  ): Refusal | undefined {
    if (!admission.accepted) {
      return admission.reason === 'identifier-rejected' ? refusals.identifier : refusals.notAuthorized;
    }
    const {connection, state} = this.#options;
    const {globalMaxClients} = state.limits;
    const full = globalMaxClients >= 0 && state.registry.size >= globalMaxClients;
    if (full && state.registry.get(clientId) === undefined) return refusals.busy;
    if (connection.protocolVersion < 5) return undefined;
    // [MQTT-3.1.2-24]
    const connack = connection.bytes({cmd: 'connack', sessionPresent: false, reasonCode: 0, properties});
    return connack.length > this.#maximumPacketSize ? refusals.answerSize : undefined;
  }

  /** [MQTT-3.1.4-3]. Its will is published, unless the session goes on and the will is a delayed one. */
  #takeOver(session: Session, parameters: ConnectParameters): void {
    const {state} = this.#options;
    state.notice(`Client ${session.clientId} already connected, closing old connection.`);
    const resumed = !parameters.cleanStart && session.persistent;
    if (resumed && (session.will?.delaySeconds ?? 0) > 0) session.will = undefined;
    session.link?.takenOver();
  }

  #join(session: Session, parameters: ConnectParameters, permissions: Permissions): void {
    const {connection, state, listener} = this.#options;
    session.permit(new GuardedPermissions(permissions));
    const {mountPoint} = parameters.outlet;
    const context = {
      connection,
      state,
      listener,
      session,
      mountPoint,
      problemInformation: parameters.problemInformation,
      maximumPacketSize: parameters.outlet.maximumPacketSize,
    };
    this.#member = {
      session,
      parameters,
      outlet: new ClientWriter({
        connection,
        settings: parameters.outlet,
        state,
        deliveries: session.deliveries,
      }),
      publishing: new PublishHandler(context),
      subscribing: new SubscribeHandler(context),
    };
    connection.accepted();
  }

  /** [MQTT-3.1.4-5]: once [MQTT-3.2.0-2] and before all else [MQTT-3.2.0-1]; [MQTT-3.2.2-2], [MQTT-3.2.2-3]. */
  #acknowledgeConnect(sessionPresent: boolean, properties: Record<string, unknown>): void {
    const {connection} = this.#options;
    // MQTT 3.1 has no such flag.
    const present = sessionPresent && connection.protocolVersion > 3;
    if (connection.protocolVersion === 5) {
      connection.send({cmd: 'connack', sessionPresent: present, reasonCode: 0, properties});
    } else connection.write([Buffer.of(firstByte(PacketType.connack), 2, present ? 1 : 0, 0)]);
  }

  /** CONNACK with one of its codes [MQTT-3.2.2-8], and the end [MQTT-3.1.4-2], [MQTT-3.2.2-6], [MQTT-3.2.2-7], [MQTT-4.12.0-4]. */
  #refuse({reasonCode, returnCode, reason}: Refusal): void {
    const {connection, state} = this.#options;
    state.notice(
      reasonCode === ReasonCode.notAuthorized
        ? `Client ${this.#clientId} disconnected, not authorised.`
        : `Client ${this.#clientId} refused: ${reason}`,
    );
    if (connection.protocolVersion < 5) {
      connection.close({cmd: 'connack', sessionPresent: false, returnCode});
      return;
    }
    const plain = {cmd: 'connack', sessionPresent: false, reasonCode} as const;
    const full = {...plain, properties: {reasonString: reason}};
    // [MQTT-3.2.2-19]
    connection.close(connection.bytes(full).length <= this.#maximumPacketSize ? full : plain);
  }

  // Keep alive

  /** [MQTT-3.1.2-22], [MQTT-3.2.2-22]: closes after one and a half times the keep alive without a packet. */
  #watch(keepAliveSeconds: number): void {
    if (keepAliveSeconds === 0) return;
    const {connection, state} = this.#options;
    const allowed = keepAliveSeconds * 1.5;
    const check = () => {
      if (!connection.open) return;
      const silent = connection.held ? 0 : (state.schedule.now() - connection.lastReceived) / 1000;
      if (silent < allowed) {
        this.#timer = state.schedule.after(allowed - silent, check);
        return;
      }
      this.disconnect(
        ReasonCode.keepAliveTimeout,
        `Client ${this.#clientId} has exceeded timeout, disconnecting.`,
      );
    };
    this.#timer = state.schedule.after(allowed, check);
  }

  // Packets

  publish(publish: DecodedPublish): void {
    this.#member!.publishing.publish(publish);
  }

  fastPublish(): FastPublish | undefined {
    const {connection, state} = this.#options;
    const {session, parameters, publishing} = this.#member!;
    if (!allowsFastPath(state, parameters.outlet.mountPoint)) return undefined;
    const routes = new ForwardingRoutes(session, state, connection.protocolVersion);
    return new FastPublish({session, state, routes, publishing});
  }

  acknowledgement(acknowledgement: Acknowledgement): void {
    this.#member!.publishing.acknowledgement(acknowledgement);
    this.#member?.outlet.drained();
  }

  succeeded(type: number, packetId: number): boolean {
    return this.#member!.publishing.succeeded(type, packetId);
  }

  settled(): void {
    this.#member!.session.deliveries.pump();
    this.#member?.outlet.drained();
  }

  packet(packet: Packet): void {
    const {connection} = this.#options;
    const member = this.#member!;
    switch (packet.cmd) {
      case 'subscribe':
        member.subscribing.subscribe(packet);
        return;
      case 'unsubscribe':
        member.subscribing.unsubscribe(packet);
        return;
      case 'pingreq':
        // [MQTT-3.12.4-1]
        connection.send({cmd: 'pingresp'});
        return;
      case 'disconnect':
        this.#disconnected(packet, member);
        return;
      case 'auth':
        // No authentication method was agreed on, so there is nothing to continue [MQTT-4.12.0-7].
        throw protocolError('4.12', 'AUTH without an authentication method in CONNECT.');
      default:
        throw protocolError('2.1.2', `${packet.cmd.toUpperCase()} is not for a server.`);
    }
  }

  #disconnected(packet: IDisconnectPacket, {session, parameters}: Member): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      if (parameters.expirySeconds === 0 && expiry > 0) {
        throw protocolError('3.14.2.2.2', 'DISCONNECT begins a session expiry that CONNECT had at 0.');
      }
      this.#options.state.registry.changeExpiry(session, expiry);
    }
    this.#farewell = (packet.reasonCode ?? 0) === 0 ? 'disconnect' : 'disconnect-with-will';
    this.#options.connection.close();
  }

  // Endings

  ended(ending: Ending): void {
    const {connection, state, gone} = this.#options;
    const member = this.#member;
    this.#timer?.cancel();
    const line = endLine(this.#clientId, ending, this.#farewell?.startsWith('disconnect') ?? false);
    if (line !== undefined) state.notice(line);
    if (ending.cause === 'violation') {
      // [MQTT-3.14.0-1]
      if (member === undefined) sendConnack(connection, ending.violation);
      else sendDisconnect(connection, ending.violation, this.#maximumPacketSize);
    }
    this.#member = undefined;
    if (member !== undefined) {
      member.outlet.close();
      // [MQTT-3.14.4-3]
      if (member.session.link === this) state.registry.leave(member.session, this.#farewell !== 'disconnect');
    }
    gone();
  }

  /** DISCONNECT with a reason where the protocol has it, and close. */
  disconnect(reasonCode: number, log: string): void {
    const {connection, state} = this.#options;
    if (!connection.open) return;
    if (log !== '') state.notice(log);
    this.#farewell ??= 'removed';
    connection.close(
      connection.protocolVersion === 5 && this.#member !== undefined
        ? {cmd: 'disconnect', reasonCode}
        : undefined,
    );
  }

  takenOver(): void {
    this.#farewell = 'taken-over';
    this.disconnect(ReasonCode.sessionTakenOver, '');
  }

  // What the router asks of a connected client

  get lagging(): boolean {
    return this.#member?.outlet.lagging ?? false;
  }

  get passage(): Passage | undefined {
    return this.#member?.outlet.passage;
  }

  sendAtMostOnce(delivery: Delivery): boolean {
    return this.#member?.outlet.sendAtMostOnce(delivery) ?? false;
  }

  slow(publisher: SessionLink | undefined): void {
    if (publisher !== this) this.#member?.outlet.slow(publisher);
  }

  drained(): void {
    this.#member?.outlet.drained();
  }

  hold(): void {
    this.#options.connection.hold();
  }

  unhold(): void {
    this.#options.connection.unhold();
  }
}
