/**
 * MQTT.js behind the wall (protocol-client.ts): its options, and every patch of its members. MQTT.js reads
 * packets, keeps the connection alive and answers PUBREL. It does not write, acknowledge messages or reconnect.
 * The only file that imports it. A release that moves a patched member breaks this file and its test only.
 */

import type {MqttClient as Library} from 'mqtt';
import {defined} from '../../defined.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {type Codec, type LibraryPacket, loadCodec, messageOf, packetOf} from './mqttjs-codec.ts';
import type {
  Authentication,
  CreateProtocolClient,
  IncomingMessage,
  Packet,
  ProtocolClient,
  ProtocolClientSetup,
} from './protocol-client.ts';

type LibraryClass = typeof Library;

/** The private members of MQTT.js that are replaced. */
interface PatchedMembers {
  handleMessage(packet: LibraryPacket, done: (error?: Error) => void): void;
  handleAuth(packet: LibraryPacket, done: (error?: Error, answer?: object) => void): void;
  onKeepaliveTimeout(): void;
  _writePacket(packet: LibraryPacket, done?: () => void): void;
}

/** Passed to MQTT.js so that it goes on without an acknowledgement: that is sent after the flush. */
const acknowledgedLater = new Error('acknowledged later');

/**
 * Loads MQTT.js and its codec; worth starting while the connection is being made.
 * @param authentication of the one connection that is made with it
 */
export async function loadMqttJs(authentication?: Authentication): Promise<CreateProtocolClient> {
  const [module, codec] = await Promise.all([import('mqtt/lib/client'), loadCodec()]);
  // Node takes the module's exports for its default export, other loaders the export named default.
  const exported = module.default as unknown as LibraryClass & {default?: LibraryClass};
  const library = exported.default ?? exported;
  return (setup) => new MqttJsClient(library, codec, {...setup, authentication});
}

/** At QoS 2, MQTT.js would answer before the receiver has taken a message: it is shown QoS 1, and has nothing to release. */
const nothingStored = {
  get: (_packet: object, done: (error: Error) => void) => done(new Error('not stored')),
  close: (done?: () => void) => done?.(),
};

interface Setup extends ProtocolClientSetup {
  readonly authentication: Authentication | undefined;
}

/** One connection; no reconnecting, no time limit, nothing read from the environment. */
function libraryOptions({options, clientId, authentication}: Setup): object {
  const {protocolVersion, credentials, will} = options;
  const {username} = credentials ?? {};
  // What proves that the client knows the password takes its place.
  const password = authentication === undefined ? credentials?.password : undefined;
  const properties =
    authentication === undefined
      ? options.properties
      : {
          ...options.properties,
          authenticationMethod: authentication.method,
          authenticationData: authentication.first,
        };
  return {
    protocolVersion,
    protocolId: protocolVersion === 3 ? 'MQIsdp' : 'MQTT',
    clientId,
    clean: options.clean,
    keepalive: options.keepaliveSeconds,
    reconnectPeriod: 0,
    manualConnect: true,
    resubscribe: false,
    writeCache: false,
    timerVariant: 'native',
    // The session's time limit covers more than CONNACK.
    connectTimeout: 2_147_483_647,
    log: () => undefined,
    incomingStore: nothingStored,
    ...defined({username, properties: protocolVersion === 5 ? properties : undefined}),
    ...(password === undefined ? {} : {password: Buffer.from(password)}),
    ...(will === undefined ? {} : {will: {...will, payload: Buffer.from(will.payload)}}),
  };
}

/** What neither MQTT.js nor its codec checks. @throws Error */
function assertPublish({topic = '', qos = 0, messageId = 0}: LibraryPacket): void {
  if (topic === '') throw new Error('a message without a topic');
  // [MQTT-3.3.2-2]
  if (/[+#]/.test(topic)) throw new Error('a message whose topic has a wildcard');
  // [MQTT-2.2.1-3]
  if (qos > 0 && messageId === 0) throw new Error('a message with the packet identifier 0');
}

/** The data of enhanced authentication. */
function dataOf({properties}: LibraryPacket): Uint8Array | undefined {
  const data = properties?.authenticationData;
  return data instanceof Uint8Array ? data : undefined;
}

class MqttJsClient implements ProtocolClient {
  readonly #library: Library;
  readonly #codec: Codec;
  readonly #setup: Setup;
  /** Topic aliases that the server assigned on this connection [MQTT 5, 3.3.2.3.4]. */
  readonly #topics = new Map<number, string>();
  /** The packets of QoS 2. */
  readonly #exactlyOnce = new WeakSet<LibraryPacket>();
  /** The connection ends because of a packet: neither that one nor what follows is a message. */
  #hasFailed = false;

  constructor(LibraryClient: LibraryClass, codec: Codec, setup: Setup) {
    this.#codec = codec;
    this.#setup = setup;
    this.#library = new LibraryClient(() => setup.stream as never, libraryOptions(setup) as never);
    this.#library.on('error', (error) => setup.handler.onError(error));
    this.#library.on('packetreceive', (packet) => {
      this.#guard(() => this.#received(packet as unknown as LibraryPacket));
      // At QoS 2, MQTT.js would store it.
      if (this.#hasFailed && packet.cmd === 'publish') packet.qos = 0;
    });
    this.#patch(this.#library as unknown as PatchedMembers);
  }

  connect(): void {
    this.#library.connect();
  }

  encode(packet: Packet): Uint8Array {
    return this.#codec.encode(packet, this.#setup.options.protocolVersion);
  }

  ping(): void {
    this.#library.sendPing();
  }

  restartKeepalive(): void {
    this.#library.reschedulePing(true);
  }

  #patch(library: PatchedMembers): void {
    const {handler, unacknowledged} = this.#setup;
    library.handleMessage = (packet, done) => this.#arrived(packet, done);
    library.handleAuth = (packet, done) => this.#authenticate(packet, done);
    library.onKeepaliveTimeout = () => handler.onSilence();
    library._writePacket = (packet, done) => {
      if (packet.cmd === 'pubcomp') unacknowledged.acknowledged();
      handler.send(packet, done);
    };
  }

  #received(packet: LibraryPacket): void {
    if (packet.cmd === 'publish') {
      this.#resolveAlias(packet);
      assertPublish(packet);
    }
    const {authentication} = this.#setup;
    if (packet.cmd === 'connack' && packet.reasonCode === 0) authentication?.finish(dataOf(packet));
    this.#setup.handler.onPacket(packetOf(packet));
    const {receivedQos2, unacknowledged} = this.#setup;
    const {messageId = 0, dup = false} = packet;
    if (packet.cmd === 'pubrel') receivedQos2.released(messageId);
    if (packet.cmd !== 'publish' || packet.qos === 0) return;
    unacknowledged.assertRoom(dup);
    unacknowledged.came();
    if (packet.qos !== 2) return;
    receivedQos2.came(messageId, dup);
    this.#exactlyOnce.add(packet);
    packet.qos = 1;
  }

  /** Answers an AUTH packet of the server. MQTT.js refuses one with another method, and one without an answer. */
  #authenticate(packet: LibraryPacket, done: (error?: Error, answer?: object) => void): void {
    const {authentication, handler, options} = this.#setup;
    if (authentication === undefined) {
      done();
      return;
    }
    const {method, answer} = authentication;
    const send = (authenticationData: Buffer) =>
      done(undefined, {
        cmd: 'auth',
        reasonCode: ReasonCode.continueAuthentication,
        properties: {...options.authProperties, authenticationMethod: method, authenticationData},
      });
    answer(dataOf(packet) ?? new Uint8Array()).then(send, (error) => handler.onError(error));
  }

  /** Puts the topic into a PUBLISH that has only its alias. */
  #resolveAlias(packet: LibraryPacket): void {
    const alias = packet.properties?.topicAlias;
    if (typeof alias !== 'number') return;
    if (packet.topic === '') packet.topic = this.#topics.get(alias) ?? '';
    else this.#topics.set(alias, packet.topic!);
  }

  #arrived(packet: LibraryPacket, done: (error?: Error) => void): void {
    if (this.#hasFailed) return;
    let proceeded = false;
    const proceed = () => {
      if (proceeded) return;
      proceeded = true;
      done(packet.qos === 0 ? undefined : acknowledgedLater);
    };
    this.#guard(() => this.#setup.handler.onMessage(this.#incoming(packet), proceed));
  }

  #incoming(packet: LibraryPacket): IncomingMessage {
    const {handler, receivedQos2, unacknowledged} = this.#setup;
    const {messageId = 0, dup: isDuplicate = false} = packet;
    const qos = this.#exactlyOnce.has(packet) ? 2 : packet.qos;
    return {
      message: {...messageOf(packet), qos: qos ?? 0},
      isDuplicate,
      get isRepeated() {
        return qos === 2 && receivedQos2.wasTaken(messageId);
      },
      take: () => {
        if (qos === 2) receivedQos2.take(messageId);
      },
      acknowledge: () => {
        if (qos === 1) unacknowledged.acknowledged();
        if (qos !== 0) handler.send({cmd: qos === 1 ? 'puback' : 'pubrec', messageId, reasonCode: 0});
      },
    };
  }

  /** An error thrown into MQTT.js would stop the reading for good, with the connection open. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#hasFailed = true;
      this.#setup.handler.onError(error);
    }
  }
}
