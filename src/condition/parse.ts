/**
 * A condition: text → a function that tests a subject, such as a message. What the names in it mean, what a path looks
 * into and which units numbers have is the vocabulary's; the grammar is the same everywhere:
 *
 *     or         = and {"or" and}
 *     and        = not {"and" not}
 *     not        = "not" not | comparison
 *     comparison = operand [("==" | "!=" | "<" | "<=" | ">" | ">=") operand | "~" string]
 *     operand    = path | name | number | string | "true" | "false" | "null" | "(" or ")"
 *
 * Nothing of a condition is run as a program, and no subject makes its test fail.
 */

import {composite, type Step} from './json-paths.ts';
import {Pattern, PatternError} from './pattern.ts';
import {type Mistake, mistakesIn, patternSource, stringValue, type Token, Tokens} from './tokens.ts';

/** What conditions about one kind of subject can say. */
export interface Vocabulary<Subject> {
  /** What each name stands for. */
  readonly names: Readonly<Record<string, (subject: Subject) => unknown>>;
  /** What a path stands for, a path without steps for the whole; undefined where there is no such part. Absent: no paths. */
  readonly path?: (steps: readonly Step[]) => (subject: Subject) => unknown;
  /** What a number with this unit is multiplied by: {ms: 1, s: 1000}. */
  readonly units?: Readonly<Record<string, number>>;
}

type Value<Subject> = (subject: Subject) => unknown;

/** Parentheses and `not` inside each other; each takes stack. */
const mostDepth = 100;

const isTrue = (value: unknown) => value !== undefined && value !== null && value !== false;

/** Lists and objects equal nothing, as what is undefined. */
const areEqual = (left: unknown, right: unknown) =>
  left === right && left !== undefined && left !== composite;

/** Numbers and strings have an order, each among themselves. */
function haveOrder(left: unknown, right: unknown): boolean {
  const type = typeof left;
  return type === typeof right && (type === 'number' || type === 'string');
}

type Comparison = (left: unknown, right: unknown) => boolean;

const comparisons: Readonly<Record<string, Comparison>> = {
  '==': areEqual,
  '!=': (left, right) => !areEqual(left, right),
  '<': (left, right) => haveOrder(left, right) && (left as number) < (right as number),
  '<=': (left, right) => haveOrder(left, right) && (left as number) <= (right as number),
  '>': (left, right) => haveOrder(left, right) && (left as number) > (right as number),
  '>=': (left, right) => haveOrder(left, right) && (left as number) >= (right as number),
};

const constants: Readonly<Record<string, unknown>> = {true: true, false: false, null: null};
const isReserved = (word: string) => ['and', 'or', 'not'].includes(word) || Object.hasOwn(constants, word);

class Parser<Subject> {
  readonly #vocabulary: Vocabulary<Subject>;
  readonly #mistake: Mistake;
  readonly #tokens: Tokens;
  #token: Token;
  #depth = 0;

  constructor(text: string, vocabulary: Vocabulary<Subject>, mistake: Mistake) {
    this.#vocabulary = vocabulary;
    this.#mistake = mistake;
    this.#tokens = new Tokens(text, mistake);
    this.#token = this.#tokens.next();
  }

  condition(): Value<Subject> {
    const value = this.#or();
    if (this.#token.kind === 'end') return value;
    const {text} = this.#token;
    throw this.#mistake(
      this.#token.at,
      text === ')'
        ? 'no parenthesis is open here.'
        : `'${text}' does not belong to what stands before it. Perhaps and, or or an operator is missing.`,
    );
  }

  #or(): Value<Subject> {
    const terms = this.#list('or', () => this.#and());
    const [first = () => undefined] = terms;
    return terms.length === 1 ? first : (subject) => terms.some((term) => isTrue(term(subject)));
  }

  #and(): Value<Subject> {
    const terms = this.#list('and', () => this.#not());
    const [first = () => undefined] = terms;
    return terms.length === 1 ? first : (subject) => terms.every((term) => isTrue(term(subject)));
  }

  /** As long as it likes: a list takes no stack. */
  #list(word: 'or' | 'and', term: () => Value<Subject>): readonly Value<Subject>[] {
    const terms = [term()];
    while (this.#skip('word', word)) terms.push(term());
    return terms;
  }

  #not(): Value<Subject> {
    const {at} = this.#token;
    if (!this.#skip('word', 'not')) return this.#comparison();
    const value = this.#nested(at, () => this.#not());
    return (subject) => !isTrue(value(subject));
  }

  #comparison(): Value<Subject> {
    const left = this.#operand();
    const operator = this.#takeOperator();
    if (operator === undefined) return left;
    const result = operator === '~' ? this.#match(left) : this.#compare(left, comparisons[operator]!);
    const {at} = this.#token;
    const second = this.#takeOperator();
    if (second === undefined) return result;
    throw this.#mistake(
      at,
      `'${second}' cannot compare a comparison. Join two comparisons by and, as in 1 < .a and .a < 5.`,
    );
  }

  #compare(left: Value<Subject>, compare: Comparison): Value<Subject> {
    const right = this.#operand();
    return (subject) => compare(left(subject), right(subject));
  }

  #match(left: Value<Subject>): Value<Subject> {
    const {kind, at} = this.#token;
    if (kind !== 'string') {
      throw this.#mistake(at, 'behind ~ stands a regular expression in quotes, as in topic ~ "^a/".');
    }
    try {
      const pattern = new Pattern(patternSource(this.#token));
      this.#advance();
      return (subject) => {
        const text = left(subject);
        return typeof text === 'string' && pattern.test(text);
      };
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      throw this.#mistake(at, `the regular expression ${error.message}.`);
    }
  }

  #operand(): Value<Subject> {
    const token = this.#token;
    const {at, text} = token;
    if (this.#skip('symbol', '(')) {
      const inner = this.#nested(at, () => this.#or());
      if (!this.#skip('symbol', ')')) throw this.#mistake(this.#token.at, `a ')' is missing here.`);
      return inner;
    }
    const value = this.#simple(token);
    if (value === undefined) {
      const what = token.kind === 'end' ? 'the condition ends too early' : `'${text}' cannot stand here`;
      throw this.#mistake(at, `${what}: a value is missing, such as ${this.#values}.`);
    }
    this.#advance();
    return value;
  }

  /** What may stand as a value, for errors. */
  get #values(): string {
    const {path, names} = this.#vocabulary;
    return [...(path === undefined ? [] : ['.a']), ...Object.keys(names), '1', '"text"'].join(', ');
  }

  /** An operand of one token; undefined for what is none. */
  #simple(token: Token): Value<Subject> | undefined {
    if (token.kind === 'path') return this.#path(token);
    if (token.kind === 'number') return constant(this.#number(token));
    if (token.kind === 'string') return constant(stringValue(token, this.#mistake));
    if (token.kind !== 'word') return undefined;
    if (Object.hasOwn(constants, token.text)) return constant(constants[token.text]);
    return isReserved(token.text) ? undefined : this.#name(token);
  }

  #path({at, text, steps}: Extract<Token, {kind: 'path'}>): Value<Subject> {
    const {path} = this.#vocabulary;
    if (path === undefined) throw this.#mistake(at, `there is nothing that ${text} could look into.`);
    return path(steps);
  }

  #number({at, text, digits, unit}: Extract<Token, {kind: 'number'}>): number {
    const {units = {}} = this.#vocabulary;
    const number = Number(digits);
    if (!Number.isFinite(number)) throw this.#mistake(at, `${digits} is too large for a number.`);
    if (/^-?\d+$/.test(digits) && !Number.isSafeInteger(number)) {
      throw this.#mistake(
        at,
        `${digits} is beyond 2^53, where numbers have gaps. Compare the text instead, as in payload ~ "${digits}".`,
      );
    }
    if (unit === '') return number;
    if (Object.hasOwn(units, unit)) return number * (units[unit] ?? 1);
    const known = Object.keys(units);
    throw this.#mistake(
      at,
      known.length === 0
        ? `'${text}' is no number. Leave out '${unit}', or put text in quotes.`
        : `'${unit}' is no unit. The units are ${listed(known)}.`,
    );
  }

  #name({at, text}: Token): Value<Subject> {
    const {names, path} = this.#vocabulary;
    const read = Object.hasOwn(names, text) ? names[text] : undefined;
    if (read !== undefined) return read;
    const field = path === undefined ? '' : `, a field of the payload as .${text}`;
    throw this.#mistake(
      at,
      `there is no name '${text}'. The names are ${listed(Object.keys(names))}; text is written as "${text}"${field}.`,
    );
  }

  #nested<Result>(at: number, work: () => Result): Result {
    if (++this.#depth > mostDepth) throw this.#mistake(at, `no more than ${mostDepth} levels are possible.`);
    const result = work();
    this.#depth--;
    return result;
  }

  #takeOperator(): string | undefined {
    const {kind, text} = this.#token;
    if (kind !== 'symbol' || (text !== '~' && !Object.hasOwn(comparisons, text))) return undefined;
    this.#advance();
    return text;
  }

  #skip(kind: Token['kind'], text: string): boolean {
    const isThere = this.#token.kind === kind && this.#token.text === text;
    if (isThere) this.#advance();
    return isThere;
  }

  #advance(): void {
    this.#token = this.#tokens.next();
  }
}

function constant<Subject>(value: unknown): Value<Subject> {
  return () => value;
}

/** 'a, b and c' */
function listed(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' and ');
}

/**
 * The test that a condition stands for. A bare operand is true when it is defined and neither false nor null.
 * @param role what the condition is for, '--where', for the error
 * @throws UsageError that names the column of the first mistake
 */
export function parseCondition<Subject>(
  text: string,
  vocabulary: Vocabulary<Subject>,
  role: string,
): (subject: Subject) => boolean {
  const value = new Parser(text, vocabulary, mistakesIn(text, role)).condition();
  return (subject) => isTrue(value(subject));
}
