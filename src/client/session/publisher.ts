/**
 * Publishes: at QoS 1 and 2 through the in-flight window, at QoS 0 by qos0-publisher.ts. Owns the window, and what is
 * sent again on the next connection. Knows neither when nor why a connection is made.
 *
 * A message waits in the window until there is room and a connection, is in flight until its acknowledgement, and
 * then its outcome is resolved. `attach` sends again what was not acknowledged; `fail` ends all waiting.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import type {Publication} from '../../protocol/message.ts';
import {isFailure, ReasonCode, reasonSentence} from '../../protocol/reason-codes.ts';
import type {ClientConnection} from '../connection/client-connection.ts';
import type {PacketIdentifiers} from '../connection/packet-ids.ts';
import type {Packet} from '../connection/protocol-client.ts';
import type {
  Payload,
  PublishBatch,
  PublishProgress,
  PublishReport,
  PublishResult,
  PublishState,
} from '../types.ts';
import {Signal, Turns} from '../waiting.ts';
import {pipelinedPayloadBytes} from './fast-path-policy.ts';
import {InFlightWindow} from './in-flight-window.ts';
import {MessageWriter, type WriterSetup} from './message-writer.ts';
import {
  type EncodedMessages,
  encodeBatch,
  largePayloadBytes,
  type Messages,
  type OutgoingMessage,
  type PublishOutcome,
  partsOf,
  publicationAt,
  together,
} from './publish-batch.ts';
import {Qos0Publisher} from './qos0-publisher.ts';
import type {Unanswered} from './repeated-loss.ts';

export interface PublisherSetup extends WriterSetup {
  readonly maxInflight: number;
  readonly identifiers: PacketIdentifiers;
  /** Resolves when there is an open connection. @throws what ended the session */
  readonly connection: () => Promise<ClientConnection>;
  /** Whether the session goes on after a connection is lost. */
  readonly reconnects: boolean;
}

/** A batch ends with the packet that reaches this size: its buffer is kept until the last one is acknowledged. */
const enoughBytes = 16_384;

/** Some packet identifiers are left for SUBSCRIBE and UNSUBSCRIBE. */
const mostInFlight = 65_000;

/** The server acknowledges messages as if they had another QoS; RabbitMQ, up to 3.12, those of QoS 2. */
function mismatch(qos: 1 | 2): TmqError {
  const other = qos === 2 ? 1 : 2;
  const remedy = qos === 2 ? 'it does not have QoS 2. Publish with -q 1' : 'MQTT does not allow that';
  return new TmqError(
    `The broker acknowledged a message of QoS ${qos} as if it were of QoS ${other}: ${remedy}.`,
    ExitCode.protocol,
  );
}

export class Publisher {
  readonly #setup: PublisherSetup;
  readonly #window: InFlightWindow<OutgoingMessage>;
  /** Notified whenever there may be room, or a connection comes or goes. */
  readonly #signal = new Signal();
  readonly #qos0: Qos0Publisher;
  #writer: MessageWriter | undefined;
  #failure: {readonly error: unknown} | undefined;
  /** Calls of `publish` get room in their order. */
  readonly #turns = new Turns();
  /** How many messages `publishAll` has begun to send. */
  #begun = 0;
  #repeated = 0;
  /** Messages at QoS 1 and 2 that are acknowledged or refused. */
  #done = 0;
  /** Messages whose identifier the server had in use: they are sent once more. */
  readonly #renumbered = new WeakSet<OutgoingMessage>();

  constructor(setup: PublisherSetup) {
    this.#setup = setup;
    this.#window = new InFlightWindow(Math.min(setup.maxInflight, mostInFlight));
    const {identifiers, reconnects} = setup;
    const writer = async () => {
      for (;;) {
        await setup.connection();
        if (this.#writer !== undefined) return this.#writer;
      }
    };
    this.#qos0 = new Qos0Publisher({identifiers, writer, signal: this.#signal, reconnects});
  }

  /** Whether acknowledgements are awaited. */
  get awaitsReply(): boolean {
    return this.#window.size > 0;
  }

  /** Whether the server has acknowledged everything; at QoS 0 it never does. */
  get isAcknowledged(): boolean {
    return this.#window.size === 0 && !this.#qos0.hasWritten;
  }

  /** See Session.publishState. */
  get state(): PublishState {
    const settled = Math.min(this.#window.oldest?.index ?? this.#begun, this.#qos0.oldest ?? this.#begun);
    return {settled, repeated: this.#repeated + this.#qos0.repeated};
  }

  /** The message whose acknowledgement is due first. */
  get unanswered(): Unanswered | undefined {
    const message = this.#window.oldest;
    if (message === undefined) return undefined;
    const {payload, publication} = message;
    const describe = () => `message ${this.#done + 1}, ${payload.length} bytes to ${publication.topic}`;
    return {key: message, describe};
  }

  /** A connection was made: sends again what was not acknowledged on the one before. */
  attach(connection: ClientConnection): void {
    this.#writer = new MessageWriter(connection, this.#setup);
    const {receiveMaximum} = connection.limits;
    this.#repeated += this.#window.restart({sessionKept: connection.sessionMayBeKept, receiveMaximum});
    connection.writeQueue.onDrain(() => this.#signal.notify());
    void connection.closed.then(() => this.#signal.notify());
    this.#sendNext();
    this.#signal.notify();
  }

  /** Ends all waiting, later calls too, with the error. */
  fail(error: unknown): void {
    this.#writer = undefined;
    this.#failure ??= {error};
    for (const message of this.#window.clear()) message.resolve({error});
    this.#signal.fail(error);
  }

  /**
   * A PUBACK, PUBREC or PUBCOMP came. The window is refilled at once: waiting for more would stall.
   * @throws TmqError 2 for one of another QoS: the right one would never come
   */
  acknowledged(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    const reasonCode = packet.reasonCode ?? 0;
    const effect = this.#window.acknowledge({cmd: packet.cmd, messageId, reasonCode});
    if (effect.kind === 'release') {
      this.#writer?.release(
        messageId,
        effect.known ? ReasonCode.success : ReasonCode.packetIdentifierNotFound,
      );
    }
    if (effect.kind === 'mismatched') throw mismatch(effect.qos);
    if (effect.kind !== 'done') return;
    if (effect.reasonCode === ReasonCode.packetIdentifierInUse && !this.#renumbered.has(effect.value)) {
      // The identifier stays taken: it belongs to a message of an earlier run.
      this.#renumbered.add(effect.value);
      this.#add(effect.value);
      return;
    }
    this.#setup.identifiers.release(messageId);
    this.#done++;
    effect.value.resolve({reasonCode: effect.reasonCode, reasonString: packet.properties?.reasonString});
    this.#sendNext();
    this.#signal.notify();
  }

  /** See Session.publish. */
  async publish(payload: Payload, publication: Publication, isLast: boolean): Promise<PublishResult> {
    if (payload.length > pipelinedPayloadBytes) await (await this.#setup.connection()).accepted;
    if (publication.qos === 0) return await this.#qos0.publish(payload, publication, isLast);
    await this.#setup.connection();
    await this.#turns.take(this.#room);
    const outcome = await new Promise<PublishOutcome>((resolve) =>
      this.#add({payload, publication, resolve}),
    );
    if ('error' in outcome) throw outcome.error;
    const {reasonCode, reasonString} = outcome;
    if (!isFailure(reasonCode)) return {reasonCode};
    throw new TmqError(`Publish refused: ${reasonSentence(reasonCode, reasonString)}.`, reasonCode);
  }

  /** See Session.publishAll. */
  async publishAll(
    batches: AsyncIterable<PublishBatch>,
    publication: Publication,
    progress: PublishProgress = {read: 0, acknowledged: 0, refused: 0},
  ): Promise<PublishReport> {
    let firstRefusal: PublishReport['firstRefusal'];
    let failure: {readonly error: unknown} | undefined;
    const resolve = (outcome: PublishOutcome) => {
      if ('error' in outcome) failure ??= outcome;
      else if (isFailure(outcome.reasonCode)) {
        const {reasonCode, reasonString} = outcome;
        progress.refused++;
        firstRefusal ??= {reasonCode, text: reasonSentence(reasonCode, reasonString)};
      } else progress.acknowledged++;
    };
    for await (const batch of batches) {
      for (const part of partsOf(batch, publication)) {
        const {payloads} = part;
        progress.read += payloads.length;
        if (publicationAt(part, 0).qos === 0) {
          await this.#qos0.writeBatch(part, this.#begun, progress);
          this.#begun += payloads.length;
          continue;
        }
        for (let start = 0; start < payloads.length; ) {
          while (failure === undefined && !this.#hasRoom) await this.#signal.wait();
          if (failure !== undefined) break;
          start = this.#addBatch(part, start, resolve);
        }
      }
      if (failure !== undefined) break;
    }
    await this.#qos0.allWritten();
    while (this.#window.size > 0) await this.#signal.wait();
    if (failure !== undefined) throw failure.error;
    return {...progress, ...(firstRefusal === undefined ? {} : {firstRefusal})};
  }

  readonly #room = async (): Promise<void> => {
    while (this.#window.room() === 0) await this.#signal.wait();
    if (this.#failure !== undefined) throw this.#failure.error;
  };

  get #hasRoom(): boolean {
    const connection = this.#writer?.connection;
    return this.#window.room() > 0 && connection?.isOpen === true && !connection.writeQueue.isFull;
  }

  #add(message: OutgoingMessage): void {
    const messageId = this.#setup.identifiers.take();
    this.#window.add(messageId, message.publication.qos === 2 ? 2 : 1, message);
    this.#sendNext();
    this.#writer?.connection.resume();
  }

  /** Sends as many messages as there is room for in one write, at least the first. Returns the index behind them. */
  #addBatch(part: Messages, start: number, resolve: OutgoingMessage['resolve']): number {
    const writer = this.#writer;
    const batch = writer === undefined ? undefined : nextTogether(writer, this.#window, part, start);
    if (writer === undefined || batch === undefined) {
      // A batch is valid until the next one is read; a message may have to be sent again later.
      const payload = Buffer.from(part.payloads[start]!);
      this.#add({payload, publication: publicationAt(part, start), index: this.#begun++, resolve});
      return start + 1;
    }
    const messageIds = batch.payloads.map(() => this.#setup.identifiers.take());
    const {bytes, messages} = encodeBatch(batch, messageIds, {firstIndex: this.#begun, resolve});
    this.#begun += messageIds.length;
    for (const [index, message] of messages.entries()) {
      this.#window.addSent(messageIds[index]!, message.publication.qos === 2 ? 2 : 1, message);
    }
    writer.connection.writeQueue.write(bytes);
    writer.connection.resume();
    return start + messageIds.length;
  }

  #sendNext(): void {
    const writer = this.#writer;
    while (writer?.connection.isOpen) {
      const step = this.#window.next();
      if (step === undefined) return;
      const {messageId} = step;
      if (step.kind === 'release') {
        writer.release(messageId, 0);
        continue;
      }
      const {payload, publication, resolve} = step.value;
      try {
        const prepared = writer.prepareFor(publication, payload.length);
        writer.write({prepared, payload, messageId, duplicate: step.duplicate});
      } catch (error) {
        this.#window.remove(messageId);
        this.#setup.identifiers.release(messageId);
        resolve({error});
      }
    }
  }
}

/** The messages that may leave together now; undefined: the first one goes alone, or may not be sent at all. */
function nextTogether(
  writer: MessageWriter,
  window: InFlightWindow<OutgoingMessage>,
  part: Messages,
  start: number,
): EncodedMessages | undefined {
  if (window.isHolding) return undefined;
  return together(part, {
    encoderOf: writer.batchEncoder,
    start,
    end: Math.min(part.payloads.length, start + window.room()),
    mostBytes: Math.min(writer.connection.limits.maximumPacketSize, largePayloadBytes),
    enoughBytes,
  });
}
