/**
 * One MqttClient on one connected stream, from CONNECT to close. MQTT.js reads and writes packets, keeps
 * the connection alive and answers QoS 2; everything in which it may lose, hang or mislead is done here
 * or above instead: the first error wins and closes, acknowledgements wait for whoever takes the
 * messages, and the end is really sent. Knows nothing of reconnecting, windows or commands.
 */

import type {Duplex} from 'node:stream';
import {ExitCode, TmqError} from '../../errors.ts';
import {copyOf, type Message} from '../../protocol/message.ts';
import {refusalText} from '../../protocol/reason-codes.ts';
import {describe} from '../transport/transport.ts';
import type {StreamedPayload} from '../types.ts';
import {ConnectionRefused, dismissed, linkError, lost, notAccepted} from './connection-lost.ts';
import {awaitClose, disconnectPacket, type Farewell} from './disconnect.ts';
import type {Arrival, LinkSetup} from './events.ts';
import {clientOptions, type MqttJsClient} from './mqttjs-client.ts';
import {messageOf, type Packet} from './packet.ts';
import {Requests} from './pending-requests.ts';
import {afterTicket, pingreq} from './pipelining.ts';
import {Tap, type TapObserver} from './publish-filter.ts';
import {limitsOf, type ServerLimits} from './server-limits.ts';
import {AliasTable} from './topic-aliases.ts';
import {Gate, smallBytes} from './write-queue.ts';

/** Passed to MQTT.js to go on without acknowledging: that is done after the output was flushed. */
const acknowledgedLater = new Error('acknowledged later');

export class Link {
  readonly stream: Duplex;
  /** Why the connection ended; resolves once, whatever the cause. */
  readonly closed: Promise<TmqError>;
  /** Resolves when CONNACK has accepted the connection. @throws ConnectionRefused with its code, TmqError */
  readonly accepted: Promise<void>;
  limits: ServerLimits = limitsOf({cmd: 'connack'});
  sessionPresent = false;
  /** Whether CONNACK has accepted the connection. */
  isAccepted = false;

  readonly #setup: LinkSetup;
  readonly #client: MqttJsClient;
  readonly #tap: Tap | undefined;
  readonly #requests: Requests;
  readonly #aliases = new AliasTable();
  readonly #gate = new Gate();
  #withheldPubrecs: Packet[] = [];
  #failure: TmqError | undefined;
  #accept: () => void = () => undefined;
  #ended = false;
  /** The system has taken DISCONNECT. */
  #taken = false;
  #gone = false;
  /** A message waits for its receiver, so nothing behind it is read, not even a PINGRESP. */
  #held: (() => void) | undefined;
  #missedPings = 0;

  constructor(setup: LinkSetup) {
    this.#setup = setup;
    this.#requests = new Requests(setup.identifiers);
    this.#tap = setup.fastPath ? this.#createTap() : undefined;
    this.stream = this.#tap ?? setup.stream;
    this.closed = new Promise((resolve) => {
      const onClose = () => resolve(this.#close());
      if (this.stream.closed) queueMicrotask(onClose);
      else this.stream.once('close', onClose);
    });
    this.stream.on('error', (error) => this.fail(error));
    this.stream.once('end', () => this.resume());
    if (this.stream.errored !== null) this.fail(this.stream.errored);
    this.#client = new setup.libraries.MqttClient(() => this.stream as never, {
      ...clientOptions(setup.options, setup.clientId),
      incomingStore: setup.incoming as never,
    });
    this.#attach();
    this.accepted = this.#connect();
    // Where nobody waits for it, whatever is asked of the link says the same.
    this.accepted.catch(() => undefined);
  }

  /** Sends CONNECT and waits for CONNACK. */
  async #connect(): Promise<void> {
    const {signal} = this.#setup;
    const onAbort = () => this.fail(signal.reason);
    signal.addEventListener('abort', onAbort, {once: true});
    try {
      const accepted = new Promise<void>((resolve) => {
        this.#accept = resolve;
      });
      if (signal.aborted) onAbort();
      else if (!this.stream.destroyed) this.#client.connect();
      if (this.#setup.pipelined)
        afterTicket(this.#setup.stream, () => {
          // MQTT.js would not send it before CONNACK.
          if (!this.isAccepted) this.write(pingreq);
        });
      await Promise.race([accepted, this.closed]);
      if (this.#failure !== undefined) throw await this.closed;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  get isOpen(): boolean {
    return (
      (this.isAccepted || this.#setup.pipelined) &&
      !this.#ended &&
      this.#failure === undefined &&
      this.stream.writable
    );
  }

  /** Requests that await their answer; while there are any, reading must not stop. */
  get awaitsReply(): boolean {
    return this.#requests.size > 0;
  }

  /** Writes a packet behind everything written before; nothing when the connection is gone. */
  send(packet: Packet): void {
    this.#client['_writePacket'](packet as never);
  }

  /** Writes bytes that are whole packets; `written` is called when the stream has passed them on, or cannot. */
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): void {
    if (written === undefined && bytes.length < smallBytes && this.isOpen) {
      this.#gate.collect(this.stream, bytes);
      return;
    }
    this.#gate.pass(() => {
      if (this.isOpen) this.stream.write(bytes, written);
      else written?.(this.#failure ?? lost(this.#setup.options.endpoint));
    });
  }

  /** Writes a packet whose payload is not held in memory. A payload that fails ends the link: the packet has begun. */
  writeStreamed(
    packet: {readonly header: Uint8Array; readonly payload: StreamedPayload},
    written?: (error?: Error | null) => void,
  ): void {
    const write = async () => {
      const taken = await this.#gate.stream(this.stream, packet, (error) => this.fail(error));
      written?.(taken ? null : (this.#failure ?? lost(this.#setup.options.endpoint)));
    };
    this.#gate.pass(() => void write());
  }

  /** Sends SUBSCRIBE or UNSUBSCRIBE; resolves with the answer to it. @throws the TmqError that closed the link */
  request(packet: Omit<Packet, 'messageId'> & {readonly cmd: string}): Promise<Packet> {
    if (!this.isOpen) return Promise.reject(this.#failure ?? lost(this.#setup.options.endpoint));
    const answer = this.#requests.ask((messageId) => this.send({...packet, messageId}));
    this.resume();
    return answer;
  }

  /** Sends PINGREQ. */
  ping(): void {
    if (this.isOpen) this.#client.sendPing();
  }

  /** Lets reading go on behind a message that is held. */
  resume(): void {
    const proceed = this.#held;
    this.#held = undefined;
    proceed?.();
    this.#tap?.offerAgain();
  }

  /** The session is ready for what follows CONNACK. */
  start(): void {
    this.#tap?.open();
  }

  #createTap(): Tap {
    const {stream, options, observer, readBuffer} = this.#setup;
    const tapObserver: TapObserver = {
      message: (message) => observer.offered(message, () => this.#tapArrival(message), offerAgain),
      begun: (message, payloadBytes) => observer.begun(message, payloadBytes),
      acknowledgement: (acknowledgement) => observer.received(acknowledgement),
      settle: (acknowledge) => observer.settled(acknowledge),
      write: (bytes) => this.write(bytes),
      heard: () => {
        this.#missedPings = 0;
      },
      failed: (error) => this.fail(error),
    };
    const tap: Tap = new Tap(stream, options.protocolVersion, tapObserver, readBuffer);
    const offerAgain = () => tap.offerAgain();
    return tap;
  }

  /** A message of the fast way that has to wait nevertheless. */
  #tapArrival(message: Message): Arrival {
    return {
      link: this,
      message: copyOf(message),
      isRepeated: () => false,
      take: () => undefined,
      acknowledge: () => {
        if (message.messageId !== undefined) this.#tap?.acknowledge([message.messageId]);
      },
    };
  }

  /** Sends the PUBRECs that waited until somebody takes messages. */
  releasePubrecs(): void {
    const withheld = this.#withheldPubrecs;
    this.#withheldPubrecs = [];
    for (const packet of withheld) this.send(packet);
  }

  /** The first error ends the link; later ones are only echoes of it. */
  fail(error: unknown): void {
    this.#failure ??= linkError(error, this.#setup.options, this.isAccepted);
    this.stream.destroy();
  }

  /** Says goodbye, and closes when the peer has taken everything. @throws TmqError 7 when it did not */
  async shutdown(farewell: Farewell): Promise<void> {
    if (this.#gone || !this.stream.writable) return;
    this.sayGoodbye(farewell.reasonCode);
    this.stream.end();
    this.resume();
    await awaitClose(this.stream, this.closed, farewell);
    if (!this.#taken) throw this.#failure ?? lost(this.#setup.options.endpoint);
  }

  /** Sends DISCONNECT behind everything written, once; nothing can follow it. */
  sayGoodbye(reasonCode: number): void {
    if (this.#ended) return;
    this.#gate.flush();
    this.#ended = true;
    const {options, observer, libraries} = this.#setup;
    // Behind half a packet, no other would be understood.
    if (this.#gate.isBusy) this.fail(lost(options.endpoint));
    const packet = disconnectPacket(options, reasonCode);
    observer.traced?.('out', packet);
    // What is written is taken in order: with DISCONNECT, everything is. What happens after it does not count.
    this.stream.write(libraries.codec.encode(packet, options.protocolVersion), (error) => {
      this.#taken = error == null;
    });
  }

  #attach(): void {
    const client = this.#client;
    const {observer} = this.#setup;
    client.on('error', (error) => this.fail(error));
    client.on('packetreceive', (packet) => this.#guard(() => this.#received(packet as unknown as Packet)));
    if (observer.traced !== undefined) {
      client.on('packetsend', (packet) => observer.traced?.('out', packet as unknown as Packet));
    }
    client.handleMessage = (packet, done) => this.#arrived(packet as unknown as Packet, done);
    client.onKeepaliveTimeout = () => this.#keepaliveTimeout();
    // Behind a resumed session mosquitto 2.0 sends one QoS 2 message more than Receive Maximum allows. We can
    // take it; MQTT.js would end the connection, and with it the run.
    client['_trackIncomingQoS2Publish'] = () => true;
    const write = client['_writePacket'].bind(client);
    client['_writePacket'] = (packet: unknown, done?: () => void) => {
      this.#gate.pass(() => {
        // A packet behind DISCONNECT would be an error that takes the rest of the stream with it.
        if (!this.stream.writable || this.#writeInstead(packet as Packet)) done?.();
        else write(packet, done);
      });
    };
  }

  /** The two packets that MQTT.js cannot be left to write. */
  #writeInstead(packet: Packet): boolean {
    if (packet.cmd === 'pubcomp') this.#setup.incoming.completed(packet.messageId ?? 0);
    if (packet.cmd === 'pubrec' && !this.#setup.observer.accepting()) {
      this.#withheldPubrecs.push(packet);
      return true;
    }
    if (packet.cmd !== 'connect') return false;
    const {credentials, protocolVersion} = this.#setup.options;
    if (credentials?.password === undefined || credentials.username !== undefined) return false;
    if (protocolVersion < 5) {
      this.fail(new TmqError('Before MQTT 5, a password needs a user name.', ExitCode.invalid));
      return true;
    }
    this.#setup.observer.traced?.('out', packet);
    const withPassword = packet as Packet & {readonly password: Uint8Array};
    this.stream.write(this.#setup.libraries.codec.connectWithoutUsername(withPassword));
    return true;
  }

  #received(packet: Packet): void {
    this.#missedPings = 0;
    if (packet.cmd === 'publish') this.#aliases.resolve(packet);
    if (packet.cmd === 'connack') this.#greeted(packet);
    const {observer} = this.#setup;
    // What a packet causes is traced behind it; only CONNACK is shown with the client id that it assigns.
    if (packet.cmd !== 'connack') observer.traced?.('in', packet);
    observer.received(packet);
    if (packet.cmd === 'connack') observer.traced?.('in', packet);
    if (packet.cmd === 'suback' || packet.cmd === 'unsuback') this.#requests.answered(packet);
    if (packet.cmd === 'disconnect') this.fail(dismissed(this.#setup.options.endpoint, packet));
  }

  #greeted(packet: Packet): void {
    const {options} = this.#setup;
    const code = packet.reasonCode ?? packet.returnCode ?? 0;
    if (code !== 0) {
      const text = refusalText(code, options.protocolVersion, packet.properties?.reasonString);
      this.fail(new ConnectionRefused(`Connection error: ${text}`, code));
      return;
    }
    this.limits = limitsOf(packet);
    this.sessionPresent = packet.sessionPresent ?? false;
    // MQTT 3.1 does not say whether it kept the session it was asked to keep.
    const mayBeKept = this.sessionPresent || (options.protocolVersion === 3 && !options.clean);
    if (!mayBeKept) this.#setup.incoming.forget();
    if (this.sessionPresent && options.clean) {
      // [MQTT-3.2.2-4]
      this.fail(
        new ConnectionRefused(
          `${describe(options.endpoint)} says that it kept a session although a clean one was asked for.`,
          ExitCode.protocol,
        ),
      );
      return;
    }
    this.isAccepted = true;
    this.#accept();
  }

  #arrived(packet: Packet, done: (error?: Error) => void): void {
    let proceeded = false;
    const proceed = () => {
      if (proceeded) return;
      proceeded = true;
      if (this.#held === proceed) this.#held = undefined;
      done(packet.qos === 0 ? undefined : acknowledgedLater);
    };
    this.#held = proceed;
    this.#guard(() => this.#setup.observer.arrived(this.#arrival(packet), proceed));
    // The rest is here already, and gone with the connection if it is not looked at now.
    if (this.stream.readableEnded) proceed();
  }

  /** Thrown into MQTT.js, an error would stop the reading for good, with the connection open. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(error);
    }
  }

  #arrival(packet: Packet): Arrival {
    const messageId = packet.messageId ?? 0;
    const {incoming} = this.#setup;
    return {
      link: this,
      message: messageOf(packet),
      isRepeated: () => packet.qos === 2 && incoming.wasTaken(packet),
      take: () => {
        if (packet.qos === 2) incoming.take(packet);
      },
      acknowledge: () => {
        if (packet.qos === 0) return;
        this.send({cmd: packet.qos === 1 ? 'puback' : 'pubcomp', messageId, reasonCode: 0});
      },
    };
  }

  /**
   * Half a keepalive after a PINGREQ without an answer. While a message is held, the answer may well be
   * there, unread, and behind half a packet there is no PINGREQ; else the broker has, like with mosquitto, a whole keepalive to answer.
   */
  #keepaliveTimeout(): void {
    const isHeld = this.#held !== undefined || this.#tap?.isHolding === true;
    if (isHeld || this.#gate.isBusy) {
      if (isHeld) this.#client.sendPing();
      this.#client.reschedulePing(true);
      return;
    }
    this.#missedPings += 1;
    if (this.#missedPings < 2) return;
    this.fail(
      new TmqError(
        `${describe(this.#setup.options.endpoint)} does not answer any more (keepalive exceeded).`,
        ExitCode.keepalive,
      ),
    );
  }

  /** The stream is closed: all that waits for an answer hears why. */
  #close(): TmqError {
    this.#gone = true;
    const {options} = this.#setup;
    this.#failure ??= this.isAccepted ? lost(options.endpoint) : notAccepted(options);
    this.#held = undefined;
    this.#requests.fail(this.#failure);
    return this.#failure;
  }
}
