/** The language of conditions: what each form means, and which column a mistake is in. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {JsonPaths} from '../../../src/condition/json-paths.ts';
import {MessageSubject} from '../../../src/condition/message.ts';
import {parseCondition, type Vocabulary} from '../../../src/condition/parse.ts';
import type {Message} from '../../../src/protocol/message.ts';

interface Given extends Partial<Omit<Message, 'payload'>> {
  readonly payload?: string | Uint8Array;
}

/** What the condition says of a message. */
function holds(condition: string, {payload = '', ...rest}: Given = {}): boolean {
  const subject = new MessageSubject();
  const isTrue = parseCondition(condition, subject.vocabulary, '--where');
  subject.message = {topic: 'a/b', qos: 0, retain: false, ...rest, payload: Buffer.from(payload)};
  return isTrue(subject);
}

const json = (value: unknown): Given => ({payload: JSON.stringify(value)});

/** Checks that each condition is true of the message, and its negation false. */
function allTrue(given: Given, conditions: readonly string[], truth = true): void {
  for (const condition of conditions) {
    assert.equal(holds(condition, given), truth, condition);
    assert.equal(holds(`not (${condition})`, given), !truth, condition);
  }
}

const allFalse = (given: Given, conditions: readonly string[]) => allTrue(given, conditions, false);

test('names are the parts of the message', () => {
  allTrue({topic: 'a/b', qos: 1, retain: true, payload: 'text\n'}, [
    ...['topic == "a/b"', 'qos == 1', 'qos > 0', 'retain', 'retain == true', 'payload == "text\\n"'],
    ...['topic', 'qos', 'payload', 'topic ~ "/b$"', 'payload ~ "^t"', 'not topic == payload'],
  ]);
  allFalse({payload: Uint8Array.of(0x61, 0xff)}, ['retain', 'payload == "a"', 'qos == 1', 'qos == "0"']);
  allTrue({payload: Uint8Array.of(0x61, 0xff)}, ['payload == "a\ufffd"', 'payload ~ "a."', 'qos == 0']);
  allTrue({}, ['payload == ""', 'payload', 'qos']);
});

test('paths lead into a payload that is JSON', () => {
  const payload = {a: {b: [10, {c: 'x'}], 'd-e': 1, $f: 2}, 'odd key': 3, '5': 4, é: 5, and: 6, "it's": 7};
  allTrue(json(payload), [
    ...['.a.b[0] == 10', '.a.b[1].c == "x"', '.a["b"][0] == 10', '.a.["b"].[0] == 10', '.["a"].b[ 0 ] == 10'],
    ...[
      '.a.d-e == 1',
      '.a.$f == 2',
      '.["odd key"] == 3',
      ".['odd key'] == 3",
      '.["5"] == 4',
      '.é == 5',
      '.and == 6',
    ],
    ...['.["\\u00e9"] == 5', ".['it\\'s'] == 7", '.["it\'s"] == 7', '.a', '.a.b', '.'],
  ]);
  allFalse(json(payload), [
    '.b',
    '.a.b.c',
    '.a.b[2]',
    '.a[0]',
    '.[0]',
    '.toString',
    '.a.b.length',
    '.constructor',
  ]);
  allTrue({payload: ' 21.5\n'}, ['. > 21', '. == 21.5', '.']);
  allTrue(json([1, [2]]), ['.[0] == 1', '.[1][0] == 2']);
});

test('what is not JSON has no paths, and is no error', () => {
  const texts = ['', 'plain', '{"a":1', '{"a":1} x', 'NaN', Uint8Array.of(0xff, 0xfe), '\0', "'a'"];
  for (const payload of texts) {
    allFalse({payload}, [
      '.a',
      '.',
      '.a == 1',
      '.a == .a',
      '.a == null',
      '.a < 1',
      '.a >= 1',
      '.a ~ ""',
      '. == .',
    ]);
    allTrue({payload}, ['.a != 1', '.a != null', '.a != .a', 'not .a', '.a == 1 or topic == "a/b"']);
  }
});

/** One value of each type, as it is written; 'missing' is what is not there. */
const values = {
  number: '.number',
  zero: '0',
  string: '"b"',
  empty: '.empty',
  true: 'true',
  false: '.false',
  null: 'null',
  list: '.list',
  object: '.object',
  missing: '.missing',
} as const;
const kinds = Object.keys(values) as (keyof typeof values)[];
const ofEachType = json({number: 1, empty: '', false: false, list: [1], object: {}});

test('without an operator, a value is true when it is defined and neither false nor null', () => {
  for (const kind of kinds) {
    const isTrue = !['false', 'null', 'missing'].includes(kind);
    assert.equal(holds(values[kind], ofEachType), isTrue, kind);
    assert.equal(holds(`not ${values[kind]}`, ofEachType), !isTrue, kind);
  }
});

test('== and != compare values of one type; lists, objects and what is missing equal nothing', () => {
  const equals = (left: string, right: string) =>
    left === right && !['list', 'object', 'missing'].includes(left);
  for (const left of kinds) {
    for (const right of kinds) {
      const [one, other] = [values[left], values[right]];
      assert.equal(holds(`${one} == ${other}`, ofEachType), equals(left, right), `${left} == ${right}`);
      assert.equal(holds(`${one} != ${other}`, ofEachType), !equals(left, right), `${left} != ${right}`);
    }
  }
});

test('< <= > >= order numbers and strings, each among themselves', () => {
  const order = {number: 1, zero: 0, string: 'b', empty: ''} as Readonly<Record<string, number | string>>;
  for (const left of kinds) {
    for (const right of kinds) {
      const [one, other] = [order[left], order[right]];
      const isOrdered = one !== undefined && typeof one === typeof other;
      const expected = {
        '<': isOrdered && one! < other!,
        '<=': isOrdered && one! <= other!,
        '>': isOrdered && one! > other!,
        '>=': isOrdered && one! >= other!,
      };
      for (const [operator, truth] of Object.entries(expected)) {
        const condition = `${values[left]} ${operator} ${values[right]}`;
        assert.equal(holds(condition, ofEachType), truth, condition);
      }
    }
  }
  allTrue(json({t: '2026-11-20T07:08'}), [
    '.t < "2026-11-21"',
    '.t >= "2026"',
    '-1 < 0',
    '1e3 > 999.5',
    '-0 == 0',
  ]);
});

test('~ finds a regular expression in a string, and in nothing else', () => {
  allTrue(json({v: 'Fan 12 on'}), [
    ...['.v ~ "\\d+"', '.v ~ "^[Ff]an"', '.v ~ ""', ".v ~ 'on$'", 'topic ~ "^a/b$"', '.v ~ "F.n|x"'],
    'payload ~ "\\"Fan"',
  ]);
  allFalse(json({v: 12}), [
    '.v ~ "12"',
    '.w ~ ""',
    'qos ~ "0"',
    'retain ~ "false"',
    '.v ~ "\\\\d"',
    '. ~ "1"',
  ]);
  allTrue({payload: 'a\\b"'}, ['payload ~ "a\\\\b\\"$"', 'payload == "a\\\\b\\""', "payload == 'a\\\\b\"'"]);
});

test('not binds more than and, and and more than or; parentheses bind most', () => {
  const [yes, no] = ['qos == 0', 'qos == 1'];
  allTrue({}, [
    ...[`${yes} or ${no} and ${no}`, `${no} and ${no} or ${yes}`, `not ${no} and ${yes}`, `not ${no}`],
    ...[`not not ${yes}`, `not (${no} or ${no})`, `(${yes} or ${no}) and ${yes}`, `not ${no} or ${no}`],
    ...[
      'not qos == 1',
      '(qos) == 0',
      '(qos == 0) == true',
      '(((true)))',
      'not(false)',
      '(not false) == true',
    ],
  ]);
  allFalse({}, [
    `(${yes} or ${no}) and ${no}`,
    `not ${yes} or ${no}`,
    `not (${yes} or ${no})`,
    `not ${yes} and ${yes}`,
  ]);
  // The value of and, or and not is true or false, not an operand.
  allTrue(json({a: 1}), ['(.a and .a) == true', '(.b or .a) == true', '(.a or .b) == true']);
});

test('words that are not apart are other words', () => {
  allTrue(json({order: 1, notes: 1}), [
    '.order and .notes',
    '(.order)and(.notes)',
    'not.x',
    '.order==1 and.notes==1',
  ]);
  assert.throws(() => holds('notes'), /there is no name 'notes'/);
});

test('integers beyond 2^53 in a payload are on the right side of every number', () => {
  const given = {payload: '{"id":9007199254740993,"same":9007199254740993}'};
  allTrue(given, [
    '.id > 9007199254740991',
    '.id != 9007199254740991',
    '.id == .same',
    'payload ~ ":9007199254740993,"',
  ]);
  allFalse({payload: '{"id":9007199254740992}'}, ['.id == 9007199254740991', '.id < 9007199254740991']);
});

test('all conditions share one reading of a payload, and read none that they do not ask for', (context) => {
  const {mock} = context.mock.method(JsonPaths.prototype, 'read');
  const subject = new MessageSubject();
  const parse = (condition: string) => parseCondition(condition, subject.vocabulary, '--where');
  const conditions = ['.a == 1', '.b.c == 2', '.a == 1 and .b'].map(parse);
  const without = parse('topic == "x" or .a');
  for (const [count, payload] of ['{"a":1,"b":{"c":2}}', 'no JSON'].entries()) {
    subject.message = {topic: 'x', qos: 0, retain: false, payload: Buffer.from(payload)};
    assert.equal(without(subject), true);
    assert.equal(mock.callCount(), count);
    for (const isTrue of [...conditions, ...conditions]) assert.equal(isTrue(subject), count === 0);
    assert.equal(mock.callCount(), count + 1);
  }
});

/** Column and sentence of each mistake. */
const mistakes: readonly (readonly [condition: string, column: number, sentence: RegExp])[] = [
  [
    '',
    1,
    /^the condition ends too early: a value is missing, such as \.a, topic, qos, retain, payload, 1, "text"\.$/,
  ],
  ['   ', 4, /^the condition ends too early/],
  ['.a ==', 6, /^the condition ends too early/],
  ['.a and', 7, /^the condition ends too early/],
  ['not', 4, /^the condition ends too early/],
  ['(.a', 4, /^a '\)' is missing here\.$/],
  ['(.a .b)', 5, /^a '\)' is missing here\.$/],
  ['.a)', 3, /^no parenthesis is open here\.$/],
  ['()', 2, /^'\)' cannot stand here: a value is missing/],
  ['and .a', 1, /^'and' cannot stand here/],
  ['.a == not .b', 7, /^'not' cannot stand here/],
  [
    '.a .b',
    4,
    /^'\.b' does not belong to what stands before it\. Perhaps and, or or an operator is missing\.$/,
  ],
  ['.a "x"', 4, /^'"x"' does not belong/],
  ['.a = 1', 4, /^'=' is no operator: equality is written ==\.$/],
  ['.a === 1', 4, /^'===' is no operator: equality is written ==\.$/],
  ['.a !== 1', 4, /^'!==' is no operator: inequality is written !=\.$/],
  ['.a && .b', 4, /^'&&' is no operator: write and\.$/],
  ['.a || .b', 4, /^'\|\|' is no operator: write or\.$/],
  ['.a | .b', 4, /^'\|' is no operator: write or\.$/],
  ['!.a', 1, /^'!' is no operator: write not\.$/],
  ['.a =~ "x"', 4, /^'=~' is no operator: a match is written ~\.$/],
  ['.a !~ "x"', 4, /^'!~' is no operator: write not before the comparison, as in not topic ~ "\^a\/"\.$/],
  [
    '1 < .a < 5',
    8,
    /^'<' cannot compare a comparison\. Join two comparisons by and, as in 1 < \.a and \.a < 5\.$/,
  ],
  ['.a == 1 ~ "x"', 9, /^'~' cannot compare a comparison/],
  ['.a ~ b', 6, /^behind ~ stands a regular expression in quotes, as in topic ~ "\^a\/"\.$/],
  ['.a ~', 5, /^behind ~ stands/],
  ['.a ~ "("', 6, /^the regular expression is not valid: Unterminated group\.$/],
  ['.a ~ "(a)\\1"', 6, /^the regular expression has \\1, which is not supported\.$/],
  [
    'topic == foo',
    10,
    /^there is no name 'foo'\. The names are topic, qos, retain and payload; text is written as "foo", a field of the payload as \.foo\.$/,
  ],
  ['constructor', 1, /^there is no name 'constructor'/],
  ['"x', 1, /^the string has no end\. Add " behind it\.$/],
  ["topic == 'x", 10, /^the string has no end\. Add ' behind it\.$/],
  ['"a\\q"', 3, /^\\q is no escape\. A backslash is written \\\\\.$/],
  ['"\\u12x4"', 2, /^\\u is no escape/],
  ['.a + 1', 4, /^\+ has no meaning in a condition\. Put text in quotes: "\+"\.$/],
  ['.a == “x”', 7, /^“ has no meaning/],
  ['.a..b', 3, /^a field must follow the dot, as in \.a\.b or \.a\.\["odd key"\]\.$/],
  ['.a.', 3, /^a field must follow the dot/],
  ['.5 > 1', 2, /^a field begins with no digit\. Write \["5"\] for a field, 0\.5 for a number\.$/],
  ['.a[x]', 3, /^brackets hold an index from 0, or a field in quotes, as in \.a\[0\] or \.\["odd key"\]\.$/],
  ['.a[-1]', 3, /^brackets hold/],
  ['.a[]', 3, /^brackets hold/],
  ['.a[0', 3, /^brackets hold/],
  ['.a["b" x]', 3, /^brackets hold/],
  ['.a > 20ms', 6, /^'20ms' is no number\. Leave out 'ms', or put text in quotes\.$/],
  [
    '.a == 9007199254740993',
    7,
    /^9007199254740993 is beyond 2\^53, where numbers have gaps\. Compare the text instead, as in payload ~ "9007199254740993"\.$/,
  ],
  ['.a == -9007199254740992', 7, /^-9007199254740992 is beyond 2\^53/],
  ['.a < 1e999', 6, /^1e999 is too large for a number\.$/],
  ['.é == 1 and 😀', 13, /^😀 has no meaning/],
  [`${'('.repeat(101)}1${')'.repeat(101)}`, 101, /^no more than 100 levels are possible\.$/],
  [`${'not '.repeat(101)}1`, 401, /^no more than 100 levels/],
];

/** Column and sentence of the error; undefined where there is none. */
function mistakeIn(
  condition: string,
  vocabulary: Vocabulary<MessageSubject> = new MessageSubject().vocabulary,
) {
  try {
    parseCondition(condition, vocabulary, '--until');
    return undefined;
  } catch (error) {
    const {name, message} = error as Error;
    const [, column = '', sentence = ''] = /^Invalid --until, column (\d+): (.*)$/s.exec(message) ?? [];
    assert.deepEqual([name, column !== ''], ['UsageError', true], message);
    return {column: Number(column), sentence};
  }
}

test('a mistake has its column and a remedy', () => {
  for (const [condition, column, sentence] of mistakes) {
    const mistake = mistakeIn(condition);
    assert.equal(mistake?.column, column, condition);
    assert.match(mistake.sentence, sentence);
  }
});

test('long conditions and deep ones that are allowed take no stack', () => {
  const many = Array(20_000).fill('.a == 1').join(' or ');
  assert.equal(holds(`${many} or .b`, json({b: 1})), true);
  assert.equal(holds(`${'('.repeat(100)}.b${')'.repeat(100)}`, json({b: 1})), true);
});

test('another vocabulary has other names, units, and no paths', () => {
  const vocabulary: Vocabulary<{readonly p99: number; readonly lost: number}> = {
    names: {p99: ({p99}) => p99, lost: ({lost}) => lost},
    units: {us: 0.001, ms: 1, s: 1000, '%': 1},
  };
  const isTrue = parseCondition('p99 > 20ms or lost > 0 and p99 < 2s', vocabulary, '--fail-if');
  assert.deepEqual(
    [
      [25, 0],
      [20, 0],
      [1, 1],
      [2000, 0.5],
    ].map(([p99 = 0, lost = 0]) => isTrue({p99, lost})),
    [true, false, true, true],
  );
  for (const [condition, sentence] of [
    ['p99 > 20h', "Invalid --fail-if, column 7: 'h' is no unit. The units are us, ms, s and %."],
    ['.a', 'Invalid --fail-if, column 1: there is nothing that .a could look into.'],
    [
      'p98',
      `Invalid --fail-if, column 1: there is no name 'p98'. The names are p99 and lost; text is written as "p98".`,
    ],
    [
      '',
      'Invalid --fail-if, column 1: the condition ends too early: a value is missing, such as p99, lost, 1, "text".',
    ],
  ] as const)
    assert.throws(() => parseCondition(condition, vocabulary, '--fail-if'), {message: sentence});
});

/** A condition as a tree, for the reference. */
type Tree =
  | {readonly kind: 'value'; readonly text: string; readonly value: unknown}
  | {readonly kind: 'not'; readonly part: Tree}
  | {readonly kind: 'and'; readonly parts: readonly Tree[]}
  | {readonly kind: 'or'; readonly parts: readonly Tree[]}
  | {readonly kind: 'compare'; readonly operator: string; readonly left: Tree; readonly right: Tree}
  | {readonly kind: 'match'; readonly left: Tree; readonly pattern: string};

const message = {n: 2, s: 'text', b: true, f: false, z: null, l: [1, 's'], o: {'k k': 'v'}} as const;
const reference = {payload: JSON.stringify(message), topic: 'a/2', qos: 2, retain: true} as const;

const value = fc
  .constantFrom<readonly [string, unknown]>(
    ...([
      ['.n', 2],
      ['.s', 'text'],
      ['.b', true],
      ['.f', false],
      ['.z', null],
      ['.l', message.l],
    ] as const),
    ...([
      ['.l[0]', 1],
      ['.l.[1]', 's'],
      ['.o["k k"]', 'v'],
      ['.none', undefined],
      ['.l[9]', undefined],
    ] as const),
    ...([
      ['topic', 'a/2'],
      ['qos', 2],
      ['retain', true],
      ['payload', reference.payload],
    ] as const),
    ...([
      ['2', 2],
      ['2.0', 2],
      ['-1', -1],
      ['"text"', 'text'],
      ["'v'", 'v'],
      ['true', true],
      ['null', null],
    ] as const),
  )
  .map(([text, of]): Tree => ({kind: 'value', text, value: of}));
const {tree} = fc.letrec<{tree: Tree; operand: Tree}>((tie) => ({
  operand: fc.oneof({weight: 5, arbitrary: value}, {weight: 1, arbitrary: tie('tree')}),
  tree: fc.oneof(
    {depthSize: 'small'},
    value,
    fc
      .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('operand'), tie('operand'))
      .map(([operator, left, right]): Tree => ({kind: 'compare', operator, left, right})),
    fc
      .tuple(tie('operand'), fc.constantFrom('^t', '2$', '', '\\d', 'v|s'))
      .map(([left, pattern]): Tree => ({kind: 'match', left, pattern})),
    tie('tree').map((part): Tree => ({kind: 'not', part})),
    fc
      .tuple(
        fc.constantFrom('and' as const, 'or' as const),
        fc.array(tie('tree'), {minLength: 2, maxLength: 3}),
      )
      .map(([kind, parts]): Tree => ({kind, parts})),
  ),
}));

/** How tightly a tree holds together; what is looser than its place allows stands in parentheses. */
const tightness = {or: 0, and: 1, not: 2, compare: 3, match: 3, value: 4} as const;

function written(each: Tree, least: number, blank: () => string): string {
  const inner = (part: Tree, tight: number) => written(part, tight, blank);
  const space = () => ` ${blank()}`;
  const text =
    each.kind === 'value'
      ? each.text
      : each.kind === 'not'
        ? `not${space()}${inner(each.part, 2)}`
        : each.kind === 'compare'
          ? `${inner(each.left, 4)}${space()}${each.operator}${blank()}${inner(each.right, 4)}`
          : each.kind === 'match'
            ? `${inner(each.left, 4)}${blank()}~${blank()}"${each.pattern}"`
            : each.parts
                .map((part) => inner(part, tightness[each.kind] + 1))
                .join(`${space()}${each.kind}${space()}`);
  return tightness[each.kind] < least ? `(${blank()}${text}${blank()})` : text;
}

const isTruth = (of: unknown) => of !== undefined && of !== null && of !== false;

function evaluated(each: Tree): unknown {
  if (each.kind === 'value') return each.value;
  if (each.kind === 'not') return !isTruth(evaluated(each.part));
  if (each.kind === 'and') return each.parts.map(evaluated).every(isTruth);
  if (each.kind === 'or') return each.parts.map(evaluated).some(isTruth);
  const left = evaluated(each.left);
  if (each.kind === 'match') return typeof left === 'string' && new RegExp(each.pattern, 'u').test(left);
  const right = evaluated(each.right);
  const type = left === null ? 'null' : typeof left;
  const same = type === (right === null ? 'null' : typeof right);
  const isEqual = same && !['object', 'undefined'].includes(type) && left === right;
  if (each.operator === '==') return isEqual;
  if (each.operator === '!=') return !isEqual;
  if (!same || !['number', 'string'].includes(type)) return false;
  const [one, other] = [left as number, right as number];
  if (isEqual) return each.operator.endsWith('=');
  return each.operator.startsWith('<') ? one < other : one > other;
}

test('any condition is parsed, and says what a naive reading of it says', () => {
  const blanks = fc.infiniteStream(fc.constantFrom('', ' ', '', '\t', '\n '));
  fc.assert(
    fc.property(tree, blanks, (each, stream) => {
      const condition = written(each, 0, () => stream.next().value);
      assert.equal(holds(condition, reference), isTruth(evaluated(each)), condition);
    }),
    {numRuns: 5000},
  );
});

test('any text is a condition, or the error names a column in it', () => {
  const word = fc.constantFrom(
    ...[
      '.a',
      '.',
      '[0]',
      '["k"]',
      '"',
      "'",
      '\\',
      'and',
      'or',
      'not',
      'true',
      'null',
      'topic',
      'x',
      '(',
      ')',
      '~',
    ],
    ...[
      '==',
      '=',
      '!',
      '<',
      '>=',
      '&',
      '|',
      '1',
      '-',
      '1e9',
      '9007199254740993',
      '5ms',
      ' ',
      '\n',
      'é',
      '😀',
      '"^a("',
    ],
  );
  const text = fc.oneof(
    fc.array(word, {maxLength: 12}).map((words) => words.join('')),
    fc.array(word, {maxLength: 12}).map((words) => words.join(' ')),
    fc.string({unit: 'binary'}),
  );
  fc.assert(
    fc.property(text, (condition) => {
      const column = mistakeIn(condition)?.column;
      if (column === undefined) assert.equal(typeof holds(condition, reference), 'boolean');
      else assert.ok(column >= 1 && column <= [...condition].length + 1, `${condition}: ${column}`);
    }),
    {numRuns: 5000},
  );
});

test('a name may end with a fraction', () => {
  const vocabulary: Vocabulary<number> = {names: {'p99.9': (value) => value}, units: {ms: 1}};
  const isTrue = parseCondition('p99.9 > 20ms', vocabulary, '--fail-if');
  assert.deepEqual([isTrue(20), isTrue(21)], [false, true]);
});
