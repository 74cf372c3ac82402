/** What a filter lets pass, and a view that is held. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {MessageLog} from '../../../../src/page/state/message-log.ts';
import {MessageView, passes} from '../../../../src/page/state/message-view.ts';
import {message} from './messages.ts';

describe('a filter', () => {
  const door = message({topic: 'house/hall/Door', text: 'Closed'});
  for (const [topic, search, expected] of [
    ['', '', true],
    ['house/+/Door', '', true],
    ['house/#', 'closed', true],
    ['house/#', 'DOOR', true],
    ['house/#', 'open', false],
    ['garden/#', '', false],
    ['house/#/x', '', true],
  ] as const) {
    it(`of topics '${topic}' and text '${search}' ${expected ? 'lets' : 'does not let'} it pass`, () => {
      assert.equal(passes({topic, search})(door), expected);
    });
  }

  it('does not search beyond the beginning of a payload', () => {
    const large = message({text: `${'x'.repeat(20_000)}needle`});
    assert.equal(passes({topic: '', search: 'needle'})(large), false);
  });
});

describe('a view', () => {
  const shown = (view: MessageView) => view.shown.map(({number}) => number);

  it('follows the log, and forgets what the log has forgotten', () => {
    const log = new MessageLog({messages: 4, bytes: 1000});
    const view = new MessageView(log);
    view.filter = {topic: 'a/#', search: ''};
    for (let number = 1; number <= 3; number++) log.add(message({number, topic: number === 2 ? 'b' : 'a/b'}));
    assert.deepEqual(shown(view), [1, 3]);
    for (let number = 4; number <= 6; number++) log.add(message({number, topic: number === 5 ? 'b' : 'a/b'}));
    assert.deepEqual(shown(view), [3, 4, 6]);
    view.filter = {topic: '', search: ''};
    assert.deepEqual(shown(view), [3, 4, 5, 6]);
    for (let number = 7; number <= 30; number++) log.add(message({number, topic: 'c'}));
    assert.deepEqual(shown(view), [27, 28, 29, 30]);
  });

  it('stays as it is while it is held, and counts what is newer', () => {
    const log = new MessageLog({messages: 4, bytes: 1000});
    const view = new MessageView(log);
    log.add(message({number: 1}));
    assert.deepEqual(shown(view), [1]);
    view.hold(true);
    for (let number = 2; number <= 9; number++) log.add(message({number}));
    assert.deepEqual([shown(view), view.newer], [[1], 8]);
    // Another filter is applied to what is there now.
    view.filter = {topic: 't', search: ''};
    assert.deepEqual([shown(view), view.newer], [[6, 7, 8, 9], 0]);
    log.add(message({number: 10}));
    view.hold(false);
    assert.deepEqual([shown(view), view.newer], [[7, 8, 9, 10], 0]);
  });

  it('begins again after the log is cleared', () => {
    const log = new MessageLog();
    const view = new MessageView(log);
    log.add(message({number: 1}));
    assert.deepEqual(shown(view), [1]);
    log.clear();
    view.clear();
    assert.deepEqual(shown(view), []);
    log.add(message({number: 2}));
    assert.deepEqual(shown(view), [2]);
  });
});
