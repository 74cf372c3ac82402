/** The two indexes by topic level, against a match that knows no tree. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import fc from 'fast-check';
import {FilterTree, TopicTree} from '../../../../src/broker/state/topic-tree.ts';

/** Level by level, as the specification says it [MQTT 5, 4.7]. */
function naive(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length) return false;
    if (level !== '+' && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}

const level = fc.constantFrom('', 'a', 'b', '$a', 'constructor', '__proto__');
const topic = fc.array(level, {minLength: 1, maxLength: 5}).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), {minLength: 1, maxLength: 5}), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'));
const anyFilter = fc.oneof(filter, fc.constant('#'));
const nonEmpty = (text: string) => text !== '';

describe('FilterTree', () => {
  it('finds the filters that match a topic, after any additions and removals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyFilter.filter(nonEmpty), fc.boolean()), {maxLength: 30}),
        fc.array(topic.filter(nonEmpty), {minLength: 1, maxLength: 10}),
        (changes, topics) => {
          const tree = new FilterTree<string>();
          const present = new Set<string>();
          for (const [text, add] of changes) {
            if (add) {
              tree.set(text, text);
              present.add(text);
            } else {
              tree.delete(text);
              present.delete(text);
            }
          }
          assert.equal(tree.size, present.size);
          for (const text of present) assert.equal(tree.get(text), text);
          for (const name of topics) {
            const expected = [...present].filter((text) => naive(text, name));
            assert.deepEqual(tree.match(name).sort(), expected.sort());
          }
        },
      ),
      {numRuns: 500},
    );
  });

  it('is empty again when all are removed', () => {
    const tree = new FilterTree<number>();
    for (const text of ['a/b/c', 'a/b', '#', '+/b']) tree.set(text, 1);
    for (const text of ['a/b/c', 'a/b', '#', '+/b', 'never']) tree.delete(text);
    assert.equal(tree.size, 0);
    assert.deepEqual(tree.match('a/b'), []);
  });
});

describe('TopicTree', () => {
  it('finds the topics that match a filter, after any additions and removals', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(topic.filter(nonEmpty), fc.boolean()), {maxLength: 30}),
        fc.array(anyFilter.filter(nonEmpty), {minLength: 1, maxLength: 10}),
        (changes, filters) => {
          const tree = new TopicTree<string>();
          const present = new Set<string>();
          for (const [name, add] of changes) {
            if (add) {
              tree.set(name, name);
              present.add(name);
            } else {
              assert.equal(tree.delete(name), present.delete(name));
            }
          }
          assert.equal(tree.size, present.size);
          assert.deepEqual([...tree.entries()].map(([name]) => name).sort(), [...present].sort());
          for (const text of filters) {
            const expected = [...present].filter((name) => naive(text, name));
            const found: string[] = [];
            for (const nodes of tree.match(text, (value) => found.push(value))) assert.ok(nodes <= 100);
            assert.deepEqual(found.sort(), expected.sort());
          }
        },
      ),
      {numRuns: 500},
    );
  });
});

describe('TopicTree', () => {
  it('C5: takes little memory for topics with many levels', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const tree = new TopicTree<number>();
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const count = 2000;
    for (let index = 0; index < count; index++) tree.set(`${index}${'/a'.repeat(199)}`, index);
    collectGarbage();
    const bytes = (process.memoryUsage().heapUsed - before) / count;
    assert.ok(bytes < 20_000, `${bytes}`);
    assert.equal(tree.size, count);
  });
});
