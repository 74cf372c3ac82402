/**
 * What each letter after '%' prints: one row a letter, which the compiler of -F reads. A row makes, from the
 * field as written, the step that runs for every message. Widths and precisions count bytes. Numbers may be
 * padded with zeros, text only with spaces; padding on the right is always spaces.
 */

import type {Message} from '../protocol/message.ts';
import type {Properties} from '../protocol/properties.ts';
import {fixedDigits} from './floating.ts';
import type {Field} from './grammar.ts';
import {jsonWriter} from './json.ts';
import type {Sink} from './sink.ts';
import {isoTime, type LocalTime, unixTime} from './strftime.ts';

/** What the steps of one format share while they walk a message. */
export interface Context {
  now: () => bigint;
  /** The moment of all '@' of the format; set where there is one. */
  time: LocalTime;
}

export type Step = (message: Message, out: Sink, context: Context) => void;

export interface FieldOptions {
  readonly pretty: boolean;
  readonly warn: (line: string) => void;
}

type Row = (field: Field, options: FieldOptions) => Step;

const padCharacter = (field: Field) => (field.zero && !field.left ? '0' : ' ');

/** Pads text whose length in bytes is `length`. */
function padded(text: string, length: number, field: Field, pad: string): string {
  if (length >= field.width) return text;
  const padding = pad.repeat(field.width - length);
  return field.left ? text + padding : padding + text;
}

/** A number; where the message has none, padding alone. */
function number(get: (message: Message) => number | undefined): Row {
  return (field) => {
    const pad = padCharacter(field);
    const absent = pad.repeat(field.width);
    return (message, out) => {
      const value = get(message);
      if (value === undefined) {
        out.text(absent);
        return;
      }
      const digits = String(value);
      out.text(padded(digits, digits.length, field, pad));
    };
  };
}

/** Writes text cut to `precision` bytes, which may be in the middle of a character, and padded. */
function writeText(text: string, out: Sink, field: Field): void {
  if (field.width === 0 && field.precision === undefined) {
    out.text(text);
    return;
  }
  const bytes = Buffer.from(text).subarray(0, field.precision);
  const padding = ' '.repeat(Math.max(0, field.width - bytes.length));
  if (!field.left) out.text(padding);
  out.bytes(bytes);
  if (field.left) out.text(padding);
}

/** Text; `absent` is what is printed where there is none. */
function text(
  get: (message: Message, context: Context) => string | undefined,
  absent: (field: Field) => string = () => '',
): Row {
  return (field) => {
    const nothing = absent(field);
    return (message, out, context) => {
      const value = get(message, context);
      if (value === undefined) out.text(nothing);
      else writeText(value, out, field);
    };
  };
}

/** Text that has neither width nor precision. */
function bare(get: (message: Message, context: Context) => string): Row {
  return () => (message, out, context) => out.text(get(message, context));
}

/** Payload bytes; a width cuts as well as pads. */
function payload(field: Field): Step {
  if (field.width === 0) return (message, out) => out.bytes(message.payload);
  const pad = padCharacter(field);
  return (message, out) => {
    const used = message.payload.subarray(0, field.width);
    const padding = pad.repeat(field.width - used.length);
    if (!field.left) out.text(padding);
    out.bytes(used);
    if (field.left) out.text(padding);
  };
}

/** Puts a separator after every `size` characters, counted from `position`. */
function grouped(digits: string, position: number, size: number, separator: string): string {
  if (size === 0) return digits;
  const parts: string[] = [];
  let start = 0;
  for (let end = size - (position % size); end <= digits.length; end += size) {
    parts.push(digits.slice(start, end), separator);
    start = end;
  }
  return parts.join('') + digits.slice(start);
}

/** Bytes turned into hexadecimal at a time: the digits of the largest payload would be too long for a string. */
const hexStep = 16_384;

/** Payload in hexadecimal; the precision is the size of a group in digits, and padding is grouped along. */
function hex(upper: boolean): Row {
  return (field) => {
    const {width, left, precision: size = 0, separator = ' '} = field;
    const pad = padCharacter(field);
    return (message, out) => {
      const used = width > 0 ? message.payload.subarray(0, width) : message.payload;
      const padding = pad.repeat(Math.max(0, width - used.length * 2));
      let position = left ? 0 : padding.length;
      if (!left) out.text(grouped(padding, 0, size, separator));
      for (let start = 0; start < used.length; start += hexStep) {
        const slice = used.subarray(start, start + hexStep);
        const lower = Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength).toString('hex');
        const digits = upper ? lower.toUpperCase() : lower;
        const last = start + hexStep >= used.length;
        // No separator follows the last digit of all.
        if (size === 0 || !last) out.text(grouped(digits, position, size, separator));
        else out.text(grouped(digits.slice(0, -1), position, size, separator) + digits.slice(-1));
        position += digits.length;
      }
      if (left) out.text(padding);
    };
  };
}

/** The payload as one number in IEEE 754, little-endian, printed as printf's %f does. */
function floating(bytes: 4 | 8, name: string): Row {
  return (field, {warn}) =>
    (message, out) => {
      const {payload: data} = message;
      if (data.length !== bytes) {
        warn(`requested ${name} printing, but non-${name} data received`);
        return;
      }
      const view = new DataView(data.buffer, data.byteOffset, bytes);
      const value = bytes === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
      const sign = view.getUint8(bytes - 1) >= 0x80 ? '-' : '';
      const digits = fixedDigits(value, field.precision ?? 6);
      // Zeros go between sign and digits; nan and inf are words, so they get spaces.
      const zeros = field.zero && !field.left && Number.isFinite(value);
      const filled = zeros ? digits.padStart(field.width - sign.length, '0') : digits;
      out.text(padded(sign + filled, sign.length + filled.length, field, ' '));
    };
}

function json(payload: 'string' | 'embed'): Row {
  return (_field, options) => {
    const write = jsonWriter({...options, payload});
    return (message, out, context) => write(message, out, context.now);
  };
}

function property<Key extends keyof Properties>(key: Key): (message: Message) => Properties[Key] | undefined {
  return (message) => message.properties?.[key];
}

function userProperties(message: Message): string {
  const pairs = message.properties?.userProperties ?? [];
  return pairs.map(([name, value]) => `${name}:${value}`).join(' ');
}

function correlationData(): Step {
  return (message, out) => {
    const data = message.properties?.correlationData;
    if (data !== undefined) out.bytes(data);
  };
}

/** Absent text that is padded all the same. */
const padding = (field: Field) => padCharacter(field).repeat(field.width);

/** All letters. */
export const fieldTable: Readonly<Record<string, Row>> = {
  '%': bare(() => '%'),
  A: number(property('topicAlias')),
  C: text(property('contentType'), padding),
  D: correlationData,
  d: floating(8, 'double'),
  E: number(property('messageExpiryInterval')),
  F: number(property('payloadFormatIndicator')),
  f: floating(4, 'float'),
  I: text((_message, context) => isoTime(context.now())),
  j: json('string'),
  J: json('embed'),
  l: number((message) => message.payload.length),
  m: number((message) => message.messageId ?? 0),
  P: bare(userProperties),
  p: payload,
  q: bare((message) => String(message.qos)),
  R: text(property('responseTopic')),
  r: bare((message) => (message.retain ? '1' : '0')),
  S: number((message) => message.properties?.subscriptionIdentifiers?.[0]),
  t: text((message) => message.topic),
  U: bare((_message, context) => unixTime(context.now())),
  x: hex(false),
  X: hex(true),
};
