/** `defined`: which members it keeps, and the type of what it returns. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {defined} from '../../src/defined.ts';

interface Target {
  readonly host: string;
  readonly port?: number;
}

test('undefined members are left out, other empty values stay', () => {
  assert.deepEqual(defined({a: undefined, b: null, c: false, d: 0, e: '', f: 'x'}), {
    b: null,
    c: false,
    d: 0,
    e: '',
    f: 'x',
  });
  assert.deepEqual(Object.keys(defined({a: undefined})), []);
});

test('the order of the members stays, and the argument is not changed', () => {
  const members = {z: 1, y: undefined, x: 2};
  assert.deepEqual(Object.keys(defined(members)), ['z', 'x']);
  assert.ok('y' in members);
});

test('the result fits a type with optional members', () => {
  const port = (text: string): number | undefined => (text === '' ? undefined : Number(text));
  const target = (text: string): Target => defined({host: 'h', port: port(text)});
  assert.deepEqual(target(''), {host: 'h'});
  assert.deepEqual(target('1883'), {host: 'h', port: 1883});
  // @ts-expect-error a member that may be undefined does not fit a required one
  const wrong: {readonly port: number} = defined({port: port('')});
  assert.deepEqual(wrong, {});
});
