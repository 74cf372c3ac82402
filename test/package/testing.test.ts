/** `tmq/testing` as another project sees it: plain JavaScript, both module systems, and its types. */

import assert from 'node:assert/strict';
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {run} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');

describe('tmq/testing from a project of its own', () => {
  let project: string;
  before(async () => {
    project = await mkdtemp(join(tmpdir(), 'tmq-project-'));
    await mkdir(join(project, 'node_modules', '@types'), {recursive: true});
    await symlink(root, join(project, 'node_modules', 'tmq'));
    await symlink(join(root, 'node_modules', 'mqtt'), join(project, 'node_modules', 'mqtt'));
    await symlink(
      join(root, 'node_modules', '@types', 'node'),
      join(project, 'node_modules', '@types', 'node'),
    );
  });
  after(() => rm(project, {recursive: true, force: true}));

  /** Writes a program and runs it with node. */
  const runProgram = async (name: string, text: string) => {
    await writeFile(join(project, name), text);
    const {stdout, stderr, exitCode} = await run(process.execPath, [name], {cwd: project});
    assert.deepEqual([stderr, exitCode], ['', 0]);
    return stdout.toString();
  };

  const body = `
    const broker = await startBroker({tls: 'auto'});
    const client = mqtt.connect(broker.url);
    client.publish('device/1/state', 'on', {qos: 1});
    const state = await broker.waitFor('device/+/state');
    console.log(state.topic, state.payload.toString(), broker.published.length, Object.keys(broker.urls).sort().join());
    await client.endAsync();
    await broker.close();`;

  test('as an ES module', async () => {
    const text = `import mqtt from 'mqtt'; import {startBroker} from 'tmq/testing';${body}`;
    assert.equal(await runProgram('program.mjs', text), 'device/1/state on 1 mqtt,mqtts\n');
  });

  test('as CommonJS', async () => {
    const text = `const mqtt = require('mqtt'); const {startBroker} = require('tmq/testing');(async () => {${body}})();`;
    assert.equal(await runProgram('program.cjs', text), 'device/1/state on 1 mqtt,mqtts\n');
  });

  test('with types that are checked', async () => {
    const check = async (text: string) => {
      await writeFile(join(project, 'typed.mts'), text);
      const flags =
        '--ignoreConfig --noEmit --strict --module nodenext --target es2023 --lib es2023,esnext.disposable --types node';
      const compiler = join(root, 'node_modules', '.bin', 'tsc');
      const {stdout, exitCode} = await run(compiler, [...flags.split(' '), 'typed.mts'], {cwd: project});
      return [exitCode, stdout.toString()] as const;
    };
    const start =
      "import {startBroker} from 'tmq/testing';\nawait using broker = await startBroker({tls: 'auto'});\n";
    assert.deepEqual(
      await check(`${start}const topic: string = (await broker.waitFor('#')).topic;\nconsole.log(topic);\n`),
      [0, ''],
    );
    const [exitCode, complaint] = await check(
      `${start}const port: string = broker.port;\nconsole.log(port);\n`,
    );
    assert.notEqual(exitCode, 0);
    assert.match(complaint, /typed\.mts\(3,\d+\).*'number' is not assignable to type 'string'/);
  });
});
