/** What a short run of the built program loads: each module more is time before the first packet. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {builtinModules} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, it} from 'node:test';
import {run} from '../support/spawn.ts';
import {program, startTmq} from '../support/tmq.ts';

/**
 * Writes down, at the end, which modules of Node a process has loaded, and which files of dist/ it has read. The check
 * for a debugger, which needs modules of its own, comes after 250 ms: on a slow machine no earlier than on others.
 */
const recorder = `
const {setTimeout} = globalThis;
globalThis.setTimeout = (action, delay, ...rest) => setTimeout(action, delay === 250 ? 60000 : delay, ...rest);
const fs = require('node:fs');
const {readFileSync} = fs;
const files = [];
fs.readFileSync = (path, ...rest) => {
  const [, name] = /dist.(.*cjs)$/.exec(path) ?? [];
  if (name) files.push(name);
  return readFileSync(path, ...rest);
};
process.on('exit', () => {
  const modules = process.moduleLoadList.map((entry) => entry.replace('NativeModule ', ''));
  fs.writeFileSync(process.env.RECORD, JSON.stringify({modules, files}));
});
`;

/** All that sockets and streams bring with them, vm for the code cache, and process for commander. */
const needed = [
  'diagnostics_channel',
  'net',
  'process',
  'stream',
  'stream/promises',
  'string_decoder',
  'tty',
  'vm',
];

describe('a short run', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-modules-'));
    await writeFile(join(directory, 'recorder.cjs'), recorder);
  });
  after(() => rm(directory, {recursive: true, force: true}));

  /**
   * Runs node with these words, and with an input or a file as stdin: public modules of Node that were loaded, all
   * modules of Node, and files of dist/ that were read.
   */
  async function recorded(
    words: readonly string[],
    {input = '', file}: {readonly input?: string; readonly file?: string} = {},
  ) {
    const record = join(directory, 'record.json');
    const node = [process.execPath, '--require', join(directory, 'recorder.cjs'), ...words];
    const [command, ...rest] = file === undefined ? node : ['sh', '-c', 'exec "$@" < "$0"', file, ...node];
    const env = {RECORD: record, TMQ_NO_FASTPATH: undefined};
    const {exitCode, stderr} = await run(command!, rest, {env, input});
    assert.deepEqual([exitCode, stderr], [0, '']);
    const {modules, files} = JSON.parse(await readFile(record, 'utf8')) as Record<string, readonly string[]>;
    return {modules: modules!.filter((name) => builtinModules.includes(name)), all: modules!, files: files!};
  }

  it('loads no module and no file but those that it needs', async () => {
    await using broker = startTmq(['broker', '-p', '0', '--ready', 'json']);
    const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    const address = ['-p', String(JSON.parse(line).listeners[0].port)];
    const {modules: ofNode} = await recorded(['-e', '0']);
    for (const [command, ...words] of [
      ['pub', '-t', 'a', '-m', 'x', '-r'],
      ['pub', '-t', 'a', '-m', 'x', '-r', '-q', '1'],
      ['sub', '-t', 'a', '-C', '1'],
    ] as const) {
      const {modules, files} = await recorded([program, command, ...words, ...address]);
      const more = modules.filter((name) => !ofNode.includes(name) && !needed.includes(name));
      assert.deepEqual([more, files], [[], [`command-${command}.cjs`]], words.join(' '));
    }
  });

  it('of pub -l does without MQTT.js, at every QoS', async () => {
    await using broker = startTmq(['broker', '-p', '0', '--ready', 'json']);
    const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    const address = ['-p', String(JSON.parse(line).listeners[0].port)];
    for (const qos of ['0', '1', '2']) {
      const {files} = await recorded([program, 'pub', '-t', 'a', '-l', '-q', qos, ...address], {
        input: 'one\ntwo\n',
      });
      assert.deepEqual(files, ['command-pub.cjs']);
    }
  });

  it('of pub -l from a file loads no module that a pipe does without', async () => {
    await using broker = startTmq(['broker', '-p', '0', '--ready', 'json']);
    const [line] = await broker.waitFor('stdout', /^\{"event":"ready".*\}$/m);
    const words = [program, 'pub', '-t', 'a', '-l', '-p', String(JSON.parse(line).listeners[0].port)];
    const file = join(directory, 'lines');
    await writeFile(file, 'one\ntwo\n');
    const {all: ofPipe} = await recorded(words, {input: 'one\n'});
    const {all: ofFile} = await recorded(words, {file});
    assert.deepEqual(
      ofFile.filter((name) => !ofPipe.includes(name)),
      [],
    );
  });

  it('of a broker loads nothing of the page, unless it has one', async () => {
    const words = [program, 'broker', '--exec', '--quiet', '--', process.execPath, '-e', '0'];
    const {modules, files} = await recorded(words);
    assert.deepEqual([files, modules.includes('http')], [['command-broker.cjs'], false]);
    const withPage = [program, 'broker', '--web', '0', '--ready', 'json', ...words.slice(2)];
    const other = await recorded(withPage);
    assert.ok(other.files.includes('broker-web.cjs'), other.files.join());
    assert.ok(other.modules.includes('http'));
  });
});
