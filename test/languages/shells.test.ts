// needs: zsh
/** The shell scripts of tmq-testing(7), in each shell: they never hang, and leave no broker. */

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {type AddressInfo, createServer} from 'node:net';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {readyFileScript, shellScript} from '../../src/commands/manual/testing-scripts.ts';
import {openExampleProject} from '../support/example-project.ts';

const shells = ['sh', 'bash', 'zsh'];
const banner = /^Test broker on mqtt:\/\/127\.0\.0\.1:\d+: .*\n$/;

/** A port that is in use until disposal. */
async function takenPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {port: (server.address() as AddressInfo).port, [Symbol.dispose]: () => void server.close()};
}

for (const [name, script] of [
  ['eval', shellScript],
  ['a ready file', readyFileScript],
] as const) {
  describe(`a broker by ${name}`, () => {
    for (const shell of shells) {
      test(`${shell} runs the script, and ends the broker`, async () => {
        await using project = await openExampleProject();
        await project.write('test.sh', script);
        // The broker has the standard error of the script, too: the run ends when both have ended.
        const {stdout, stderr, exitCode, timedOut} = await project.run(shell, ['test.sh']);
        assert.deepEqual([stdout.toString(), exitCode, timedOut], ['', 0, false], stderr);
        assert.match(stderr, banner);
        assert.ok(!existsSync(join(project.directory, 'broker.env')));
      });

      test(`${shell} ends with a failure where the broker cannot start`, async () => {
        using taken = await takenPort();
        await using project = await openExampleProject();
        await project.write('test.sh', `${script.replace('-p 0', `-p ${taken.port}`)}\necho further`);
        const {stdout, stderr, exitCode} = await project.run(shell, ['test.sh']);
        assert.match(stderr, /Cannot listen on 127\.0\.0\.1:\d+: it is in use/);
        assert.equal(stdout.toString(), '');
        assert.ok(exitCode !== 0 && exitCode !== null, `${exitCode}`);
      });
    }
  });
}

test('a child of the script has the address, and a test that fails gives its status', async () => {
  await using project = await openExampleProject();
  await project.write('test.sh', `${shellScript.split('\n\n')[0]}\nsh -c 'echo "$MQTT_URL"'\nexit 3`);
  const {stdout, exitCode} = await project.run('sh', ['test.sh']);
  assert.match(stdout.toString(), /^mqtt:\/\/127\.0\.0\.1:\d+\n$/);
  assert.equal(exitCode, 3);
});
