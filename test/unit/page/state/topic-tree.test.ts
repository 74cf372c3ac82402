/** The tree of topics: counts, last messages, retained marks, and its bounds. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {TopicTree} from '../../../../src/page/state/topic-tree.ts';
import {message} from './messages.ts';

const paths = (tree: TopicTree, text?: string) => tree.rows(text).map(({path}) => path);

describe('the tree', () => {
  it('counts messages at each level, and keeps the last one', () => {
    const tree = new TopicTree();
    for (const [topic, text] of [
      ['a/b', '1'],
      ['a/b', '2'],
      ['a/c/d', '3'],
      ['a', '4'],
    ] as const)
      tree.add(message({topic, text}));
    assert.deepEqual(
      tree.rows().map(({path, count, total, last}) => [path, count, total, last && String(last.payload)]),
      [
        ['a', 1, 4, '4'],
        ['a/b', 2, 2, '2'],
        ['a/c', 0, 1, undefined],
        ['a/c/d', 1, 1, '3'],
      ],
    );
    assert.equal(tree.size, 4);
  });

  it('has levels without a name', () => {
    const tree = new TopicTree();
    for (const topic of ['/a', 'a/', '//']) tree.add(message({topic}));
    assert.deepEqual(paths(tree), ['', '/a', '/', '//', 'a', 'a/']);
    assert.deepEqual(
      ['/a', '//', 'a/', 'b'].map((path) => tree.find(path)?.count),
      [1, 1, 1, undefined],
    );
  });

  it('marks retained messages until they are cleared', () => {
    const tree = new TopicTree();
    const isRetained = () => tree.find('t')?.isRetained;
    tree.add(message({retain: true}));
    tree.add(message());
    assert.equal(isRetained(), true);
    tree.add(message({retain: true, text: ''}));
    assert.equal(isRetained(), false);
    tree.add(message({retain: true}));
    tree.forgetRetained();
    assert.equal(isRetained(), false);
  });

  it('opens and closes levels, and finds topics in closed ones', () => {
    const tree = new TopicTree();
    for (const topic of ['a/b/c', 'a/x', 'd/Bee']) tree.add(message({topic}));
    tree.openAll(false);
    assert.deepEqual(paths(tree), ['a', 'd']);
    tree.find('a')!.isOpen = true;
    assert.deepEqual(paths(tree), ['a', 'a/b', 'a/x', 'd']);
    assert.deepEqual(paths(tree, 'b'), ['a', 'a/b', 'a/b/c', 'd', 'd/Bee']);
    assert.deepEqual(paths(tree, 'x'), ['a', 'a/x']);
    assert.deepEqual(paths(tree, 'nothing'), []);
  });

  it('counts the messages for which it has no room', () => {
    const tree = new TopicTree({nodes: 4, bytes: 1000});
    for (const topic of ['a/b', 'c/d', 'e', 'a/f', 'a/b']) tree.add(message({topic}));
    assert.deepEqual(paths(tree), ['a', 'a/b', 'c', 'c/d']);
    assert.deepEqual([tree.omitted, tree.size, tree.find('a')?.total], [2, 4, 2]);
    tree.clear();
    tree.add(message({topic: 'e'}));
    assert.deepEqual([paths(tree), tree.omitted], [['e'], 0]);
  });

  it('has no room for more topics when their names are long', () => {
    const tree = new TopicTree({nodes: 100, bytes: 1000});
    for (const name of ['a', 'b', 'c']) tree.add(message({topic: name.repeat(600)}));
    assert.deepEqual([tree.size, tree.omitted], [2, 1]);
  });

  it('keeps the beginnings of payloads when its bytes are used up', () => {
    const tree = new TopicTree({nodes: 100, bytes: 100_000});
    const payload = new Uint8Array(200_000);
    for (const topic of ['a', 'b', 'c']) tree.add(message({topic, payload}));
    assert.deepEqual(
      tree.rows().map(({last}) => [last?.payload.length, last?.size]),
      [
        [65_536, 200_000],
        [65_536, 200_000],
        [256, 200_000],
      ],
    );
    const properties = {userProperties: [['name', 'x'.repeat(100_000)]]} as const;
    tree.add(message({topic: 'd', properties}));
    assert.deepEqual(tree.find('d')?.last?.properties, {});
    for (const topic of ['a', 'b']) tree.add(message({topic, text: 'short'}));
    tree.add(message({topic: 'c', payload}));
    assert.equal(tree.find('c')?.last?.payload.length, 65_536);
  });
});
