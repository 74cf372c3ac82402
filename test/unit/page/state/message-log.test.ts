/** The newest messages within a bound of number and bytes. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {MessageLog} from '../../../../src/page/state/message-log.ts';
import {message} from './messages.ts';

const numbers = (log: MessageLog) => log.messages.map(({number}) => number);

test('the oldest messages make room for new ones', () => {
  const log = new MessageLog({messages: 3, bytes: 1000});
  for (let number = 1; number <= 10; number++) log.add(message({number}));
  assert.deepEqual(numbers(log), [8, 9, 10]);
  assert.equal(log.find(9)?.number, 9);
  assert.equal(log.find(7), undefined);
  assert.equal(log.find(11), undefined);
});

test('large payloads leave room for fewer, and the newest stays in any case', () => {
  const log = new MessageLog({messages: 100, bytes: 100});
  for (let number = 1; number <= 5; number++) log.add(message({number, payload: new Uint8Array(40)}));
  assert.deepEqual(numbers(log), [4, 5]);
  log.add(message({number: 6, payload: new Uint8Array(5000)}));
  assert.deepEqual(numbers(log), [6]);
  const properties = {contentType: 'c'.repeat(20), userProperties: [['name', 'v'.repeat(40)]]} as const;
  for (let number = 7; number <= 9; number++) log.add(message({number, properties}));
  assert.deepEqual(numbers(log), [9]);
  for (let number = 10; number <= 12; number++) log.add(message({number, topic: 't'.repeat(45)}));
  assert.deepEqual(numbers(log), [11, 12]);
  log.clear();
  assert.deepEqual(numbers(log), []);
  log.add(message({number: 13}));
  assert.deepEqual(numbers(log), [13]);
});
