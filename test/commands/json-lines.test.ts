// needs: mosquitto
/** Messages as lines, NUL records and frames, out of sub and into pub, against our broker and mosquitto. */

import assert from 'node:assert/strict';
import {after, before, describe, test} from 'node:test';
import {brokerKinds, startBroker, type TestBroker} from '../support/brokers.ts';
import {type RunningMain, runMain, startMain} from '../support/run.ts';

/** 'topic qos retain payload' and the properties of a line of sub --json, without what differs from run to run. */
function essence(line: string): string {
  return line.replace(/^\{"tst":"[^"]*",/, '{').replace(/"mid":\d+,/, '');
}

const withProperties = [
  '-V',
  '5',
  '-D',
  'publish',
  'user-property',
  'k',
  'v',
  '-D',
  'publish',
  'content-type',
  'a/b',
];

/** Words of pub after the topic, and the input, of messages of every kind. */
const messages: readonly (readonly [words: readonly string[], input?: Uint8Array])[] = [
  [['-m', '{"a": 1.10, "a":12345678901234567890}', '-q', '1']],
  [['-m', 'text with "quotes" \\ and é', '-q', '2']],
  [['-s'], Buffer.from([0xff, 0, 0x0a, 0xfe])],
  [['-n', '-q', '1']],
  [['-m', 'null']],
  [['-m', '"abc"']],
  [['-s'], Buffer.from('{"a":\n1}\n')],
  [[...withProperties, '-m', 'x', '-q', '1', '-D', 'publish', 'correlation-data', 'c']],
  [['-r', '-m', 'kept']],
];

for (const kind of brokerKinds) {
  describe(`with the ${kind} broker`, () => {
    let broker: TestBroker;
    let topics = 0;
    before(async () => {
      broker = await startBroker(kind);
    });
    after(() => broker[Symbol.asyncDispose]());
    const at = () => ['-p', String(broker.port)];
    const newTree = () => `tree/${++topics}`;
    const subscribed = async (...words: string[]): Promise<RunningMain> => {
      const subscriber = startMain(['sub', ...at(), '-d', ...words]);
      await subscriber.waitFor('stderr', /received SUBACK/);
      return subscriber;
    };
    const pub = async (input: string | Uint8Array, ...words: string[]) => {
      const {exitCode, stderr} = await runMain(['pub', ...at(), ...words], {input});
      return {exitCode, stderr};
    };
    const done = {exitCode: 0, stderr: ''};

    for (const version of ['31', '311', '5']) {
      test(`sub --json | pub --json | sub --json gives every message back, version ${version}`, async () => {
        const tree = newTree();
        const sent = version === '5' ? messages : messages.filter(([words]) => !words.includes('-D'));
        const words = ['-V', version, '-q', '2', '--json', '-C', String(sent.length)];
        await using first = await subscribed('-t', `${tree}/#`, ...words);
        await using second = await subscribed('-t', `copy/${tree}/#`, ...words);
        for (const [index, [given, input = '']] of sent.entries()) {
          const version = given.includes('-V') ? [] : ['-V', '311'];
          assert.deepEqual(await pub(input, ...version, '-t', `${tree}/${index}`, ...given), done);
        }
        const lines = (await first.finished).stdout.toString();
        assert.deepEqual(await pub(lines, '--json', '-V', version, '--map', 's#^#copy/#'), done);
        const copies = (await second.finished).stdout.toString();
        // mosquitto passes a message of QoS 2 on when its publisher has released it, behind others.
        assert.deepEqual(
          copies.split('\n').map(essence).sort(),
          lines
            .split('\n')
            .map((line) => essence(line).replace('"topic":"', '"topic":"copy/'))
            .sort(),
        );
        // The flag of a live message is kept by MQTT 5 alone.
        assert.equal(/"retain":true,"payloadlen":4/.test(lines), version === '5');
      });
    }

    test('a bad line is reported, the others are sent, and the status is 3', async () => {
      const tree = newTree();
      await using subscriber = await subscribed('-t', `${tree}/#`, '-F', '%t %p', '-C', '2');
      const input = `{"topic":"${tree}/a","payload":1}\nno\n{"topic":"${tree}/b","payload":2}\n`;
      assert.deepEqual(await pub(input, '--json', '-q', '1'), {
        exitCode: 3,
        stderr: 'Line 2 is no JSON object.\nError: 1 line is no message, and was not sent.\n',
      });
      assert.equal((await subscriber.finished).stdout.toString(), `${tree}/a 1\n${tree}/b 2\n`);
    });

    test('--strict ends at a bad line, when those before it are acknowledged', async () => {
      const tree = newTree();
      await using subscriber = await subscribed('-t', `${tree}/#`, '-F', '%t %p', '-C', '2');
      assert.deepEqual(
        await pub(`${tree}/a=1\nno\n${tree}/b=2\n`, '--topic-from', '=', '-q', '1', '--strict'),
        {exitCode: 3, stderr: 'Error: Line 2 has no "=" between topic and payload.\n'},
      );
      assert.deepEqual(await pub(`${tree}/c=3\n`, '--topic-from', '='), done);
      assert.equal((await subscriber.finished).stdout.toString(), `${tree}/a 1\n${tree}/c 3\n`);
    });

    test('lines of a thousand topics arrive on theirs, in order', async () => {
      const tree = newTree();
      const count = 5000;
      await using subscriber = await subscribed(
        '-t',
        `${tree}/#`,
        '-q',
        '1',
        '-F',
        '%t=%p',
        '-C',
        String(count),
      );
      const lines = Array.from({length: count}, (_, index) => `${tree}/${(index * 7) % 1000}=${index}`);
      assert.deepEqual(await pub(`${lines.join('\n')}\n`, '--topic-from', '=', '-q', '1'), done);
      assert.deepEqual((await subscriber.finished).stdout.toString().split('\n').slice(0, -1), lines);
    });

    test('NUL and frames keep any payload, out of sub and into pub', async () => {
      const tree = newTree();
      const bytes = [Buffer.from('a\nb'), Buffer.alloc(0), Buffer.from([0x0a]), Buffer.from([0xff, 0x20])];
      const nul = Buffer.concat(bytes.flatMap((each) => [each, Buffer.alloc(1)]));
      const frames = Buffer.concat(
        [...bytes, Buffer.from([0, 1])].flatMap((each) => [Buffer.from([0, 0, 0, each.length]), each]),
      );
      for (const [form, input, count] of [
        [['-0'], nul, 4],
        [['--framing', 'u32be'], frames, 5],
      ] as const) {
        await using subscriber = await subscribed('-t', tree, '-q', '1', ...form, '-C', String(count));
        assert.deepEqual(await pub(input, '-t', tree, '-q', '1', ...form), done);
        assert.deepEqual((await subscriber.finished).stdout, input);
      }
    });
  });
}

test('-0 and --framing end what -F and -v print', async () => {
  await using broker = await startBroker('bundled');
  const at = ['-p', String(broker.port)];
  await runMain(['pub', ...at, '-t', 'a', '-m', 'x', '-r']);
  await runMain(['pub', ...at, '-t', 'b', '-n']);
  for (const [words, expected] of [
    [['-0', '-F', '%t %p'], 'a x\0'],
    [['-0', '-v'], 'a x\0'],
    [['-0', '--json', '-R', '-W', '1'], ''],
    [['--framing', 'u32be', '-v'], '\0\0\0\x03a x'],
  ] as const) {
    const count = expected === '' ? [] : ['-C', '1'];
    const {stdout} = await runMain(['sub', ...at, '-t', 'a', ...count, ...words]);
    assert.equal(stdout.toString(), expected);
  }
});

test('options of the output that exclude each other are refused', async () => {
  for (const [words, sentence] of [
    [['--json', '-F', '%p'], '--json and -F cannot be used together: both say what is printed of a message.'],
    [['--json', '-v'], '--json and -v cannot be used together: the topic is in the object.'],
    [['--json', '--pretty'], '--json and --pretty cannot be used together: each object is one line.'],
    [['--json', '-N'], '--json and -N cannot be used together: each object is a line.'],
    [['-0', '-N'], '-0 and -N cannot be used together: no newline is printed anyway.'],
    [
      ['--framing', 'u32be', '-0'],
      '-0 and --framing cannot be used together: both say where a message ends.',
    ],
    [['--framing', 'u32be', '-w'], '--framing and -w cannot be used together: it shows lines.'],
    [['-0', '--message-rate'], '-0 and --message-rate cannot be used together: no messages are printed.'],
  ] as const) {
    const {stderr, exitCode} = await runMain(['sub', '-t', 'a', ...words]);
    assert.deepEqual([stderr.split('\n')[0], exitCode], [`Error: ${sentence}`, 1]);
  }
});
