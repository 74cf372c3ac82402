/** Paths into JSON, read from its bytes: the same as JSON.parse and a walk, for every text. */

import assert from 'node:assert/strict';
import {isUtf8} from 'node:buffer';
import {test} from 'node:test';
import fc from 'fast-check';
import {composite, JsonPaths, type Step} from '../../../src/condition/json-paths.ts';

/** What the paths name in the text. */
function read(text: string | Uint8Array, ...paths: readonly (readonly Step[])[]): readonly unknown[] {
  const reader = new JsonPaths();
  const numbers = paths.map((steps) => reader.add(steps));
  reader.read(typeof text === 'string' ? Buffer.from(text) : text);
  return numbers.map((number) => reader.values[number]);
}

/** The same by JSON.parse. */
function expected(bytes: Uint8Array, steps: readonly Step[]): unknown {
  let value: unknown;
  try {
    value = isUtf8(bytes) ? JSON.parse(Buffer.from(bytes).toString()) : undefined;
  } catch {
    return undefined;
  }
  for (const step of steps) {
    if (typeof step === 'number') value = Array.isArray(value) ? value[step] : undefined;
    else if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    else value = Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
  }
  return typeof value === 'object' && value !== null ? composite : value;
}

test('fields, elements, and what is not there', () => {
  const text = '{"a":{"b":[1,"two",{"c":true}],"n":null},"odd key":-1.5e3,"":0}';
  const paths = [['a', 'b', 0], ['a', 'b', 1], ['a', 'b', 2, 'c'], ['a', 'n'], ['odd key'], ['']];
  assert.deepEqual(read(text, ...paths), [1, 'two', true, null, -1500, 0]);
  assert.deepEqual(read(text, [], ['a'], ['a', 'b'], ['a', 'b', 2]), Array(4).fill(composite));
  const missing = [
    ['b'],
    ['a', 0],
    ['a', 'b', 3],
    ['a', 'b', 'c'],
    ['odd key', 'x'],
    ['toString'],
    ['length'],
  ];
  assert.deepEqual(read(text, ...missing), Array(missing.length).fill(undefined));
  assert.deepEqual(read('{"__proto__":1}', ['__proto__'], ['constructor']), [1, undefined]);
});

test('one path is one number, and a text leaves nothing behind for the next', () => {
  const reader = new JsonPaths();
  const number = reader.add(['a']);
  assert.equal(reader.add(['a']), number);
  for (const [text, value] of [
    ['{"a":1}', 1],
    ['{"a":1', undefined],
    ['{"a":"x"}', 'x'],
    ['[[[', undefined],
    ['{}', undefined],
    ['{"a":[{"b":1}]} ', composite],
    ['', undefined],
    ['\ufeff{"a":2}', 2],
  ] as const) {
    reader.read(Buffer.from(text));
    assert.equal(reader.values[number], value, text);
  }
});

test('of a field that occurs twice the last one counts, also for what is in it', () => {
  const text = '{"a":{"b":1,"c":2},"a":{"c":3}}';
  assert.deepEqual(read(text, ['a', 'b'], ['a', 'c']), [undefined, 3]);
  assert.deepEqual(read('{"a":{"b":1},"a":5}', ['a', 'b'], ['a']), [undefined, 5]);
  assert.deepEqual(read('{"a":[1,[2]],"a":[[3]]}', ['a', 0], ['a', 0, 0], ['a', 1]), [
    composite,
    3,
    undefined,
  ]);
});

test('a payload nested more than 1000 levels deep, as one for %J, is none', () => {
  const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  assert.deepEqual(read(nested(1000), []), [composite]);
  assert.deepEqual(read(nested(1001), []), [undefined]);
  assert.deepEqual(read('['.repeat(1_000_000), []), [undefined]);
});

test('what is not quite JSON is none', () => {
  for (const text of [
    ...['', ' ', '{', '}', ']', '[1,]', '[,1]', '{"a":1,}', '{,}', '{"a"}', '{"a":}', '{a:1}', "{'a':1}"],
    ...['[1 2]', '{"a" 1}', '{"a":1 "b":2}', '[1}', '{"a":1]', '1 2', '1,', ':1', ',', '[:]', '["a":1]'],
    ...['01', '-', '-a', '.5', '5.', '1e', '1e+', '+1', '1.e3', 'NaN', 'Infinity', '0x1', '1_0'],
    ...['tru', 'truex', 'nul', 'fals', 'True', 'undefined', '"', '"a', '"\\', '"\\x"', '"\\u12g4"', '"\\u1"'],
    ...['"\n"', '"\u0000"', '\u00a0 1', '\u00001', '1\u0000', '{"a":1}}', '[[]', '{}{}'],
  ]) {
    assert.equal(expected(Buffer.from(text), []), undefined, text);
    assert.deepEqual(read(text, []), [undefined], JSON.stringify(text));
  }
  assert.deepEqual(read(Uint8Array.of(0x22, 0xff, 0x22), []), [undefined]);
  // Of Latin-1, in a field that no path names.
  assert.deepEqual(read(Buffer.from('{"a":1,"b":"é"}', 'latin1'), ['a']), [undefined]);
});

const names = ['a', 'b', 'ab', '', 'é', 'x"y', '__proto__', 'a\\', '\u{1f600}'];
const steps = fc.array(fc.oneof(fc.constantFrom(...names), fc.nat(2)), {maxLength: 3});
const number = fc.oneof(fc.integer(), fc.double({noNaN: true, noDefaultInfinity: true}), fc.nat(20));
const leaf = fc.oneof(
  number,
  fc.string({unit: 'binary', maxLength: 8}),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('é', 'a"b', '\\', '\n'),
);
const {document} = fc.letrec((tie) => ({
  document: fc.oneof(
    {depthSize: 'small', withCrossShrink: true},
    leaf,
    fc.array(tie('document'), {maxLength: 3}),
    fc
      .array(fc.tuple(fc.constantFrom(...names), tie('document')), {maxLength: 4})
      .map((entries) => ({entries})),
  ),
}));

/** A spelling of the document: blanks, escapes, fields that occur twice. */
function spelt(value: unknown, blank: () => string, escapes: boolean): string {
  const space = (text: string) => `${blank()}${text}${blank()}`;
  if (Array.isArray(value)) return space(`[${value.map((each) => spelt(each, blank, escapes)).join()}]`);
  if (typeof value === 'object' && value !== null) {
    const {entries} = value as {entries: readonly (readonly [string, unknown])[]};
    const fields = entries.map(([name, of]) => `${spelt(name, blank, escapes)}:${spelt(of, blank, escapes)}`);
    return space(`{${fields.join()}}`);
  }
  const text = JSON.stringify(value);
  if (typeof value !== 'string' || !escapes) return space(text);
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return space(`"${value.split('').map(escaped).join('')}"`);
}

test('finds in any JSON what JSON.parse and a walk find', () => {
  const blanks = fc.infiniteStream(fc.constantFrom('', '', '', ' ', '\n', '\t\r '));
  fc.assert(
    fc.property(
      document,
      blanks,
      fc.boolean(),
      fc.array(steps, {minLength: 1, maxLength: 4}),
      (value, stream, escapes, paths) => {
        const bytes = Buffer.from(spelt(value, () => stream.next().value, escapes));
        assert.deepEqual(
          read(bytes, ...paths),
          paths.map((path) => expected(bytes, path)),
          bytes.toString(),
        );
      },
    ),
    {numRuns: 3000},
  );
});

test('takes for JSON what JSON.parse does, also where a few bytes are wrong', () => {
  const change = fc.record({
    at: fc.nat(200),
    byte: fc.constantFrom(...Buffer.from('{}[],:"\\0-.e1tfn \n\u0001é')),
    kind: fc.nat(2),
  });
  fc.assert(
    fc.property(document, fc.array(change, {minLength: 1, maxLength: 3}), steps, (value, changes, path) => {
      let bytes = [...Buffer.from(spelt(value, () => '', false))];
      for (const {at, byte, kind} of changes) {
        const place = at % (bytes.length + 1);
        bytes = [
          ...bytes.slice(0, place),
          ...(kind === 0 ? [] : [byte]),
          ...bytes.slice(place + (kind === 1 ? 0 : 1)),
        ];
      }
      const text = Uint8Array.from(bytes);
      for (const each of [[], path]) assert.deepEqual(read(text, each), [expected(text, each)], String(text));
    }),
    {numRuns: 5000},
  );
});

test('reads any number to the last bit', () => {
  const spelling = fc
    .tuple(
      fc.boolean(),
      fc.bigInt({min: 0n, max: 10n ** 18n}),
      fc.option(fc.stringMatching(/^\d{1,17}$/)),
      fc.option(fc.integer({min: -30, max: 30})),
    )
    .map(
      ([isNegative, whole, fraction, exponent]) =>
        `${isNegative ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
    );
  fc.assert(
    fc.property(spelling, (text) => {
      const [value] = read(`{"a":${text}}`, ['a']);
      assert.ok(Object.is(value, JSON.parse(text)), text);
    }),
    {numRuns: 3000},
  );
});
