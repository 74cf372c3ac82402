// needs: pytest, paho-mqtt
/** The example of tmq-testing(7) for pytest. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {pytestFile} from '../../src/commands/manual/testing-languages.ts';
import {openExampleProject} from '../support/example-project.ts';

/** Debian's own interpreter: its modules are not those of another python3 in the PATH. */
const python = '/usr/bin/python3';

test('pytest runs the example, which fails with another message', async () => {
  await using project = await openExampleProject();
  await project.write('test_lamp.py', pytestFile);
  await project.write('test_broken.py', pytestFile.replace('"on", retain', '"off", retain'));
  const pytest = async (name: string) => {
    // A plugin of another installation is no part of the example.
    const env = {PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1'};
    const {stdout, exitCode} = await project.run(python, ['-m', 'pytest', '-q', name], {env});
    return [exitCode, /\d+ (?:passed|failed)/.exec(stdout.toString())?.[0] ?? stdout.toString()];
  };
  assert.deepEqual(await Promise.all(['test_lamp.py', 'test_broken.py'].map(pytest)), [
    [0, '1 passed'],
    [1, '1 failed'],
  ]);
});
