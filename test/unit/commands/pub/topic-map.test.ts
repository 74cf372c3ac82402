/** --map: rules as those of sed. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {mapTopic, parseTopicMap} from '../../../../src/commands/pub/topic-map.ts';
import {UsageError} from '../../../../src/errors.ts';

test('rules rewrite topics as sed does', () => {
  const rows: readonly (readonly [rule: string, topic: string, expected: string])[] = [
    ['s#^prod/#test/#', 'prod/a', 'test/a'],
    ['s#^prod/#test/#', 'a/prod/', 'a/prod/'],
    ['s/a/b/', 'a/a', 'b/a'],
    ['s/a/b/g', 'a/a', 'b/b'],
    ['s/A/b/gi', 'a/a', 'b/b'],
    ['s|\\(|x|', 'a(', 'ax'],
    ['s#(\\w+)/(\\w+)#\\2/\\1#', 'a/b', 'b/a'],
    ['s#b#<&>#', 'a/b', 'a/<b>'],
    ['s#b#\\&\\\\#', 'a/b', 'a/&\\'],
    ['s#a\\#b#x#', 'a#b', 'x'],
    ['s#/x##', 'a/x', 'a'],
    ['s#(a)|(b)#[\\1\\2]#', 'b', '[b]'],
    ['s#^#$1/#', 'a', '$1/a'],
  ];
  for (const [rule, topic, expected] of rows)
    assert.equal(mapTopic(parseTopicMap(rule), topic), expected, rule);
});

test('what is no rule is refused, with the reason', () => {
  const rows: Readonly<Record<string, RegExp>> = {
    '': /it does not begin with s and a delimiter/,
    'y/a/b/': /it does not begin with s and a delimiter/,
    saxbx: /it does not begin with s and a delimiter/,
    's/a/b': /it has 2 of the three parts ending at \//,
    's#prod/#': /it has 2 of the three parts ending at #/,
    's/a/b/c/': /it has 4 of the three parts/,
    's/a/b/x': /the flags 'x' are not among g and i/,
    's/(/b/': /\/\(\/: Unterminated group/,
    's/a/\\1/': /\\1 names a group that the pattern does not have/,
  };
  for (const [rule, reason] of Object.entries(rows)) {
    assert.throws(
      () => parseTopicMap(rule),
      (error) =>
        error instanceof UsageError &&
        error.message.startsWith(`Invalid --map rule '${rule}': `) &&
        reason.test(error.message),
      rule,
    );
  }
});
