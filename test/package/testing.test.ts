/** `tmq/testing` as another project sees it: plain JavaScript, both module systems, and its types. */

import assert from 'node:assert/strict';
import {cp, mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
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
    // A copy: a link would lead the compiler to the packages of this project.
    const installed = join(project, 'node_modules', 'tmq');
    for (const name of ['package.json', 'dist'])
      await cp(join(root, name), join(installed, name), {recursive: true});
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

  const asModule = "import {startBroker} from 'tmq/testing';";
  const asCommonJs = "import testing = require('tmq/testing');\nconst {startBroker} = testing;";
  /** The file's name, how it imports, and the compiler's options for modules. */
  const systems: readonly (readonly [file: string, imports: string, flags: string])[] = [
    ['typed.mts', asModule, '--module node16'],
    ['typed.cts', asCommonJs, '--module node16'],
    ['typed.mts', asModule, '--module nodenext'],
    ['typed.cts', asModule, '--module nodenext'],
    ['typed.cts', asCommonJs, '--module nodenext'],
    ['typed.ts', asModule, '--module esnext --moduleResolution bundler'],
    ['typed.ts', asModule, '--module preserve --moduleResolution bundler'],
    ['typed.ts', asModule, '--module commonjs'],
    ['typed.ts', asCommonJs, '--module commonjs'],
  ];

  for (const [file, imports, flags] of systems) {
    test(`with types that are checked: ${file}, ${imports.includes('require') ? 'require' : 'import'}, ${flags}`, async () => {
      const check = async (text: string) => {
        await writeFile(join(project, file), `${imports}\nexport async function example() {\n${text}}\n`);
        const words = `--ignoreConfig --noEmit --strict --skipLibCheck false --target es2022 --types node ${flags}`;
        const compiler = join(root, 'node_modules', '.bin', 'tsc');
        const {stdout, exitCode} = await run(compiler, [...words.split(' '), file], {cwd: project});
        return [exitCode, stdout.toString()] as const;
      };
      const start = "await using broker = await startBroker({tls: 'auto'});\n";
      assert.deepEqual(
        await check(
          `${start}const topic: string = (await broker.waitFor('#')).topic;\nconsole.log(topic);\n`,
        ),
        [0, ''],
      );
      const [exitCode, complaint] = await check(
        `${start}const port: string = broker.port;\nconsole.log(port);\n`,
      );
      assert.notEqual(exitCode, 0);
      assert.match(complaint, /typed\.\w+\(\d+,\d+\).*'number' is not assignable to type 'string'/);
    });
  }
});
