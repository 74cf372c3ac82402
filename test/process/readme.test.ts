// needs: jq
/** Every command of the README does what it says, typed as it is printed, in a home that is empty. */

import assert from 'node:assert/strict';
import {existsSync, readFileSync, statSync} from 'node:fs';
import {mkdir, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, test} from 'node:test';
import {spelling} from '../../src/cli/option.ts';
import {pub} from '../../src/commands/pub/pub.ts';
import {openPlayground, type Playground} from '../support/playground.ts';
import {startOnTerminal} from '../support/pseudo-terminal.ts';
import {runMain} from '../support/run.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(?:sh|js)\n(.*?)^```$/gms)].map(([, text = '']) =>
  text.trimEnd().split('\n'),
);

/** The one block with a line that begins so. */
function block(beginning: string): readonly string[] {
  const found = blocks.filter((lines) => lines.some((line) => line.startsWith(beginning)));
  assert.equal(found.length, 1, beginning);
  return found[0]!;
}

/** The name between backticks behind these words. */
function fileNamed(words: string): string {
  const [, name = ''] = new RegExp(`${words}\\s+\`([^\`]+)\``).exec(readme) ?? [];
  assert.notEqual(name, '', words);
  return name;
}

test('there are these blocks and no others, each tested below', () => {
  assert.deepEqual(
    blocks.map(([line = '']) => line.split(' ').slice(0, 3).join(' ')),
    [
      'npm install --global',
      'npm start',
      'tmq passwd -b',
      'tmq sub -t',
      'tmq pub -t',
      'tmq broker',
      'tmq sub -t',
      'seq 1 1000',
      'tmq sub -t',
      'import assert from',
      'set -e',
      'tmq broker --exec',
      'mkdir -p ~/.local/share/bash-completion/completions',
    ],
  );
  // At its prompt, zsh takes '#' for a word.
  for (const line of blocks.flat()) assert.doesNotMatch(line, /(?:^| )# /);
});

test('what is installed is this package, and the clone has the two commands', () => {
  const {name, bin, scripts, engines} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    bin: Record<string, string>;
    scripts: Record<string, string>;
    engines: Record<string, string>;
  };
  assert.deepEqual([name, Object.keys(bin)], ['tmq', ['tmq']]);
  assert.deepEqual(blocks[0], ['npm install --global tmq', 'npx tmq help']);
  assert.deepEqual(blocks[1], ['npm start', 'npm test', 'npm install --global .']);
  for (const each of ['start', 'test', 'bench', 'prepare']) assert.ok(each in scripts, each);
  assert.ok(readme.includes(`Node.js ${engines.node?.replace(/^>=(\d+\.\d+)\..*/, '$1')} or later`));
});

test('links lead somewhere, and what is named is there', async () => {
  for (const [, target = ''] of readme.matchAll(/\]\(([^)]+)\)/g)) {
    assert.ok(existsSync(join(root, target)), target);
  }
  const named = [...readme.matchAll(/`tmq ((?:help|--manual) \w+)`/g)].map(([, words = '']) => words);
  assert.ok(named.length >= 3);
  for (const words of [...named, 'help', '--completion powershell']) {
    assert.equal((await runMain(words.split(' '))).exitCode, 0, words);
  }
  const options = new Set(
    Object.values(pub.options).flatMap((option) => [spelling(option).long, spelling(option).short]),
  );
  for (const name of [
    '--ws',
    '--ws-path',
    '--cafile',
    '--insecure',
    '--pipeline',
    '--unix',
    '-S',
    '-M',
    '-V',
  ])
    assert.ok(options.has(name), name);
  assert.ok(readme.split('\n').length <= 225, 'four screens');
});

/** A terminal with a shell, whose prompt has the exit status of the command before. */
function openTerminal(ground: Playground) {
  const terminal = startOnTerminal('bash', ['--noprofile', '--norc', '-i'], {
    cwd: ground.directory,
    env: {...ground.env, PS1: '<$?> ', NO_COLOR: '1', LC_ALL: 'C.UTF-8'},
    columns: 120,
    timeoutMilliseconds: 60_000,
  });
  let prompts = 1;
  const ready = async () => {
    await terminal.shows(new RegExp(`^(?:[^]*?<\\d+> ){${prompts}}`));
    return Number([...terminal.screen().matchAll(/<(\d+)> /g)][prompts - 1]![1]);
  };
  return {
    shows: terminal.shows,
    screen: terminal.screen,
    /** Types a line; `finished` is its exit status. */
    async types(line: string) {
      await ready();
      terminal.send(`${line}\r`);
      prompts++;
    },
    finished: ready,
    /** Types a line and returns its exit status. */
    async runs(line: string): Promise<number> {
      await this.types(line);
      return await ready();
    },
    interrupt: () => terminal.send('\u0003'),
    /** Ends what runs, then the shell: the hang-up of its terminal ends no broker. */
    async [Symbol.asyncDispose]() {
      const shown = [...terminal.screen().matchAll(/<\d+> /g)].length;
      if (shown < prompts) terminal.send('\u0003');
      await ready();
      terminal.send('exit\r');
      await terminal.finished;
    },
  };
}

test('five minutes, in three terminals', async () => {
  await using ground = await openPlayground({withoutBroker: true, emptyHome: true});
  await using broker = openTerminal(ground);
  await using subscriber = openTerminal(ground);
  await using publisher = openTerminal(ground);
  const [setUser = '', configure = '', startBroker = ''] = block('tmq passwd');
  assert.equal(await broker.runs(setUser), 0);
  assert.equal(await broker.runs(configure), 0);
  await broker.types(startBroker);
  await broker.shows(new RegExp(`${ground.port}`));
  const [subscribe = '', ...others] = block('tmq sub -t greetings');
  assert.deepEqual(others, []);
  await subscriber.types(subscribe);
  const [publish = '', refused = ''] = block('tmq pub -t greetings');
  assert.equal(await publisher.runs(publish), 0);
  assert.match(publisher.screen(), /sending +PUBLISH .*'greetings', \.\.\. \(5 bytes\)/);
  await subscriber.shows(/greetings Hello\r\n/);
  assert.equal(await publisher.runs(refused), 5);
  for (const terminal of [subscriber, broker]) {
    terminal.interrupt();
    assert.equal(await terminal.finished(), 0);
  }
});

test('pipelines, in three terminals', async () => {
  await using ground = await openPlayground({withoutBroker: true, emptyHome: true});
  await using broker = openTerminal(ground);
  await using second = openTerminal(ground);
  await using third = openTerminal(ground);
  await broker.types(blocks.find((lines) => lines.length === 1 && lines[0] === 'tmq broker')![0]!);
  await broker.shows(new RegExp(`${ground.port}`));
  const [count = '', answer = ''] = block('tmq sub -t numbers');
  const [numbers = '', ask = ''] = block('seq 1 1000');
  await second.types(count);
  await broker.shows(/SUBACK/);
  assert.equal(await third.runs(numbers), 0);
  assert.equal(await second.finished(), 0);
  assert.match(second.screen(), /[\s\r]1000\r\n/);
  await second.types(answer);
  await broker.shows(/clock\/request/);
  assert.equal(await third.runs(ask), 0);
  assert.match(third.screen(), /\d\d:\d\d:\d\d.*\r\n/);
  assert.equal(await second.finished(), 0);
  const [lines = '', objects = ''] = block("tmq sub -t '$SYS/#'");
  assert.equal(await third.runs(lines), 0);
  assert.match(third.screen(), /(?:[\r\n]+\$SYS\/broker\/\S+ .+){3}\r\n/);
  assert.equal(await third.runs(objects), 0);
  assert.match(third.screen(), /(?:[^\r\n]*"\$SYS\/broker\/[^\r]+"[^\r]*\r\n){3}/);
});

describe('testing', () => {
  test('with node:test', async () => {
    await using ground = await openPlayground({withoutBroker: true, emptyHome: true});
    const modules = join(ground.directory, 'node_modules');
    await mkdir(join(modules, '.bin'), {recursive: true});
    await symlink(root, join(modules, 'tmq'));
    await symlink(join(root, 'bin', 'tmq.js'), join(modules, '.bin', 'tmq'));
    const name = fileNamed('Save this as');
    const lines = block('import assert from');
    await writeFile(join(ground.directory, name), `${lines.join('\n')}\n`);
    const [, command = ''] = /run it with `([^`]*)`/.exec(readme) ?? [];
    const passed = await ground.run(`unset NODE_TEST_CONTEXT; ${command}`);
    assert.equal(passed.exitCode, 0, passed.stdout.toString());
    assert.match(passed.stdout.toString(), /pass 1\b/);
    const wrong = lines.join('\n').replace("'on');", "'off');");
    await writeFile(join(ground.directory, name), wrong);
    assert.equal((await ground.run(`unset NODE_TEST_CONTEXT; ${command}`)).exitCode, 1);
  });

  test('with a shell script', async () => {
    await using ground = await openPlayground({withoutBroker: true, emptyHome: true});
    const [, name = ''] = /Save this as `([^`]+\.sh)`/.exec(readme) ?? [];
    const [command = ''] = block('tmq broker --exec');
    const script = block('set -e').join('\n');
    await writeFile(join(ground.directory, name), script);
    const {exitCode, stderr} = await ground.run(command);
    assert.equal(exitCode, 0, stderr);
    await writeFile(join(ground.directory, name), script.replace(/= on$/, '= off'));
    assert.equal((await ground.run(command)).exitCode, 1);
    const variables = 'test "$MQTT_URL" = "mqtt://$MQTT_HOST:$MQTT_PORT"';
    assert.equal((await ground.run(`tmq broker --exec -- sh -c '${variables}'`)).exitCode, 0);
  });
});

test('completion, in a home without its directories', async () => {
  await using ground = await openPlayground({withoutBroker: true, emptyHome: true});
  const lines = block('tmq --completion bash');
  for (const line of lines) assert.equal((await ground.run(line)).exitCode, 0, line);
  const files = lines.flatMap((line) => />\s*~\/(\S+)/.exec(line)?.[1] ?? []);
  assert.equal(files.length, 3);
  for (const file of files) assert.ok(statSync(join(ground.env.HOME!, file)).size > 1000, file);
});

test('a shared subscription', async () => {
  await using ground = await openPlayground();
  const [, line = ''] = /`(tmq sub -t '\$share[^`]*)`/.exec(readme) ?? [];
  const worker = ground.start(line);
  await ground.traced(/SUBACK/);
  assert.equal((await ground.run('tmq pub -t jobs/1 -m work -q 1')).exitCode, 0);
  await worker.waitFor('stdout', /^work\n$/);
  assert.equal((await ground.signal(worker, 'SIGINT')).exitCode, 0);
});

test('the table of jobs for pipelines', async () => {
  const [, table = ''] = /\| job \| command \|\n(.*?)\n\n/s.exec(readme) ?? [];
  const cells = [...table.matchAll(/\| `(.*)` \|$/gm)].map(([, words = '']) => words.replaceAll('\\|', '|'));
  const [copy = '', prefixed = '', then = '', execute = '', until = '', spool = ''] = cells;
  assert.equal(cells.length, 6);
  await using ground = await openPlayground();
  const watcher = ground.start("tmq sub -t '#' -q 1 -F '%t %p'");
  await ground.traced(/SUBACK/);
  const copying = ground.start(copy);
  await ground.traced(/SUBACK/);
  await ground.run('tmq pub -t a/x -m one');
  await watcher.waitFor('stdout', /^b\/x one$/m);
  await ground.signal(copying, 'SIGINT');
  assert.equal((await ground.run(prefixed)).exitCode, 0);
  await watcher.waitFor('stdout', /^kitchen 21\.5$/m);
  const asking = ground.start(then);
  await ground.traced(/SUBACK/);
  await watcher.waitFor('stdout', /^request now$/m);
  await ground.run('tmq pub -t reply -m answer');
  assert.deepEqual((await asking.finished).stdout.toString(), 'answer\n');
  await writeFile(join(ground.directory, 'job.sh'), '#!/bin/sh\necho "$MQTT_TOPIC $(cat)"\n', {mode: 0o755});
  const worker = ground.start(execute);
  await ground.traced(/SUBACK/);
  await ground.run('tmq pub -t jobs/1 -m work -q 1');
  await worker.waitFor('stdout', /^jobs\/1 work$/m);
  assert.equal((await ground.signal(worker, 'SIGINT')).exitCode, 0);
  const waiting = ground.start(until);
  await ground.traced(/SUBACK/);
  await ground.run(`printf '%s\\n' '{"open":false}' '{"open":true}' | tmq pub -t door -l`);
  assert.equal((await waiting.finished).exitCode, 0);
  assert.equal((await ground.run(spool.replace('sensor', 'echo 7'))).exitCode, 0);
  await watcher.waitFor('stdout', /^t 7$/m);
  await ground.signal(watcher, 'SIGINT');
});

test('the table of migration: what stands for mqttx is understood', async () => {
  const [, table = ''] = /\| mqttx \| tmq \|\n(.*?)\n\n/s.exec(readme) ?? [];
  const cells = [...table.matchAll(/\| `([^`]*)`[^|]*\|$/gm)].map(([, words = '']) => words);
  assert.equal(cells.length, 8);
  for (const words of cells.filter((text) => !text.startsWith('tmq') && text !== '-l' && text !== '-F %j')) {
    // Only whether the words are known: they end at a message that is missing.
    const typed = words.split(' ').map((word) => word.replaceAll("'", ''));
    const {stderr} = await runMain(['pub', '-t', 'a', ...typed]);
    assert.match(stderr, /^Error: Both topic and message must be supplied\. The message is missing/, words);
  }
});
