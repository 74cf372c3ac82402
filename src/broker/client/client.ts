/**
 * One client from CONNECT to its end: joins its connection with its session, gives each packet to those
 * who handle it, keeps its time, and says goodbye with the right code [MQTT 5, 3.1.4, 3.14, 4.13].
 */

import type {Admission, Identity, Permissions} from '../access/access.ts';
import type {ListenerConfig} from '../config/settings.ts';
import {FastPublish, mayPassFast} from '../forwarding/fast-publish.ts';
import {Passages} from '../forwarding/forwarding-routes.ts';
import type {BrokerParts} from '../state/broker-state.ts';
import type {Delivery} from '../state/delivery-queue.ts';
import type {Appointment} from '../state/schedule.ts';
import type {Passage, Session, SessionLink} from '../state/session.ts';
import type {Connection} from '../wire/connection.ts';
import type {ConnectionHandler, Ending} from '../wire/connection-handler.ts';
import {protocolError} from '../wire/packet-reader.ts';
import type {IConnectPacket, IDisconnectPacket, Packet} from '../wire/packets.ts';
import type {DecodedPublish} from '../wire/publish-packet.ts';
import {ReasonCode} from '../wire/reason-code.ts';
import type {Acknowledgement, ConnectDetails} from '../wire/validate.ts';
import {ClientOutlet} from './client-writer.ts';
import {
  arrival,
  type ConnectTerms,
  connackProperties,
  connectTerms,
  GuardedPermissions,
  type Refusal,
  refusals,
  storedWill,
} from './connect-handler.ts';
import {lastLine, sendConnack, sendDisconnect} from './connection-end.ts';
import {Publishing} from './publish-handler.ts';
import {Subscribing} from './subscribe-handler.ts';

/** Seconds a stream may take to bring its CONNECT. */
const connectSeconds = 30;

/** A CONNECT that waits for its answer. */
interface Asking {
  readonly packet: IConnectPacket;
  readonly details: ConnectDetails;
  readonly terms: ConnectTerms;
}

/** What a client is once its CONNECT was accepted. */
interface Member {
  readonly session: Session;
  readonly terms: ConnectTerms;
  readonly outlet: ClientOutlet;
  readonly publishing: Publishing;
  readonly subscribing: Subscribing;
}

export interface ClientOptions {
  readonly connection: Connection;
  readonly parts: BrokerParts;
  readonly listener: ListenerConfig;
  readonly peer: Pick<Identity, 'certifiedUsername' | 'address'>;
  /** Told when it is gone. */
  readonly gone: () => void;
}

/** Serves one client; its connection and the router call it. */
export class Client implements ConnectionHandler, SessionLink {
  readonly #options: ClientOptions;
  #member: Member | undefined;
  #timer: Appointment | undefined;
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
    this.#timer = options.parts.schedule.after(connectSeconds, late);
  }

  get clientId(): string {
    return this.#clientId;
  }

  // CONNECT

  connect(packet: IConnectPacket, details: ConnectDetails): void | Promise<void> {
    const {connection, parts, listener, peer} = this.#options;
    this.#timer?.cancel();
    if (packet.clientId !== '') this.#clientId = packet.clientId;
    this.#maximumPacketSize = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    // As for mosquitto, an empty name is none.
    const named = packet.username === '' ? undefined : packet.username;
    const username = peer.certifiedUsername ?? named;
    const terms = connectTerms({packet, details, username}, parts.limits, listener);
    if ('reason' in terms) {
      connection.observeConnect(packet);
      this.#refuse(terms);
      return;
    }
    this.#clientId = terms.clientId;
    connection.clientId = terms.clientId;
    connection.observeConnect(packet);
    const identity: Identity = {
      ...peer,
      clientId: terms.clientId,
      ...(named === undefined ? {} : {username: named}),
      ...(packet.password === undefined ? {} : {password: packet.password}),
    };
    const admission = parts.context.access.admit(identity, listener);
    if (!(admission instanceof Promise)) {
      this.#admitted(admission, {packet, details, terms});
      return;
    }
    return admission.then(
      (answer) => this.#admitted(answer, {packet, details, terms}),
      (error: unknown) => {
        parts.context.log('error', `Error: ${error instanceof Error ? error.message : String(error)}`);
        this.#refuse(refusals.unavailable);
      },
    );
  }

  #admitted(admission: Admission, {packet, details, terms}: Asking): void {
    const {connection, parts, listener, peer} = this.#options;
    // It may have gone while the answer took its time.
    if (!connection.open) return;
    const {registry, limits} = parts;
    const properties = connackProperties(terms, limits, listener);
    const refusal = this.#refusal(admission, terms, properties);
    if (refusal !== undefined || !admission.accepted) {
      this.#refuse(refusal ?? refusals.notAuthorized);
      return;
    }
    const known = registry.get(terms.clientId);
    if (known?.link !== undefined) this.#takeOver(known, terms);
    const {session, present} = registry.open(terms.clientId, terms.cleanStart);
    const {username} = admission;
    registry.join(session, this, {expirySeconds: terms.expirySeconds, username});
    this.#join(session, terms, admission.permissions);
    session.will = storedWill(packet, details, terms.outlet.mountPoint);
    parts.counters.connections++;
    const {protocolVersion} = details;
    parts.notice(arrival(terms, {address: peer.address ?? '<unknown>', protocolVersion, username}));
    this.#acknowledgeConnect(present, properties);
    session.outbox.keep(({message}) => session.mayReceive(message.topic));
    session.outbox.attach(this.#member!.outlet);
    this.#watch(terms.keepAliveSeconds);
  }

  /** What speaks against a CONNECT that is well-formed; undefined: nothing. */
  #refusal(
    admission: Admission,
    {clientId}: ConnectTerms,
    properties: Record<string, unknown>,
  ): Refusal | undefined {
    if (!admission.accepted) {
      return admission.reason === 'identifier-rejected' ? refusals.identifier : refusals.notAuthorized;
    }
    const {connection, parts} = this.#options;
    const {globalMaxClients} = parts.limits;
    const full = globalMaxClients >= 0 && parts.registry.size >= globalMaxClients;
    if (full && parts.registry.get(clientId) === undefined) return refusals.busy;
    if (connection.protocolVersion < 5) return undefined;
    // [MQTT-3.1.2-24]
    const connack = connection.bytes({cmd: 'connack', sessionPresent: false, reasonCode: 0, properties});
    return connack.length > this.#maximumPacketSize ? refusals.answerSize : undefined;
  }

  /** [MQTT-3.1.4-3]. Its will is published, unless the session goes on and the will is a delayed one. */
  #takeOver(session: Session, terms: ConnectTerms): void {
    const {parts} = this.#options;
    parts.notice(`Client ${session.clientId} already connected, closing old connection.`);
    const resumed = !terms.cleanStart && session.persistent;
    if (resumed && (session.will?.delaySeconds ?? 0) > 0) session.will = undefined;
    session.link?.takenOver();
  }

  #join(session: Session, terms: ConnectTerms, permissions: Permissions): void {
    const {connection, parts, listener} = this.#options;
    session.permit(new GuardedPermissions(permissions));
    const {mountPoint} = terms.outlet;
    const answering = {
      connection,
      parts,
      listener,
      session,
      mountPoint,
      problemInformation: terms.problemInformation,
      maximumPacketSize: terms.outlet.maximumPacketSize,
    };
    this.#member = {
      session,
      terms,
      outlet: new ClientOutlet({connection, settings: terms.outlet, parts, outbox: session.outbox}),
      publishing: new Publishing(answering),
      subscribing: new Subscribing(answering),
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
    } else connection.write([Buffer.of(0x20, 2, present ? 1 : 0, 0)]);
  }

  /** CONNACK with a code, and the end [MQTT-3.1.4-2], [MQTT-3.2.2-6], [MQTT-3.2.2-7], [MQTT-4.12.0-4]. */
  #refuse({reasonCode, returnCode, reason}: Refusal): void {
    const {connection, parts} = this.#options;
    parts.notice(
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
    const {connection, parts} = this.#options;
    const allowed = keepAliveSeconds * 1.5;
    const check = () => {
      if (!connection.open) return;
      const silent = connection.held ? 0 : (parts.schedule.now() - connection.lastReceived) / 1000;
      if (silent < allowed) {
        this.#timer = parts.schedule.after(allowed - silent, check);
        return;
      }
      this.disconnect(
        ReasonCode.keepAliveTimeout,
        `Client ${this.#clientId} has exceeded timeout, disconnecting.`,
      );
    };
    this.#timer = parts.schedule.after(allowed, check);
  }

  // Packets

  publish(publish: DecodedPublish): void {
    this.#member!.publishing.publish(publish);
  }

  fastPublish(): FastPublish | undefined {
    const {connection, parts} = this.#options;
    const {session, terms, publishing} = this.#member!;
    if (!mayPassFast(parts, terms.outlet.mountPoint)) return undefined;
    const passages = new Passages(session, parts, connection.protocolVersion);
    return new FastPublish({session, parts, passages, publishing});
  }

  acknowledgement(acknowledgement: Acknowledgement): void {
    this.#member!.publishing.acknowledgement(acknowledgement);
    this.#member?.outlet.relieved();
  }

  succeeded(type: number, packetId: number): boolean {
    return this.#member!.publishing.succeeded(type, packetId);
  }

  settled(): void {
    this.#member!.session.outbox.pump();
    this.#member?.outlet.relieved();
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

  #disconnected(packet: IDisconnectPacket, {session, terms}: Member): void {
    const expiry = packet.properties?.sessionExpiryInterval;
    if (expiry !== undefined) {
      if (terms.expirySeconds === 0 && expiry > 0) {
        throw protocolError('3.14.2.2.2', 'DISCONNECT begins a session expiry that CONNECT had at 0.');
      }
      this.#options.parts.registry.changeExpiry(session, expiry);
    }
    this.#farewell = (packet.reasonCode ?? 0) === 0 ? 'disconnect' : 'disconnect-with-will';
    this.#options.connection.close();
  }

  // Endings

  ended(ending: Ending): void {
    const {connection, parts, gone} = this.#options;
    const member = this.#member;
    this.#timer?.cancel();
    const line = lastLine(this.#clientId, ending, this.#farewell?.startsWith('disconnect') ?? false);
    if (line !== undefined) parts.notice(line);
    if (ending.cause === 'violation') {
      // [MQTT-3.14.0-1]
      if (member === undefined) sendConnack(connection, ending.violation);
      else sendDisconnect(connection, ending.violation, this.#maximumPacketSize);
    }
    this.#member = undefined;
    if (member !== undefined) {
      member.outlet.close();
      // [MQTT-3.14.4-3]
      if (member.session.link === this) parts.registry.leave(member.session, this.#farewell !== 'disconnect');
    }
    gone();
  }

  /** DISCONNECT with a reason where the protocol has it, and close. */
  disconnect(reasonCode: number, log: string): void {
    const {connection, parts} = this.#options;
    if (!connection.open) return;
    if (log !== '') parts.notice(log);
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
    this.#member?.outlet.relieved();
  }

  hold(): void {
    this.#options.connection.hold();
  }

  unhold(): void {
    this.#options.connection.unhold();
  }
}
