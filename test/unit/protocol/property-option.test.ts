/** -D: command, name and value to properties. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {UsageError} from '../../../src/errors.ts';
import {mayBeSet, propertyCommands, propertyTable} from '../../../src/protocol/properties.ts';
import {parseProperty, propertiesFor} from '../../../src/protocol/property-option.ts';

const settings = (...given: readonly string[]) => given.map((each) => parseProperty(each.split(' ')));

function refuses(words: readonly string[], message: string | RegExp): void {
  assert.throws(() => parseProperty(words), {name: 'UsageError', message});
}

test('builds the properties of one packet, in their order', () => {
  const given = settings(
    'publish content-type text/plain',
    'connect receive-maximum 7',
    'PUBLISH User-Property a 1',
    'publish payload-format-indicator 1',
    'publish user-property b 2',
    'publish user-property a 3',
    'publish correlation-data ü',
  );
  const properties = propertiesFor(given, 'publish', 5);
  assert.deepEqual(properties, {
    contentType: 'text/plain',
    userProperties: [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ],
    payloadFormatIndicator: 1,
    correlationData: Buffer.from('ü'),
  });
  assert.deepEqual(Object.keys(properties ?? {}), [
    'contentType',
    'userProperties',
    'payloadFormatIndicator',
    'correlationData',
  ]);
  assert.deepEqual(propertiesFor(given, 'connect', 5), {receiveMaximum: 7});
  assert.equal(propertiesFor(given, 'will', 5), undefined);
  assert.equal(propertiesFor(undefined, 'publish', 3), undefined);
});

test('refuses in the words of mosquitto', () => {
  refuses(
    ['nosuch', 'content-type', 'a'],
    'Invalid command nosuch given in --property argument. It is one of connect, publish, will, subscribe, unsubscribe, disconnect, auth.',
  );
  refuses(
    ['publish', 'no-such', 'a'],
    /^Invalid property name no-such given in --property argument\. Names for publish: .*content-type/,
  );
  refuses(
    ['connect', 'Content-Type', 'a'],
    'Content-Type property not allowed for connect in --property argument. It goes with publish, will.',
  );
  refuses(
    ['puback', 'user-property', 'a', 'b'],
    'user-property property not supported for puback in --property argument. It goes with connect, publish, will, subscribe, unsubscribe, disconnect, auth.',
  );
  refuses(
    ['publish', 'subscription-identifier', '1'],
    'subscription-identifier property not supported for publish in --property argument. It goes with subscribe.',
  );
  refuses(
    ['connect', 'maximum-qos', '1'],
    'maximum-qos property not allowed for connect in --property argument. Only a broker may send it.',
  );
  refuses(
    ['connect', 'receive-maximum', '65536'],
    'Property value (65536) out of range for property receive-maximum. It is a number from 1 to 65535.',
  );
  refuses(
    ['publish', 'correlation-data', 'x'.repeat(65536)],
    'Property value too long for property correlation-data.',
  );
  refuses(
    ['publish', 'content-type', 'a\u0001'],
    /^Invalid .* argument for content-type: it has the control character U\+0001\.$/,
  );
  refuses(['will', 'response-topic', 'a/+'], "Invalid response topic 'a/+', does it contain '+' or '#'?");
});

test('checks the range of each property', () => {
  for (const [words, minimum, maximum] of [
    ['publish payload-format-indicator', 0, 1],
    ['connect request-problem-information', 0, 1],
    ['connect request-response-information', 0, 1],
    ['connect receive-maximum', 1, 65535],
    ['connect maximum-packet-size', 1, 4294967295],
    ['connect topic-alias-maximum', 0, 65535],
    ['connect session-expiry-interval', 0, 4294967295],
    ['publish topic-alias', 1, 65535],
    ['publish message-expiry-interval', 0, 4294967295],
    ['will will-delay-interval', 0, 4294967295],
    ['subscribe subscription-identifier', 1, 268435455],
  ] as const) {
    for (const value of [minimum, maximum]) {
      assert.equal(parseProperty([...words.split(' '), String(value)]).value, value, words);
    }
    for (const value of [minimum - 1, maximum + 1, '', '1x', 'x', '1.5', '0x1', ' 1']) {
      refuses([...words.split(' '), String(value)], /^Property value \(.*\) out of range for property/);
    }
  }
});

test('refuses a property given twice, but not user properties', () => {
  assert.throws(
    () => propertiesFor(settings('publish topic-alias 1', 'publish topic-alias 2'), 'publish', 5),
    {message: 'Duplicate property in property list: -D publish topic-alias was given twice.'},
  );
});

test('refuses properties before MQTT 5, but ignores those of DISCONNECT', () => {
  for (const command of propertyCommands) {
    const given = settings(`${command} user-property a b`);
    if (command === 'disconnect') assert.equal(propertiesFor(given, command, 4), undefined);
    else assert.throws(() => propertiesFor(given, command, 4), UsageError);
    assert.deepEqual(propertiesFor(given, command, 5), {userProperties: [['a', 'b']]});
  }
});

test('takes each property exactly where the table allows it', () => {
  const samples = {byte: '1', u16: '1', u32: '1', varint: '1', utf8: 'a', binary: 'a', pair: 'a'};
  for (const definition of propertyTable) {
    for (const command of propertyCommands) {
      const read = () => parseProperty([command, definition.name, samples[definition.type], 'b']);
      if (mayBeSet(definition, command)) assert.equal(read().definition, definition);
      else assert.throws(read, UsageError);
    }
  }
});

test('never fails but with a usage error', () => {
  const names = propertyTable.map(({name}) => name);
  const word = fc.oneof(fc.string(), fc.constantFrom(...propertyCommands, ...names, '1', '-1'));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        parseProperty(words);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
  );
});
