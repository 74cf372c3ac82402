/**
 * One message as one JSON object: %j, with the payload as a string; %J, with the payload as JSON in it; and --json,
 * with the payload as JSON where it is JSON, and a key that says that. The output is always valid JSON and gives back every byte: what
 * is not UTF-8 stands as base64, after a key that states so. In %J the payload is checked, and keeps its spelling.
 * Knows no format string; envelope.ts reads what this writes.
 */

import {isUtf8} from 'node:buffer';
import {asBuffer} from '../protocol/byte-copy.ts';
import type {Message} from '../protocol/message.ts';
import type {Properties} from '../protocol/properties.ts';
import {propertyTable} from '../protocol/properties.ts';
import {compactJson, indentJson, isInlineJson} from './json-text.ts';
import type {Sink} from './sink.ts';
import {isoTimeMicroseconds} from './strftime.ts';

/** For the manual: what JSON output adds to mosquitto's. */
export const jsonNotes: readonly string[] = [
  'In %j a payload that is not valid UTF-8 is given as base64, and the key "payload-encoding":"base64" stands ' +
    'directly before "payload". The same holds for correlation data, with "correlation-data-encoding". A payload ' +
    'that is text has no such key and may contain any character, NUL as \\u0000.',
  'In %J a payload is passed on as it was written, without white space between its parts: numbers keep ' +
    'their digits and spelling, keys that occur twice stay, strings keep their escapes. A payload that is not JSON, ' +
    'or is nested more than 1000 levels deep, prints nothing and is reported on standard error. An empty payload is null.',
];

export interface JsonOptions {
  /** 'embed': the payload is JSON and becomes part of the object, %J. 'mark': the same where it is JSON, behind a key that names it. */
  readonly payload: 'string' | 'embed' | 'mark';
  readonly pretty: boolean;
  /** Takes a line for standard error. */
  readonly warn: (line: string) => void;
}

const encoding = (name: string, kind: 'base64' | 'json' = 'base64') => `"${name}-encoding":"${kind}"`;
const empty = new Uint8Array(0);

/** The index of the first byte that cannot stand in a JSON string as it is, or is not ASCII; the length if none. */
function plainLength(bytes: Uint8Array, at = 0): number {
  for (; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x20 || byte > 0x7f || byte === 0x22 || byte === 0x5c) break;
  }
  return at;
}

/** Writes UTF-8 as the inside of a JSON string: runs that need no escape go through undecoded. */
function writeEscaped(bytes: Uint8Array, out: Sink): void {
  let start = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
    if (at > start) out.bytes(bytes.subarray(start, at));
    out.text(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
    start = at + 1;
  }
  if (start < bytes.length) out.bytes(start === 0 ? bytes : bytes.subarray(start));
}

/** In steps, because base64 of the largest payloads is longer than a string can be. */
function writeBase64(bytes: Uint8Array, out: Sink): void {
  const step = 3 * 16_384;
  for (let at = 0; at < bytes.length; at += step) {
    out.text(asBuffer(bytes.subarray(at, at + step)).toString('base64'));
  }
}

/** Writes the payload entry of %j, with the comma before it. */
function writePayload(payload: Uint8Array, out: Sink): void {
  if (payload.length === 0) {
    out.text(',"payload":null');
    return;
  }
  const plain = plainLength(payload) === payload.length;
  if (plain || isUtf8(payload)) {
    out.text(',"payload":"');
    if (plain) out.bytes(payload);
    else writeEscaped(payload, out);
  } else {
    out.text(`,${encoding('payload')},"payload":"`);
    writeBase64(payload, out);
  }
  out.text('"');
}

/** The entries that one property makes; none when it has no values. */
function propertyEntries(key: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (key === 'userProperties') {
    const pairs = value as NonNullable<Properties['userProperties']>;
    const objects = pairs.map(([name, text]) => `{${JSON.stringify(name)}:${JSON.stringify(text)}}`);
    return objects.length === 0 ? [] : [`"user-properties":[${objects.join(',')}]`];
  }
  if (key === 'subscriptionIdentifiers') {
    // A property that repeats is a key that repeats, as in mosquitto.
    return (value as readonly number[]).map((each) => `"subscription-identifier":${each}`);
  }
  const name = propertyTable.find((definition) => definition.key === key)?.name ?? key;
  if (!(value instanceof Uint8Array)) return [`"${name}":${JSON.stringify(value)}`];
  const bytes = asBuffer(value);
  return isUtf8(bytes)
    ? [`"${name}":${JSON.stringify(bytes.toString())}`]
    : [encoding(name), `"${name}":"${bytes.toString('base64')}"`];
}

/** The entry for all properties, in the order of the wire, with the comma before it; '' when there are none. */
function propertiesEntry(properties: Properties | undefined): string {
  if (properties === undefined) return '';
  const entries = Object.entries(properties).flatMap(([key, value]) => propertyEntries(key, value));
  return entries.length === 0 ? '' : `,"properties":{${entries.join(',')}}`;
}

/**
 * The opening of the object, up to the time. The bytes are made once a second; between, only the digits of
 * the microseconds are written anew.
 */
function openingMaker(): (nanoseconds: bigint) => Uint8Array {
  let second = Number.NaN;
  let latest = Number.NaN;
  let opening: Uint8Array = empty;
  let fractionEnd = 0;
  return (nanoseconds) => {
    const microseconds = Number(nanoseconds / 1000n);
    if (microseconds === latest) return opening;
    latest = microseconds;
    if (Math.floor(microseconds / 1_000_000) !== second) {
      second = Math.floor(microseconds / 1_000_000);
      const text = `{"tst":"${isoTimeMicroseconds(nanoseconds)}","topic":`;
      opening = Buffer.from(text);
      fractionEnd = text.indexOf('.') + 7;
      return opening;
    }
    let rest = microseconds - second * 1_000_000;
    for (let at = fractionEnd - 1; at >= fractionEnd - 6; at--) {
      const tenth = Math.floor(rest / 10);
      opening[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    return opening;
  };
}

/** From the topic to the payload's length. Messages of a stream share topic and size: the last is kept. */
function headMaker(): (message: Message) => Uint8Array {
  let topic = '';
  let qos = -1;
  let retain = false;
  let length = -1;
  let head: Uint8Array = empty;
  return (message) => {
    if (
      message.payload.length !== length ||
      message.qos !== qos ||
      message.retain !== retain ||
      message.topic !== topic
    ) {
      ({topic, qos, retain} = message);
      length = message.payload.length;
      head = Buffer.from(`${JSON.stringify(topic)},"qos":${qos},"retain":${retain},"payloadlen":${length}`);
    }
    return head;
  };
}

/** Collects what is written for one message, to be indented at once. */
function collector(): Sink & {take(): Uint8Array} {
  const parts: Uint8Array[] = [];
  return {
    text: (value) => parts.push(Buffer.from(value)),
    bytes: (value) => parts.push(value),
    take: () => Buffer.concat(parts.splice(0)),
  };
}

/**
 * Makes the writer for %j, %J or --json. It takes its own timestamp for each message, in nanoseconds since the
 * epoch. Where the payload cannot be embedded it warns and writes nothing.
 */
export function jsonWriter(options: JsonOptions): (message: Message, out: Sink, now: () => bigint) => void {
  const openingAt = openingMaker();
  const headOf = headMaker();
  const isMarked = options.payload === 'mark';
  const write = (message: Message, out: Sink, now: () => bigint, embedded: Uint8Array) => {
    out.bytes(openingAt(now()));
    out.bytes(headOf(message));
    if (message.qos > 0) out.text(`,"mid":${message.messageId ?? 0}`);
    if (message.properties !== undefined) out.text(propertiesEntry(message.properties));
    if (embedded.length > 0) {
      out.text(',"payload":');
      out.bytes(embedded);
    } else if (isMarked && isInlineJson(message.payload)) {
      out.text(`,${encoding('payload', 'json')},"payload":`);
      out.bytes(message.payload);
    } else writePayload(message.payload, out);
    out.text('}');
  };
  return (message, out, now) => {
    let embedded: Uint8Array | undefined = empty;
    if (options.payload === 'embed' && message.payload.length > 0) {
      embedded = compactJson(message.payload);
      if (embedded === undefined) {
        options.warn(`Error: Message payload is not valid JSON on topic ${message.topic}.`);
        return;
      }
    }
    if (!options.pretty) {
      write(message, out, now, embedded);
      return;
    }
    const compact = collector();
    write(message, compact, now, embedded);
    indentJson(compact.take(), out);
  };
}
