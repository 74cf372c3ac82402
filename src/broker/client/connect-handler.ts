/**
 * Handles CONNECT [MQTT 5, 3.1.4]: checks its parameters and credentials, takes the session over from
 * another connection, and answers with CONNACK. Client calls it; what follows CONNECT is not its concern.
 */

import {firstByte, PacketType} from '../../protocol/fixed-header.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import type {Admission, Identity} from '../access/access.ts';
import type {ListenerConfig} from '../config/settings.ts';
import type {BrokerState} from '../state/broker-state.ts';
import type {Session} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import type {IAuthPacket, IConnectPacket, Packet} from '../wire/packets.ts';
import type {ConnectDetails} from '../wire/validate.ts';
import {type Authentication, authenticationFor, type Proof} from './authentication.ts';
import {ClientWriter} from './client-writer.ts';
import {
  type ConnectParameters,
  connackProperties,
  connectedLine,
  connectParameters,
  GuardedPermissions,
  type Refusal,
  refusals,
  refusalWith,
  storedWill,
} from './connect-parameters.ts';
import {PublishHandler} from './publish-handler.ts';
import type {ReplyContext} from './reply.ts';
import {SubscribeHandler} from './subscribe-handler.ts';

export interface ConnectOptions {
  readonly connection: Connection;
  readonly state: BrokerState;
  readonly listener: ListenerConfig;
  readonly peer: Pick<Identity, 'certifiedUsername' | 'address'>;
}

const refusalOf: Readonly<Record<Extract<Admission, {accepted: false}>['reason'], Refusal>> = {
  'bad-credentials': refusals.notAuthorized,
  'not-authorized': refusals.notAuthorized,
  'identifier-rejected': refusals.identifier,
  busy: refusals.unavailable,
};

/** A CONNECT with valid parameters, until its credentials are checked. */
interface PendingConnect {
  readonly packet: IConnectPacket;
  readonly details: ConnectDetails;
  readonly parameters: ConnectParameters;
  /** Where the client asks for one. */
  readonly authentication: Authentication | undefined;
  readonly proof?: Proof;
}

/** What an accepted client has. */
export interface ActiveSession {
  readonly session: Session;
  readonly parameters: ConnectParameters;
  readonly writer: ClientWriter;
  readonly subscribeHandler: SubscribeHandler;
  readonly authentication: Authentication | undefined;
}

/** Handles the one CONNECT of a client. */
export class ConnectHandler {
  /** For the log. */
  clientId: string;
  /** Bytes [MQTT-3.1.2-24]; unlimited before CONNECT. */
  maximumPacketSize = Number.POSITIVE_INFINITY;
  readonly #options: ConnectOptions;
  readonly #accepted: (active: ActiveSession) => void;
  /** Of the moment of CONNECT: a reload may have changed them since the listener was bound. */
  #listener: ListenerConfig;
  /** Between CONNECT and CONNACK, while AUTH packets are exchanged. */
  #authenticating: {readonly identity: Identity; readonly pending: PendingConnect} | undefined;

  /** Calls `accepted` at most once, before CONNACK is sent. */
  constructor(options: ConnectOptions, accepted: (active: ActiveSession) => void) {
    this.#options = options;
    this.#accepted = accepted;
    const {address} = options.peer;
    this.clientId = address === undefined ? '<unknown>' : `<unknown> [${address}]`;
    this.#listener = options.listener;
  }

  /** Whether AUTH or DISCONNECT of the client come next. */
  get isAuthenticating(): boolean {
    return this.#authenticating !== undefined && this.#options.connection.open;
  }

  /** The promise resolves when the client is accepted or refused; without one, it may be `isAuthenticating`. */
  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void> {
    const {connection, state, listener: bound, peer} = this.#options;
    const listener = state.context.access.settingsOf?.(bound) ?? bound;
    this.#listener = listener;
    if (packet.clientId !== '') this.clientId = packet.clientId;
    this.maximumPacketSize = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    // An empty user name counts as none, as it does for mosquitto.
    const named = packet.username === '' ? undefined : packet.username;
    const username = peer.certifiedUsername ?? named;
    const authentication = authenticationFor(packet, state.context.access, listener);
    const request = {packet, details, username, authentication};
    const parameters = connectParameters(request, state.limits, listener);
    if ('reason' in parameters) {
      connection.observer.connect(packet);
      this.#refuse(parameters);
      return;
    }
    this.clientId = parameters.clientId;
    connection.observer.clientId = parameters.clientId;
    connection.observer.connect(packet);
    const identity: Identity = {
      ...peer,
      clientId: parameters.clientId,
      isWaiting: () => connection.awaitsAnswer,
      ...(named === undefined ? {} : {username: named}),
      ...(packet.password === undefined ? {} : {password: packet.password}),
    };
    const pending = {packet, details, parameters, authentication};
    if (authentication === undefined) return this.#admit(identity, pending);
    this.#authenticating = {identity, pending};
    this.#challenge(authentication.begin(packet.properties?.authenticationData));
  }

  #challenge(packet: IAuthPacket | undefined): void {
    const {connection} = this.#options;
    if (packet === undefined) this.#refuse(refusals.notAuthorized);
    // [MQTT-3.1.2-24]
    else if (connection.bytes(packet).length > this.maximumPacketSize) this.#refuse(refusals.answerSize);
    else connection.send(packet);
  }

  /** AUTH or DISCONNECT before CONNACK. @throws PacketViolation */
  packet(packet: Packet): void {
    const {connection} = this.#options;
    if (packet.cmd !== 'auth') {
      connection.close();
      return;
    }
    const {identity, pending} = this.#authenticating!;
    const proof = pending.authentication!.finish(packet);
    this.#authenticating = undefined;
    if (proof === undefined) {
      this.#refuse(refusals.notAuthorized);
      return;
    }
    const {username, account} = proof;
    const done = this.#admit({...identity, username, account}, {...pending, proof});
    if (done === undefined) return;
    connection.hold();
    done.catch((error: unknown) => connection.fail(error)).finally(() => connection.unhold());
  }

  #admit(identity: Identity, pending: PendingConnect): void | Promise<void> {
    const {state, listener} = this.#options;
    const admission = state.context.access.admit(identity, listener);
    if (!(admission instanceof Promise)) {
      this.#decide(admission, pending);
      return;
    }
    return admission.then(
      (answer) => this.#decide(answer, pending),
      (error: unknown) => {
        state.context.log('error', `Error: ${error instanceof Error ? error.message : String(error)}`);
        this.#refuse(refusals.unavailable);
      },
    );
  }

  #decide(admission: Admission, pending: PendingConnect): void {
    const {connection, state} = this.#options;
    // It may have closed while its credentials were checked.
    if (!connection.open) return;
    const properties = connackProperties(pending.parameters, state.limits, this.#listener, pending.proof);
    const refusal = this.#refusal(admission, pending.parameters, properties);
    if (refusal !== undefined || !admission.accepted) this.#refuse(refusal ?? refusals.notAuthorized);
    else this.#accept(admission, pending, properties);
  }

  #accept(
    {username, permissions}: Extract<Admission, {accepted: true}>,
    {packet, details, parameters, authentication}: PendingConnect,
    properties: Record<string, unknown>,
  ): void {
    const {state, peer} = this.#options;
    const {clientId, cleanStart, expirySeconds} = parameters;
    const known = state.registry.get(clientId);
    if (known?.client !== undefined) this.#takeOver(known, parameters);
    const {session, present} = state.registry.open(clientId, cleanStart);
    session.permit(new GuardedPermissions(permissions));
    const {writer} = this.#activate(session, {parameters, authentication}, present);
    state.registry.join(session, writer, {expirySeconds, username});
    session.will = storedWill(packet, details, parameters.writer.mountPoint);
    state.counters.connections++;
    const {address = '<unknown>'} = peer;
    const {protocolVersion} = details;
    state.notice(connectedLine(parameters, {address, protocolVersion, username}));
    this.#sendConnack(present, properties);
    session.deliveries.keep(({message}) => session.mayReceive(message.topic));
    session.deliveries.attach(writer);
    state.context.hooks?.connected?.(clientId);
  }

  /** The reason to refuse a CONNECT with valid parameters; undefined: there is none. */
  #refusal(
    admission: Admission,
    {clientId}: ConnectParameters,
    properties: Record<string, unknown>,
  ): Refusal | undefined {
    if (!admission.accepted) return refusalWith(admission.reasonCode, refusalOf[admission.reason]);
    const {connection, state} = this.#options;
    const {globalMaxClients} = state.limits;
    const full = globalMaxClients >= 0 && state.registry.size >= globalMaxClients;
    if (full && state.registry.get(clientId) === undefined) return refusals.busy;
    if (connection.protocolVersion < 5) return undefined;
    // [MQTT-3.1.2-24]
    const connack = connection.bytes({cmd: 'connack', sessionPresent: false, reasonCode: 0, properties});
    return connack.length > this.maximumPacketSize ? refusals.answerSize : undefined;
  }

  /** [MQTT-3.1.4-3]. The will is published, unless the session goes on and the will is a delayed one. */
  #takeOver(session: Session, {cleanStart}: ConnectParameters): void {
    this.#options.state.notice(`Client ${session.clientId} already connected, closing old connection.`);
    const resumed = !cleanStart && session.persistent;
    if (resumed && (session.will?.delaySeconds ?? 0) > 0) session.will = undefined;
    session.client?.disconnect(ReasonCode.sessionTakenOver, '');
  }

  #activate(
    session: Session,
    {parameters, authentication}: Pick<PendingConnect, 'parameters' | 'authentication'>,
    resumed: boolean,
  ): ActiveSession {
    const {connection, state} = this.#options;
    const {problemInformation, writer: settings} = parameters;
    const {mountPoint, maximumPacketSize} = settings;
    const writer = new ClientWriter({connection, settings, state, deliveries: session.deliveries});
    const context: ReplyContext = {
      connection,
      state,
      listener: this.#listener,
      session,
      resumed,
      mountPoint,
      problemInformation,
      maximumPacketSize,
    };
    const subscribeHandler = new SubscribeHandler(context);
    const active = {session, parameters, writer, subscribeHandler, authentication};
    this.#accepted(active);
    connection.accepted(new PublishHandler(context, writer));
    return active;
  }

  /** [MQTT-3.1.4-5]: once [MQTT-3.2.0-2] and before all else [MQTT-3.2.0-1]; [MQTT-3.2.2-2], [MQTT-3.2.2-3]. */
  #sendConnack(sessionPresent: boolean, properties: Record<string, unknown>): void {
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
        ? `Client ${this.clientId} disconnected, not authorised.`
        : `Client ${this.clientId} refused: ${reason}`,
    );
    if (connection.protocolVersion < 5) {
      connection.close({cmd: 'connack', sessionPresent: false, returnCode});
      return;
    }
    const plain = {cmd: 'connack', sessionPresent: false, reasonCode} as const;
    const full = {...plain, properties: {reasonString: reason}};
    // [MQTT-3.1.2-24], [MQTT-3.2.2-19]
    connection.close(
      [full, plain].find((packet) => connection.bytes(packet).length <= this.maximumPacketSize),
    );
  }
}
