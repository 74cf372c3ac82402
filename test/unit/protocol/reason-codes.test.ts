import assert from 'node:assert/strict';
import {test} from 'node:test';
import constants from 'mqtt-packet/constants.js';
import {
  failureCodes,
  isFailure,
  ReasonCode,
  ReturnCode,
  reasonCodeTable,
  reasonSentence,
  reasonText,
  refusalText,
  returnCodeTable,
} from '../../../src/protocol/reason-codes.ts';

test('CONNACK codes of version 3 in their own words', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 9].map((code) => refusalText(code, 4)),
    [
      'Connection Refused: unacceptable protocol version. Try another version with -V.',
      'Connection Refused: identifier rejected. Try another client id with -i.',
      'Connection Refused: broker unavailable',
      'Connection Refused: bad user name or password. Check user name (-u) and password (-P).',
      'Connection Refused: not authorised. Check user name (-u) and password (-P).',
      'Connection Refused: unknown reason',
    ],
  );
});

test('a small code means the same when a version 5 CONNECT is answered with it', () => {
  assert.equal(
    refusalText(1, 5),
    'Connection Refused: unacceptable protocol version. Try another version with -V.',
  );
});

test('CONNACK codes of version 5, with the reason string', () => {
  assert.equal(refusalText(135, 5), 'Not authorized. Check user name (-u) and password (-P).');
  assert.equal(
    refusalText(134, 5, 'no such user'),
    'Bad User Name or Password (no such user). Check user name (-u) and password (-P).',
  );
  assert.match(refusalText(132, 5), /^Unsupported Protocol Version\. Use a broker that speaks MQTT 5/);
});

test('reason codes in words', () => {
  assert.equal(reasonText(16), 'No matching subscribers');
  assert.equal(reasonText(162), 'Wildcard Subscriptions not supported');
  assert.equal(reasonText(200), 'Unknown reason');
  assert.equal(reasonSentence(151, 'full'), 'Quota exceeded (full)');
  assert.equal(reasonSentence(151, ''), 'Quota exceeded');
});

test('codes from 128 on are failures', () => {
  assert.equal(isFailure(127), false);
  assert.equal(isFailure(128), true);
  assert.equal(failureCodes.length, 35);
  assert.ok(failureCodes.every(isFailure));
});

test('every code and name of a table is there once, in ascending order', () => {
  for (const table of [reasonCodeTable, returnCodeTable]) {
    const codes = table.map(([code]) => code);
    assert.deepEqual(
      codes,
      [...new Set<number>(codes)].sort((one, other) => one - other),
    );
    assert.equal(new Set(table.map(([, name]) => name)).size, table.length);
    for (const [, , text] of table) assert.notEqual(text, '');
  }
  for (const [code, name] of reasonCodeTable) assert.equal(ReasonCode[name], code);
  for (const [code, name] of returnCodeTable) assert.equal(ReturnCode[name], code);
});

test('the table has every reason code that mqtt-packet lets pass in any packet', () => {
  const known = new Set<number>(reasonCodeTable.map(([code]) => code));
  const tables = Object.entries(constants as unknown as Record<string, object>);
  const passed = tables
    .filter(([name]) => name.startsWith('MQTT5_'))
    .flatMap(([, codes]) => Object.keys(codes));
  assert.ok(passed.length > 0);
  assert.deepEqual(
    passed.map(Number).filter((code) => !known.has(code)),
    [],
  );
});
