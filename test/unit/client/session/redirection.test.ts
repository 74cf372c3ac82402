/** What a client keeps to itself when a server sends it to a host that the user has not named. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {ConnectionOptions, Endpoint} from '../../../../src/client/connection-options.ts';
import {redirection} from '../../../../src/client/session/redirection.ts';
import {sessionOptions} from '../../../support/sessions.ts';

const secrets: readonly Partial<ConnectionOptions>[] = [
  {credentials: {username: 'ann', password: 'secret'}},
  {headers: [['Authorization', 'Bearer secret']]},
  {renewal: {parts: async () => ({}), refused: () => false}},
  {awsSigning: {region: 'eu-central-1', keys: {accessKeyId: 'id', secretAccessKey: 'secret'}}},
  {properties: {authenticationData: Buffer.from('secret')}},
];

test('a secret of any kind goes to another host only where TLS verifies it', () => {
  const plain: Endpoint = {transport: 'ws', host: 'a.example', port: 1883};
  for (const secret of secrets) {
    const options = sessionOptions(1883, {endpoint: plain, ...secret});
    const where = (from: Endpoint, reference: string) => 'endpoint' in redirection(reference, from, options);
    assert.ok(!where(plain, 'b.example'), Object.keys(secret)[0]);
    assert.ok(!where({...plain, tls: {insecure: true}}, 'b.example'));
    assert.ok(where({...plain, tls: {}}, 'b.example'));
    assert.ok(where(plain, 'A.example:1884'), 'or where the user has named it');
  }
  assert.ok('endpoint' in redirection('b.example', plain, sessionOptions(1883, {endpoint: plain})));
});
