// needs: mosquitto, mosquitto_pub
/**
 * The formatter beside the real mosquitto_sub: the same messages through the same broker, every format of
 * the tables compared byte for byte. The tables hold what mosquitto 2.0 and 2.1 print alike.
 */

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {UsageError} from '../../src/errors.ts';
import {compileFormat, plainFormat, type Sink} from '../../src/format/format.ts';
import type {Message} from '../../src/protocol/message.ts';
import {type Mosquitto, startMosquitto} from '../support/mosquitto.ts';
import {run, start} from '../support/spawn.ts';

// A zone with half an hour in it, for both sides.
process.env.TZ = 'Asia/Kolkata';

const fieldSeparator = '\x1f';
const messageSeparator = '\x1e';
const topic = '02/sub/format/tëst';

interface Sent {
  readonly message: Message;
  /** mosquitto_pub's own words for it. */
  readonly words: readonly string[];
}

// What is sent. The packet identifiers are those that the broker gives to a new client.
const plain: Sent = {message: {topic, payload: Buffer.from('message'), qos: 0, retain: false}, words: []};

const binary: Sent = {
  message: {
    topic,
    payload: Buffer.from([0, 13, 10, 34, 92, 37, 64, 127, 195, 169, 255]),
    qos: 1,
    retain: false,
    messageId: 1,
  },
  words: ['-q', '1'],
};

const withUserProperties: Sent = {
  message: {
    topic,
    payload: Buffer.from('x'),
    qos: 0,
    retain: false,
    properties: {
      userProperties: [
        ['k1', 'v1'],
        ['k2', 'v2'],
      ],
    },
  },
  words: ['-D', 'publish', 'user-property', 'k1', 'v1', '-D', 'publish', 'user-property', 'k2', 'v2'],
};

const withProperties: Sent = {
  message: {
    topic,
    payload: Buffer.from('{"a":[1,{"b":"\\t"}],"c":{"d":null},"e":{},"f":[]}'),
    qos: 0,
    retain: false,
    properties: {
      contentType: 'text/plain',
      correlationData: Buffer.from('CORR'),
      payloadFormatIndicator: 1,
      responseTopic: 'answer/é',
    },
  },
  words: [
    ...['-D', 'publish', 'content-type', 'text/plain', '-D', 'publish', 'correlation-data', 'CORR'],
    ...['-D', 'publish', 'payload-format-indicator', '1', '-D', 'publish', 'response-topic', 'answer/é'],
  ],
};

const emptyRetained: Sent = {
  message: {topic, payload: new Uint8Array(0), qos: 2, retain: true, messageId: 2},
  words: ['-q', '2', '-r'],
};

/** QoS 2 comes last, because its handshake lets others pass. */
const sent = [plain, binary, withUserProperties, withProperties, emptyRetained];

/** Formats of fields and escapes. */
const formats = [
  ...['%t', '%30t', '%-30t', '%030t', '%10.10t', '%20.10t', '%-20.10t', '%.0t', '%.17t', '%p', '%x', '%X'],
  ...['%l', '%3l', '%03l', '%-3l', '%005l', '%m', '%3m', '%03m', '%q', '%r', '%%'],
  ...['%C', '%12C', '%-12C', '%.4C', '%F', '%2F', '%02F', '%-2F', '%D', '%P', '%R', '%.3R'],
  ...['%S', '%3S', '%03S', '%A', '%E', '%2E'],
  ...['\\\\', '\\0', '\\a', '\\e', '\\n', '\\r', '\\t', '\\v', '@@', 'plain text é'],
];

/** Formats of time; the first two say which moment it was. */
const times = [
  '@s',
  '@N',
  ...'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%EfQ'.split('').map((letter) => `@${letter}`),
];

const render = (write: (out: Sink) => void) => {
  const parts: Buffer[] = [];
  write({text: (value) => parts.push(Buffer.from(value)), bytes: (value) => parts.push(Buffer.from(value))});
  return Buffer.concat(parts).toString('latin1');
};

const ours = (format: string, message: Message, options = {eol: false, pretty: false}, now = () => 0n) =>
  render((out) => compileFormat(format, options)(message, out, now));

let broker: Mosquitto;
before(async () => {
  broker = await startMosquitto();
});
after(async () => {
  await broker[Symbol.asyncDispose]();
});

/** What mosquitto_sub prints for each of `messages`, in Latin-1. */
async function theirs(id: string, words: readonly string[], messages: readonly Sent[]): Promise<string> {
  const connection = ['-h', '127.0.0.1', '-p', String(broker.port), '-V', '5'];
  const subscriber = [
    '-i',
    id,
    '-q',
    '2',
    '-t',
    `${topic}/${id}`,
    '--retain-as-published',
    '-C',
    String(messages.length),
  ];
  await using sub = start('mosquitto_sub', [...connection, ...subscriber, ...words]);
  await broker.logged(new RegExp(`Sending SUBACK to ${id}`));
  for (const {message, words: how} of messages) {
    const publisher = ['-t', `${topic}/${id}`, ...how, message.payload.length === 0 ? '-n' : '-s'];
    const result = await run('mosquitto_pub', [...connection, ...publisher], {input: message.payload});
    assert.equal(result.exitCode, 0, result.stderr);
  }
  const {stdout, exitCode, stderr} = await sub.finished;
  assert.deepEqual([exitCode, stderr], [0, '']);
  return stdout.toString('latin1');
}

/** Each subscriber has a topic of its own. */
const at = (id: string, message: Message): Message => ({...message, topic: `${topic}/${id}`});

test('fields and escapes', async () => {
  const format = formats.map((each) => each + fieldSeparator).join('') + messageSeparator;
  const printed = (await theirs('fields', ['-N', '-F', format], sent)).split(messageSeparator);
  assert.equal(printed.length, sent.length + 1);
  const differences: string[] = [];
  for (const [index, {message}] of sent.entries()) {
    const values = printed[index]?.split(fieldSeparator) ?? [];
    for (const [position, each] of formats.entries()) {
      const own = ours(each, at('fields', message));
      if (own !== values[position])
        differences.push(
          `message ${index}, ${each}: ${JSON.stringify(own)} is not ${JSON.stringify(values[position])}`,
        );
    }
  }
  assert.deepEqual(differences, []);
});

test('times', async () => {
  const printed = await theirs('times', ['-N', '-F', times.join(fieldSeparator)], [plain]);
  const values = printed.split(fieldSeparator);
  const moment = BigInt(values[0] ?? 0) * 1_000_000_000n + BigInt(values[1] ?? 0);
  const own = times.map((each) => ours(each, plain.message, undefined, () => moment));
  assert.deepEqual(own, values);
});

test('JSON', async () => {
  // 2.0 spells the zone of "tst" in another way, and "retain" as a number; 2.1 as here.
  const modern = (text: string) =>
    text
      .replace(/("tst":\t?)"[^"]*"/g, '$1"now"')
      .replace(/("retain":\t?)0/g, '$1false')
      .replace(/("retain":\t?)1/g, '$1true');
  const text = [plain, withProperties, emptyRetained];
  for (const [id, words, format, pretty, messages] of [
    ['compact', ['-F', '%j'], '%j', false, text],
    ['pretty', ['--pretty', '-F', '%j'], '%j', true, text],
    ['embedded', ['-F', '%J'], '%J', false, [withProperties]],
    ['embedded-pretty', ['--pretty', '-F', '%J'], '%J', true, [withProperties]],
  ] as const) {
    const printed = modern(await theirs(id, words, messages));
    const own = messages.map(({message}) => {
      // Without the binary message the first identifier is this one's.
      const each = message.messageId === 2 ? {...message, messageId: 1} : message;
      return ours(format, at(id, each), {eol: true, pretty});
    });
    assert.equal(modern(own.join('')), printed, id);
  }
});

test('without -F', async () => {
  for (const [id, words, options] of [
    ['default', [], {eol: true, verbose: false}],
    ['no-newline', ['-N'], {eol: false, verbose: false}],
    ['verbose', ['-v'], {eol: true, verbose: true}],
    ['verbose-no-newline', ['-v', '-N'], {eol: false, verbose: true}],
  ] as const) {
    const printed = await theirs(id, words, sent);
    const formatter = plainFormat(options);
    const own = sent.map(({message}) => render((out) => formatter(at(id, message), out, () => 0n)));
    assert.equal(own.join(''), printed, id);
  }
});

test('mistakes are refused in words that begin the same', async () => {
  for (const format of ['%', '%-', '%0', '%12', '%b', '%B', '@', '\\', '\\x', '\\q']) {
    const result = await run('mosquitto_sub', [
      '-h',
      '127.0.0.1',
      '-p',
      String(broker.port),
      '-t',
      'x',
      '-F',
      format,
    ]);
    assert.equal(result.exitCode, 1);
    const [line] = result.stderr.split('\n').filter((each) => each.startsWith('Error: '));
    assert.throws(
      () => compileFormat(format, {eol: true, pretty: false}),
      (error) => error instanceof UsageError && error.message.startsWith(line!.slice('Error: '.length)),
      format,
    );
  }
});
