/** What --help prints, about every command and about tmq. */

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import type {AnyCommand} from '../../../src/cli/command.ts';
import {briefHelp, commandHelp, plain, programHelp} from '../../../src/cli/help.ts';
import {generalOptions, type Option, type OptionTable, spelling} from '../../../src/cli/option.ts';
import {commands} from '../../../src/commands/all.ts';
import {pub} from '../../../src/commands/pub/pub.ts';
import {runMain} from '../../support/run.ts';

const escapeSequence = /\u001b\[\d+m/g;

test('fits 60, 80 and 120 columns and shows every option', async () => {
  for (const {name, load} of commands) {
    const command: AnyCommand = await load();
    assert.equal(command.name, name);
    for (const width of [60, 80, 120]) {
      const style = {...plain, width};
      const texts = [commandHelp(command, `tmq ${name}`, style), briefHelp(command, `tmq ${name}`, style)];
      for (const line of texts.join('').split('\n')) {
        // A command to paste is folded before options only.
        assert.ok(
          [...line].length <= (line.startsWith('    tmq') ? Math.max(80, width) : width),
          `${name}: ${line}`,
        );
        assert.equal(line, line.trimEnd());
      }
    }
    const help = commandHelp(command, `tmq ${name}`);
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
  assert.match(help, /\n {2}-A, --bind-address <address>\n {30}local address/);
  assert.match(help, /\n {6}--ws {20}use WebSockets\n/);
});

test('colour changes no character of the help', async () => {
  const style = {
    heading: (text: string) => `\u001b[1m${text}\u001b[22m`,
    name: (text: string) => `\u001b[36m${text}\u001b[39m`,
    width: 80,
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

test('every short option has a long name', async () => {
  for (const {name, load} of commands) {
    const {options}: AnyCommand = await load();
    for (const option of Object.values<Option<unknown>>(options)) {
      assert.ok(spelling(option).long !== undefined, `${name} ${option.flags}`);
    }
  }
});

test('the short form has six options and three examples', async () => {
  for (const {name, load} of commands) {
    const command: AnyCommand = await load();
    assert.equal(new Set(command.mostUsed).size, Math.min(6, Object.keys(command.options).length), name);
    assert.ok(Object.keys(command.examples).length >= 3, name);
    const brief = briefHelp(command, `tmq ${name}`);
    for (const key of command.mostUsed)
      assert.ok(brief.includes(command.options[key].flags), `${name} ${key}`);
    assert.ok(brief.includes(`tmq ${name} --help`));
    assert.ok(brief.split('\n').length <= 32, `${name}: ${brief.split('\n').length} lines`);
  }
});

test('nothing, and what is no help here, give the short form on standard error, with status 1', async () => {
  for (const words of [
    ['pub'],
    ['sub'],
    ['rr'],
    ['passwd'],
    ['pub', '-h'],
    ['broker', '-h'],
    ['sub', '-?'],
  ]) {
    const {stdout, stderr, exitCode} = await runMain(words);
    assert.deepEqual([stdout.length, exitCode], [0, 1], words.join(' '));
    const load = commands.find(({name}) => name === words[0])!.load;
    assert.match(stderr, /^Error: .*\n\nUsage: tmq /);
    assert.ok(stderr.endsWith(`\n\n${briefHelp(await load(), `tmq ${words[0]}`)}`), stderr);
    const programName = `mosquitto_${words[0]}`;
    if (words[0] === 'broker') continue;
    const linked = await runMain(words.slice(1), {programName});
    assert.match(
      linked.stderr,
      new RegExp(`^Error: .*\\n\\nUse '${programName} --help' to see usage\\.\\n$`),
    );
  }
  assert.match((await runMain(['pub', '-q', '3'])).stderr, /\n\nUse 'tmq pub --help' to see usage\.\n$/);
});

test('tmq alone greets with three commands to begin with, with status 1', async () => {
  const {stdout, stderr, exitCode} = await runMain([]);
  assert.deepEqual([stdout.length, exitCode], [0, 1]);
  assert.match(stderr, /^MQTT for the shell\..*\n\n {2}tmq broker &\n {2}tmq sub .*\n {2}tmq pub .*\n\n/);
  assert.match((await runMain(['-h'])).stderr, /^Error: .*\n\nMQTT for the shell\./);
});

test('help knows its topics', async () => {
  const topic = async (name: string) => {
    const {stdout, stderr, exitCode} = await runMain(['help', name]);
    assert.deepEqual([stderr, exitCode], ['', 0]);
    for (const line of stdout.toString().split('\n'))
      assert.ok(line.length <= 80 || / {6}\S+$/.test(line), line);
    return stdout.toString();
  };
  assert.match(
    await topic('formats'),
    /^OPTIONS FILES\n {4}Options that tmq pub.*[\s\S]*\n {4}%t {4}The topic\./,
  );
  assert.match(await topic('environment'), /\n {4}PAGER, MANPAGER\n {10}The program/);
  assert.match(await topic('exit-status'), /\n {4}27 {4}Timed out \(-W\)\.\n[\s\S]*EXIT STATUS OF PASSWD\n/);
  assert.match(await topic('testing'), /\n {8}tmq broker --exec -- /);
  assert.match((await runMain(['help', 'format'])).stderr, /Did you mean 'formats'\?/);
  for (const name of ['formats', 'environment', 'exit-status', 'testing']) {
    assert.match((await runMain(['help'])).stdout.toString(), new RegExp(`\n {2}${name} `));
  }
});

test('every option in README is one of its command', async () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', '..', 'README.md'), 'utf8');
  let found = 0;
  for (const {name, load} of commands) {
    const {options}: AnyCommand = await load();
    const known = Object.values<Option<unknown>>({...options, ...generalOptions}).flatMap((option) => {
      const {short, long} = spelling(option);
      return [short, long];
    });
    // Up to what ends a command in Markdown or a shell, without its quoted words.
    for (const [, words = ''] of readme.matchAll(new RegExp(`\\btmq ${name}\\b([^\`|#;&\\n]*)`, 'g'))) {
      const [own = ''] = words.replace(/'[^']*'|"[^"]*"/g, '').split(' -- ');
      for (const [option] of own.matchAll(/(?<= )(--[a-z-]+|-[A-Za-z])\b/g)) {
        assert.ok(known.includes(option), `tmq ${name} ${option}`);
        found++;
      }
    }
  }
  assert.ok(found > 10);
});
