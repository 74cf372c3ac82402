// needs: go, paho-go
/** The example of tmq-testing(7) for Go. The first run on a machine compiles packages of Go itself. */

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import {goFile} from '../../src/commands/manual/testing-languages.ts';
import {openExampleProject} from '../support/example-project.ts';

test('go test runs the example, which fails with another message', {timeout: 180_000}, async () => {
  await using project = await openExampleProject();
  await project.write('go/src/lamp/lamp_test.go', goFile);
  await project.write('go/src/broken/broken_test.go', goFile.replace('1, false, "on"', '1, false, "off"'));
  // Debian's packages have their sources there, and no modules have to be fetched.
  const places = `${join(project.directory, 'go')}:/usr/share/gocode`;
  const {stdout, stderr, exitCode} = await project.run('go', ['test', 'lamp', 'broken'], {
    env: {GO111MODULE: 'off', GOPATH: places, GOFLAGS: ''},
    timeoutMilliseconds: 150_000,
  });
  assert.match(stdout.toString(), /^ok +\tlamp\t/m, stderr);
  assert.match(stdout.toString(), /the lamp is off[\s\S]*^FAIL\tbroken\t/m);
  assert.equal(exitCode, 1);
});
