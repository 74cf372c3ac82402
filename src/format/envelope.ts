/**
 * The other way of json.ts: a line of `sub --json`, or of any program that writes such lines, → a message. The payload
 * is cut out of the line as it stands there; only strings with escapes are decoded. Knows no options: what a line
 * leaves out is absent.
 */

import {ExitCode, TmqError, UsageError} from '../errors.ts';
import {asBuffer} from '../protocol/byte-copy.ts';
import type {QoS} from '../protocol/message.ts';
import {
  mayClientSend,
  type Properties,
  PropertyIdentifier,
  propertyNames,
  propertyTable,
} from '../protocol/properties.ts';
import {propertyValue} from '../protocol/property-option.ts';
import {ByteTable, isSpan} from './byte-table.ts';
import {
  afterSpace,
  afterString,
  afterValue,
  backslash,
  closeObject,
  colon,
  comma,
  isAt,
  isDigit,
  openObject,
  quote,
} from './json-scan.ts';

/** All of a message but its payload, as far as the line has it. */
export interface EnvelopeHead {
  readonly topic?: string;
  readonly qos?: QoS;
  readonly retain?: boolean;
  /** Those that a client may send; those of the connection, such as a topic alias, are left out. */
  readonly properties?: Properties;
}

/** The keys that count. Those of `sub --json` that say nothing new, and others, are passed over. */
const keys = ['topic', 'qos', 'retain', 'properties', 'payload', 'payload-encoding'] as const;
type Key = (typeof keys)[number];
const quotedKeys = keys.map((key) => Buffer.from(`"${key}"`));

/** By the bytes of a key with its quotes, its index or -1: no two have the same length. */
const indexByLength = Array.from({length: 19}, (_, length) =>
  quotedKeys.findIndex((key) => key.length === length),
);

/** The index among `keys` of the one that stands there with its quotes, or -1. */
function keyAt(bytes: Uint8Array, start: number, end: number): number {
  const index = indexByLength[end - start] ?? -1;
  return index !== -1 && isAt(bytes, start, quotedKeys[index]!) ? index : -1;
}

/** The index after the string that begins at `at` where nothing in it is escaped; else -1. */
function afterPlainString(bytes: Uint8Array, at: number): number {
  let byte = bytes[++at]!;
  while (byte >= 0x20 && byte !== quote && byte !== backslash) byte = bytes[++at]!;
  return byte === quote ? at + 1 : -1;
}

/** Their indexes. */
const topicIndex = 0;
const qosIndex = 1;
const retainIndex = 2;
const propertiesIndex = 3;
const payloadIndex = 4;
const encodingIndex = 5;

const nothing = Buffer.alloc(0);

/** Heads that are remembered at a time. */
const mostHeads = 1024;

function invalid(sentence: string): TmqError {
  return new TmqError(sentence, ExitCode.invalid);
}

/** Reads lines one after the other. `made` and `payload` are those of the line that was read last. */
export class EnvelopeReader<Made> {
  /** What `make` made of its head: the same object for lines whose heads are alike. */
  made: Made | undefined;
  /** Perhaps a view of the bytes. */
  payload: Uint8Array = nothing;
  readonly #make: (head: EnvelopeHead) => Made;
  #bytes: Uint8Array = nothing;
  /** The payload is a string without escapes. */
  #isPlain = false;
  /** Where the value of each key begins, and where it ends; -1 where there is none. */
  readonly #starts = new Int32Array(keys.length);
  readonly #ends = new Int32Array(keys.length);
  /** By what stands between the first and the last byte of topic, qos and retain. */
  readonly #heads = new ByteTable<KnownHead<Made>>(mostHeads);
  /** Of the line before, where it had the same head as the one before that. */
  #shape: Shape<Made> | undefined;

  constructor(make: (head: EnvelopeHead) => Made) {
    this.#make = make;
  }

  /**
   * Reads the line that stands at `start` up to `end`, in which there is UTF-8 alone. False where it is blank.
   * @throws TmqError 3 with what is wrong, as the rest of a sentence: 'is no JSON object'
   */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes;
    if (this.#shape !== undefined && this.#readsLike(this.#shape, start, end)) return true;
    const hasMark = bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
    const first = afterSpace(bytes, hasMark ? start + 3 : start);
    if (first >= end) return false;
    this.#findValues(first, end);
    const before = this.made;
    this.made = this.#madeOfHead();
    this.payload = this.#payload();
    this.#shape = before === this.made ? this.#shapeOf(this.made, start, end) : undefined;
    return true;
  }

  /** What the next lines are likely to have, too; undefined where the payload does not end the line. */
  #shapeOf(made: Made, start: number, end: number): Shape<Made> | undefined {
    const bytes = this.#bytes;
    const payloadStart = this.#starts[payloadIndex]!;
    const payloadEnd = this.#ends[payloadIndex]!;
    if (payloadEnd + 1 !== end || bytes[payloadEnd] !== closeObject) return undefined;
    const encoding = this.#starts[encodingIndex] === -1 ? '' : this.#raw(encodingIndex);
    if (encoding === '' ? !this.#isPlain : encoding !== '"json"') return undefined;
    // Where digits count: the values of all keys but those that are passed over.
    const counting = new Uint8Array(payloadStart - start);
    for (const index of [topicIndex, qosIndex, retainIndex, propertiesIndex]) {
      if (this.#starts[index] !== -1)
        counting.fill(1, this.#starts[index]! - start, this.#ends[index]! - start);
    }
    return {made, head: copyOf(bytes, start, payloadStart), counting, isText: encoding === ''};
  }

  /**
   * Reads a line that differs from the shape in its payload, and in digits that do not count, such as those of the time:
   * a comparison takes a third of the time of looking at each token.
   */
  #readsLike({made, head, counting, isText}: Shape<Made>, start: number, end: number): boolean {
    const bytes = this.#bytes;
    const payloadStart = start + head.length;
    if (payloadStart >= end) return false;
    for (let index = 0; index < head.length; index++) {
      const byte = bytes[start + index]!;
      const before = head[index]!;
      if (byte === before) continue;
      if (!isDigit(byte) || !isDigit(before) || counting[index] === 1) return false;
      // No number begins with 0 before other digits.
      if (byte === 0x30 && !isDigit(head[index - 1]!)) return false;
    }
    const payloadEnd = isText ? afterPlainString(bytes, payloadStart) : afterValue(bytes, payloadStart);
    if (payloadEnd + 1 !== end || bytes[payloadEnd] !== closeObject) return false;
    if (isText && bytes[payloadStart] !== quote) return false;
    this.made = made;
    this.payload = isText
      ? bytes.subarray(payloadStart + 1, payloadEnd - 1)
      : bytes.subarray(payloadStart, payloadEnd);
    return true;
  }

  /** What follows the line in the same bytes may be taken for a part of it, and is noticed at its end. */
  #findValues(start: number, end: number): void {
    const bytes = this.#bytes;
    for (let index = 0; index < keys.length; index++) this.#starts[index] = this.#ends[index] = -1;
    if (bytes[start] !== openObject) throw invalid('is no JSON object');
    let at = afterSpace(bytes, start + 1);
    if (bytes[at] !== closeObject) {
      at = this.#entry(at, start);
      while (bytes[at] === comma) at = this.#entry(afterSpace(bytes, at + 1), start);
    }
    if (bytes[at] !== closeObject || at >= end)
      throw noJson(Math.min(at, end) - start, 'is not in its place');
    if (afterSpace(bytes, at + 1) < end) throw invalid('has something behind its JSON object');
  }

  /** Notes the place of the value whose key is at `at`; returns the index of the token behind it. */
  #entry(at: number, lineStart: number): number {
    const bytes = this.#bytes;
    const keyEnd = bytes[at] === quote ? afterString(bytes, at) : -1;
    const separator = keyEnd === -1 ? -1 : afterSpace(bytes, keyEnd);
    if (separator === -1 || bytes[separator] !== colon) throw noJson(at - lineStart, 'begins no entry');
    const start = afterSpace(bytes, separator + 1);
    const plainEnd = bytes[start] === quote ? afterPlainString(bytes, start) : -1;
    const end = plainEnd === -1 ? afterValue(bytes, start) : plainEnd;
    if (end === -1) throw noJson(start - lineStart, 'begins no value');
    const index = keyAt(bytes, at, keyEnd);
    if (index !== -1) {
      this.#starts[index] = start;
      this.#ends[index] = end;
      if (index === payloadIndex) this.#isPlain = plainEnd !== -1;
    }
    return afterSpace(bytes, end);
  }

  /** The text of a value as it stands in the line; '' where there is none, or null. */
  #raw(index: number): string {
    const start = this.#starts[index]!;
    if (start === -1) return '';
    const text = asBuffer(this.#bytes).toString('latin1', start, this.#ends[index]);
    return text === 'null' ? '' : text;
  }

  #madeOfHead(): Made {
    const bytes = this.#bytes;
    const starts = this.#starts;
    const ends = this.#ends;
    let first = topicIndex;
    for (let index = qosIndex; index <= retainIndex; index++) {
      if (starts[index] !== -1 && (starts[first] === -1 || starts[index]! < starts[first]!)) first = index;
    }
    const start = starts[first]!;
    const end = Math.max(ends[topicIndex]!, ends[qosIndex]!, ends[retainIndex]!);
    const from = starts[propertiesIndex]!;
    const to = ends[propertiesIndex]!;
    const known = this.#heads.get(bytes, start, end);
    if (known?.first === first && isSpan(bytes, from, to, known.properties)) return known.made;
    const made = this.#make(this.#newHead());
    const properties = copyOf(bytes, from, to);
    if (known === undefined) this.#heads.set(bytes, start, end, {first, properties, made});
    else Object.assign(known, {first, properties, made});
    return made;
  }

  #newHead(): EnvelopeHead {
    const has = (index: number) => this.#raw(index) !== '';
    return {
      ...(has(topicIndex) ? {topic: this.#string(topicIndex)} : {}),
      ...(has(qosIndex) ? {qos: toQos(this.#raw(qosIndex))} : {}),
      ...(has(retainIndex) ? {retain: toRetain(this.#raw(retainIndex))} : {}),
      ...(has(propertiesIndex) ? {properties: toProperties(this.#value(propertiesIndex))} : {}),
    };
  }

  #value(index: number): unknown {
    return JSON.parse(asBuffer(this.#bytes).toString('utf8', this.#starts[index], this.#ends[index]));
  }

  #string(index: number): string {
    const value = this.#value(index);
    const key = keys[index] as Key;
    if (typeof value !== 'string') throw invalid(`has a ${key} that is no string`);
    if (/\p{Surrogate}/u.test(value)) throw invalid(`has half a surrogate pair in its ${key}`);
    return value;
  }

  #payload(): Uint8Array {
    const start = this.#starts[payloadIndex]!;
    const end = this.#ends[payloadIndex]!;
    if (start === -1) return nothing;
    const encoding = this.#starts[encodingIndex] === -1 ? '' : this.#raw(encodingIndex);
    switch (encoding) {
      case '':
        if (this.#isPlain) return this.#bytes.subarray(start + 1, end - 1);
        if (this.#bytes[start] === quote) return Buffer.from(this.#string(payloadIndex));
        return this.#raw(payloadIndex) === '' ? nothing : this.#bytes.subarray(start, end);
      case '"json"':
        return this.#bytes.subarray(start, end);
      case '"base64"':
        return fromBase64(this.#string(payloadIndex), 'payload');
      default:
        throw invalid(
          `has the payload-encoding ${encoding}: tmq knows "json" and "base64", and none for text`,
        );
    }
  }
}

/** What a line has before its payload. */
interface Shape<Made> {
  readonly made: Made;
  readonly head: Uint8Array;
  /** 1 for each byte of `head` that is a part of topic, qos, retain or properties. */
  readonly counting: Uint8Array;
  /** The payload is a string, and no JSON. */
  readonly isText: boolean;
}

/** What was made of a head, and what its line had besides its name in the table. */
interface KnownHead<Made> {
  /** Which of topic, qos and retain comes first. */
  first: number;
  properties: Uint8Array;
  made: Made;
}

/** @param offset from the beginning of the line, in bytes */
function noJson(offset: number, why: string): TmqError {
  return invalid(`is no JSON: column ${offset + 1} ${why}`);
}

/** The memory of a line may be used again. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

function toQos(text: string): QoS {
  if (!/^[012]$/.test(text)) throw invalid(`has the qos ${text}: it is 0, 1 or 2`);
  return Number(text) as QoS;
}

function toRetain(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw invalid(`has the retain ${text}: it is true or false`);
  return text === 'true';
}

function fromBase64(text: string, what: string): Buffer {
  if (text.length % 4 !== 0 || !/^[A-Za-z\d+/]*={0,2}$/.test(text)) {
    throw invalid(`has a ${what} that is no base64`);
  }
  return Buffer.from(text, 'base64');
}

/** What belongs to the connection on which a message came. */
const ofConnection: ReadonlySet<number> = new Set([
  PropertyIdentifier.topicAlias,
  PropertyIdentifier.subscriptionIdentifier,
]);

function toProperties(value: unknown): Properties {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('has properties that are no object');
  }
  const encodingKey = 'correlation-data-encoding';
  const {[encodingKey]: encoding, ...given} = value as Record<string, unknown>;
  const properties: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(given)) {
    if (name === 'user-properties') properties.userProperties = toUserProperties(each);
    else {
      const definition = propertyTable.find((row) => row.name === name && row.type !== 'pair');
      if (definition === undefined || !definition.packets.includes('publish')) {
        const names = propertyNames('publish').filter((known) => known !== 'user-property');
        throw invalid(
          `has the property ${JSON.stringify(name)}: a message has ${names.join(', ')} and user-properties`,
        );
      }
      if (ofConnection.has(definition.identifier) || !mayClientSend(definition, 'publish')) continue;
      const isText = definition.type === 'utf8' || definition.type === 'binary';
      if (typeof each !== (isText ? 'string' : 'number')) {
        throw invalid(
          `has the property ${name} with ${JSON.stringify(each)}: it is a ${isText ? 'string' : 'number'}`,
        );
      }
      const isBase64 = definition.type === 'binary' && encoding === 'base64';
      properties[definition.key] = isBase64
        ? fromBase64(each as string, name)
        : checked(() => propertyValue(definition, [String(each)]));
    }
  }
  return properties;
}

/** [{"name":"value"}, …], as json.ts writes them, or one object of all. */
function toUserProperties(value: unknown): NonNullable<Properties['userProperties']> {
  const definition = propertyTable.find(({type}) => type === 'pair')!;
  const objects = Array.isArray(value) ? value : [value];
  return objects.flatMap((object) =>
    Object.entries((object ?? {}) as object).map(([name, text]): [string, string] => {
      if (typeof text !== 'string')
        throw invalid(`has the user property ${JSON.stringify(name)}, which is no string`);
      return checked(() => propertyValue(definition, [name, text]) as [string, string]);
    }),
  );
}

/** Passes the words of the option -D on. */
function checked<Value>(work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const why = error.message.replace(/\.$/, '').replace('--property argument for', 'value of property');
    throw invalid(`has a property that cannot be sent: ${why}`);
  }
}
