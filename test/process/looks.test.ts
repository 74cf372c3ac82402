/** Colour on a terminal, and nowhere else. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {startBroker} from '../../src/testing/testing.ts';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {program, runTmq, startTmq} from '../support/tmq.ts';

async function shown(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  await using terminal = startOnTerminal(process.execPath, [program, ...words], {
    env: {HOME: '/nonexistent', XDG_CONFIG_HOME: undefined, PAGER: '', ...env},
  });
  await terminal.finished;
  return terminal.screen();
}

test('help is coloured on a terminal, but not with NO_COLOR', async () => {
  assert.match(await shown(['--help']), /\u001b\[1mUsage: \u001b\[22m\u001b\[36mtmq/);
  assert.match(await shown(['--help'], {NO_COLOR: '1'}), /^Usage: tmq/);
  assert.match((await runTmq(['--help'])).stdout.toString(), /^Usage: tmq/);
});

test('the word Error is red on a terminal, or where colour is asked for', async () => {
  const red = /^\u001b\[31mError:\u001b\[39m /;
  assert.match(await shown(['nosuch']), red);
  assert.match(await shown(['nosuch'], {NO_COLOR: '1'}), /^Error: /);
  assert.match((await runTmq(['nosuch'])).stderr, /^Error: /);
  const missing = ['pub', '-t', 'a', '-f', '/nonexistent/file', '--color'];
  assert.match((await runTmq([...missing, 'always'])).stderr, red);
  assert.match(await shown([...missing, 'never']), /^Error: /);
});

test('the word Warning is yellow there, whichever command warns', async () => {
  const yellow = /^\u001b\[33mWarning:\u001b\[39m /;
  const idle = ['pub', '-t', 'a', '-m', 'x', '-h', '127.0.0.1', '-p', '1', '--will-qos', '1'];
  assert.match(await shown(idle), yellow);
  assert.match(await shown(idle, {NO_COLOR: '1'}), /^Warning: /);
  assert.match((await runTmq([...idle, '--color', 'always'])).stderr, yellow);
  assert.match((await runTmq(idle)).stderr, /^Warning: /);
  const directory = await mkdtemp(join(tmpdir(), 'tmq-looks-'));
  try {
    // Without a password file no client can connect.
    await writeFile(join(directory, 'locked.conf'), 'listener 1883 127.0.0.1\n');
    const locked = ['broker', '--test-config', '-c', join(directory, 'locked.conf')];
    assert.match(await shown(locked), yellow);
    assert.match((await runTmq(locked)).stderr, /^Warning: no client can connect/);
  } finally {
    await rm(directory, {recursive: true});
  }
  const unreadable = ['passwd', '-b', '-H', 'sha512-crypt', '-c', '-', 'alice', 'secret'];
  assert.match(await shown(unreadable), /\u001b\[33mWarning:\u001b\[39m mosquitto cannot read/);
});

test('sub says on a terminal what it has subscribed to, and nowhere else', async () => {
  await using broker = await startBroker();
  broker.publish('a', 'hello', {retain: true});
  const words = ['sub', '-p', String(broker.port), '-t', 'a', '-t', 'b/#', '-C', '1'];
  const plain = {NO_COLOR: '1'};
  const line = `Subscribed to a, b/# at localhost:${broker.port}. Ctrl-C ends it.`;
  // The retained message may come before the answer to the subscription is handled: both are shown, in either order.
  const waiting = ['sub', '-p', String(broker.port), '-t', 'live', '-C', '1'];
  await using terminal = startOnTerminal(process.execPath, [program, ...waiting], {
    env: {HOME: '/nonexistent', ...plain},
  });
  await terminal.shows(/^Subscribed to live at localhost:\d+\. Ctrl-C ends it\.\r\n/);
  broker.publish('live', 'now');
  await terminal.finished;
  assert.match(terminal.screen(), /^Subscribed to [^\n]*\nnow\r\n$/);
  for (const more of [['--quiet'], ['-d'], ['-E']]) {
    assert.doesNotMatch(await shown([...words, ...more], plain), /Subscribed to/, more.join());
  }
  const piped = await runTmq(words);
  assert.deepEqual([piped.stdout.toString(), piped.stderr], ['hello\n', ''], line);
});

test('sub --watch is a table on a terminal, and lines under the name of mosquitto_sub', async () => {
  await using broker = await startBroker();
  broker.publish('home/lamp', 'on', {retain: true});
  const words = ['-p', String(broker.port), '-t', '#', '-w', '-C', '1'];
  const table = await shown(['sub', ...words], {NO_COLOR: '1'});
  assert.match(table, /count {4}age {2}topic {6}message/);
  assert.match(table, / {8}1 {4}now {2}home\/lamp {2}on/);
  const directory = await mkdtemp(join(tmpdir(), 'tmq-looks-'));
  try {
    const link = join(directory, 'mosquitto_sub');
    await symlink(program, link);
    await using terminal = startOnTerminal(link, words, {env: {HOME: '/nonexistent'}});
    await terminal.finished;
    assert.doesNotMatch(terminal.screen(), /count|Subscribed/);
    assert.match(terminal.screen(), /Broker: localhost[\s\S]*on/);
  } finally {
    await rm(directory, {recursive: true});
  }
});

test('broker -v and --trace have a clock, colours and names of reasons on a terminal, and only there', async () => {
  const words = ['broker', '-p', '0', '-v', '--trace', '--ready', 'json'];
  const publish = async (port: string) => {
    const {exitCode} = await runTmq(['pub', '-V', '5', '-q', '1', '-t', 'a', '-m', 'x', '-p', port]);
    assert.equal(exitCode, 0);
  };
  const portIn = (text: string) => /"url":"mqtt:\/\/127\.0\.0\.1:(\d+)"/.exec(text)?.[1] ?? '';
  await using terminal = startOnTerminal(process.execPath, [program, ...words], {
    env: {HOME: '/nonexistent'},
    columns: 200,
  });
  await terminal.shows(/"url":"mqtt:\/\/127\.0\.0\.1:\d+"/);
  await publish(portIn(terminal.screen()));
  await terminal.shows(/Received\u001b\[39m \u001b\[1mDISCONNECT/);
  const screen = terminal.screen();
  assert.match(
    screen,
    /\u001b\[2m\d\d:\d\d:\d\d\u001b\[22m \u001b\[32mReceived\u001b\[39m \u001b\[1mPUBLISH\u001b\[22m from /,
  );
  assert.match(screen, /PUBACK\u001b\[22m to \S+ \(m1, rc16 No matching subscribers\)/);
  assert.match(
    screen,
    /\u001b\[2m\d\d:\d\d:\d\d\.\d{3}\u001b\[22m \S+ \u001b\[34m<\u001b\[39m \u001b\[1mPUBACK\u001b\[22m messageId=1 reasonCode=16 \(No matching subscribers\)/,
  );
  terminal.send('\u0003');
  await terminal.finished;
  await using piped = startTmq(words);
  await piped.waitFor('stdout', /"url":"mqtt:\/\/127\.0\.0\.1:\d+"/);
  await publish(portIn(piped.stdout().toString()));
  await piped.waitFor('stderr', /^\d{10}: Received DISCONNECT from /m);
  assert.match(piped.stderr(), /^\d{10}: Sending PUBACK to \S+ \(m1, rc16\)$/m);
  assert.doesNotMatch(piped.stderr() + piped.stdout(), /\u001b/);
});
