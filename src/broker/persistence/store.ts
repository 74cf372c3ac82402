/**
 * The store: an append-only log of the journal's calls, so that retained messages, sessions, queues and QoS 2
 * handshakes survive a restart and a kill. Each record is written before the broker goes on, with its length and
 * checksum; an incomplete last record is cut off. Knows no MQTT.
 */

import {closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync} from 'node:fs';
import {dirname} from 'node:path';
import {deserialize, serialize} from 'node:v8';
import {crc32} from 'node:zlib';
import {defined} from '../../defined.ts';
import {ExitCode, fileError, fileReason, TmqError} from '../../errors.ts';
import {longestTimeout} from '../../timers.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Journal, RestoredState, SavedDelivery} from './journal.ts';
import {StoredState} from './stored-state.ts';

const magic = Buffer.from('tmq broker store 1\n');
const mosquittoMagic = Buffer.from('\0\u00b5\0mosquitto db', 'latin1');

/** Bytes; a smaller file is not compacted because of its growth. */
const compactFrom = 1 << 20;

/** An open store. */
export interface Store {
  readonly journal: Journal;
  /** The state in the file when it was opened. */
  readonly restored: RestoredState;
  close(): void;
}

/**
 * A method of the journal and its arguments, or 'message', number, message: a message that many queues share is
 * written once, and stands as its number in the arguments.
 */
type StoreRecord = readonly [method: string, ...values: unknown[]];

/**
 * Opens a store, or creates one. The file is compacted, that is, rewritten from the current state, when it has
 * doubled, every `autosaveSeconds` (0: never) and at the end.
 * @throws TmqError when it cannot be read or written, or is not a store
 */
export function openStore(
  options: {readonly path: string; readonly autosaveSeconds: number},
  warn: (line: string) => void,
): Store {
  const {path, autosaveSeconds} = options;
  const state = readStore(path, warn);
  let file = rewrite(path, state);
  const guard = untilFirstFailure((error) => {
    warn(`Warning: ${path} cannot be written to, and nothing more is kept: ${fileReason(error)}`);
  });
  const compact = () => {
    file.close();
    // The state is read from the file again, which spares a second copy of it in memory.
    file = rewrite(path, readStore(path, warn));
  };
  const timer =
    autosaveSeconds === 0
      ? undefined
      : setInterval(() => guard(compact), Math.min(autosaveSeconds * 1000, longestTimeout)).unref();
  const append = (record: StoreRecord) => {
    guard(() => {
      file.append(record);
      // A message that no record refers to yet would be lost.
      if (record[0] !== 'message' && file.size > Math.max(compactFrom, 2 * file.startSize)) compact();
    });
  };
  const journal = journalTo(() => file, append);
  return {
    journal,
    restored: state.restored(),
    close() {
      clearInterval(timer);
      guard(() => {
        compact();
        file.close();
      });
    },
  };
}

/** Runs actions until one throws: then calls `failed` once, and runs no more. */
function untilFirstFailure(failed: (error: unknown) => void): (action: () => void) => void {
  let isFailed = false;
  return (action) => {
    if (isFailed) return;
    try {
      action();
    } catch (error) {
      isFailed = true;
      failed(error);
    }
  };
}

/** An open file that records are appended to. */
class LogFile {
  readonly #descriptor: number;
  /** The numbers of the messages that are in the file. */
  readonly numbers = new WeakMap<StoredMessage, number>();
  lastNumber = 0;
  size = 0;
  /** Its size when it was rewritten. */
  startSize = 0;
  #batch: Buffer[] | undefined = [magic];

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w', 0o600);
  }

  append(record: StoreRecord): void {
    const content = serialize(record);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(content.length, 0);
    head.writeUInt32LE(crc32(content), 4);
    if (this.#batch === undefined) this.#write(Buffer.concat([head, content]));
    else this.#batch.push(head, content);
  }

  /** Writes the records appended so far to the disk; from now on each record is written at once. */
  sync(): void {
    this.#write(Buffer.concat(this.#batch ?? []));
    this.#batch = undefined;
    this.startSize = this.size;
    fsyncSync(this.#descriptor);
  }

  close(): void {
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
    this.size += bytes.length;
  }
}

/** A journal that appends each call as a record; `current` gives the file in use. */
function journalTo(current: () => LogFile, append: (record: StoreRecord) => void): Journal {
  const write = (...record: StoreRecord) => append(record);
  const numberOf = (message: StoredMessage): number => {
    const file = current();
    const known = file.numbers.get(message);
    if (known !== undefined) return known;
    const number = ++file.lastNumber;
    const {topic, payload, qos, retain, properties, expiresAt} = message;
    write('message', number, defined({topic, payload, qos, retain, properties, expiresAt}));
    file.numbers.set(message, number);
    return number;
  };
  return {
    retained: (topic, message) => write('retained', topic, message && numberOf(message)),
    queued(clientId, {sequence, message, qos, retain, subscriptionIdentifiers}) {
      const number = numberOf(message);
      write('queued', clientId, {sequence, qos, retain, subscriptionIdentifiers}, number);
    },
    session: (session) => write('session', {...session}),
    sessionEnded: (clientId) => write('sessionEnded', clientId),
    subscribed: (clientId, subscription) => write('subscribed', clientId, {...subscription}),
    unsubscribed: (clientId, filter) => write('unsubscribed', clientId, filter),
    sent: (clientId, sequence, packetId) => write('sent', clientId, sequence, packetId),
    released: (clientId, sequence, packetId) => write('released', clientId, sequence, packetId),
    settled: (clientId, sequence) => write('settled', clientId, sequence),
    completed: (clientId, packetId) => write('completed', clientId, packetId),
    received: (clientId, packetId) => write('received', clientId, packetId),
    forgotten: (clientId, packetId) => write('forgotten', clientId, packetId),
  };
}

/** Writes the state to a new file and renames it over the old one. @throws TmqError */
function rewrite(path: string, state: StoredState): LogFile {
  const next = `${path}.new`;
  try {
    const file = new LogFile(next);
    const journal = journalTo(
      () => file,
      (record) => file.append(record),
    );
    state.replayTo(journal);
    file.sync();
    renameSync(next, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
    return file;
  } catch (error) {
    throw fileError('store', path, error, 'write');
  }
}

/** The state after all complete records of a store. */
function readStore(path: string, warn: (line: string) => void): StoredState {
  const state = new StoredState();
  const bytes = readAll(path);
  if (bytes === undefined) return state;
  const messages = new Map<number, StoredMessage>();
  let at = magic.length;
  while (at < bytes.length) {
    const content = contentAt(bytes, at);
    if (content === undefined) {
      warn(
        `Warning: ${path} ends in an incomplete record: its last ${bytes.length - at} bytes are left out.`,
      );
      break;
    }
    at += 8 + content.length;
    apply(deserialize(content) as StoreRecord, state, messages);
  }
  return state;
}

/** The bytes of a store; undefined when there is no file, or an empty one. */
function readAll(path: string): Buffer | undefined {
  let bytes: Buffer;
  try {
    if (!existsSync(path)) return undefined;
    bytes = readFileSync(path);
  } catch (error) {
    throw fileError('store', path, error);
  }
  if (bytes.length === 0) return undefined;
  if (bytes.subarray(0, magic.length).equals(magic)) return bytes;
  const kind = bytes.subarray(0, mosquittoMagic.length).equals(mosquittoMagic)
    ? 'a database of mosquitto'
    : 'not a store of tmq broker';
  throw new TmqError(`${path} is ${kind}: give another persistence_file.`, ExitCode.failure);
}

/** The content of the record at an offset; undefined when it is incomplete or damaged. */
function contentAt(bytes: Buffer, at: number): Buffer | undefined {
  if (bytes.length - at < 8) return undefined;
  const length = bytes.readUInt32LE(at);
  const content = bytes.subarray(at + 8, at + 8 + length);
  return content.length === length && crc32(content) === bytes.readUInt32LE(at + 4) ? content : undefined;
}

function apply(record: StoreRecord, state: StoredState, messages: Map<number, StoredMessage>): void {
  const [method, ...values] = record;
  if (method === 'message') {
    const [number, message] = values as [number, StoredMessage];
    // Copies: views would keep the bytes of the whole file in memory.
    const {payload, properties} = message;
    messages.set(number, {...message, payload: Buffer.from(payload), properties: Buffer.from(properties)});
  } else if (method === 'retained') {
    const [topic, number] = values as [string, number | undefined];
    state.retained(topic, number === undefined ? undefined : messages.get(number));
  } else if (method === 'queued') {
    const [clientId, delivery, number] = values as [string, Omit<SavedDelivery, 'message'>, number];
    const message = messages.get(number);
    if (message !== undefined) state.queued(clientId, {...delivery, message});
  } else {
    const call = state[method as keyof Journal] as (...parameters: unknown[]) => void;
    call.apply(state, values);
  }
}
