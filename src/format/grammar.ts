/**
 * The syntax of -F: text → parts, in order; which letters mean something is decided elsewhere. '%' introduces
 * what a message has, '@' the time, '\' control characters. A field is
 * `%[-][0][width][.precision][separator]letter`; a separator is one punctuation character of ASCII but '%',
 * or a space.
 */

import {UsageError} from '../errors.ts';

/** A '%' field as written. */
export interface Field {
  readonly letter: string;
  /** '-': pad on the right. */
  readonly left: boolean;
  /** '0': pad with zeros where that makes sense. */
  readonly zero: boolean;
  /** Bytes; 0 when absent. */
  readonly width: number;
  readonly precision: number | undefined;
  readonly separator: string | undefined;
}

export type Part =
  | {readonly kind: 'literal'; readonly text: string}
  | {readonly kind: 'time'; readonly letter: string}
  | {readonly kind: 'field'; readonly field: Field};

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\',
  '0': '\0',
  a: '\x07',
  e: '\x1b',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** No terminal is wider, and no padding is worth the memory. */
const widest = 1_000_000;

const fieldPattern = /(-?)(0?)(\d*)(?:\.(\d*))?([ -$&-/:-@[-`{-~]?)(.?)/suy;

/** A character as an error message can show it. */
export function showCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : character;
}

function bounded(digits: string, name: string): number {
  const value = Number(digits);
  if (value > widest) throw new UsageError(`Format ${name} ${digits} is larger than ${widest}.`);
  return value;
}

function toField(match: RegExpExecArray): Field {
  const [, left, zero, width = '', precision, separator, letter = ''] = match;
  // At the end of the text a separator has nothing to separate; so has any flag or number.
  if (letter === '') throw new UsageError('Incomplete format specifier. A percent sign is written %%.');
  return {
    letter,
    left: left !== '',
    zero: zero !== '',
    width: bounded(width, 'width'),
    precision: precision === undefined ? undefined : bounded(precision, 'precision'),
    separator: separator === '' ? undefined : separator,
  };
}

function escapeOf(letter: string): string {
  if (letter === '') throw new UsageError('Incomplete escape specifier. A backslash is written \\\\.');
  const control = escapes[letter];
  if (control === undefined) {
    throw new UsageError(`Invalid escape specifier '${showCharacter(letter)}'. tmq help formats lists them.`);
  }
  return control;
}

function timePart(letter: string): Part {
  if (letter === '') throw new UsageError('Incomplete format specifier. An at sign is written @@.');
  return letter === '@' ? {kind: 'literal', text: '@'} : {kind: 'time', letter};
}

/**
 * The parts of a format, one after the other, so that the first mistake in it is the one reported.
 * @throws UsageError
 */
export function* parseFormat(format: string): Generator<Part> {
  const literal = /[^%@\\]+/uy;
  let at = 0;
  while (at < format.length) {
    literal.lastIndex = at;
    const text = literal.exec(format)?.[0];
    if (text !== undefined) {
      at += text.length;
      yield {kind: 'literal', text};
      continue;
    }
    if (format[at] === '%') {
      fieldPattern.lastIndex = at + 1;
      const match = fieldPattern.exec(format) as RegExpExecArray;
      at += 1 + match[0].length;
      yield {kind: 'field', field: toField(match)};
      continue;
    }
    const introducer = format[at];
    const letter = String.fromCodePoint(...[format.codePointAt(at + 1)].filter((code) => code !== undefined));
    at += 1 + letter.length;
    yield introducer === '@' ? timePart(letter) : {kind: 'literal', text: escapeOf(letter)};
  }
}
