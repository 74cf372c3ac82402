/**
 * Persistence: an append log of what the broker tells its journal, so that retained messages, sessions,
 * queues and QoS 2 handshakes survive a restart and a kill. Each record is written before the broker goes
 * on, with its length and checksum; a tail torn by a crash is cut off. Rewritten without what is gone when
 * it has doubled, every autosave interval, and at the end. Knows no MQTT.
 *
 * A record is a method of the journal and its arguments. A message that many queues share is written once,
 * and then meant by its number.
 */

import {closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync} from 'node:fs';
import {dirname} from 'node:path';
import {deserialize, serialize} from 'node:v8';
import {crc32} from 'node:zlib';
import {ExitCode, TmqError} from '../../errors.ts';
import type {StoredMessage} from '../wire/publish-packet.ts';
import type {Journal, RestoredState, SavedDelivery} from './journal.ts';
import {StoredState} from './stored-state.ts';

const magic = Buffer.from('tmq broker store 1\n');
const mosquittoMagic = Buffer.from('\0\u00b5\0mosquitto db', 'latin1');

/** Bytes before it is worth rewriting. */
const smallest = 1 << 20;

export interface Store {
  readonly journal: Journal;
  /** What was there when it was opened. */
  readonly restored: RestoredState;
  close(): void;
}

/** Method, then arguments, messages as their numbers; or 'message', number, message. */
type StoreRecord = readonly [method: string, ...values: unknown[]];

/**
 * Opens a store, or makes one. `autosaveSeconds` of 0: it is rewritten at the end and when it has doubled.
 * @throws TmqError when it cannot be read or written, or is some other file
 */
export function openStore(
  options: {readonly path: string; readonly autosaveSeconds: number},
  warn: (line: string) => void,
): Store {
  const {path, autosaveSeconds} = options;
  const state = readStore(path, warn);
  let file = rewrite(path, state);
  let failed = false;
  const guard = (action: () => void) => {
    if (failed) return;
    try {
      action();
    } catch (error) {
      failed = true;
      warn(`Warning: ${path} cannot be written to, and nothing more is kept: ${reasonOf(error)}`);
    }
  };
  const compact = () => {
    file.close();
    // What was written is read again: no second copy of everything has to be kept in memory.
    file = rewrite(path, readStore(path, warn));
  };
  const timer =
    autosaveSeconds === 0
      ? undefined
      : setInterval(() => guard(compact), Math.min(autosaveSeconds * 1000, 2 ** 31 - 1)).unref();
  const append = (record: StoreRecord) => {
    guard(() => {
      file.append(record);
      // A message alone is not yet meant by anything, and would be lost.
      if (record[0] !== 'message' && file.size > Math.max(smallest, 2 * file.startSize)) compact();
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

/** An open file that records are appended to. */
class LogFile {
  readonly #descriptor: number;
  /** The numbers of the messages that are in the file. */
  readonly numbers = new WeakMap<StoredMessage, number>();
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

  /** Writes what has been appended so far, to the disk; from now on each record is written at once. */
  settle(): void {
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

let lastNumber = 0;

/** A journal whose every call becomes a record; `current` is the file that records go to now. */
function journalTo(current: () => LogFile, append: (record: StoreRecord) => void): Journal {
  const write = (...record: StoreRecord) => append(record);
  const numberOf = (message: StoredMessage): number => {
    const {numbers} = current();
    const known = numbers.get(message);
    if (known !== undefined) return known;
    const number = ++lastNumber;
    const {topic, payload, qos, retain, properties, expiresAt} = message;
    const expiry = expiresAt === undefined ? {} : {expiresAt};
    write('message', number, {topic, payload, qos, retain, properties, ...expiry});
    numbers.set(message, number);
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

/** Writes the state to a new file that then takes the place of the old one, whole or not at all. */
function rewrite(path: string, state: StoredState): LogFile {
  const next = `${path}.new`;
  try {
    const file = new LogFile(next);
    const current = () => file;
    state.tell(journalTo(current, (record) => file.append(record)));
    file.settle();
    renameSync(next, path);
    const directory = openSync(dirname(path), 'r');
    fsyncSync(directory);
    closeSync(directory);
    return file;
  } catch (error) {
    throw new TmqError(`Cannot write the store ${path}: ${reasonOf(error)}.`, ExitCode.failure, {
      cause: error,
    });
  }
}

/** All whole records of a store, told to a state. */
function readStore(path: string, warn: (line: string) => void): StoredState {
  const state = new StoredState();
  const bytes = readAll(path);
  if (bytes === undefined) return state;
  const messages = new Map<number, StoredMessage>();
  let at = magic.length;
  while (at < bytes.length) {
    const content = contentAt(bytes, at);
    if (content === undefined) {
      warn(`Warning: ${path} was torn: its last ${bytes.length - at} bytes are left out.`);
      break;
    }
    at += 8 + content.length;
    apply(deserialize(content) as StoreRecord, state, messages);
  }
  return state;
}

/** The bytes of a store; undefined where there is none. */
function readAll(path: string): Buffer | undefined {
  let bytes: Buffer;
  try {
    if (!existsSync(path)) return undefined;
    bytes = readFileSync(path);
  } catch (error) {
    throw new TmqError(`Cannot read the store ${path}: ${reasonOf(error)}.`, ExitCode.failure, {
      cause: error,
    });
  }
  if (bytes.length === 0) return undefined;
  if (bytes.subarray(0, magic.length).equals(magic)) return bytes;
  const whose = bytes.subarray(0, mosquittoMagic.length).equals(mosquittoMagic)
    ? 'a database of mosquitto'
    : 'no store of tmq broker';
  throw new TmqError(`${path} is ${whose}: give another persistence_file.`, ExitCode.failure);
}

/** The record at an offset; undefined when it is not whole. */
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
    // Copies: what was read would keep the bytes of the whole file.
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
    const tell = state[method as keyof Journal] as (...parameters: unknown[]) => void;
    tell.apply(state, values);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
