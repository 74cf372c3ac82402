/** The fixtures of `tmq/testing` under real test runners: node:test, vitest, and jest in CommonJS. */

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {openUserProject, type UserProject} from '../support/user-project.ts';

const root = join(import.meta.dirname, '..', '..');

/** A test of the lamp, of which `wrong` fails. */
const lamp = (state: string) => `
  const client = await broker.client();
  await client.send('publish', {topic: 'lamp', payload: 'on', qos: 1, retain: true});
  const message = await broker.waitFor('lamp');
  assert.equal(String(message.payload), '${state}');
  assert.equal(broker.published.length, 1);
  await client.close();`;

describe('the fixtures of tmq/testing', () => {
  let project: UserProject;
  before(async () => {
    project = await openUserProject(['mqtt', 'vitest']);
  });
  after(() => project[Symbol.asyncDispose]());

  test('useBroker: one broker for the tests of a file or a suite, new for each test', async () => {
    const file = (state: string) => `
      import assert from 'node:assert/strict';
      import {describe, test} from 'node:test';
      import {useBroker} from 'tmq/testing/node';
      const broker = useBroker({faults: ['drop publish topic=lost']});
      assert.throws(() => broker.url, /has not started yet/);
      let url;
      test('one', async (t) => {
        url = broker.url;
        broker.setFaults(['drop']);
        broker.setFaults([]);
        await t.test('step', async () => {${lamp(state)}});
        await t.test('next step', () => assert.equal(broker.published.length, 1));
      });
      test('two', async () => {${lamp('on')}
        assert.equal(broker.url, url);
      });
      describe('suite', () => {
        const other = useBroker({tls: 'auto'});
        test('three', () => assert.notEqual(other.urls.mqtts, undefined));
        test('four', async () => {
          const waiting = other.waitFor('never', {timeout: 10});
          await assert.rejects(waiting, /nothing was published/);
        });
      });`;
    await project.write('right.test.mjs', file('on'));
    const right = await project.node('--test', 'right.test.mjs');
    assert.equal(right.exitCode, 0, right.stdout.toString());
    assert.match(right.stdout.toString(), /pass 6\b/);
    await project.write('wrong.test.mjs', file('off'));
    const wrong = await project.node('--test', 'wrong.test.mjs');
    assert.equal(wrong.exitCode, 1);
    assert.match(wrong.stdout.toString(), /fail 2\b/);
  });

  test('a file of node:test that forgets its broker ends all the same', async () => {
    await project.write(
      'forgets.test.cjs',
      `const assert = require('node:assert/strict');
       const {test} = require('node:test');
       const mqtt = require('mqtt');
       const {startBroker} = require('tmq/testing');
       test('the lamp', async () => {
         const broker = await startBroker({webSockets: true});
         const app = await mqtt.connectAsync(broker.url);
         ${lamp('on')}
         await app.endAsync();
         await broker.client();
       });`,
    );
    const {exitCode, stdout, timedOut} = await project.node('--test', 'forgets.test.cjs');
    assert.deepEqual([exitCode, timedOut], [0, false], stdout.toString());
  });

  test('vitest: a broker for each test that asks for one', async () => {
    const file = (state: string) => `
      import assert from 'node:assert/strict';
      import {describe, expect} from 'vitest';
      import {it, test} from 'tmq/testing/vitest';
      const urls = new Set();
      test.concurrent('one', async ({broker}) => {${lamp(state)} urls.add(broker.url);});
      test.concurrent('two', async ({broker}) => {${lamp('on')} urls.add(broker.url);});
      test('three', () => expect(urls.size).toBe(${state === 'on' ? 2 : 1}));
      const secure = it.extend({brokerOptions: {tls: 'auto'}});
      describe('suite', () => {
        secure('four', ({broker}) => expect(Object.keys(broker.urls)).toContain('mqtts'));
      });`;
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    await project.write('right.spec.mjs', file('on'));
    await project.write('wrong.spec.mjs', file('off'));
    const {exitCode, stdout, stderr} = await project.node(vitest, 'run', '.spec.', '--reporter=tap-flat');
    assert.equal(exitCode, 1, `${stdout}${stderr}`);
    const results = stdout
      .toString()
      .split('\n')
      .filter((line) => /^(not )?ok/.test(line));
    const named = results.map((line) => line.replace(/ok \d+ - /, '').replace(/ # time=.*/, ''));
    assert.deepEqual(named.toSorted(), [
      'not wrong.spec.mjs > one',
      'right.spec.mjs > one',
      'right.spec.mjs > suite > four',
      'right.spec.mjs > three',
      'right.spec.mjs > two',
      'wrong.spec.mjs > suite > four',
      'wrong.spec.mjs > three',
      'wrong.spec.mjs > two',
    ]);
    assert.match(stdout.toString(), /off/);
  });

  test('jest: require() in its own environment, hooks, and an end without --forceExit', async () => {
    await project.write(
      'lamp.jest.cjs',
      `const assert = require('node:assert/strict');
       const {setTimeout: sleep} = require('node:timers/promises');
       const {createBroker, UnexpectedMessageError} = require('tmq/testing');
       const broker = createBroker({authorize: ({topic}) => sleep(1, topic !== 'secret'), tls: 'auto', webSockets: true});
       beforeAll(() => broker.restart());
       beforeEach(() => broker.reset());
       afterAll(() => broker.close());
       test('one', async () => {${lamp('on')}});
       test('two', async () => {${lamp('on')}
         const other = await broker.client({scheme: 'wss'});
         await other.send('publish', {topic: 'secret', payload: Buffer.from('x'), qos: 1});
         expect(await other.expect('puback')).toMatchObject({reasonCode: 0x87});
         await other.close();
       });
       test('three', async () => {
         const quiet = broker.expectNothing('a', 5000);
         broker.publish('a', new Uint8Array([1]));
         await expect(quiet).rejects.toBeInstanceOf(UnexpectedMessageError);
       });
       test('four', async () => {
         await expect(broker.waitFor('a', {timeout: 10})).rejects.toThrow('nothing was published');
       });`,
    );
    await project.write(
      'jest.config.json',
      JSON.stringify({testMatch: ['**/*.jest.cjs'], testEnvironment: 'node', cache: false}),
    );
    const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const {exitCode, stderr, timedOut} = await project.node(jest, '--config', 'jest.config.json', '-i');
    assert.deepEqual([exitCode, timedOut], [0, false], stderr);
    assert.match(stderr, /4 passed, 4 total/);
    assert.doesNotMatch(stderr, /did not exit|open handles/);
  });
});
