/**
 * One typed line, byte by byte, as a terminal without echo and without line discipline gives it: Backspace
 * over whole UTF-8 characters, ^U, ^W, ^D, ^C, and arrow keys that do not end up in a password. Pure; knows
 * no terminal.
 */

/** What a key did. `erased` and `inserted` are in characters, for an echo. */
export type Stroke =
  | {readonly kind: 'inserted'; readonly byte: number}
  | {readonly kind: 'erased'; readonly count: number}
  | {readonly kind: 'line' | 'end' | 'interrupt' | 'nothing'};

export interface LineEditor {
  type(byte: number): Stroke;
  /** The bytes of the line, which is empty afterwards. */
  take(): Buffer;
}

const key = {
  interrupt: 0x03,
  endOfFile: 0x04,
  backspace: 0x08,
  tab: 0x09,
  newline: 0x0a,
  return: 0x0d,
  eraseLine: 0x15,
  eraseWord: 0x17,
  escape: 0x1b,
  space: 0x20,
  delete: 0x7f,
} as const;

/** More than any MQTT password may have: what is typed beyond is dropped, and the line found too long. */
const maximumLength = 65_536;

const isContinuation = (byte: number) => (byte & 0xc0) === 0x80;

/** Where the last character of the line begins. */
function lastCharacter(line: readonly number[]): number {
  let start = line.length - 1;
  while (start > 0 && isContinuation(line[start]!)) start--;
  return start;
}

/** Where the last word of the line begins, blanks after it counted in. */
function lastWord(line: readonly number[]): number {
  let start = line.length;
  while (start > 0 && line[start - 1] === key.space) start--;
  while (start > 0 && line[start - 1] !== key.space) start--;
  return start;
}

/** Swallows escape sequences: ESC [ … letter, ESC O letter, ESC anything. True while inside one. */
function escapeFilter(): (byte: number) => boolean {
  let state: 'none' | 'escape' | 'control' | 'single' = 'none';
  return (byte) => {
    if (byte === key.escape) state = 'escape';
    else if (state === 'none' || byte < key.space) {
      state = 'none';
      return false;
    } else if (state === 'escape' && byte === 0x5b) state = 'control';
    else if (state === 'escape' && byte === 0x4f) state = 'single';
    else if (state !== 'control' || byte >= 0x40) state = 'none';
    return true;
  };
}

/** Cuts the line where something to be erased begins. */
function eraseFrom(line: number[], start: number): Stroke {
  const erased = line.splice(Math.max(start, 0));
  return {kind: 'erased', count: erased.filter((byte) => !isContinuation(byte)).length};
}

/** What a control character does to the line. */
function control(line: number[], byte: number): Stroke {
  switch (byte) {
    case key.newline:
    case key.return:
      return {kind: 'line'};
    case key.endOfFile:
      return {kind: line.length === 0 ? 'end' : 'line'};
    case key.interrupt:
      return {kind: 'interrupt'};
    case key.backspace:
    case key.delete:
      return eraseFrom(line, lastCharacter(line));
    case key.eraseLine:
      return eraseFrom(line, 0);
    case key.eraseWord:
      return eraseFrom(line, lastWord(line));
    default:
      return {kind: 'nothing'};
  }
}

/** An editor with an empty line; made once for all lines of a terminal, so that CR LF is one Enter. */
export function lineEditor(): LineEditor {
  let line: number[] = [];
  let afterReturn = false;
  const isEscape = escapeFilter();
  return {
    type(byte) {
      const secondHalf = afterReturn && byte === key.newline;
      afterReturn = byte === key.return;
      if (isEscape(byte) || secondHalf) return {kind: 'nothing'};
      const printable = byte >= key.space || byte === key.tab;
      if (!printable || byte === key.delete) return control(line, byte);
      if (line.length >= maximumLength) return {kind: 'nothing'};
      line.push(byte);
      return {kind: 'inserted', byte};
    },
    take() {
      const bytes = Buffer.from(line);
      line = [];
      return bytes;
    },
  };
}
