/** Topics and filters against the rules of the specification and a naive reference. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {
  fitsMqttString,
  isMqttString,
  isPublishTopic,
  isTopicFilter,
  matches,
  parseSubscription,
} from '../../../src/protocol/topic.ts';

const level = fc.constantFrom('', 'a', 'b', 'ab', '$', '$SYS', 'ä');
const topic = fc
  .array(level, {minLength: 1, maxLength: 5})
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), {maxLength: 5}), fc.constantFrom([], ['#']))
  .map(([levels, end]) => [...levels, ...end].join('/'))
  .filter((text) => text !== '');

/** The rules, level by level, with no thought for speed. */
function naiveMatch(filterLevels: readonly string[], topicLevels: readonly string[], first = true): boolean {
  const [wanted, ...filterRest] = filterLevels;
  const [given, ...topicRest] = topicLevels;
  if (first && given?.startsWith('$') && (wanted === '+' || wanted === '#')) return false;
  if (wanted === '#') return true;
  if (wanted === undefined || given === undefined) return wanted === given;
  return (wanted === '+' || wanted === given) && naiveMatch(filterRest, topicRest, false);
}

test('matches agrees with a naive reference', () => {
  fc.assert(
    fc.property(filter, topic, (wanted, name) => {
      assert.equal(matches(wanted, name), naiveMatch(wanted.split('/'), name.split('/')));
    }),
    {numRuns: 5000},
  );
});

test('a filter made from a topic by wildcards matches it, unless the topic begins with $', () => {
  fc.assert(
    fc.property(topic, fc.infiniteStream(fc.boolean()), fc.nat(5), (name, dice, cut) => {
      const levels = name.split('/');
      const kept = levels.slice(0, cut).map((each) => (dice.next().value ? '+' : each));
      const wanted = cut < levels.length ? [...kept, '#'].join('/') : kept.join('/');
      fc.pre(wanted !== '');
      const hidden = name.startsWith('$') && /^[+#]/.test(wanted);
      assert.equal(matches(wanted, name), !hidden);
    }),
    {numRuns: 1000},
  );
});

test('matches, by example [MQTT 5, 4.7]', () => {
  const yes = [
    ['sport/tennis/player1/#', 'sport/tennis/player1'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon'],
    ['sport/#', 'sport'],
    ['#', 'a'],
    ['#', '/'],
    ['+/+', '/finance'],
    ['/+', '/finance'],
    ['+', 'finance'],
    ['sport/+', 'sport/'],
    ['$SYS/#', '$SYS/'],
    ['$SYS/monitor/+', '$SYS/monitor/Clients'],
    ['+/#', 'a'],
    ['a/$b', 'a/$b'],
    ['a/+', 'a/$b'],
    ['a//b', 'a//b'],
  ] as const;
  const no = [
    ['+', '/finance'],
    ['sport/+', 'sport'],
    ['#', '$SYS/'],
    ['+/monitor/Clients', '$SYS/monitor/Clients'],
    ['a/b', 'a/b/c'],
    ['a/b/c', 'a/b'],
    ['A', 'a'],
    ['a/#', 'ab'],
    ['a', 'ab'],
    ['ab', 'a'],
    ['a//b', 'a/b'],
    ['a/', 'a'],
    ['a', 'a/'],
  ] as const;
  for (const [wanted, name] of yes) assert.ok(matches(wanted, name), `${wanted} should match ${name}`);
  for (const [wanted, name] of no) assert.ok(!matches(wanted, name), `${wanted} should not match ${name}`);
});

test('a valid publish topic is a valid filter that matches itself', () => {
  fc.assert(
    fc.property(fc.oneof(topic, filter, fc.string()), (text) => {
      if (isPublishTopic(text)) assert.ok(isTopicFilter(text) && matches(text, text));
      assert.equal(isPublishTopic(text), text !== '' && !/[+#]/.test(text) && text.split('/').length <= 201);
    }),
  );
});

test('isTopicFilter agrees with the rule said level by level', () => {
  const wild = fc.array(fc.constantFrom('a', '+', '#', '/', '\n'), {minLength: 1, maxLength: 8});
  fc.assert(
    fc.property(wild, (characters) => {
      const text = characters.join('');
      const levels = text.split('/');
      const valid = levels.every(
        (each, index) => each === '+' || (each === '#' && index === levels.length - 1) || !/[+#]/.test(each),
      );
      assert.equal(isTopicFilter(text), valid);
    }),
    {numRuns: 3000},
  );
});

test('topics have 1 to 65535 bytes and at most 200 separators', () => {
  for (const valid of [isPublishTopic, isTopicFilter]) {
    assert.ok(!valid(''));
    assert.ok(valid('a'.repeat(65535)));
    assert.ok(!valid('a'.repeat(65536)));
    assert.ok(valid('ä'.repeat(32767)));
    assert.ok(!valid('ä'.repeat(32768)));
    assert.ok(valid('/'.repeat(200)));
    assert.ok(!valid('/'.repeat(201)));
  }
});

test('fitsMqttString counts the bytes of UTF-8', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('a', 'ä', '€', '😀'),
      fc.integer({min: 16000, max: 66000}),
      (character, count) => {
        const text = character.repeat(count);
        assert.equal(fitsMqttString(text), new TextEncoder().encode(text).length <= 65535);
      },
    ),
    {numRuns: 200},
  );
});

/** By code point, as the specification defines it. */
function naiveMqttString(text: string): boolean {
  return [...text].every((character) => {
    const point = character.codePointAt(0)!;
    const control = point <= 0x1f || (point >= 0x7f && point <= 0x9f);
    const surrogate = point >= 0xd800 && point <= 0xdfff;
    const nonCharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) === 0xfffe;
    return !control && !surrogate && !nonCharacter;
  });
}

test('isMqttString agrees with the rule for every code unit and code point', () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const text = String.fromCodePoint(point);
    if (isMqttString(text) !== naiveMqttString(text)) assert.fail(`U+${point.toString(16)}`);
  }
  fc.assert(
    fc.property(fc.string({unit: 'binary'}), fc.string({unit: 'grapheme'}), (wild, tame) => {
      for (const text of [wild, tame, wild + tame]) assert.equal(isMqttString(text), naiveMqttString(text));
    }),
  );
  assert.ok(isMqttString(''));
  assert.ok(!isMqttString('a\ud83d'));
  assert.ok(!isMqttString('\udc00a'));
});

test('parseSubscription takes shared subscriptions apart [MQTT 5, 4.8.2]', () => {
  assert.deepEqual(parseSubscription('a/+'), {filter: 'a/+'});
  assert.deepEqual(parseSubscription('$share/group/a/#'), {shareName: 'group', filter: 'a/#'});
  assert.deepEqual(parseSubscription('$share/group//'), {shareName: 'group', filter: '/'});
  assert.deepEqual(parseSubscription('$shared/group/a'), {filter: '$shared/group/a'});
  assert.deepEqual(parseSubscription('$share'), {filter: '$share'});
  for (const malformed of [
    '',
    '$share/',
    '$share/group',
    '$share/group/',
    '$share//a',
    '$share/+/a',
    '$share/g#/a',
    '$share/g/a#',
  ]) {
    assert.equal(parseSubscription(malformed), undefined, malformed);
  }
});
