// needs: jq
/** Every command of the README does what it says, as it is printed, in a home that knows nothing of tmq. */

import assert from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {spelling} from '../../src/cli/option.ts';
import {pub} from '../../src/commands/pub/pub.ts';
import {openPlayground, type Playground} from '../support/playground.ts';
import {runMain} from '../support/run.ts';
import type {Running} from '../support/spawn.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) =>
  text.trimEnd().split('\n'),
);

/** The one block with a line that begins so. */
function block(beginning: string): readonly string[] {
  const found = blocks.filter((lines) => lines.some((line) => line.startsWith(beginning)));
  assert.equal(found.length, 1, beginning);
  return found[0]!;
}

test('there are these blocks and no others, and the first has the two commands', () => {
  const {scripts} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  assert.deepEqual(
    blocks.map(([line = '']) => line.split(' ').slice(0, 3).join(' ')),
    ['npm start ', 'tmq passwd -b', 'tmq sub -t', 'seq 1 1000', 'tmq broker --exec'],
  );
  assert.deepEqual(
    blocks[0]?.map((line) => line.split(/ {2,}/)[0]),
    ['npm start', 'npm test'],
  );
  for (const name of ['start', 'test', 'bench']) assert.ok(name in scripts, name);
});

test('links lead somewhere, and what is named is there', async () => {
  for (const [, target = ''] of readme.matchAll(/\]\(([^)]+)\)/g)) assert.ok(existsSync(join(root, target)));
  for (const [, page = ''] of readme.matchAll(/`man (?:\.\/man\/)?(tmq[\w.-]*)`/g)) {
    const found = [page, `${page}.1`, `${page}.5`].some((name) => existsSync(join(root, 'man', name)));
    assert.ok(found, page);
  }
  for (const words of [
    ['help', 'sub'],
    ['--completion', 'bash'],
  ]) {
    assert.equal((await runMain(words)).exitCode, 0);
  }
  const options = new Set(Object.values(pub.options).map((option) => spelling(option).long));
  for (const name of ['--ws', '--ws-path', '--cafile', '--insecure']) assert.ok(options.has(name), name);
  assert.ok(readme.split('\n').length <= 110, 'two screens');
});

test('five minutes: a password, a broker, a message', async () => {
  await using ground = await openPlayground({withoutBroker: true});
  const [setUser = '', configure = '', startBroker = ''] = block('tmq passwd');
  const [listen = '', speak = ''] = block('tmq sub -t greetings');
  assert.equal((await ground.run(setUser)).exitCode, 0);
  assert.equal((await ground.run(configure)).exitCode, 0);
  const broker = ground.start(startBroker);
  await broker.waitFor('stderr', new RegExp(`${ground.port}`));
  assert.equal((await ground.run('tmq pub -t greetings -m x')).exitCode, 5);
  // Whichever is first: the message is retained.
  const listener = ground.start(listen);
  const speaker = await ground.run(speak);
  assert.deepEqual([speaker.exitCode, speaker.stdout.length], [0, 0]);
  assert.match(speaker.stderr, /sending PUBLISH .*'greetings', \.\.\. \(5 bytes\)/);
  await listener.waitFor('stdout', /^greetings Hello\n$/);
  assert.equal((await ground.signal(listener, 'SIGINT')).exitCode, 0);
  assert.equal((await ground.signal(broker, 'SIGTERM')).exitCode, 0);
});

describe('pipelines', () => {
  let ground: Playground;
  before(async () => {
    ground = await openPlayground();
  });
  after(() => ground[Symbol.asyncDispose]());

  async function whileItRuns(line: string, ...publications: readonly string[]): Promise<Running> {
    const running = ground.start(line);
    await ground.traced(/SUBACK/);
    for (const words of publications) assert.equal((await ground.run(`tmq pub ${words}`)).exitCode, 0);
    return running;
  }

  const drives: Readonly<Record<string, (line: string) => Promise<void>>> = {
    'seq 1 1000 |': async (line) => {
      const counter = await whileItRuns('tmq sub -t numbers -q 1 -C 1000 | wc -l');
      const {stderr, exitCode} = await ground.run(line);
      assert.deepEqual([stderr, exitCode], ['', 0]);
      assert.equal((await counter.finished).stdout.toString().trim(), '1000');
    },
    "tmq sub -t 'x/#'": async (line) => {
      const ten = Array.from({length: 10}, (_, index) => `-t x/${9 - index} -m ${index}`);
      const {stdout} = await (await whileItRuns(line, ...ten)).finished;
      assert.match(stdout.toString(), /^(x\/\d \d\n){10}$/);
      assert.match(stdout.toString(), /^x\/0 9\n/);
    },
    "tmq sub -t '$SYS/#' -F %j": async (line) => {
      const {stdout, stderr} = await ground.run(line);
      assert.equal(stderr, '');
      assert.match(stdout.toString(), /^("\$SYS\/broker\/.*"\n){3}$/);
    },
    'tmq rr -t clock/request': async (line) => {
      const asking = ground.start(line);
      await ground.traced(/PUBLISH.*clock\/request/);
      await ground.run('tmq pub -t clock/response -m noon');
      const {stdout, exitCode} = await asking.finished;
      assert.deepEqual([stdout.toString(), exitCode], ['noon\n', 0]);
    },
  };
  const lines = block('seq 1 1000');
  for (const [index, [beginning, drive]] of Object.entries(drives).entries()) {
    test(beginning, async () => {
      assert.equal(lines.length, Object.keys(drives).length);
      assert.ok(lines[index]?.startsWith(beginning));
      await drive(lines[index] ?? '');
    });
  }

  test('a shared subscription', async () => {
    const [, line = ''] = /`(tmq sub -t '\$share[^`]*)`/.exec(readme) ?? [];
    const worker = await whileItRuns(line, '-t jobs/1 -m work -q 1');
    await worker.waitFor('stdout', /^work\n$/);
    assert.equal((await ground.signal(worker, 'SIGINT')).exitCode, 0);
  });

  test('the tables of migration: what stands for mqttx is understood', async () => {
    const [, table = ''] = /\| mqttx \| tmq \|\n(.*?)\n\n/s.exec(readme) ?? [];
    const cells = [...table.matchAll(/\| `([^`]*)`[^|]*\|$/gm)].map(([, words = '']) => words);
    assert.equal(cells.length, 8);
    for (const words of cells.filter(
      (text) => !text.startsWith('tmq') && text !== '-l' && text !== '-F %j',
    )) {
      // Only whether the words are known: they end at a message that is missing.
      const {stderr} = await runMain([
        'pub',
        '-t',
        'a',
        ...words.split(' ').map((word) => word.replaceAll("'", '')),
      ]);
      assert.match(stderr, /^Error: Both topic and message must be supplied\. The message is missing/, words);
    }
  });
});

test('a broker around a command, on the port in its environment', async () => {
  await using ground = await openPlayground({withoutBroker: true});
  const script =
    'test \\"$MQTT_URL\\" = \\"mqtt://$MQTT_HOST:$MQTT_PORT\\" && tmq pub -L $MQTT_URL/a -m x -q 1';
  await writeFile(join(ground.directory, 'package.json'), `{"scripts": {"test": "${script}"}}`);
  const {exitCode, stderr} = await ground.run(block('tmq broker --exec')[0] ?? '');
  assert.equal(exitCode, 0, stderr);
});
