/** `fileError`: what a user reads when a file cannot be used. */

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {test} from 'node:test';
import {ExitCode, fileError, fileReason} from '../../src/errors.ts';

/** What `action` throws. */
function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

test('the sentence names the role, the path and the reason, and keeps the cause', () => {
  const cause = thrownBy(() => readFileSync('/no/such/file'));
  const error = fileError('CA file', '/no/such/file', cause);
  assert.equal(error.message, 'Cannot read the CA file /no/such/file: no such file or directory.');
  assert.equal(error.exitCode, ExitCode.failure);
  assert.equal(error.cause, cause);
});

test('without a role the path stands alone, and the verb can be another', () => {
  const cause = thrownBy(() => readFileSync('/'));
  assert.equal(fileError('', '/', cause, 'open').message, 'Cannot open /: it is a directory.');
  assert.equal(fileReason(thrownBy(() => readdirSync('/etc/passwd'))), 'not a directory');
});

test('a code that is not in the table reads as Node words it', () => {
  const error = Object.assign(new Error("EMFILE: too many open files, open '/a, b'"), {code: 'EMFILE'});
  assert.equal(fileReason(error), 'too many open files');
  const path = thrownBy(() => readFileSync(`/${'x'.repeat(300)}`));
  assert.equal(fileReason(path), 'name too long');
});

test('what is no system error reads as its own message', () => {
  assert.equal(fileReason(new Error('something else')), 'something else');
  assert.equal(fileReason('text'), 'text');
  assert.equal(fileReason(undefined), 'undefined');
});
