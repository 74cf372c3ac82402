/**
 * Publishes at QoS 0: a message is done when the operating system has taken it. Where the connection is lost before
 * that and the session reconnects, it is written again.
 */

import type {Publication} from '../../protocol/message.ts';
import type {PacketIdentifiers} from '../connection/packet-ids.ts';
import type {Written} from '../connection/write-queue.ts';
import type {Payload, PublishProgress, PublishReport, PublishResult} from '../types.ts';
import type {Signal} from '../waiting.ts';
import type {MessageWriter, PreparedPublication} from './message-writer.ts';
import {largePayloadBytes} from './publish-batch.ts';

export interface Qos0Setup {
  readonly identifiers: PacketIdentifiers;
  /** The writer of the present connection, or of the next one. @throws what ended the session */
  readonly writer: () => Promise<MessageWriter>;
  /** Notified when the stream takes more, and when a connection comes or goes. */
  readonly signal: Signal;
  /** Whether the session goes on after a connection is lost. */
  readonly reconnects: boolean;
}

export class Qos0Publisher {
  readonly #setup: Qos0Setup;
  /** Writes of the present connection that the operating system has not taken yet. */
  #unwritten = 0;
  #connection: object | undefined;
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

  /** See Session.publishAll. */
  async publishAll(
    batches: AsyncIterable<readonly Uint8Array[]>,
    publication: Publication,
    progress: PublishProgress,
  ): Promise<PublishReport> {
    this.hasWritten = true;
    for await (const batch of batches) {
      progress.read += batch.length;
      await this.#writeBatch(batch, publication);
      progress.acknowledged += batch.length;
    }
    await this.#allWritten();
    return {...progress};
  }

  /** Writes a batch, and waits until the stream takes more. @throws TmqError 25 behind what fits */
  async #writeBatch(batch: readonly Uint8Array[], publication: Publication): Promise<void> {
    for (let start = 0; start < batch.length; ) {
      const writer = await this.#setup.writer();
      const {connection} = writer;
      // The connection may have closed since the promise resolved.
      if (!connection.isOpen) continue;
      const first = batch[start]!;
      const prepared = writer.prepareFor(publication, first.length);
      if (!writer.mayBatch(prepared) || first.length >= largePayloadBytes) {
        this.#writeOne(writer, prepared, first);
        start++;
      } else start += this.#writeTogether(writer, prepared, start === 0 ? batch : batch.slice(start));
      while (connection.isOpen && connection.writeQueue.isFull) await this.#setup.signal.wait();
    }
  }

  #writeOne(writer: MessageWriter, prepared: PreparedPublication, payload: Uint8Array): void {
    const messageId = this.#setup.identifiers.count();
    // Copied: a batch is valid until the next one is read, and the stream may keep this for longer.
    const message = {prepared, payload: Buffer.from(payload), messageId, duplicate: false};
    writer.write(message, this.#counted(writer));
  }

  /** Writes as many payloads as fit into one buffer, at least the first. Returns how many. */
  #writeTogether(
    {connection}: MessageWriter,
    {encoder}: PreparedPublication,
    payloads: readonly Uint8Array[],
  ): number {
    const {maximumPacketSize} = connection.limits;
    const end = payloads.findIndex(
      ({length}) => length >= largePayloadBytes || encoder.packetBytes(length) > maximumPacketSize,
    );
    const batch = end === -1 ? payloads : payloads.slice(0, end);
    connection.writeQueue.write(encoder.frames(batch), this.#counted({connection}));
    return batch.length;
  }

  /** Counts a write until its callback. */
  #counted({connection}: {readonly connection: object}): Written {
    if (this.#connection !== connection) {
      this.#connection = connection;
      this.#unwritten = 0;
    }
    this.#unwritten++;
    return () => {
      if (this.#connection === connection && --this.#unwritten === 0) this.#setup.signal.notify();
    };
  }

  /** Waits until the operating system has everything; what it does not have when the connection is lost, is lost. */
  async #allWritten(): Promise<void> {
    const {connection} = await this.#setup.writer();
    while (connection.isOpen && this.#connection === connection && this.#unwritten > 0) {
      await this.#setup.signal.wait();
    }
    if (!connection.isOpen && !this.#setup.reconnects) throw await connection.closed;
  }
}
