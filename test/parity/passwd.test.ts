// needs: mosquitto, mosquitto_pub
/** The real broker reads our password files, and we read those of the real mosquitto_passwd. */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, beforeEach, describe, test} from 'node:test';
import {startMosquitto} from '../support/mosquitto.ts';
import {runMain} from '../support/run.ts';
import {run} from '../support/spawn.ts';

const config = 'listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {directory}/passwd\n';
const difficult = 'pässwörd:$ x';

const passwd = async (words: readonly string[], input?: string) => {
  const {stdout, stderr, exitCode} = await runMain(['passwd', ...words], input === undefined ? {} : {input});
  return {stdout: stdout.toString(), stderr, exitCode};
};
const theirs = async (words: readonly string[], input = '') => {
  const {stdout, stderr, exitCode} = await run('mosquitto_passwd', words, {input});
  return {stdout: stdout.toString(), stderr, exitCode};
};

/** The status of a connection to the real broker: 0, or 5 for one that is refused. */
async function login(port: number, username: string, password: string): Promise<number | null> {
  const words = ['-p', String(port), '-u', username, '-P', password, '-t', 'a', '-m', 'b'];
  return (await run('mosquitto_pub', words)).exitCode;
}

describe('the real broker', () => {
  test('mosquitto accepts the users that we add, in each scheme it reads, and no others', async () => {
    await using broker = await startMosquitto(config, async (directory) => {
      const file = join(directory, 'passwd');
      await writeFile(file, '# comment\n\nplain:se:cret\n');
      for (const [words, input] of [
        [['-b', file, 'first', difficult]],
        [['-H', 'sha512-pbkdf2', '-b', file, 'zoë', difficult]],
        [['-I', '1', file, 'a b'], `${difficult}\n`],
        [['--import', '-', file], `imported:${difficult}\n`],
        [['-b', file, 'changed', 'old']],
        [['-b', file, 'changed', difficult]],
        [['-b', file, 'deleted', difficult]],
        [['-D', file, 'deleted']],
        [['-U', file]],
      ] as const) {
        assert.equal((await passwd(words, input)).exitCode, 0, words.join(' '));
      }
    });
    for (const username of ['first', 'zoë', 'a b', 'imported', 'changed']) {
      assert.equal(await login(broker.port, username, difficult), 0, username);
      assert.equal(await login(broker.port, username, `${difficult}.`), 5, username);
    }
    assert.equal(await login(broker.port, 'plain', 'se:cret'), 0);
    assert.equal(await login(broker.port, 'deleted', difficult), 5);
    assert.equal(await login(broker.port, 'changed', 'old'), 5);
  });

  test('does not let in what we call unreadable for it, and takes the last of several lines', async () => {
    await using broker = await startMosquitto(config, async (directory) => {
      const file = join(directory, 'passwd');
      assert.equal((await passwd(['-H', 'sha512-crypt', '-c', '-b', file, 'crypt', 'x'])).exitCode, 0);
      const lines = await Promise.all(
        ['old', 'new'].map(async (word) => (await passwd(['-c', '-b', '-', 'twice', word])).stdout),
      );
      await writeFile(file, (await readFile(file, 'utf8')) + lines.join(''));
    });
    assert.equal(await login(broker.port, 'crypt', 'x'), 5);
    assert.equal(await login(broker.port, 'twice', 'old'), 5);
    assert.equal(await login(broker.port, 'twice', 'new'), 0);
  });
});

describe('mosquitto_passwd and tmq passwd', () => {
  let directory: string;
  let file: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tmq-passwd-'));
    file = join(directory, 'passwd');
  });
  after(() => rm(directory, {recursive: true, force: true}));
  beforeEach(() => rm(file, {force: true}));

  test('we verify its entries, and it changes and deletes ours', async () => {
    await theirs(['-c', '-b', file, 'theirs', difficult]);
    await theirs(['-H', 'sha512', '-b', file, 'older', difficult]);
    for (const username of ['theirs', 'older']) {
      assert.equal((await passwd(['--verify', '-b', file, username, difficult])).exitCode, 0);
      assert.equal((await passwd(['--verify', '-b', file, username, 'x'])).exitCode, 1);
    }
    await passwd(['-b', file, 'ours', 'x']);
    assert.equal((await theirs(['-b', file, 'ours', difficult])).exitCode, 0);
    assert.equal((await passwd(['--verify', '-b', file, 'ours', difficult])).exitCode, 0);
    assert.equal((await theirs(['-D', file, 'ours'])).exitCode, 0);
    assert.match((await passwd(['--list', file])).stdout, /^theirs\t.*\nolder\t.*\n$/);
  });

  /** Words after which both must leave with the same status; 'FILE' stands for a file with the user 'a'. */
  const cases: readonly (readonly [words: readonly string[], input?: string])[] = [
    [['-b', 'FILE', 'b', 'x']],
    [['-b', 'FILE', 'a', 'x']],
    [['-b', 'FILE', 'a', '']],
    [['-c', '-b', 'FILE', 'b', 'x']],
    [['-H', 'sha512', '-b', 'FILE', 'b', 'x']],
    [['-H', 'md5', '-b', 'FILE', 'b', 'x']],
    [['-H']],
    [['-D', 'FILE', 'a']],
    [['-D', 'FILE', 'nobody']],
    [['-D', 'FILE']],
    [['-c', 'FILE']],
    [['-c', '-D', 'FILE', 'a']],
    [['-c', '-U', 'FILE']],
    [['-D', '-U', 'FILE', 'a']],
    [['-b', 'FILE.none', 'b', 'x']],
    [['-D', 'FILE.none', 'b']],
    [['-U', 'FILE.none']],
    [['-U']],
    [['-b', 'FILE', 'b']],
    [['-b', 'FILE', 'b:c', 'x']],
    [['-b', 'FILE', 'b\x01', 'x']],
    [['--no-such-option', 'FILE', 'b']],
    [['FILE', 'b'], 'secret\nsecret\n'],
    [['FILE', 'b'], '\n\n'],
    [['FILE', 'b'], ''],
  ];
  for (const [words, input] of cases) {
    test(`leave with the same status: ${JSON.stringify(words)}${input === undefined ? '' : ` < ${JSON.stringify(input)}`}`, async () => {
      const statuses: (number | null)[] = [];
      for (const program of [theirs, passwd]) {
        await theirs(['-c', '-b', file, 'a', 'x']);
        const {exitCode} = await program(
          words.map((word) => word.replace('FILE', file)),
          input,
        );
        statuses.push(exitCode);
        await rm(file);
      }
      assert.equal(statuses[1], statuses[0]);
    });
  }
});
