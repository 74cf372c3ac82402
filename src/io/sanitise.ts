/**
 * What messages bring, made safe to look at: nothing that moves the cursor, colours, renames the window or
 * turns the writing around reaches a terminal. Line ends and tabs pass. It is for the eye, not for reading
 * back: a backslash stays a backslash. It knows no stream and no message.
 */

import {isUtf8} from 'node:buffer';
import type {Sink} from '../format/sink.ts';

/** The same words that -F has for them. */
const names: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\x0b': '\\v',
  '\r': '\\r',
  '\x1b': '\\e',
};

/**
 * Control characters of ASCII but tab and line feed (and a CR right before one), those of Latin-1, which
 * some terminals obey, and the characters that turn the direction of writing around.
 */
const unsafe = /(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

function show(character: string): string {
  const code = character.charCodeAt(0);
  const hex =
    code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  return names[character] ?? hex;
}

/** Text without control characters; each is shown as an escape. */
export function sanitiseText(text: string): string {
  return text.replace(unsafe, show);
}

/**
 * Text as one line for standard error, whose readers are people, files and other programs alike: no control
 * character in it but tabs, so that no name and no reason of a broker forges a line or commands a terminal.
 */
export function oneSafeLine(text: string): string {
  return sanitiseText(text).replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

/** How many bytes the UTF-8 character that begins at `at` has; 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  if ((bytes[at] ?? 0) < 0x80) return 1;
  for (let length = 2; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/** Bytes as text for a terminal: UTF-8 as it reads, controls as escapes, any other byte as \xNN. */
export function sanitise(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(view)) return sanitiseText(view.toString());
  const parts: string[] = [];
  let start = 0;
  let at = 0;
  const keep = () => parts.push(sanitiseText(view.toString('utf8', start, at)));
  while (at < view.length) {
    const length = characterLength(view, at);
    if (length > 0) {
      at += length;
      continue;
    }
    keep();
    parts.push(`\\x${(view[at] as number).toString(16).padStart(2, '0')}`);
    start = ++at;
  }
  keep();
  return parts.join('');
}

/** A sink that sanitises all it passes on to `out`. */
export function sanitisingSink(out: Sink): Sink {
  return {text: (value) => out.text(sanitiseText(value)), bytes: (value) => out.text(sanitise(value))};
}
