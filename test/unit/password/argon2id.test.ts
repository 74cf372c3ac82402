// needs: argon2
/** argon2id of ours, judged by libargon2: the library that mosquitto verifies with. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {schemes} from '../../../src/password/hash.ts';
import {run} from '../../support/spawn.ts';

/** Debian's bindings of libargon2; the first line is the secret, the second the password. */
const judge = `import sys, argon2.low_level as a
secret, password = sys.stdin.buffer.read().split(b'\\n', 1)
try: print(a.verify_secret(secret, password, a.Type.ID))
except Exception as error: print(type(error).__name__)`;

const verdict = async (secret: string, password: string) => {
  const input = `${secret}\n${password}`;
  const {stdout, exitCode} = await run('/usr/bin/python3', ['-c', judge], {input});
  assert.equal(exitCode, 0);
  return stdout.toString().trim();
};

test('libargon2 verifies what we hash, and refuses another password', async () => {
  const scheme = schemes.find(({name}) => name === 'argon2id')!;
  for (const password of ['password123', 'pässwörd:$ x', '密码😀']) {
    const secret = await scheme.hash(Buffer.from(password));
    assert.equal(await verdict(secret, password), 'True');
    assert.equal(await verdict(secret, `${password}.`), 'VerifyMismatchError');
  }
});
