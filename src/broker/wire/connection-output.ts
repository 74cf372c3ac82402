/**
 * What one connection sends, once a turn, and not before the changes that it tells the client of are stored. Where
 * changes are stored, the connections of one turn of the event loop share one write of the store. Knows no packets.
 */

import type {Duplex} from 'node:stream';
import {acknowledgementBytes, writeAcknowledgement} from '../../protocol/acknowledgement.ts';
import {copyBytes} from '../../protocol/byte-copy.ts';
import {PublishFlag} from '../../protocol/flags.ts';
import {type PlainPublish, plainPublishBytes, writePlainPublish} from '../../protocol/publish-writer.ts';
import type {Counters} from './counters.ts';
import {type Frame, keptBytes} from './publish-packet.ts';

const pooledBytes = 16_384;
/** Buffers kept for the next turn; each connection that sends in a turn has one. */
const mostSpare = 64;

/** Buffers that the connections of one broker lend each other. */
export class BufferPool {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
  }

  give(buffer: Buffer): void {
    if (this.#spare.length < mostSpare) this.#spare.push(buffer);
  }
}

/** A packet identifier to be put into a copy of a frame. */
export interface PacketIdentity {
  readonly packetId: number;
  /** Where it stands, counted from the beginning of the frame. */
  readonly at: number;
  readonly dup: boolean;
}

/**
 * Bytes in the order they are to leave: small frames are collected in a buffer of the broker's pool, large ones are
 * kept as they are. Measured at QoS 1, one client to one: with a Buffer for every frame and acknowledgement, a third of
 * the broker's time goes into collecting them.
 */
export class WriteBuffer {
  readonly #pool: BufferPool;
  #pieces: Buffer[] | undefined;
  #pooled: Buffer | undefined;
  #pooledLength = 0;
  #length = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  /** Adds a whole frame; an identity goes into its first piece. */
  frame(frame: Frame, identity?: PacketIdentity): void {
    for (let index = 0; index < frame.length; index++) {
      const piece = frame[index]!;
      this.add(piece, 0, piece.length, index === 0 ? identity : undefined);
    }
  }

  /**
   * Adds what stands in `bytes` from `start` to `end`: a frame, its first piece, or several frames. From `keptBytes`
   * on it is kept and must not change; with an identity it is always a copy, which carries it.
   */
  add(bytes: Buffer, start: number, end: number, identity?: PacketIdentity): void {
    const size = end - start;
    this.#length += size;
    let target: Buffer;
    let at = 0;
    if (size >= keptBytes) {
      this.#seal();
      const piece = bytes.subarray(start, end);
      target = identity === undefined ? piece : Buffer.from(piece);
      this.#keep(target);
    } else {
      target = this.#room(size);
      at = this.#pooledLength;
      this.#pooledLength = copyBytes(bytes, target, at, start, end);
    }
    if (identity === undefined) return;
    const identifierAt = at + identity.at;
    target[identifierAt] = identity.packetId >> 8;
    target[identifierAt + 1] = identity.packetId & 0xff;
    if (identity.dup) target[at]! |= PublishFlag.duplicate;
  }

  /** Adds a message, written where it stays; false: it has to be added as a frame. */
  plain(publish: PlainPublish): boolean {
    const size = plainPublishBytes(publish);
    if (size >= keptBytes) return false;
    const target = this.#room(size);
    const end = writePlainPublish(target, this.#pooledLength, publish);
    if (end === -1) return false;
    this.#pooledLength = end;
    this.#length += size;
    return true;
  }

  /** Adds PUBACK, PUBREC, PUBREL or PUBCOMP that reports success [MQTT 5, 3.4.2.1]. */
  acknowledgement(type: number, packetId: number): void {
    const target = this.#room(acknowledgementBytes);
    this.#pooledLength = writeAcknowledgement(target, this.#pooledLength, type, packetId);
    this.#length += acknowledgementBytes;
  }

  /** The pooled buffer, with room for so many bytes, fewer than `keptBytes`. */
  #room(bytes: number): Buffer {
    if (this.#pooledLength + bytes > pooledBytes) this.#seal();
    this.#pooled ??= this.#pool.take();
    return this.#pooled;
  }

  /** Makes a piece of what the pooled buffer holds. */
  #seal(): void {
    if (this.#pooled === undefined || this.#pooledLength === 0) return;
    this.#keep(Buffer.from(this.#pooled.subarray(0, this.#pooledLength)));
    this.#pooledLength = 0;
  }

  #keep(piece: Buffer): void {
    if (this.#pieces === undefined) this.#pieces = [piece];
    else this.#pieces.push(piece);
  }

  /** Everything that was added, in order; nothing is left. */
  take(): Buffer[] {
    this.#seal();
    if (this.#pooled !== undefined) this.#pool.give(this.#pooled);
    this.#pooled = undefined;
    const pieces = this.#pieces ?? [];
    this.#pieces = undefined;
    this.#length = 0;
    return pieces;
  }
}

/** Stores the changes that packets cause. */
export interface ChangeLog {
  /** A message begins: its changes, up to the next call, are stored together or not at all. */
  begin(): void;
  /** Stores all changes so far; false: they could not be stored, and will be as soon as possible. */
  commit(): boolean;
  /** Calls back once, after the next commit that succeeds; to be used after one that did not. */
  afterCommit(listener: () => void): void;
  /** The last commit did not succeed. */
  readonly isFailing: boolean;
  /** There is something to commit. */
  readonly hasChanges: boolean;
  /** Whether the changes of a new message at this QoS can be stored. */
  accepts(qos: number): boolean;
}

/** Up to so many bytes, the pieces of a turn are joined before they are written. */
const joinedBytes = 65_536;

/** The connection that the bytes belong to. */
export interface OutputOwner {
  readonly stream: Duplex;
  readonly context: {
    readonly buffers: BufferPool;
    readonly counters: Counters;
    readonly changeLog?: ChangeLog;
    readonly fastPath: boolean;
  };
  /** The changes of this turn are stored, or could not be: the acknowledgements that depend on it are due. */
  committed(isStored: boolean): void;
  /** The stream has taken all bytes. */
  drained(): void;
}

/** The bytes that one connection is to send. */
export class ConnectionOutput {
  readonly #owner: OutputOwner;
  readonly #buffer: WriteBuffer;
  /** Bytes of answers since the stream last had room. */
  unreadAnswers = 0;
  #isScheduled = false;
  #needsCommit = false;

  constructor(owner: OutputOwner) {
    this.#owner = owner;
    this.#buffer = new WriteBuffer(owner.context.buffers);
  }

  get #changeLog(): ChangeLog | undefined {
    return this.#owner.context.changeLog;
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

  /** A message; false: it has to be sent as a frame, which can be observed. */
  plain(publish: PlainPublish): boolean {
    const before = this.#buffer.length;
    if (!this.#owner.context.fastPath || !this.#buffer.plain(publish)) return false;
    this.#sent(1, this.#buffer.length - before);
    return true;
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
    const {counters} = this.#owner.context;
    counters.messagesSent += messages;
    counters.bytesSent += bytes;
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
    this.#owner.committed(isStored);
    return isStored;
  }

  flush(): void {
    const {stream} = this.#owner;
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
    if (!stream.writableNeedDrain) this.#owner.drained();
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
