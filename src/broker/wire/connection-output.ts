/**
 * What one connection sends, once a turn, and not before the changes that it tells the client of are stored. Where
 * changes are stored, the connections of one turn of the event loop share one write of the store. Knows no packets.
 */

import type {Duplex} from 'node:stream';
import {acknowledgementBytes} from '../../protocol/acknowledgement.ts';
import type {ChangeLog, ConnectionContext} from './connection-handler.ts';
import type {Counters} from './counters.ts';
import type {Frame} from './publish-packet.ts';
import {type PacketIdentity, WriteBuffer} from './write-buffer.ts';

/** Up to so many bytes, the pieces of a turn are joined before they are written. */
const joinedBytes = 65_536;

export interface ConnectionOutputOptions {
  readonly stream: Duplex;
  readonly context: Pick<ConnectionContext, 'buffers' | 'counters' | 'changeLog'>;
  /** The changes of this turn are stored, or could not be: the acknowledgements that depend on it are due. */
  readonly committed: (isStored: boolean) => void;
  /** The stream has taken all bytes. */
  readonly drained: () => void;
}

/** The bytes that one connection is to send. */
export class ConnectionOutput {
  readonly #options: Pick<ConnectionOutputOptions, 'stream' | 'committed' | 'drained'>;
  readonly #counters: Counters;
  readonly #changeLog: ChangeLog | undefined;
  readonly #buffer: WriteBuffer;
  /** Bytes of answers since the stream last had room. */
  unreadAnswers = 0;
  #isScheduled = false;
  #needsCommit = false;

  constructor({context, ...options}: ConnectionOutputOptions) {
    this.#options = options;
    this.#counters = context.counters;
    this.#changeLog = context.changeLog;
    this.#buffer = new WriteBuffer(context.buffers);
  }

  /** Bytes. */
  get length(): number {
    return this.#buffer.length;
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP with success: what it promises is stored before it leaves. */
  acknowledgement(type: number, packetId: number): void {
    if (this.#changeLog !== undefined) this.needCommit();
    this.#buffer.acknowledgement(type, packetId);
    this.unreadAnswers += acknowledgementBytes;
    this.#sent(1, acknowledgementBytes);
  }

  /** A whole frame. */
  frame(frame: Frame, identity?: PacketIdentity): void {
    const before = this.#buffer.length;
    this.#buffer.frame(frame, identity);
    this.#sent(1, this.#buffer.length - before);
  }

  /** The frame that stands in `bytes` from `start` to `end`, with an identity. */
  shared(bytes: Buffer, start: number, end: number, identity: PacketIdentity): void {
    this.#buffer.add(bytes, start, end, identity);
    this.#sent(1, end - start);
  }

  /** Whole frames that follow each other. */
  frames(bytes: Buffer, frames: number): void {
    this.#buffer.add(bytes, 0, bytes.length);
    this.#sent(frames, bytes.length);
  }

  #sent(messages: number, bytes: number): void {
    this.#counters.messagesSent += messages;
    this.#counters.bytesSent += bytes;
    this.flushLater();
  }

  /** What is written next leaves only when all changes so far are stored. */
  needCommit(): void {
    const changeLog = this.#changeLog;
    if (changeLog === undefined || this.#needsCommit) return;
    // What stands before it need not wait for room on the disk.
    if (changeLog.isFailing) this.flush();
    this.#needsCommit = true;
  }

  /** Flushes at the end of this turn. */
  flushLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const flush = () => this.flush();
    if (this.#changeLog?.hasChanges === true) setImmediate(flush);
    else process.nextTick(flush);
  }

  /** Stores the changes of this turn; whether that succeeded. */
  commit(): boolean {
    if (this.#changeLog === undefined) return true;
    const isStored = this.#changeLog.commit();
    this.#options.committed(isStored);
    return isStored;
  }

  flush(): void {
    const {stream, drained} = this.#options;
    const isStored = this.commit();
    this.#isScheduled = false;
    const bytes = this.#buffer.length;
    if (bytes === 0) return;
    if (this.#needsCommit && !isStored) {
      this.#isScheduled = true;
      // A connection that closes meanwhile is not kept in memory.
      const output = new WeakRef(this);
      this.#changeLog?.afterCommit(() => output.deref()?.flush());
      return;
    }
    this.#needsCommit = false;
    const pieces = this.#buffer.take();
    if (stream.destroyed || stream.writableEnded) return;
    writePieces(stream, pieces, bytes);
    if (!stream.writableNeedDrain) drained();
  }
}

/** Writes pieces of so many bytes in all as one. */
function writePieces(stream: Duplex, pieces: readonly Buffer[], bytes: number): void {
  if (pieces.length === 1) stream.write(pieces[0]);
  else if (bytes <= joinedBytes) stream.write(Buffer.concat(pieces, bytes));
  else {
    stream.cork();
    for (const piece of pieces) stream.write(piece);
    stream.uncork();
  }
}
