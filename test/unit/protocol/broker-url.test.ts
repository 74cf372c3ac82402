/** The URL of -L, taken apart. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {UsageError} from '../../../src/errors.ts';
import {parseBrokerUrl} from '../../../src/protocol/broker-url.ts';

function read(text: string) {
  const url = parseBrokerUrl(text);
  if (url.scheme === 'unix') assert.fail(`${text} is a unix socket`);
  return url;
}

test('takes mqtt, mqtts, ws and wss, in any case, with their ports', () => {
  const ports = {mqtt: 1883, mqtts: 8883, ws: 1883, wss: 8883};
  for (const [scheme, port] of Object.entries(ports)) {
    assert.deepEqual(read(`${scheme.toUpperCase()}://host/a/b`), {
      scheme,
      hosts: [{host: 'host', port}],
      topic: 'a/b',
    });
    assert.deepEqual(read(`${scheme}://host:1234`), {scheme, hosts: [{host: 'host', port: 1234}]});
  }
});

test('takes several hosts, each with its port', () => {
  assert.deepEqual(read('mqtts://u:p,q@a,b:1884,[::1],[::2]:99/t,u'), {
    scheme: 'mqtts',
    username: 'u',
    password: 'p,q',
    hosts: [
      {host: 'a', port: 8883},
      {host: 'b', port: 1884},
      {host: '::1', port: 8883},
      {host: '::2', port: 99},
    ],
    topic: 't,u',
  });
});

test('takes the path of a unix socket, as the broker prints it and as others write it', () => {
  for (const text of ['unix:///run/a,b.sock', 'mqtt+unix:///run/a,b.sock', 'MQTT+UNIX:/run/a,b.sock'])
    assert.deepEqual(parseBrokerUrl(text), {scheme: 'unix', path: '/run/a,b.sock'});
});

test('takes the topic as it stands', () => {
  for (const topic of ['a', '/a', 'a//', 'a b', 'a%20b', 'a?b=c', '#', '+/x', 'a@b:c', 'http://x/y', 'ü\n']) {
    assert.equal(read(`mqtt://h/${topic}`).topic, topic);
  }
});

test('splits user and password at the first colon, and decodes them', () => {
  const user = (userInfo: string) => {
    const {username, password, hosts} = read(`mqtt://${userInfo}@h/t`);
    assert.deepEqual(hosts, [{host: 'h', port: 1883}]);
    return [username, password];
  };
  assert.deepEqual(user('u'), ['u', undefined]);
  assert.deepEqual(user('u:'), ['u', '']);
  assert.deepEqual(user(':p'), ['', 'p']);
  assert.deepEqual(user('u:p:q'), ['u', 'p:q']);
  assert.deepEqual(user('u:p@q'), ['u', 'p@q']);
  assert.deepEqual(user('u%3Av:p%2fq%40%C3%BC'), ['u:v', 'p/q@ü']);
  assert.deepEqual(user('u:100%'), ['u', '100%']);
  assert.deepEqual(user('u:%zz%FF'), ['u', '%zz%FF']);
});

test('takes IPv6 addresses in brackets', () => {
  assert.equal(read('mqtt://[::1]/t').hosts[0]?.host, '::1');
  const {hosts, username} = read('mqtts://me@[fe80::1%eth0]:99/t');
  assert.deepEqual([hosts, username], [[{host: 'fe80::1%eth0', port: 99}], 'me']);
});

test('says what is wrong, and never shows the password', () => {
  const wrong: Readonly<Record<string, RegExp>> = {
    'http://h/t': /^Unsupported URL scheme\./,
    'host/t': /^Unsupported URL scheme\./,
    '': /^Unsupported URL scheme\./,
    'mqtt://h,/t': /host missing\. Its form/,
    'mqtt+unix:': /path of the unix socket is missing/,
    'mqtt:///t': /host missing\. Its form/,
    'mqtt://u:secret@/t': /host missing\. Its form/,
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
      assert.deepEqual(read(`${scheme}://${userInfo}@${address}:${port}/${topic}`), {
        ...{scheme, username, password, topic},
        hosts: [{host, port}],
      });
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
        assert.notDeepEqual(parseBrokerUrl(given), {});
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
  );
});
