/**
 * Regular expressions that no text can make slow: the time is proportional to the length of the text, because a text
 * comes from other people, and JavaScript's own matcher takes for ever on some pairs of expression and text. Thompson's
 * simulation, whose sets of instructions are kept as states of an automaton. JavaScript's engine checks the syntax, and
 * decides what a single character matches. Back-references and look-around have no such automaton and are refused.
 */

/** Matches one character, an edge ('^', '$', 'b', 'B'), or is made of parts. */
type Expression =
  | {readonly kind: 'one'; readonly accepts: (character: string) => boolean}
  | {readonly kind: 'edge'; readonly edge: string}
  | {readonly kind: 'sequence'; readonly parts: readonly Expression[]}
  | {readonly kind: 'choice'; readonly options: readonly Expression[]}
  | {readonly kind: 'repeat'; readonly part: Expression; readonly least: number; readonly most: number};

/** What an instruction does before the next one; 'fork' goes on at its targets instead. */
type Instruction =
  | Extract<Expression, {kind: 'one' | 'edge'}>
  | {readonly kind: 'fork'; readonly targets: number[]}
  | {readonly kind: 'end'};

/** The sentence says why an expression cannot be used, without a full stop. */
export class PatternError extends Error {}

/** Each of them costs time for each character in the worst case. */
const mostInstructions = 2000;
const mostDepth = 100;

const pieces =
  /(?<foreign>\(\?(?:[=!a-zA-Z-]|<[=!])|\\[1-9k])|(?<open>\((?:\?:|\?<[^>]*>)?)|(?<close>\))|(?<bar>\|)|(?<edge>[$^]|\\[bB])|(?<quantifier>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?<one>\[(?:\\.|[^\]\\])*\]|\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB]..\\u[dD][c-fC-F]..|u.{4}|x..|c.|.)|.)/suy;

/** Text → expression. JavaScript has accepted the syntax before. */
class PatternReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  choice(depth = 0): Expression {
    if (depth > mostDepth) throw new PatternError('has too many parentheses inside each other');
    const options: Expression[] = [];
    let parts: Expression[] = [];
    for (;;) {
      const {open, close, bar, edge, quantifier, one} = this.#next();
      if (open !== undefined) parts.push(this.choice(depth + 1));
      else if (edge !== undefined) parts.push({kind: 'edge', edge: edge.at(-1) ?? ''});
      else if (one !== undefined) {
        const single = new RegExp(`^(?:${one})$`, 'u');
        parts.push({kind: 'one', accepts: (character) => single.test(character)});
      } else if (quantifier !== undefined) parts.push(repeated(parts.pop(), quantifier));
      else {
        options.push({kind: 'sequence', parts});
        parts = [];
        if (bar === undefined) return {kind: 'choice', options};
        if (close !== undefined) break;
      }
    }
    return {kind: 'choice', options};
  }

  #next(): Readonly<Record<string, string | undefined>> {
    pieces.lastIndex = this.#at;
    const match = pieces.exec(this.#source);
    if (match === null) return {};
    this.#at += match[0].length;
    const {groups = {}} = match;
    if (groups.foreign !== undefined) throw new PatternError(`has ${match[0]}, which is not supported`);
    return groups;
  }
}

function repeated(part: Expression = {kind: 'sequence', parts: []}, quantifier: string): Expression {
  const [, least = '', range, most = ''] = /^\{(\d+)(,)?(\d*)/.exec(quantifier) ?? [];
  if (least === '') {
    const isOptional = quantifier[0] === '?';
    return {kind: 'repeat', part, least: quantifier[0] === '+' ? 1 : 0, most: isOptional ? 1 : Infinity};
  }
  const limit = range === undefined ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
  return {kind: 'repeat', part, least: Number(least), most: limit};
}

/** Expression → instructions, appended to `program`. */
function compile(expression: Expression, program: Instruction[]): void {
  if (program.length > mostInstructions) throw new PatternError('is too large');
  if (expression.kind === 'one' || expression.kind === 'edge') program.push(expression);
  else if (expression.kind === 'sequence') for (const part of expression.parts) compile(part, program);
  else if (expression.kind === 'choice') compileChoice(expression.options, program);
  else compileRepeat(expression, program);
}

function compileChoice(options: readonly Expression[], program: Instruction[]): void {
  const ends: number[][] = [];
  for (const [index, option] of options.entries()) {
    const targets: number[] = [];
    const isLast = index === options.length - 1;
    if (!isLast) {
      program.push({kind: 'fork', targets});
      targets.push(program.length);
    }
    compile(option, program);
    if (isLast) break;
    const end: number[] = [];
    program.push({kind: 'fork', targets: end});
    ends.push(end);
    targets.push(program.length);
  }
  for (const end of ends) end.push(program.length);
}

function compileRepeat(
  {part, least, most}: Extract<Expression, {kind: 'repeat'}>,
  program: Instruction[],
): void {
  for (let count = 0; count < least; count++) compileNonEmpty(part, program);
  const skips: number[][] = [];
  const optional = most === Number.POSITIVE_INFINITY ? 1 : most - least;
  for (let count = 0; count < optional; count++) {
    const start = program.length;
    const targets = [start + 1];
    program.push({kind: 'fork', targets});
    compileNonEmpty(part, program);
    skips.push(targets);
    if (most === Number.POSITIVE_INFINITY) program.push({kind: 'fork', targets: [start]});
  }
  for (const targets of skips) targets.push(program.length);
}

/** Even a part without instructions counts, or the limit would not stop a{0}{1000000000}. */
function compileNonEmpty(part: Expression, program: Instruction[]): void {
  program.push({kind: 'fork', targets: [program.length + 1]});
  compile(part, program);
}

/** Instructions to go on at, and the character before: what decides, with the next one, all that follows. */
class State {
  readonly instructions: readonly number[];
  readonly before: 'nothing' | 'word' | 'other';
  /** The states behind the characters of ASCII, and behind all others. */
  readonly ascii: (State | undefined)[] = [];
  readonly others = new Map<number, State>();

  constructor(instructions: readonly number[], before: State['before']) {
    this.instructions = instructions;
    this.before = before;
  }
}

const isWord = (character: string | undefined) => character !== undefined && /^\w$/.test(character);

/** States that are kept; beyond that they are forgotten, and made again as needed. */
const mostStates = 1000;
const mostOthers = 128;
const matched = new State([], 'nothing');

/** A compiled expression; `test` finds it anywhere in a text, as RegExp's does with the flag u. */
export class Pattern {
  readonly #program: Instruction[] = [];
  readonly #first = new State([], 'nothing');
  #states = new Map<string, State>();

  /** @throws PatternError */
  constructor(source: string) {
    try {
      new RegExp(source, 'u');
    } catch (error) {
      const reason = /[^:]*$/.exec((error as Error).message)?.[0].trim();
      throw new PatternError(`is not valid: ${reason}`, {cause: error});
    }
    compile(new PatternReader(source).choice(), this.#program);
    this.#program.push({kind: 'end'});
  }

  test(text: string): boolean {
    let state = this.#first;
    for (let at = 0; at < text.length; ) {
      const code = text.codePointAt(at)!;
      at += code > 0xffff ? 2 : 1;
      state = (code < 128 ? state.ascii[code] : state.others.get(code)) ?? this.#behind(state, code);
      if (state === matched) return true;
    }
    return this.#reach(state, undefined) === undefined;
  }

  /** The state behind a character. */
  #behind(state: State, code: number): State {
    const character = String.fromCodePoint(code);
    const next = this.#after(state, character);
    if (code < 128) state.ascii[code] = next;
    else {
      // A text may have any of a million characters.
      if (state.others.size >= mostOthers) state.others.clear();
      state.others.set(code, next);
    }
    return next;
  }

  #after(state: State, character: string): State {
    const reached = this.#reach(state, character);
    if (reached === undefined) return matched;
    const instructions: number[] = [];
    for (const at of reached) {
      const instruction = this.#program[at]!;
      if (instruction.kind === 'one' && instruction.accepts(character)) instructions.push(at + 1);
    }
    const before = isWord(character) ? 'word' : 'other';
    const key = `${before} ${instructions.sort((a, b) => a - b).join()}`;
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= mostStates) this.#forget();
    const made = new State(instructions, before);
    this.#states.set(key, made);
    return made;
  }

  /** The states point at each other: dropping the first ones' pointers frees them all. */
  #forget(): void {
    this.#states = new Map();
    this.#first.ascii.length = 0;
    this.#first.others.clear();
  }

  /** Every instruction that can be reached before `character` (none: the end of the text) is taken; undefined: the end. */
  #reach({instructions, before}: State, character: string | undefined): ReadonlySet<number> | undefined {
    const reached = new Set<number>();
    const isBoundary = (before === 'word') !== isWord(character);
    const holds = (edge: string) =>
      edge === '^'
        ? before === 'nothing'
        : edge === '$'
          ? character === undefined
          : isBoundary === (edge === 'b');
    // The expression may begin at every character.
    const open = [0, ...instructions];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (reached.has(at)) continue;
      reached.add(at);
      const instruction = this.#program[at]!;
      if (instruction.kind === 'end') return undefined;
      if (instruction.kind === 'fork') open.push(...instruction.targets);
      else if (instruction.kind === 'edge' && holds(instruction.edge)) open.push(at + 1);
    }
    return reached;
  }
}
