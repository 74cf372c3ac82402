// needs: yaml
/**
 * The examples of tmq-testing(7) for GitHub Actions and Docker Compose: their commands are run here as the services
 * would run them. Neither of the services themselves runs.
 */

import assert from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import {composeFile, workflow} from '../../src/commands/manual/testing-scripts.ts';
import {openExampleProject} from '../support/example-project.ts';
import {npm} from '../support/npm.ts';
import {run} from '../support/spawn.ts';
import {startTmq} from '../support/tmq.ts';

const root = join(import.meta.dirname, '..', '..');

/** The document, as Debian's PyYAML reads it. */
async function parsed(text: string): Promise<unknown> {
  const program = 'import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)';
  const {stdout, stderr} = await run('/usr/bin/python3', ['-c', program], {input: text});
  assert.equal(stderr, '');
  return JSON.parse(stdout.toString());
}

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

test('the steps of the workflow run in a project with the packed tmq', async () => {
  const {jobs} = (await parsed(workflow)) as {jobs: {test: {steps: readonly Step[]}}};
  const {steps} = jobs.test;
  await using project = await openExampleProject();
  const {stdout} = await npm(
    ['pack', '--ignore-scripts', '--pack-destination', project.directory, root],
    project.directory,
  );
  const packed = stdout.toString().trim().split('\n').at(-1)!;
  const script = 'test "$(tmq sub -t a -C 1 -W 5 --then -- tmq pub -t a -m "$MQTT_PORT")" = "$MQTT_PORT"';
  const manifest = {
    name: 'lamp',
    version: '1.0.0',
    scripts: {test: script},
    devDependencies: {tmq: `file:${packed}`},
  };
  await project.write('checkout/package.json', JSON.stringify({...manifest, devDependencies: {}}));
  const checkout = join(project.directory, 'checkout');
  await npm(['install', '--save-dev', join('..', packed)], checkout);
  const env = {npm_config_audit: 'false', npm_config_fund: 'false'};
  const commands = steps.flatMap((step) => step.run ?? []);
  assert.equal(commands.length, 2);
  for (const command of commands) {
    // As the shell of a step is started.
    const words = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', command];
    const {stderr, exitCode} = await project.run('bash', words, {env, cwd: checkout});
    assert.equal(exitCode, 0, `${command}: ${stderr}`);
  }
});

interface Service {
  readonly command: string;
  readonly healthcheck: {readonly test: string};
  readonly environment: Readonly<Record<string, string>>;
}

test('the commands of the Compose file start a broker, find it healthy, and lead the tests to it', async () => {
  const {services} = (await parsed(composeFile)) as {services: {broker: Service; tests: Service}};
  const {broker, tests} = services;
  await using project = await openExampleProject();
  const shell = (line: string, env: Record<string, string> = {}) => project.run('sh', ['-c', line], {env});
  assert.equal((await shell(`${broker.command} --test-config`)).exitCode, 0);
  // The container's port is its own, and the network is that of Compose.
  const words = broker.command.replace('0.0.0.0', '127.0.0.1').split(' ').slice(1);
  await using running = startTmq([...words, '-p', '0', '--ready', 'json']);
  const [line] = await running.waitFor('stdout', /^\{"event":"ready".*\}$/m);
  const {port} = JSON.parse(line) as {port: number};
  const url = tests.environment.MQTT_URL?.replace('broker:1883', `127.0.0.1:${port}`) ?? '';
  assert.equal(url, `mqtt://127.0.0.1:${port}`);
  // In the container it is the port that tmq takes by default.
  assert.equal((await shell(broker.healthcheck.test, {MQTT_URL: url})).exitCode, 0);
  assert.equal((await shell('tmq pub -t a -q 1 -m x', {MQTT_URL: url})).exitCode, 0);
  await running.stop();
  assert.notEqual((await shell(broker.healthcheck.test, {MQTT_URL: url})).exitCode, 0);
});
