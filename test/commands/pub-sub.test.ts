// needs: mosquitto
/** pub and sub, in this process, against our broker and against mosquitto: the same words, the same outcome. */

import assert from 'node:assert/strict';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, describe, test} from 'node:test';
import {brokerKinds, startBroker, type TestBroker} from '../support/brokers.ts';
import {type RunningMain, runMain, startMain} from '../support/run.ts';

for (const kind of brokerKinds) {
  describe(`pub and sub with the ${kind} broker`, () => {
    let broker: TestBroker;
    let directory: string;
    let topics = 0;
    before(async () => {
      broker = await startBroker(kind);
      directory = await mkdtemp(join(tmpdir(), 'tmq-pub-sub-'));
    });
    after(async () => {
      await broker[Symbol.asyncDispose]();
      await rm(directory, {recursive: true, force: true});
    });

    /** A topic that no other test uses. */
    const newTopic = () => `test/${++topics}`;
    const at = () => ['-p', String(broker.port)];
    const pub = (...words: string[]) => runMain(['pub', ...at(), ...words]);
    /** A subscriber whose subscription the broker has acknowledged. */
    const subscribed = async (...words: string[]): Promise<RunningMain> => {
      const subscriber = startMain(['sub', ...at(), '-d', ...words]);
      await subscriber.waitFor('stderr', /received SUBACK/);
      return subscriber;
    };
    const published = async (...words: string[]) => {
      const {exitCode, stderr, stdout} = await pub(...words);
      assert.deepEqual({exitCode, stderr, stdout: stdout.toString()}, {exitCode: 0, stderr: '', stdout: ''});
    };

    test('a message arrives, at each QoS and in each version of the protocol', async () => {
      for (const version of ['31', '311', '5']) {
        for (const qos of ['0', '1', '2']) {
          const topic = newTopic();
          await using subscriber = await subscribed('-t', topic, '-q', qos, '-V', version, '-C', '1');
          await published('-t', topic, '-q', qos, '-V', version, '-m', `q${qos} v${version}`);
          const {stdout, exitCode} = await subscriber.finished;
          assert.equal(stdout.toString(), `q${qos} v${version}\n`);
          assert.equal(exitCode, 0);
        }
      }
    });

    test('-v, -N and -F decide how it is printed', async () => {
      for (const [words, expected] of [
        [['-v'], 'TOPIC hi\n'],
        [['-N'], 'hi'],
        [['-v', '-N'], 'TOPIC hi'],
        [['-F', '%t|%q|%r|%l|%p'], 'TOPIC|0|0|2|hi\n'],
        [['-F', '%x', '-N'], '6869'],
      ] as const) {
        const topic = newTopic();
        await using subscriber = await subscribed('-t', topic, '-C', '1', ...words);
        await published('-t', topic, '-m', 'hi');
        assert.equal((await subscriber.finished).stdout.toString(), expected.replace('TOPIC', topic));
      }
    });

    test('retained: kept for later subscribers, cleared by -n, hidden by -R', async () => {
      const topic = newTopic();
      await published('-t', topic, '-r', '-m', 'kept');
      const late = await runMain(['sub', ...at(), '-t', topic, '-C', '1', '-W', '10', '-F', '%r %p']);
      assert.equal(late.stdout.toString(), '1 kept\n');

      await using hiding = await subscribed('-t', topic, '-R', '-C', '1');
      await published('-t', topic, '-m', 'live');
      assert.equal((await hiding.finished).stdout.toString(), 'live\n');

      await published('-t', topic, '-r', '-n');
      await using none = await subscribed('-t', topic, '-C', '1', '-v');
      await published('-t', topic, '-m', 'first');
      assert.equal((await none.finished).stdout.toString(), `${topic} first\n`);
    });

    test('--retained-only ends at the first live message; --remove-retained clears and ends (Q9)', async () => {
      const topic = newTopic();
      await published('-t', `${topic}/a`, '-r', '-m', '1');
      await published('-t', `${topic}/b`, '-r', '-m', '2');
      await using subscriber = await subscribed(
        '-t',
        `${topic}/#`,
        '-v',
        '--retained-only',
        '--remove-retained',
      );
      await published('-t', `${topic}/live`, '-m', 'now');
      const {stdout, exitCode} = await subscriber.finished;
      assert.equal(stdout.toString(), `${topic}/a 1\n${topic}/b 2\n`);
      assert.equal(exitCode, 0);
      const after = await runMain(['sub', ...at(), '-t', `${topic}/#`, '-W', '3']);
      assert.deepEqual([after.stdout.toString(), after.exitCode], ['', 27]);
    });

    test('-f and -s send every byte; so does sub print them', async () => {
      const bytes = Buffer.alloc(300_000);
      for (let index = 0; index < bytes.length; index++) bytes[index] = (index * 7 + (index >> 8)) & 0xff;
      const path = join(directory, 'payload');
      await writeFile(path, bytes);
      for (const qos of ['0', '2']) {
        const topic = newTopic();
        await using subscriber = await subscribed('-t', topic, '-q', qos, '-C', '2', '-N');
        await published('-t', topic, '-q', qos, '-f', path);
        const fromStdin = await runMain(['pub', ...at(), '-t', topic, '-q', qos, '-s'], {input: bytes});
        assert.equal(fromStdin.exitCode, 0);
        assert.ok((await subscriber.finished).stdout.equals(Buffer.concat([bytes, bytes])));
      }
    });

    test('-l sends each line, whatever its bytes (Q19)', async () => {
      const input = Buffer.concat([
        Buffer.from('one\n\ntwo\r\na\0b\n'),
        Buffer.from([0xff, 0xfe, 0x0a]),
        Buffer.from('no newline at the end'),
      ]);
      for (const qos of ['0', '1', '2']) {
        const topic = newTopic();
        await using subscriber = await subscribed('-t', topic, '-q', qos, '-C', '6', '-F', '%x;');
        const {exitCode, stderr} = await runMain(['pub', ...at(), '-t', topic, '-q', qos, '-l'], {input});
        assert.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''});
        const lines = [
          '6f6e65',
          '',
          '74776f0d',
          '610062',
          'fffe',
          '6e6f206e65776c696e652061742074686520656e64',
        ];
        assert.equal(
          (await subscriber.finished).stdout.toString(),
          lines.map((line) => `${line};\n`).join(''),
        );
      }
    });

    test('-l of nothing connects, sends nothing and succeeds', async () => {
      const {exitCode, stderr} = await runMain(['pub', ...at(), '-t', newTopic(), '-l'], {input: ''});
      assert.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''});
    });

    test('ten thousand lines arrive ten thousand times, once each and in order', {
      timeout: 120_000,
    }, async () => {
      const numbers = Array.from({length: 10_000}, (_, index) => `${index + 1}\n`).join('');
      for (const qos of ['1', '2']) {
        const topic = newTopic();
        await using subscriber = await subscribed('-t', topic, '-q', '2', '-C', '10000', '-W', '60');
        const {exitCode, stderr} = await runMain(['pub', ...at(), '-t', topic, '-q', qos, '-l'], {
          input: numbers,
        });
        assert.deepEqual({exitCode, stderr}, {exitCode: 0, stderr: ''});
        assert.equal((await subscriber.finished).stdout.toString(), numbers);
      }
    });

    test('--repeat sends it again', async () => {
      const topic = newTopic();
      await using subscriber = await subscribed('-t', topic, '-C', '3');
      await published('-t', topic, '-q', '1', '-m', 'again', '--repeat', '3', '--repeat-delay', '0.01');
      assert.equal((await subscriber.finished).stdout.toString(), 'again\nagain\nagain\n');
    });

    test('several -t, and -T to leave some out', async () => {
      const topic = newTopic();
      await using subscriber = await subscribed(
        ...['-t', `${topic}/a`, '-t', `${topic}/b/#`, '-T', `${topic}/b/skip`, '-v', '-C', '2'],
      );
      await published('-t', `${topic}/b/skip`, '-m', 'x');
      await published('-t', `${topic}/a`, '-m', '1');
      await published('-t', `${topic}/b/c`, '-m', '2');
      assert.equal((await subscriber.finished).stdout.toString(), `${topic}/a 1\n${topic}/b/c 2\n`);
    });

    test('-W ends with 27 and a message', async () => {
      const {exitCode, stderr} = await runMain(['sub', ...at(), '-t', newTopic(), '-W', '3']);
      assert.deepEqual({exitCode, stderr}, {exitCode: 27, stderr: 'Error: No message within 3 s.\n'});
    });

    test('a persistent session keeps what comes while its client is away; -U ends it', async () => {
      for (const version of ['311', '5']) {
        const topic = newTopic();
        const session = ['-i', `keeper-${topic}`, '-c', '-V', version, '-q', '1'];
        const left = await runMain(['sub', ...at(), ...session, '-t', topic, '-E']);
        assert.equal(left.exitCode, 0);
        for (const text of ['1', '2', '3']) await published('-t', topic, '-q', '1', '-m', text);
        const back = await runMain(['sub', ...at(), ...session, '-t', topic, '-C', '3', '-W', '10']);
        assert.deepEqual([back.stdout.toString(), back.exitCode], ['1\n2\n3\n', 0]);
        await using leaver = startMain(['sub', ...at(), ...session, '-U', topic, '-d']);
        await leaver.waitFor('stderr', /received UNSUBACK/);
        assert.equal((await leaver.interrupt()).exitCode, 0);
        await published('-t', topic, '-q', '1', '-m', 'unheard');
        const gone = await runMain(['sub', ...at(), ...session, '-U', topic, '-W', '3']);
        assert.deepEqual([gone.stdout.toString(), gone.exitCode], ['', 27]);
      }
    });

    test('-D: properties go and come, user properties in order', async () => {
      const topic = newTopic();
      await using subscriber = await subscribed('-V', '5', '-t', topic, '-C', '1', '-F', '%C|%R|%P|%D');
      const properties = [
        ['content-type', 'text/plain'],
        ['user-property', '2', 'two'],
        ['user-property', '1', 'one'],
        ['user-property', '2', ''],
        ['response-topic', 'answer/here'],
        ['correlation-data', 'c0rr'],
      ];
      await published('-t', topic, '-m', 'x', ...properties.flatMap((words) => ['-D', 'publish', ...words]));
      assert.equal(
        (await subscriber.finished).stdout.toString(),
        'text/plain|answer/here|2:two 1:one 2:|c0rr\n',
      );
    });

    test('SIGINT ends sub with 0, pub -l with 130', async () => {
      await using subscriber = await subscribed('-t', newTopic());
      assert.equal((await subscriber.interrupt()).exitCode, 0);
      const topic = newTopic();
      await using watcher = await subscribed('-t', topic);
      await using publisher = startMain(['pub', ...at(), '-t', topic, '-l']);
      publisher.stdin.write('one\n');
      await watcher.waitFor('stdout', /one/);
      assert.equal((await publisher.interrupt()).exitCode, 130);
    });

    test('-d shows the packets on stderr, and stdout stays data', async () => {
      const topic = newTopic();
      const {stdout, stderr} = await pub('-d', '-i', 'me', '-t', topic, '-q', '1', '-r', '-m', 'Hello');
      assert.equal(stdout.toString(), '');
      // The lines of the connection name a port of its own.
      const packets = stderr.split('\n').filter((line) => !line.startsWith('* '));
      assert.deepEqual(packets, [
        'Client me sending CONNECT',
        'Client me received CONNACK (0)',
        `Client me sending PUBLISH (d0, q1, r1, m1, '${topic}', ... (5 bytes))`,
        'Client me received PUBACK (Mid: 1, RC:0)',
        'Client me sending DISCONNECT',
        '',
      ]);
      await published('-t', topic, '-r', '-n');
    });

    test('rr asks and prints the answer, in both versions; a stale retained answer is none (Q41)', async () => {
      for (const version of ['5', '311']) {
        const topic = newTopic();
        await published('-t', `${topic}/answer`, '-r', '-m', 'stale');
        await using responder = await subscribed('-V', version, '-t', `${topic}/ask`, '-C', '1', '-F', '%p');
        await using asker = startMain([
          'rr',
          ...at(),
          '-V',
          version,
          '-t',
          `${topic}/ask`,
          '-e',
          `${topic}/answer`,
          '-m',
          'how?',
          '-W',
          '15',
        ]);
        assert.equal((await responder.finished).stdout.toString(), 'how?\n');
        await published('-t', `${topic}/answer`, '-m', 'thus');
        const {stdout, exitCode} = await asker.finished;
        assert.deepEqual([stdout.toString(), exitCode], ['thus\n', 0]);
        await published('-t', `${topic}/answer`, '-r', '-n');
      }
    });

    test('rr --retain-as-published takes an answer that is published as retained, and no stale one', async () => {
      const topic = newTopic();
      await published('-t', `${topic}/answer`, '-r', '-m', 'stale');
      await using responder = await subscribed('-t', `${topic}/ask`, '-C', '1');
      const words = ['-t', `${topic}/ask`, '-e', `${topic}/answer`, '-n', '-W', '15'];
      await using asker = startMain(['rr', ...at(), '--retain-as-published', '-F', '%r %p', ...words]);
      await responder.finished;
      await published('-t', `${topic}/answer`, '-r', '-m', 'fresh');
      const {stdout, exitCode} = await asker.finished;
      assert.deepEqual([stdout.toString(), exitCode], ['1 fresh\n', 0]);
      await published('-t', `${topic}/answer`, '-r', '-n');
    });
  });
}
