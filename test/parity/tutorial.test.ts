// needs: mosquitto, mosquitto_pub
/**
 * A beginner's tutorial, command by command: with mosquitto's programs and with tmq, against mosquitto's
 * broker and ours. Each prints the same and ends the same.
 */

import assert from 'node:assert/strict';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {freePort} from '../support/mosquitto.ts';
import {type Finished, type Running, run, start} from '../support/spawn.ts';
import {program} from '../support/tmq.ts';

type Tool = 'pub' | 'sub' | 'rr' | 'passwd';

/** The words that start a tool, in either family. */
const families = {
  mosquitto: (tool: Tool) => [`mosquitto_${tool}`],
  tmq: (tool: Tool) => [process.execPath, program, tool],
};

const brokers = {
  mosquitto: (config: string) => start('mosquitto', ['-v', '-c', config], {timeoutMilliseconds: 120_000}),
  tmq: (config: string) =>
    start(process.execPath, [program, 'broker', '-v', '-c', config], {timeoutMilliseconds: 120_000}),
};

for (const brokerName of ['mosquitto', 'tmq'] as const) {
  for (const family of ['mosquitto', 'tmq'] as const) {
    describe(`the tutorial with the programs of ${family} and the broker of ${brokerName}`, () => {
      let directory: string;
      let broker: Running;
      let port: number;
      let count = 0;

      const words = (tool: Tool, args: readonly string[]) => {
        const [command, ...rest] = [...families[family](tool), ...args];
        return [command!, rest] as const;
      };
      const environment = () => ({env: {HOME: directory, XDG_CONFIG_HOME: undefined}, cwd: directory});
      const login = () => ['-p', String(port), '-u', 'rajan', '-P', 'password123'];
      const does = async (tool: Tool, args: readonly string[], input = ''): Promise<Finished> => {
        const [command, rest] = words(tool, args);
        return await run(command, rest, {...environment(), input});
      };
      const subscribed = async (...args: string[]): Promise<Running> => {
        const id = `subscriber-${++count}`;
        const [command, rest] = words('sub', [...login(), '-i', id, ...args]);
        const running = start(command, rest, environment());
        await broker.waitFor('stderr', new RegExp(`Sending SUBACK to ${id}\\b`));
        return running;
      };
      const publish = async (...args: string[]) => {
        const {exitCode, stderr} = await does('pub', [...login(), ...args]);
        assert.deepEqual([exitCode, stderr], [0, '']);
      };
      const prints = async (running: Running, expected: string) => {
        const {stdout, exitCode} = await running.finished;
        assert.deepEqual([stdout.toString(), exitCode], [expected, 0]);
      };

      before(async () => {
        directory = await mkdtemp(join(tmpdir(), 'tmq-tutorial-'));
        const created = await does('passwd', ['-b', '-c', 'auth.txt', 'rajan', 'password123']);
        assert.equal(created.exitCode, 0);
        const added = await does('passwd', ['-b', 'auth.txt', 'guest', 'secret']);
        assert.equal(added.exitCode, 0);
        port = await freePort();
        await writeFile(
          join(directory, 'mosquitto.conf'),
          `user root\nlistener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${join(directory, 'auth.txt')}\n`,
        );
        broker = brokers[brokerName](join(directory, 'mosquitto.conf'));
        await broker.waitFor('stderr', new RegExp(`${port}`));
      });
      after(async () => {
        await broker.stop();
        await rm(directory, {recursive: true, force: true});
      });

      test('the password file has both users, hashed', async () => {
        const text = await readFile(join(directory, 'auth.txt'), 'utf8');
        assert.match(text, /^rajan:\$[67]\$\S+\nguest:\$[67]\$\S+\n$/);
      });

      test('subscribe in one terminal, publish in another', async () => {
        const subscriber = await subscribed('-t', 'greetings', '-C', '1');
        const {exitCode, stdout, stderr} = await does('pub', [
          ...login(),
          ...'-t greetings -r -d -m Hello'.split(' '),
        ]);
        assert.equal(exitCode, 0);
        assert.match(
          stdout.toString() + stderr,
          /sending PUBLISH \(d0, q0, r1, m1, 'greetings', \.\.\. \(5 bytes\)\)/,
        );
        await prints(subscriber, 'Hello\n');
      });

      test('a late subscriber gets the retained message, until it is cleared', async () => {
        await publish('-t', 'status', '-r', '-m', 'up');
        await prints(await subscribed('-t', 'status', '-C', '1', '-v'), 'status up\n');
        await publish('-t', 'status', '-r', '-n');
        const cleared = await subscribed('-t', 'status', '-C', '1', '-v');
        await publish('-t', 'status', '-m', 'live');
        await prints(cleared, 'status live\n');
      });

      test('wildcards', async () => {
        const one = await subscribed('-t', 'home/+/temperature', '-v', '-C', '2');
        const all = await subscribed('-t', 'home/#', '-v', '-C', '3');
        await publish('-t', 'home/kitchen/temperature', '-m', '21');
        await publish('-t', 'home/kitchen/light', '-m', 'on');
        await publish('-t', 'home/hall/temperature', '-m', '18');
        await prints(one, 'home/kitchen/temperature 21\nhome/hall/temperature 18\n');
        await prints(all, 'home/kitchen/temperature 21\nhome/kitchen/light on\nhome/hall/temperature 18\n');
      });

      test('a file, standard input whole, and standard input by line', async () => {
        await writeFile(join(directory, 'poem.txt'), 'roses\nare red\n');
        const subscriber = await subscribed('-t', 'poem', '-C', '4', '-F', '[%p]', '-q', '1');
        await publish('-t', 'poem', '-f', 'poem.txt', '-q', '1');
        assert.equal(
          (await does('pub', [...login(), '-t', 'poem', '-s', '-q', '1'], 'violets\n')).exitCode,
          0,
        );
        assert.equal(
          (await does('pub', [...login(), '-t', 'poem', '-l', '-q', '1'], 'are\nblue\n')).exitCode,
          0,
        );
        await prints(subscriber, '[roses\nare red\n]\n[violets\n]\n[are]\n[blue]\n');
      });

      test('a persistent session gets what was published meanwhile', async () => {
        const persistent = [...login(), '-i', 'keeper', '-c', '-q', '1', '-t', 'news'];
        const first = await does('sub', [...persistent, '-E']);
        assert.equal(first.exitCode, 0);
        await publish('-t', 'news', '-q', '1', '-m', 'while you were out');
        const second = await does('sub', [...persistent, '-C', '1', '-W', '10']);
        assert.deepEqual([second.stdout.toString(), second.exitCode], ['while you were out\n', 0]);
      });

      test('the will of a client that is killed', async () => {
        const watcher = await subscribed('-t', 'wills', '-C', '1');
        const victim = await subscribed('-t', 'anything', '--will-topic', 'wills', '--will-payload', 'gone');
        await victim.stop('SIGKILL');
        await prints(watcher, 'gone\n');
      });

      test('MQTT 5 and its properties', async () => {
        const subscriber = await subscribed('-V', '5', '-t', 'five', '-C', '1', '-F', '%p %C %P');
        await publish(
          '-V',
          '5',
          ...'-t five -m x -D publish content-type a/b -D publish user-property k v'.split(' '),
        );
        await prints(subscriber, 'x a/b k:v\n');
      });

      test('a wrong password and an unknown user are refused with 5', async () => {
        for (const user of [
          ['-u', 'rajan', '-P', 'wrong'],
          ['-u', 'nobody', '-P', 'password123'],
        ]) {
          const refused = await does('pub', ['-p', String(port), ...user, '-t', 'a', '-m', 'x']);
          assert.equal(refused.exitCode, 5);
          assert.match(refused.stderr, /Connection Refused: not authorised/i);
        }
        assert.equal((await does('sub', ['-p', String(port), '-t', 'a'])).exitCode, 5);
      });

      test('a timeout is 27', async () => {
        const late = await does('sub', [...login(), '-t', 'silence', '-W', '3']);
        assert.deepEqual([late.stdout.toString(), late.exitCode], ['', 27]);
      });
    });
  }
}
