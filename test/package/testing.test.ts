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
  /** The compiler's options for modules, and files with how they import. */
  const systems: readonly (readonly [
    flags: string,
    ...files: (readonly [name: string, imports: string])[],
  ])[] = [
    ['--module node16', ['module.mts', asModule], ['required.cts', asCommonJs]],
    ['--module nodenext', ['module.mts', asModule], ['module.cts', asModule], ['required.cts', asCommonJs]],
    ['--module esnext --moduleResolution bundler', ['module.ts', asModule]],
    ['--module preserve --moduleResolution bundler', ['module.ts', asModule]],
    ['--module commonjs', ['module.ts', asModule], ['required.ts', asCommonJs]],
  ];
  const rightUse = "const topic: string = (await broker.waitFor('#')).topic;\nconsole.log(topic);\n";
  const wrongUse = 'const port: string = broker.port;\nconsole.log(port);\n';

  for (const [flags, ...files] of systems) {
    test(`with types that are checked: ${files.map(([name]) => name).join(', ')}, ${flags}`, async () => {
      const words = `--ignoreConfig --noEmit --strict --skipLibCheck false --target es2022 --types node ${flags}`;
      const names: string[] = [];
      for (const [name, imports] of files) {
        for (const [kind, use] of [
          ['right', rightUse],
          ['wrong', wrongUse],
        ] as const) {
          const body = `await using broker = await startBroker({tls: 'auto'});\n${use}`;
          names.push(`${kind}-${name}`);
          await writeFile(
            join(project, `${kind}-${name}`),
            `${imports}\nexport async function example() {\n${body}}\n`,
          );
        }
      }
      const compiler = join(root, 'node_modules', '.bin', 'tsc');
      const {stdout, exitCode} = await run(compiler, [...words.split(' '), ...names], {cwd: project});
      assert.notEqual(exitCode, 0);
      const complaints = stdout.toString().trim().split('\n').toSorted();
      assert.equal(complaints.length, files.length, stdout.toString());
      for (const [index, [name]] of files.toSorted().entries()) {
        const where = `wrong-${name}(`;
        assert.ok(complaints[index]!.startsWith(where), stdout.toString());
        assert.match(complaints[index]!, /'number' is not assignable to type 'string'/);
      }
    });
  }
});
