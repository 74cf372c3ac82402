/** Which requests the page's server answers. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {guardedPath} from '../../../../src/broker/web/request-guard.ts';

const token = 'abcdefghijklmnop';

test('the path below the token is answered, without its query', () => {
  const headers = {host: '127.0.0.1:9080'};
  for (const [url, path] of [
    [`/${token}/`, '/'],
    [`/${token}`, ''],
    [`/${token}/api/clients?x=/y`, '/api/clients'],
    [`/${token}?x`, ''],
    [`/${token}x/`, undefined],
    ['/', undefined],
    ['', undefined],
    [undefined, undefined],
    [`//${token}/`, undefined],
    [`http://127.0.0.1:9080/${token}/`, undefined],
  ] as const)
    assert.equal(guardedPath({url, headers}, {token, port: 9080}), path, url);
});

test('browsers leave out port 80', () => {
  const url = `/${token}/`;
  const ask = (headers: object, port: number) => guardedPath({url, headers}, {token, port});
  assert.equal(ask({host: 'localhost', origin: 'http://localhost'}, 80), '/');
  assert.equal(ask({host: 'localhost', origin: 'http://localhost'}, 8080), undefined);
  assert.equal(ask({}, 80), undefined);
});
