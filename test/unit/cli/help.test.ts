/** What --help prints, about every command and about tmq. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import type {AnyCommand} from '../../../src/cli/command.ts';
import {commandHelp, programHelp} from '../../../src/cli/help.ts';
import {type Option, type OptionTable, spelling} from '../../../src/cli/option.ts';
import {commands} from '../../../src/commands/all.ts';
import {pub} from '../../../src/commands/pub/pub.ts';
import {runMain} from '../../support/run.ts';

const escapeSequence = /\u001b\[\d+m/g;

test('fits 80 columns and shows every option', async () => {
  for (const {name, load} of commands) {
    const command: AnyCommand = await load();
    assert.equal(command.name, name);
    const help = commandHelp(command, `tmq ${name}`);
    for (const line of help.split('\n')) {
      assert.ok([...line].length <= 80, `${name}: ${line}`);
      assert.equal(line, line.trimEnd());
    }
    const options: readonly Option<unknown>[] = Object.values(command.options as OptionTable);
    for (const {flags, hidden} of options) {
      assert.equal(
        help.includes(`${flags}\n`) || help.includes(`${flags} `),
        hidden !== true,
        `${name} ${flags}`,
      );
    }
    assert.match(help, /\nGeneral:\n(.*\n)* {6}--help {18}print this help and exit\n/);
  }
});

test('begins with the usage of whatever name it was called by', () => {
  assert.match(commandHelp(pub, 'tmq pub'), /^Usage: tmq pub \[options\] .*\n {7}tmq pub /);
  assert.match(commandHelp(pub, 'mosquitto_pub'), /^Usage: mosquitto_pub /);
});

test('puts summaries in one column, after the option or below it', () => {
  const help = commandHelp(pub, 'tmq pub');
  assert.match(help, /\n {2}-q, --qos <level> {11}quality of service/);
  assert.match(help, /\n {2}-V, --protocol-version <version>\n {30}version of MQTT/);
  assert.match(help, /\n {2}-A <address> {16}local address/);
  assert.match(help, /\n {6}--ws {20}use WebSockets\n/);
});

test('colour changes no character of the help', async () => {
  const style = {
    heading: (text: string) => `\u001b[1m${text}\u001b[22m`,
    name: (text: string) => `\u001b[36m${text}\u001b[39m`,
  };
  const coloured = commandHelp(pub, 'tmq pub', style);
  assert.notEqual(coloured.replace(escapeSequence, ''), coloured);
  assert.equal(coloured.replace(escapeSequence, ''), commandHelp(pub, 'tmq pub'));
  const all = await Promise.all(commands.map(({load}) => load()));
  assert.equal(programHelp(all, {}, style).replace(escapeSequence, ''), programHelp(all, {}));
});

test('every way to ask gives it on standard output, with status 0', async () => {
  const overview = await runMain(['--help']);
  assert.match(overview.stdout.toString(), /^Usage: tmq <command>/);
  assert.deepEqual(await runMain(['help']), overview);
  for (const {name, load} of commands) {
    const {summary} = await load();
    assert.ok(overview.stdout.includes(`  ${name.padEnd(10)}${summary}\n`), name);
  }
  for (const line of overview.stdout.toString().split('\n')) assert.ok(line.length <= 80, line);
  assert.deepEqual([overview.exitCode, overview.stderr], [0, '']);
  const help = await runMain(['pub', '--help']);
  assert.equal(help.stdout.toString(), commandHelp(pub, 'tmq pub'));
  assert.deepEqual([help.exitCode, help.stderr], [0, '']);
  assert.deepEqual(await runMain(['help', 'pub']), help);
  assert.deepEqual(await runMain(['pub', '-t', 'a', '--help', '-q']), help);
  const linked = await runMain(['--help'], {programName: 'mosquitto_pub'});
  assert.equal(linked.stdout.toString(), commandHelp(pub, 'mosquitto_pub'));
});

test('documents every option in words', () => {
  for (const option of Object.values(pub.options as OptionTable)) {
    assert.notEqual(option.summary, '');
    assert.ok(spelling(option).placeholders.every((name) => name !== ''));
  }
});
