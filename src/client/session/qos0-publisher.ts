/**
 * Publishes at QoS 0: a message is done when the operating system has taken it. Where the connection is lost before
 * that and the session reconnects, it is written again.
 */

import type {Publication} from '../../protocol/message.ts';
import {publishFrames} from '../../protocol/publish-writer.ts';
import type {PacketIdentifiers} from '../connection/packet-ids.ts';
import type {Written} from '../connection/write-queue.ts';
import type {Payload, PublishProgress, PublishResult} from '../types.ts';
import type {Signal} from '../waiting.ts';
import type {MessageWriter} from './message-writer.ts';
import {largePayloadBytes, type Messages, publicationAt, together} from './publish-batch.ts';

export interface Qos0Setup {
  readonly identifiers: PacketIdentifiers;
  /** The writer of the present connection, or of the next one. @throws what ended the session */
  readonly writer: () => Promise<MessageWriter>;
  /** Notified when the stream takes more, and when a connection comes or goes. */
  readonly signal: Signal;
  /** Whether the session goes on after a connection is lost. */
  readonly reconnects: boolean;
}

/** One write of lines that the operating system has not taken yet. */
interface LineWrite {
  readonly lines: number;
  /** Which message of `publishAll` is the first, from 0. */
  readonly firstIndex: number;
  readonly progress: PublishProgress;
  write(writer: MessageWriter, written: Written): void;
}

export class Qos0Publisher {
  readonly #setup: Qos0Setup;
  /** Writes that were begun and have not ended, in order. */
  readonly #unwritten = new Set<LineWrite>();
  /** Lines that were written once more. */
  repeated = 0;
  /** Writes that a loss of the connection ended, in order: they are made again on the next one. */
  #failed: LineWrite[] = [];
  /** A message was written at QoS 0, so that its arrival is unknown. */
  hasWritten = false;

  constructor(setup: Qos0Setup) {
    this.#setup = setup;
  }

  /** See Session.publish. */
  async publish(payload: Payload, publication: Publication, isLast: boolean): Promise<PublishResult> {
    for (;;) {
      const writer = await this.#setup.writer();
      const {connection} = writer;
      const prepared = writer.prepareFor(publication, payload.length);
      const messageId = this.#setup.identifiers.count();
      this.hasWritten = true;
      const isWritten = await new Promise<boolean>((resolve) => {
        writer.write({prepared, payload, messageId, duplicate: false}, resolve);
        // The server reads DISCONNECT behind the message and closes when it has sent CONNACK: a round trip less.
        if (isLast && !connection.isAccepted && payload instanceof Uint8Array) connection.disconnect(0);
      });
      if (isWritten) {
        await connection.accepted;
        return {reasonCode: 0};
      }
      const loss = await connection.closed;
      if (!this.#setup.reconnects) throw loss;
    }
  }

  /** Which message of `publishAll` is the first that is not written; undefined where all are that were begun. */
  get oldest(): number | undefined {
    const [write] = this.#unwritten;
    const indexes = [...this.#failed, ...(write === undefined ? [] : [write])].map(
      ({firstIndex}) => firstIndex,
    );
    return indexes.length === 0 ? undefined : Math.min(...indexes);
  }

  /** Writes messages, and waits until the stream takes more. @throws TmqError 25 behind what fits */
  async writeBatch(messages: Messages, firstIndex: number, progress: PublishProgress): Promise<void> {
    const {payloads} = messages;
    this.hasWritten = true;
    for (let start = 0; start < payloads.length; ) {
      const writer = await this.#setup.writer();
      const {connection} = writer;
      // The connection may have closed since the promise resolved.
      if (!connection.isOpen) continue;
      this.#writeFailedAgain(writer);
      const batch = together(messages, {
        encoderOf: writer.batchEncoder,
        start,
        end: payloads.length,
        mostBytes: Math.min(connection.limits.maximumPacketSize, largePayloadBytes),
        enoughBytes: Number.POSITIVE_INFINITY,
      });
      if (batch === undefined) {
        const publication = publicationAt(messages, start);
        writer.prepareFor(publication, payloads[start]!.length);
        this.#begin(
          writer,
          this.#one(publication, payloads[start]!, {firstIndex: firstIndex + start, progress}),
        );
        start++;
      } else {
        const bytes = publishFrames(batch.encoders, batch.payloads, batch);
        const write: LineWrite['write'] = (on, written) => on.connection.writeQueue.write(bytes, written);
        this.#begin(writer, {lines: batch.payloads.length, firstIndex: firstIndex + start, progress, write});
        start += batch.payloads.length;
      }
      while (connection.isOpen && connection.writeQueue.isFull) await this.#setup.signal.wait();
    }
  }

  #one(
    publication: Publication,
    line: Uint8Array,
    place: Pick<LineWrite, 'firstIndex' | 'progress'>,
  ): LineWrite {
    const messageId = this.#setup.identifiers.count();
    // Copied: a batch is valid until the next one is read, and the stream may keep this for longer.
    const payload = Buffer.from(line);
    const write: LineWrite['write'] = (writer, written) => {
      const prepared = writer.prepareFor(publication, payload.length);
      writer.write({prepared, payload, messageId, duplicate: false}, written);
    };
    return {lines: 1, ...place, write};
  }

  /** Makes a write, and counts it until its callback. */
  #begin(writer: MessageWriter, write: LineWrite): void {
    this.#unwritten.add(write);
    write.write(writer, (isWritten) => {
      this.#unwritten.delete(write);
      if (isWritten) write.progress.acknowledged += write.lines;
      else this.#failed.push(write);
      if (this.#unwritten.size === 0) this.#setup.signal.notify();
    });
  }

  #writeFailedAgain(writer: MessageWriter): void {
    for (const write of this.#failed.splice(0)) {
      this.repeated += write.lines;
      this.#begin(writer, write);
    }
  }

  /** Waits until the operating system has everything, on this connection or on a later one. */
  async allWritten(): Promise<void> {
    while (this.#unwritten.size > 0 || this.#failed.length > 0) {
      const writer = await this.#setup.writer();
      if (writer.connection.isOpen) this.#writeFailedAgain(writer);
      if (this.#unwritten.size > 0) await this.#setup.signal.wait();
    }
  }
}
