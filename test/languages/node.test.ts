/** The examples of tmq-testing(7) for Node.js. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {moduleExample} from '../../src/commands/manual/testing-page.ts';
import {openExampleProject} from '../support/example-project.ts';

test('the example of the module starts a broker', async () => {
  await using project = await openExampleProject();
  await project.write('example.mjs', moduleExample);
  const {stdout, stderr, exitCode} = await project.run(process.execPath, ['example.mjs']);
  assert.deepEqual([stderr, exitCode], ['', 0]);
  assert.match(stdout.toString(), /^mqtt:\/\/127\.0\.0\.1:\d+\n$/);
});
