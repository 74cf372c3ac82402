/** The URL of -L, taken apart. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {UsageError} from '../../../src/errors.ts';
import {parseBrokerUrl} from '../../../src/protocol/broker-url.ts';

test('takes mqtt, mqtts, ws and wss, in any case, with their ports', () => {
  const ports = {mqtt: 1883, mqtts: 8883, ws: 1883, wss: 8883};
  for (const [scheme, port] of Object.entries(ports)) {
    assert.deepEqual(parseBrokerUrl(`${scheme.toUpperCase()}://host/a/b`), {
      scheme,
      host: 'host',
      port,
      topic: 'a/b',
    });
    assert.equal(parseBrokerUrl(`${scheme}://host:1234/t`).port, 1234);
  }
});

test('takes the topic as it stands', () => {
  for (const topic of ['a', '/a', 'a//', 'a b', 'a%20b', 'a?b=c', '#', '+/x', 'a@b:c', 'http://x/y', 'ü\n']) {
    assert.equal(parseBrokerUrl(`mqtt://h/${topic}`).topic, topic);
  }
});

test('splits user and password at the first colon, and decodes them', () => {
  const read = (userInfo: string) => {
    const {username, password, host} = parseBrokerUrl(`mqtt://${userInfo}@h/t`);
    assert.equal(host, 'h');
    return [username, password];
  };
  assert.deepEqual(read('u'), ['u', undefined]);
  assert.deepEqual(read('u:'), ['u', '']);
  assert.deepEqual(read(':p'), ['', 'p']);
  assert.deepEqual(read('u:p:q'), ['u', 'p:q']);
  assert.deepEqual(read('u:p@q'), ['u', 'p@q']);
  assert.deepEqual(read('u%3Av:p%2fq%40%C3%BC'), ['u:v', 'p/q@ü']);
  assert.deepEqual(read('u:100%'), ['u', '100%']);
  assert.deepEqual(read('u:%zz%FF'), ['u', '%zz%FF']);
});

test('takes IPv6 addresses in brackets', () => {
  assert.equal(parseBrokerUrl('mqtt://[::1]/t').host, '::1');
  const {host, port, username} = parseBrokerUrl('mqtts://me@[fe80::1%eth0]:99/t');
  assert.deepEqual([host, port, username], ['fe80::1%eth0', 99, 'me']);
});

test('says what is wrong, and never shows the password', () => {
  const wrong: Readonly<Record<string, RegExp>> = {
    'http://h/t': /^Unsupported URL scheme\./,
    'host/t': /^Unsupported URL scheme\./,
    '': /^Unsupported URL scheme\./,
    'mqtt://h': /topic missing\.$/,
    'mqtt://h/': /topic missing\.$/,
    'mqtt:///t': /host missing\.$/,
    'mqtt://u:secret@/t': /host missing\.$/,
    'mqtt://::1/t': /in brackets/,
    'mqtt://[::1/t': /in brackets/,
    'mqtt://h:0/t': /the port is no number from 1 to 65535/,
    'mqtt://h:65536/t': /the port is no number/,
    'mqtt://h:1x/t': /the port is no number/,
    'mqtt://u:sec/ret@h/t': /write '\/' as %2F/,
  };
  for (const [url, pattern] of Object.entries(wrong)) {
    assert.throws(
      () => parseBrokerUrl(url),
      (error) =>
        error instanceof UsageError && pattern.test(error.message) && !/secret|ret@/.test(error.message),
      url,
    );
  }
});

test('reads back every user, password, host, port and topic', () => {
  const url = fc.record({
    scheme: fc.constantFrom('mqtt' as const, 'mqtts' as const, 'ws' as const, 'wss' as const),
    username: fc.string({unit: 'grapheme'}),
    password: fc.string({unit: 'grapheme'}),
    host: fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()),
    port: fc.integer({min: 1, max: 65535}),
    topic: fc.string({unit: 'grapheme', minLength: 1}),
  });
  fc.assert(
    fc.property(url, (parts) => {
      const {scheme, username, password, host, port, topic} = parts;
      const address = host.includes(':') ? `[${host}]` : host;
      const userInfo = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
      assert.deepEqual(parseBrokerUrl(`${scheme}://${userInfo}@${address}:${port}/${topic}`), {...parts});
    }),
  );
});

test('never fails but with a usage error', () => {
  const piece = fc.constantFrom('mqtt://', 'ws://', '@', ':', '/', '[', ']', '%', '1', 'h', '');
  const text = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      try {
        assert.notEqual(parseBrokerUrl(given).topic, '');
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
  );
});
