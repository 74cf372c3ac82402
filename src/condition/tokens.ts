/**
 * The words of a condition: text → tokens, each with its place. What may stand next to what is parse.ts's. Strings are
 * left as they are written, because a regular expression reads its backslashes itself.
 */

import {UsageError} from '../errors.ts';
import type {Step} from './json-paths.ts';

interface Place {
  /** Where it begins in the text, in UTF-16 units. */
  readonly at: number;
  /** As written. */
  readonly text: string;
}

export type Token = Place &
  (
    | {readonly kind: 'path'; readonly steps: readonly Step[]}
    | {readonly kind: 'number'; readonly digits: string; readonly unit: string}
    | {readonly kind: 'string' | 'word' | 'symbol' | 'end'}
  );

/** The error about what stands at a place. */
export type Mistake = (at: number, sentence: string) => UsageError;

/** Errors about this text name the column, counted in characters from 1. `role` is what it is for: '--where'. */
export function mistakesIn(text: string, role: string): Mistake {
  return (at, sentence) =>
    new UsageError(`Invalid ${role}, column ${[...text.slice(0, at)].length + 1}: ${sentence}`);
}

const forms = {
  blanks: /\s*/y,
  number: /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/iy,
  unit: /[\p{L}%]*/uy,
  // With a fraction, as in p99.9.
  word: /[\p{L}_][\p{L}\p{N}_-]*(?:(?<=\p{N})\.\p{N}+)?/uy,
  field: /[\p{L}_$][\p{L}\p{N}_$-]*/uy,
  index: /\d{1,15}(?!\d)/y,
  string: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy,
  foreign: /===|!==|=~|!~|&&?|\|\|?|=(?!=)|!(?!=)/y,
  symbol: /==|!=|<=|>=|[<>~()]/y,
  any: /./suy,
} as const;

/** How the symbols of other languages are written here. */
const remedies: Readonly<Record<string, string>> = {
  '=': 'equality is written ==',
  '===': 'equality is written ==',
  '!==': 'inequality is written !=',
  '=~': 'a match is written ~',
  '!~': 'write not before the comparison, as in not topic ~ "^a/"',
  '!': 'write not',
  '&': 'write and',
  '&&': 'write and',
  '|': 'write or',
  '||': 'write or',
};

const escapes: Readonly<Record<string, string>> = {
  ...{b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', "'": "'", '/': '/', '\\': '\\'},
};

/** What a string token stands for; escapes are those of JSON, and \'. @throws UsageError at a wrong one */
export function stringValue({at, text}: Place, mistake: Mistake): string {
  return text.slice(1, -1).replace(/\\(u[\da-fA-F]{4}|.)/gs, (whole, code: string, offset: number) => {
    if (code.length > 1) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    const character = escapes[code];
    if (character !== undefined) return character;
    throw mistake(at + 1 + offset, `${whole} is no escape. A backslash is written \\\\.`);
  });
}

/** The regular expression in a string token: only the quotes are escaped for the string's sake. */
export function patternSource({text}: Place): string {
  return text.slice(1, -1).replace(/\\(.)/gs, (whole, escaped) => (/["']/.test(escaped) ? escaped : whole));
}

/** Reads one token after the other; behind the last comes 'end', again and again. */
export class Tokens {
  readonly #text: string;
  readonly #mistake: Mistake;
  #at = 0;

  constructor(text: string, mistake: Mistake) {
    this.#text = text;
    this.#mistake = mistake;
  }

  /** @throws UsageError for what is no word of a condition */
  next(): Token {
    this.#take('blanks');
    const at = this.#at;
    const place = (text: string): Place => ({at, text});
    if (at === this.#text.length) return {kind: 'end', ...place('')};
    if (this.#text[at] === '.') {
      const steps = this.#path();
      return {kind: 'path', steps, ...place(this.#text.slice(at, this.#at))};
    }
    const digits = this.#take('number');
    if (digits !== undefined) {
      const unit = this.#take('unit') ?? '';
      return {kind: 'number', digits, unit, ...place(digits + unit)};
    }
    for (const kind of ['word', 'string'] as const) {
      const text = this.#take(kind);
      if (text !== undefined) return {kind, ...place(text)};
    }
    const foreign = this.#take('foreign');
    if (foreign !== undefined) throw this.#mistake(at, `'${foreign}' is no operator: ${remedies[foreign]}.`);
    const symbol = this.#take('symbol');
    if (symbol !== undefined) return {kind: 'symbol', ...place(symbol)};
    const character = this.#take('any') ?? '';
    throw this.#mistake(
      at,
      /["']/.test(character)
        ? `the string has no end. Add ${character} behind it.`
        : `${character} has no meaning in a condition. Put text in quotes: "${character}".`,
    );
  }

  /** Takes what has the form and stands here; undefined where something else does. */
  #take(form: keyof typeof forms): string | undefined {
    const pattern = forms[form];
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  /** From the dot on: '.', '.a.b', '.a[0]', '.["odd key"]', '.a.["b"]'. */
  #path(): readonly Step[] {
    const steps: Step[] = [];
    this.#at++;
    const first = this.#take('field');
    if (first !== undefined) steps.push(first);
    else if (/\d/.test(this.#text[this.#at] ?? '')) {
      throw this.#mistake(
        this.#at,
        'a field begins with no digit. Write ["5"] for a field, 0.5 for a number.',
      );
    }
    for (;;) {
      const at = this.#at;
      const hasDot = this.#text[at] === '.';
      if (hasDot) this.#at++;
      const field = hasDot ? this.#take('field') : undefined;
      if (field !== undefined) steps.push(field);
      else if (this.#text[this.#at] === '[') steps.push(this.#inBrackets());
      else if (hasDot) throw this.#mistake(at, 'a field must follow the dot, as in .a.b or .a.["odd key"].');
      else return steps;
    }
  }

  #inBrackets(): Step {
    const start = this.#at;
    this.#at++;
    this.#take('blanks');
    const at = this.#at;
    const index = this.#take('index');
    const text = index === undefined ? this.#take('string') : undefined;
    this.#take('blanks');
    if (this.#text[this.#at] !== ']' || (index === undefined && text === undefined)) {
      throw this.#mistake(
        start,
        'brackets hold an index from 0, or a field in quotes, as in .a[0] or .["odd key"].',
      );
    }
    this.#at++;
    return index === undefined ? stringValue({at, text: text ?? ''}, this.#mistake) : Number(index);
  }
}
