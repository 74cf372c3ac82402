/** Which paths local sockets can have on each platform. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {socketPathProblem} from '../../../src/protocol/socket-path.ts';

test('a unix socket has a path of at most 107 bytes on Linux, 103 on macOS', () => {
  assert.equal(socketPathProblem('/run/mqtt.sock', 'linux'), undefined);
  assert.equal(socketPathProblem('', 'darwin'), 'The path of the unix socket is empty.');
  for (const [platform, most] of [
    ['linux', 107],
    ['darwin', 103],
  ] as const) {
    assert.equal(socketPathProblem('x'.repeat(most), platform), undefined);
    const long = `${'x'.repeat(most - 1)}\u00e9`;
    assert.equal(
      socketPathProblem(long, platform),
      `The unix socket path ${long} is too long: ${most + 1} bytes, ${most} are allowed.`,
    );
  }
});

test('on Windows it is a named pipe', () => {
  for (const path of ['\\\\.\\pipe\\mqtt', '\\\\?\\pipe\\mqtt', '//./pipe/mqtt', '\\\\.\\PIPE\\mqtt'])
    assert.equal(socketPathProblem(path, 'win32'), undefined, path);
  for (const path of ['/tmp/mqtt.sock', 'C:\\mqtt', '\\\\.\\pipe\\'])
    assert.equal(
      socketPathProblem(path, 'win32'),
      `${path} cannot be a socket on Windows: give a named pipe, such as \\\\.\\pipe\\mqtt.`,
    );
});
