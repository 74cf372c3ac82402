/** `tmq/testing` as another project sees it: plain JavaScript, both module systems, and its types. */

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {run} from '../support/spawn.ts';
import {openUserProject, type UserProject} from '../support/user-project.ts';

const root = join(import.meta.dirname, '..', '..');

describe('tmq/testing from a project of its own', () => {
  let project: UserProject;
  before(async () => {
    project = await openUserProject(['mqtt', '@types/node', 'vitest']);
  });
  after(() => project[Symbol.asyncDispose]());

  /** Writes a program and runs it with node. */
  const runProgram = async (name: string, text: string) => {
    await project.write(name, text);
    const {stdout, stderr, exitCode} = await project.node(name);
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

  test('a process ends although a broker and its clients are forgotten', async () => {
    const text = `
      import {startBroker, scriptedClient} from 'tmq/testing';
      const broker = await startBroker({webSockets: true});
      await scriptedClient(broker.url);
      broker.setFaults(['delay publish 200ms']);
      await broker.client({scheme: 'ws'});
      console.log(broker.clients.length);`;
    assert.equal(await runProgram('forgotten.mjs', text), '2\n');
  });

  const asModule = "import {startBroker} from 'tmq/testing';\nimport {useBroker} from 'tmq/testing/node';";
  const withVitest = `${asModule}\nimport {test} from 'tmq/testing/vitest';
test.extend({brokerOptions: {tls: 'auto'}})('a', async ({broker}) => {
  const url: string = broker.url;
  console.log(url);
});`;
  const asCommonJs = `import testing = require('tmq/testing');\nimport {useBroker} from 'tmq/testing/node';
const {startBroker} = testing;`;
  /** The compiler's options for modules, and files with how they import. */
  const systems: readonly (readonly [
    flags: string,
    ...files: (readonly [name: string, imports: string])[],
  ])[] = [
    ['--module node16', ['module.mts', withVitest], ['required.cts', asCommonJs]],
    ['--module nodenext', ['module.mts', withVitest], ['module.cts', asModule], ['required.cts', asCommonJs]],
    ['--module esnext --moduleResolution bundler', ['module.ts', withVitest]],
    ['--module preserve --moduleResolution bundler', ['module.ts', withVitest]],
    ['--module commonjs', ['module.ts', asModule], ['required.ts', asCommonJs]],
  ];
  const rightUse = `const topic: string = (await broker.waitFor('#', {where: ({qos}) => qos === 1})).topic;
console.log(topic, useBroker({authorize: ({user, action}) => user === 'ann' || action === 'publish' || 0x8a}).url);
await using client = await broker.client({protocolVersion: 4});
const {packetId} = await client.send('subscribe', {subscriptions: [{filter: 'a', qos: 1}]});
const codes: readonly number[] = (await client.expect('suback', {packetId})).reasonCodes;
await client.send('pingreq');
const packet = await client.next();
if (packet.name === 'publish') console.log(codes, packet.payload.length);\n`;
  const wrongUse = 'const port: string = broker.port;\nconsole.log(port, useBroker);\n';

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
          await project.write(`${kind}-${name}`, `${imports}\nexport async function example() {\n${body}}\n`);
        }
      }
      const compiler = join(root, 'node_modules', '.bin', 'tsc');
      const {stdout, exitCode} = await run(compiler, [...words.split(' '), ...names], {
        cwd: project.directory,
        timeoutMilliseconds: 60_000,
      });
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
