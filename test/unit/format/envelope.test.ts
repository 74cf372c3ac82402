/** Lines of JSON → messages: what --json writes comes back whole, and what is no message has its reason. */

import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {ExitCode, TmqError} from '../../../src/errors.ts';
import {type EnvelopeHead, EnvelopeReader} from '../../../src/format/envelope.ts';
import {jsonFormat} from '../../../src/format/format.ts';
import type {Message, QoS} from '../../../src/protocol/message.ts';
import type {Properties} from '../../../src/protocol/properties.ts';

interface Read {
  readonly head: EnvelopeHead;
  readonly payload: string;
}

/** Reads lines of one chunk, as pub does. */
function readAll(lines: readonly (string | Uint8Array)[], separator = '\n'): readonly (Read | undefined)[] {
  const reader = new EnvelopeReader((head) => head);
  const bytes = Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from(separator)]));
  let end = -separator.length;
  return lines.map((line) => {
    const start = end + separator.length;
    end = start + Buffer.from(line).length;
    if (!reader.read(bytes, start, end)) return undefined;
    return {head: reader.made!, payload: Buffer.from(reader.payload).toString('latin1')};
  });
}

const read = (line: string) => readAll([line])[0];
const payloadOf = (line: string) => Buffer.from(read(line)!.payload, 'latin1').toString();

function write(message: Message): Buffer {
  const parts: Buffer[] = [];
  const out = {
    text: (value: string) => void parts.push(Buffer.from(value)),
    bytes: (value: Uint8Array) => void parts.push(Buffer.from(value)),
  };
  jsonFormat(false)(message, out, () => 1_795_158_512_012_345_678n);
  return Buffer.concat(parts);
}

const text = fc.oneof(
  fc.string({unit: 'grapheme', maxLength: 20}),
  fc.string({unit: 'grapheme-ascii', maxLength: 20}),
);
const mqttText = text.filter((each) => !/[\p{Control}\p{Surrogate}\p{Noncharacter_Code_Point}]/u.test(each));
const payload = fc.oneof(
  fc.uint8Array({maxLength: 40}),
  text.map((each) => Uint8Array.from(Buffer.from(each))),
  fc.json({maxDepth: 3}).map((each) => Uint8Array.from(Buffer.from(each))),
  fc
    .tuple(fc.json({maxDepth: 3}), fc.constantFrom('', '\t', '  ', '\n', '\r\n'))
    .map(([json, space]) =>
      Uint8Array.from(Buffer.from(space + json.replaceAll(':', `:${space}`).replaceAll(',', `${space},`))),
    ),
);
const properties: fc.Arbitrary<Properties> = fc.record(
  {
    payloadFormatIndicator: fc.constantFrom(0, 1),
    messageExpiryInterval: fc.nat(4_294_967_295),
    contentType: mqttText,
    responseTopic: mqttText.filter((each) => each !== '' && !/[+#]/.test(each)),
    correlationData: fc.oneof(
      fc.uint8Array({maxLength: 20}),
      mqttText.map((each) => Uint8Array.from(Buffer.from(each))),
    ),
    userProperties: fc.array(fc.tuple(mqttText, mqttText), {minLength: 1, maxLength: 3}),
  },
  {requiredKeys: []},
);
const message: fc.Arbitrary<Message> = fc.record({
  topic: mqttText.filter((each) => each !== ''),
  payload,
  qos: fc.constantFrom<QoS>(0, 1, 2),
  retain: fc.boolean(),
  messageId: fc.integer({min: 1, max: 65_535}),
  properties,
});

test('every message comes back: topic, payload byte for byte, QoS, retain flag and properties', () => {
  fc.assert(
    fc.property(
      fc.array(message, {maxLength: 8}).chain((some) =>
        // Some are there again, whose heads the reader knows.
        fc.tuple(fc.constant(some), fc.shuffledSubarray([...some, ...some])),
      ),
      ([some, again]) => {
        const all = [...some, ...again];
        const lines = all.map(write);
        for (const line of lines) assert.equal(line.includes(0x0a), false);
        const found = readAll(lines);
        for (const [index, each] of all.entries()) {
          const {head, payload} = found[index]!;
          assert.equal(payload, Buffer.from(each.payload).toString('latin1'));
          const {properties = {}, ...rest} = head;
          assert.deepEqual(rest, {topic: each.topic, qos: each.qos, retain: each.retain});
          const {correlationData, ...others} = each.properties ?? {};
          const {correlationData: data, ...same} = properties;
          assert.deepEqual(same, others);
          assert.deepEqual(data && Buffer.from(data), correlationData && Buffer.from(correlationData));
        }
      },
    ),
    {numRuns: 500},
  );
});

test('a line reads the same behind lines that are like it', () => {
  const digit = fc.constantFrom('0', '1', '7', '10', '01', 'x');
  const payload = fc.constantFrom('"a"', '"a\\\\n"', '"7"', '7', '{"a":1}', 'null', '"');
  const encoding = fc.constantFrom('', '"payload-encoding":"json",', '"payload-encoding":null,');
  const tail = fc.constantFrom('}', '} ', ',"mid":3}', '');
  const parts = fc.tuple(digit, digit, fc.constantFrom('0', '1', '2'), digit, encoding, payload, tail);
  const line = parts.map(
    ([time, topic, qos, mid, encoding, payload, tail]) =>
      `{"tst":"2026-${time}","topic":"a/${topic}","qos":${qos},"mid":${mid},${encoding}"payload":${payload}${tail}`,
  );
  fc.assert(
    fc.property(fc.array(line, {minLength: 1, maxLength: 3}), (some) => {
      const reader = new EnvelopeReader((head) => head);
      // Each twice: the reader then compares with the line before.
      for (const each of some.flatMap((one) => [one, one])) {
        const bytes = Buffer.from(each);
        let alone: unknown;
        let behind: unknown;
        try {
          alone = read(each);
        } catch (error) {
          alone = (error as Error).message;
        }
        try {
          behind = reader.read(bytes, 0, bytes.length)
            ? {head: reader.made, payload: Buffer.from(reader.payload).toString('latin1')}
            : undefined;
        } catch (error) {
          behind = (error as Error).message;
        }
        assert.deepEqual(behind, alone, each);
      }
    }),
    {numRuns: 3000},
  );
});

test('JSON, text, empty and null stay apart', () => {
  const line = (bytes: string) =>
    write({topic: 't', payload: Buffer.from(bytes), qos: 0, retain: false}).toString();
  const shown = (bytes: string) => /"payloadlen":\d+,(.*)\}$/.exec(line(bytes))![1];
  assert.equal(shown('"abc"'), '"payload-encoding":"json","payload":"abc"');
  assert.equal(shown('abc'), '"payload":"abc"');
  assert.equal(shown(''), '"payload":null');
  assert.equal(shown('null'), '"payload-encoding":"json","payload":null');
  assert.equal(shown('1.10'), '"payload-encoding":"json","payload":1.10');
  assert.equal(
    shown('{"a": 1, "a": 12345678901234567890}'),
    '"payload-encoding":"json","payload":{"a": 1, "a": 12345678901234567890}',
  );
  // What would not come back as it was is text: a line break, or space around it.
  assert.equal(shown('{"a":\n1}'), '"payload":"{\\"a\\":\\n1}"');
  assert.equal(shown(' 1'), '"payload":" 1"');
  assert.equal(shown('01'), '"payload":"01"');
  for (const bytes of [
    '"abc"',
    'abc',
    '',
    'null',
    '1.10',
    '{"a":\n1}',
    ' 1',
    '01',
    '{',
    '"\\u00e9"',
    '"\\ud800"',
  ]) {
    assert.equal(payloadOf(line(bytes)), bytes);
  }
});

test('lines that other programs write', () => {
  assert.deepEqual(read('{}'), {head: {}, payload: ''});
  assert.deepEqual(read(' { "payload" : "x" , "topic" : "a\\u002fb" } \r'), {
    head: {topic: 'a/b'},
    payload: 'x',
  });
  assert.equal(payloadOf('{"payload":12.50}'), '12.50');
  assert.equal(payloadOf('{"payload":{"b": [1, 2]}}'), '{"b": [1, 2]}');
  assert.equal(payloadOf('{"payload":"a\\nb\\u0000\\ud83d\\ude00"}'), 'a\nb\0😀');
  assert.equal(payloadOf('{"payload":"AAECAw==","payload-encoding":"base64"}'), '\0\x01\x02\x03');
  assert.equal(payloadOf('{"payload":"x","payload":"y"}'), 'y');
  assert.equal(payloadOf('{"payload":"\\n","payload":"y"}'), 'y');
  assert.equal(payloadOf('{"payload":"x","payload-encoding":null}'), 'x');
  assert.deepEqual(
    read('{"topic":null,"qos":null,"retain":null,"properties":null,"other":[{"topic":"b"}]}')!.head,
    {},
  );
  assert.deepEqual(read('\ufeff{"qos":2}')!.head, {qos: 2});
  for (const blank of ['', ' ', '\t\r']) assert.equal(read(blank), undefined);
  assert.deepEqual(
    read('{"properties":{"user-properties":{"a":"b","c":"d"},"topic-alias":3,"subscription-identifier":7}}')!
      .head,
    {
      properties: {
        userProperties: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      },
    },
  );
});

describe('what is no message', () => {
  const reasons: Readonly<Record<string, RegExp>> = {
    '[1]': /^is no JSON object$/,
    hello: /^is no JSON object$/,
    '{"topic":"a"': /^is no JSON: column 13 is not in its place$/,
    '{"topic" "a"}': /^is no JSON: column 2 begins no entry$/,
    '{topic:"a"}': /^is no JSON: column 2 begins no entry$/,
    '{"topic":}': /^is no JSON: column 10 begins no value$/,
    '{"topic":"a",}': /^is no JSON: column 14 begins no entry$/,
    '{"a":1}{"b":2}': /^has something behind its JSON object$/,
    '{"payload":"\t"}': /^is no JSON: column 12 begins no value$/,
    '{"topic":3}': /^has a topic that is no string$/,
    '{"topic":"\\ud800"}': /^has half a surrogate pair in its topic$/,
    '{"payload":"\\ud800"}': /^has half a surrogate pair in its payload$/,
    '{"qos":3}': /^has the qos 3: it is 0, 1 or 2$/,
    '{"qos":"1"}': /^has the qos "1": it is 0, 1 or 2$/,
    '{"retain":1}': /^has the retain 1: it is true or false$/,
    '{"payload":"x","payload-encoding":"hex"}':
      /^has the payload-encoding "hex": tmq knows "json" and "base64"/,
    '{"payload":"AAE","payload-encoding":"base64"}': /^has a payload that is no base64$/,
    '{"payload":"A*E=","payload-encoding":"base64"}': /^has a payload that is no base64$/,
    '{"payload":1,"payload-encoding":"base64"}': /^has a payload that is no string$/,
    '{"properties":[]}': /^has properties that are no object$/,
    '{"properties":{"contenttype":"x"}}': /^has the property "contenttype": a message has .*content-type/,
    '{"properties":{"receive-maximum":1}}': /^has the property "receive-maximum": a message has /,
    '{"properties":{"content-type":1}}': /^has the property content-type with 1: it is a string$/,
    '{"properties":{"message-expiry-interval":"1"}}': /message-expiry-interval with "1": it is a number$/,
    '{"properties":{"message-expiry-interval":-1}}': /cannot be sent: Property value \(-1\) out of range/,
    '{"properties":{"response-topic":"a/#"}}': /cannot be sent: Invalid response topic 'a\/#'/,
    '{"properties":{"content-type":"\\u0001"}}': /cannot be sent: Invalid value of property content-type/,
    '{"properties":{"correlation-data":"A","correlation-data-encoding":"base64"}}':
      /^has a correlation-data that is no base64$/,
    '{"properties":{"user-properties":[{"a":1}]}}': /^has the user property "a", which is no string$/,
  };
  for (const [line, reason] of Object.entries(reasons)) {
    test(line, () => {
      // Also where the lines behind it would go on with it.
      for (const next of ['', '"x"}', '}', ',"b":1}']) {
        const lines = next === '' ? [line] : [line, next];
        assert.throws(
          () => readAll(lines),
          (error) =>
            error instanceof TmqError &&
            error.exitCode === ExitCode.invalid &&
            (next !== '' || reason.test(error.message)),
        );
      }
    });
  }

  test('any text is a message or has a reason, and never another error', () => {
    const piece = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ':',
        ',',
        '"',
        '"topic"',
        '"payload"',
        '"qos"',
        '"properties"',
        '"a"',
        '1',
        'null',
        ' ',
        '\\',
        '\\u00',
        '\\n',
      ],
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece, {maxLength: 14}), {maxLength: 4}), (lines) => {
        for (const line of lines.map((pieces) => pieces.join(''))) {
          let expected: unknown;
          try {
            expected = JSON.parse(line);
          } catch {
            expected = undefined;
          }
          const isObject = typeof expected === 'object' && expected !== null && !Array.isArray(expected);
          try {
            const found = readAll([line, ...lines.map((pieces) => pieces.join(''))].slice(0, 1));
            assert.ok(found[0] === undefined || isObject, line);
          } catch (error) {
            assert.ok(error instanceof TmqError, String(error));
          }
        }
      }),
      {numRuns: 2000},
    );
  });
});
