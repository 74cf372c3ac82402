/** Views of a payload: text, JSON and hexadecimal digits, and a line of it for lists. Large ones are cut. */

import {indentedJson} from './indented-json.ts';
import {visibleLine, visibleLines} from './visible-text.ts';

export type PayloadForm = 'text' | 'json' | 'hex';

/** Bytes that a view shows. */
const shownBytes: Readonly<Record<PayloadForm, number>> = {text: 65_536, json: 262_144, hex: 16_384};
/** Bytes of which a line is made. */
const lineBytes = 300;

export interface PayloadShown {
  readonly text: string;
  /** Bytes that are shown. */
  readonly bytes: number;
  /** Why it cannot be shown in this form, or what a reader has to know about it: a sentence. */
  readonly remark?: string;
}

const lenient = new TextDecoder('utf-8', {ignoreBOM: true});
const strict = new TextDecoder('utf-8', {ignoreBOM: true, fatal: true});

/** The first bytes of a payload without the beginning of a character at their end. */
function whole(payload: Uint8Array, most: number): Uint8Array {
  if (payload.length <= most) return payload;
  let end = most;
  while (end > most - 4 && (payload[end]! & 0xc0) === 0x80) end--;
  return payload.subarray(0, end);
}

/** Undefined for bytes that are not UTF-8. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** The beginning of a payload in one line. */
export function payloadLine(payload: Uint8Array): string {
  return visibleLine(lenient.decode(whole(payload, lineBytes)));
}

const views: Readonly<Record<PayloadForm, (payload: Uint8Array, most: number) => PayloadShown>> = {
  text(payload, most) {
    const bytes = whole(payload, most);
    const text = decoded(bytes);
    const shown = {text: visibleLines(text ?? lenient.decode(bytes)), bytes: bytes.length};
    if (text !== undefined) return shown;
    return {...shown, remark: 'It is not UTF-8: \ufffd stands for bytes that are no character.'};
  },
  json(payload, most) {
    if (payload.length > most) return {text: '', bytes: 0, remark: 'It is too long to be shown as JSON.'};
    try {
      return {text: visibleLines(indentedJson(decoded(payload) ?? '')), bytes: payload.length};
    } catch {
      return {text: '', bytes: 0, remark: 'It is no JSON.'};
    }
  },
  hex(payload, most) {
    const bytes = payload.subarray(0, most);
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += lineLength)
      lines.push(hexLine(bytes.subarray(at, at + lineLength), at));
    return {text: lines.join('\n'), bytes: bytes.length};
  },
};

/** The payload in this form. `size` is that of the whole payload, of which the bytes are the beginning. */
export function payloadShown(payload: Uint8Array, form: PayloadForm, size = payload.length): PayloadShown {
  if (form === 'json' && size > payload.length) return views.json(payload, 0);
  return views[form](payload, shownBytes[form]);
}

/** Bytes in a line of hexadecimal digits: so many fit into a narrow window. */
const lineLength = 8;

/** '00000010  68 65 6c 6c 6f           hello' */
function hexLine(bytes: Uint8Array, at: number): string {
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const characters = [...bytes].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  );
  return `${at.toString(16).padStart(8, '0')}  ${digits.padEnd(3 * lineLength - 1)}  ${characters.join('')}`;
}
