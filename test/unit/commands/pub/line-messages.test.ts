/** Lines → messages: where topic and payload come from, and which lines are refused for which reason. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {parse} from '../../../../src/cli/parse.ts';
import {BadLines, lineMessages, lineReader} from '../../../../src/commands/pub/line-messages.ts';
import {pub} from '../../../../src/commands/pub/pub.ts';
import {ExitCode, TmqError, UsageError} from '../../../../src/errors.ts';
import {lineSpans} from '../../../../src/io/input/lines.ts';
import {isMqttString, isPublishTopic} from '../../../../src/protocol/topic.ts';

function planOf(words: readonly string[]) {
  const {values, operands} = parse(pub, words);
  return pub.plan(values, operands);
}

/** 'topic payload' of each message, and the sentences about lines that are none. */
async function messagesOf(words: readonly string[], input: string | Uint8Array) {
  const plan = planOf(words);
  assert.ok(plan.kind === 'lines');
  const {source, defaults} = plan;
  const sentences: string[] = [];
  const bad = new BadLines(source, (sentence) => void sentences.push(sentence));
  async function* chunks() {
    yield Buffer.from(input);
  }
  const messages: string[] = [];
  for await (const batch of lineMessages(lineSpans(chunks()), lineReader(source, defaults), bad)) {
    assert.ok('payloads' in batch);
    for (const [index, payload] of batch.payloads.entries()) {
      messages.push(`${batch.publications[index]!.topic} ${Buffer.from(payload)}`);
    }
  }
  return {messages, sentences};
}

test('--topic-from: the topic stands before the first separator', async () => {
  assert.deepEqual(await messagesOf(['--topic-from', '='], 'a/b=1\nc==2\nd=\n'), {
    messages: ['a/b 1', 'c =2', 'd '],
    sentences: [],
  });
  assert.deepEqual((await messagesOf(['--topic-from', '\\t'], 'a\tx\ty\n')).messages, ['a x\ty']);
  assert.deepEqual((await messagesOf(['--topic-from', ': '], 'a:b: x\n')).messages, ['a:b x']);
  assert.deepEqual((await messagesOf(['--topic-from', 'ä'], 'aäbäc\n')).messages, ['a bäc']);
});

test('--topic-from: a line without a topic that can be is refused with its number', async () => {
  const input = Buffer.concat([
    Buffer.from('a 1\nnone\n 2\na/+ 3\n# 4\na\0b 5\n'),
    Buffer.from([0xff, 0x20, 0x36, 0x0a]),
    Buffer.from(`${'x'.repeat(65_536)} 7\nb 8\n`),
  ]);
  const {messages, sentences} = await messagesOf(['--topic-from', ' '], input);
  assert.deepEqual(messages, ['a 1', 'b 8']);
  assert.deepEqual(sentences, [
    'Line 2 has no " " between topic and payload.',
    'Line 3 has an empty topic.',
    'Line 4 has the topic a/+ with a wildcard, + or #.',
    'Line 5 has the topic # with a wildcard, + or #.',
    'Line 6 has a topic with the control character NUL.',
    'Line 7 has a topic that is not valid UTF-8.',
    `Line 8 has the topic ${'x'.repeat(60)}… with more than 65535 bytes or 200 slashes.`,
  ]);
  const cleaned = await messagesOf(['--topic-from', ' ', '--topic-clean'], input);
  assert.deepEqual(cleaned.messages, ['a 1', '_ 2', 'a/_ 3', '_ 4', 'a_b 5', '_ 6', 'b 8']);
});

test('--topic-template: fields between spaces, or what --split says, and the whole line as payload', async () => {
  const {messages, sentences} = await messagesOf(
    ['--topic-template', 'sensors/{2}/{1}'],
    '  t1 \t kitchen 21.5\nt2\nt3 a/b\nt4 #\n',
  );
  assert.deepEqual(messages, ['sensors/kitchen/t1   t1 \t kitchen 21.5']);
  assert.deepEqual(sentences, [
    'Line 2 has 1 field, and the topic needs field 2.',
    'Line 3 has a slash in field 2, which would make another level of the topic.',
    'Line 4 has the topic sensors/#/t4 with a wildcard, + or #.',
  ]);
  const split = ['--topic-template', '{2}{{{1}}}', '--split', ','];
  assert.deepEqual(await messagesOf(split, 'a,b\n,b\n'), {
    messages: ['b{a} a,b'],
    sentences: ['Line 2 has an empty field 1.'],
  });
  const cleaned = await messagesOf(
    ['--topic-template', 'x/{1}', '--split', ',', '--topic-clean'],
    'a/+,b\n,c\n',
  );
  assert.deepEqual(cleaned.messages, ['x/a__ a/+,b', 'x/_ ,c']);
});

test('--topic-template: values of JSON, as they stand there', async () => {
  const {messages, sentences} = await messagesOf(
    ['--topic-template', 'dev/{.id}/{.tags[1].n}'],
    [
      '{"id": 12345678901234567890, "tags": [0, {"n": "\\u0061"}]}',
      '{"id": 1.10, "id": 2.50, "tags": [0, {"n": true}]}',
      '{"id": {}, "tags": [0, {"n": 1}]}',
      '{"id": 1, "tags": [0]}',
      '{"id": null, "tags": [0, {"n": 1}]}',
      '{"id": ',
      'text',
      '',
    ].join('\n'),
  );
  assert.deepEqual(
    messages.map((each) => each.split(' ')[0]),
    ['dev/12345678901234567890/a', 'dev/2.50/true'],
  );
  assert.deepEqual(sentences, [
    'Line 3 has an object at .id.',
    'Line 4 has nothing at .tags[1].n.',
    'Line 5 has null at .id.',
    'Line 6 is no JSON.',
    'Line 7 is no JSON.',
  ]);
});

test('--map rewrites topics of lines, and what it makes is looked at again', async () => {
  const words = ['--topic-from', '=', '--map', 's#^prod/#test/#', '--map', 's#/x$##', '--map', 's#^bad$#+#'];
  assert.deepEqual(await messagesOf(words, 'prod/a/x=1\nbad=2\nc=3\n'), {
    messages: ['test/a 1', 'c 3'],
    sentences: ['Line 2 has the topic + with a wildcard, + or #.'],
  });
});

test('--json: the command line stands for what a line leaves out', async () => {
  const words = [
    '--json',
    '-V',
    '5',
    '-t',
    'usual',
    '-q',
    '1',
    '-r',
    '-D',
    'publish',
    'content-type',
    'text',
  ];
  const plan = planOf(words);
  assert.ok(plan.kind === 'lines');
  const read = lineReader(plan.source, plan.defaults);
  const messages = {payloads: [] as Uint8Array[], publications: [] as object[]};
  for (const line of [
    '{"payload":"x"}',
    '{"topic":"a","qos":0,"retain":false,"properties":{"content-type":"json","message-expiry-interval":9}}',
    '{"properties":{"response-topic":"r"}}',
  ]) {
    read(Buffer.from(line), 0, line.length, messages as Parameters<typeof read>[3]);
  }
  assert.deepEqual(messages.publications, [
    {topic: 'usual', qos: 1, retain: true, properties: {contentType: 'text'}},
    {topic: 'a', qos: 0, retain: false, properties: {contentType: 'json', messageExpiryInterval: 9}},
    {topic: 'usual', qos: 1, retain: true, properties: {contentType: 'text', responseTopic: 'r'}},
  ]);
});

test('--json: what cannot be published has a sentence with its line', async () => {
  const input =
    '{"topic":"a","payload":1}\n\n{"payload":2}\n{"topic":"b","properties":{"content-type":"x"}}\nx\n{"topic":"c"}';
  assert.deepEqual(await messagesOf(['--json'], input), {
    messages: ['a 1', 'c '],
    sentences: [
      'Line 3 has no topic, and none is given by -t.',
      'Line 4 has properties, which are of MQTT 5: say -V 5.',
      'Line 5 is no JSON object.',
    ],
  });
  const broken = Buffer.concat([
    Buffer.from('{"topic":"'),
    Buffer.from([0xff]),
    Buffer.from('"}\n{"topic":"d"}\n'),
  ]);
  assert.deepEqual(await messagesOf(['--json'], broken), {
    messages: ['d '],
    sentences: ['Line 1 is not valid UTF-8.'],
  });
});

test('--strict ends at the first line that is no message, behind those before it', async () => {
  const found: number[] = [];
  const plan = planOf(['--topic-from', '=', '--strict']);
  assert.ok(plan.kind === 'lines');
  const bad = new BadLines(plan.source, () => assert.fail());
  async function* chunks() {
    yield Buffer.from('a=1\nb\nc=3\n');
  }
  const read = lineReader(plan.source, plan.defaults);
  await assert.rejects(
    async () => {
      for await (const batch of lineMessages(lineSpans(chunks()), read, bad)) {
        found.push('payloads' in batch ? batch.payloads.length : 0);
      }
    },
    (error) =>
      error instanceof TmqError &&
      error.exitCode === ExitCode.invalid &&
      /^Line 2 has no "="/.test(error.message),
  );
  assert.deepEqual(found, [1]);
});

test('any template and any line give a valid topic or a refused line', async () => {
  const field = fc.string({unit: fc.constantFrom(...'ab/+#$\0\t é😀"{}'), maxLength: 6});
  const value = fc.oneof(field, fc.integer(), fc.constant(null), fc.constant({a: 1}));
  const line = fc.oneof(
    fc.array(field, {maxLength: 4}).map((fields) => fields.join(' ')),
    value.map((each) => JSON.stringify({a: each})),
    fc.uint8Array({maxLength: 8}).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const words = fc.constantFrom(
    ['--topic-template', 'x/{1}'],
    ['--topic-template', '{2}{1}', '--topic-clean'],
    ['--topic-template', '{.a}'],
    ['--topic-template', 'x/{.a}/y', '--topic-clean'],
    ['--topic-from', ' '],
    ['--topic-from', ' ', '--topic-clean'],
  );
  await fc.assert(
    fc.asyncProperty(words, fc.array(line, {maxLength: 5}), async (words, lines) => {
      const whole = lines.filter((each) => !each.includes('\n'));
      const {messages, sentences} = await messagesOf(words, whole.map((each) => `${each}\n`).join(''));
      assert.equal(messages.length + sentences.length, whole.length);
      for (const sentence of sentences) assert.match(sentence, /^Line \d+ (is|has) /);
    }),
    {numRuns: 1000},
  );
  const plan = planOf(['--topic-template', 'x/{1}', '--topic-clean']);
  assert.ok(plan.kind === 'lines');
  const {source, defaults} = plan;
  fc.assert(
    fc.property(field, (given) => {
      const messages = {payloads: [] as Uint8Array[], publications: [] as {topic: string}[]};
      const bytes = Buffer.from(given);
      try {
        lineReader(source, defaults)(bytes, 0, bytes.length, messages as never);
      } catch (error) {
        assert.ok(error instanceof TmqError);
      }
      for (const {topic} of messages.publications)
        assert.ok(isPublishTopic(topic) && isMqttString(topic), topic);
    }),
    {numRuns: 1000},
  );
});

test('options that exclude each other, or say nothing alone, are refused before connecting', () => {
  const rows: readonly (readonly [words: readonly string[], sentence: RegExp])[] = [
    [
      ['--json', '--topic-from', '='],
      /^Only one of --json, --topic-from and --topic-template can say what a line is\./,
    ],
    [['-t', 'a', '--topic-from', '='], /^-t and --topic-from cannot be used together/],
    [['-t', 'a', '--topic-template', '{1}'], /^-t and --topic-template cannot be used together/],
    [['-t', 'a', '-l', '--split', ','], /^--split goes with --topic-template\./],
    [['-t', 'a', '-l', '--strict'], /^--strict goes with --json, --topic-from or --topic-template\./],
    [['--json', '--topic-clean'], /^--topic-clean goes with --topic-from or --topic-template\./],
    [['-t', 'a', '-m', 'x', '--map', 's#a#b#'], /^--map goes with --json/],
    [['-t', 'a', '-0', '--framing', 'u32be'], /^-0 and --framing cannot be used together/],
    [['-t', 'a', '--framing', 'u16'], /^Unknown --framing given: u16\. It is u32be\./],
    [['-t', 'a', '-m', 'x', '-0'], /^Only one type of message can be sent at once/],
    [['--json', '-m', 'x'], /^Only one type of message can be sent at once/],
    [['--json', '--repeat', '2'], /^--repeat and -l cannot be used together/],
    [['-l'], /The topic is missing/],
    [['--topic-from', ''], /^The separator of --topic-from is empty\./],
    [['--topic-template', 'a'], /^Invalid --topic-template 'a': nothing in it comes from the line/],
    [['--topic-template', '{0}'], /\{0\} is neither a number from 1 nor a path/],
    [['--topic-template', '{1}/{.a}'], /a line is either JSON or has fields/],
    [['--topic-template', 'a{'], /a \{ stands alone/],
    [['--topic-template', '{.a'], /a \{ stands alone/],
    [['--topic-template', '{.}'], /\{\.\} is neither/],
  ];
  for (const [words, sentence] of rows) {
    assert.throws(
      () => planOf(words),
      (error) => error instanceof UsageError && sentence.test(error.message),
      words.join(' '),
    );
  }
});
