/** %j and %J: exact forms, valid whatever comes in, and nothing lost. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {formatSections} from '../../../src/commands/manual/formats-page.ts';
import {compileFormat, type Sink} from '../../../src/format/format.ts';
import {jsonNotes} from '../../../src/format/json.ts';
import {compactJson, indentJson} from '../../../src/format/json-text.ts';
import {isoTimeMicroseconds} from '../../../src/format/strftime.ts';
import type {Message, QoS} from '../../../src/protocol/message.ts';
import type {Properties} from '../../../src/protocol/properties.ts';

const moment = 1_795_158_512_012_345_678n;
const tst = isoTimeMicroseconds(moment);

interface Print {
  readonly format?: '%j' | '%J';
  readonly pretty?: boolean;
  readonly warnings?: string[];
}

function collect(write: (out: Sink) => void): Buffer {
  const parts: Buffer[] = [];
  write({text: (value) => parts.push(Buffer.from(value)), bytes: (value) => parts.push(Buffer.from(value))});
  return Buffer.concat(parts);
}

function printBytes(message: Message, {format = '%j', pretty = false, warnings = []}: Print = {}): Buffer {
  const formatter = compileFormat(format, {eol: false, pretty, warn: (line) => warnings.push(line)});
  return collect((out) => formatter(message, out, () => moment));
}

const print = (message: Message, options: Print = {}) => printBytes(message, options).toString();

function message(payload: Uint8Array | string, more: Partial<Message> = {}): Message {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
  return {topic: 'fmt/topic', payload: bytes, qos: 0, retain: false, ...more};
}

const indent = (text: string) => collect((out) => indentJson(Buffer.from(text), out)).toString();
const compact = (text: string | Uint8Array) => {
  const bytes = compactJson(typeof text === 'string' ? Buffer.from(text) : text);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

test('the compact form', () => {
  assert.equal(
    print(message('{"a":1}')),
    `{"tst":"${tst}","topic":"fmt/topic","qos":0,"retain":false,"payloadlen":7,"payload":"{\\"a\\":1}"}`,
  );
  const properties: Properties = {
    contentType: 'text/plain',
    correlationData: Buffer.from('CORR'),
    payloadFormatIndicator: 1,
    responseTopic: 'resp/t',
    userProperties: [
      ['k1', 'v1'],
      ['k2', 'v2'],
    ],
    messageExpiryInterval: 3600,
    topicAlias: 1,
    subscriptionIdentifiers: [56],
  };
  assert.equal(
    print(message('{"a":1}', {qos: 1, messageId: 1, retain: true, properties})),
    `{"tst":"${tst}","topic":"fmt/topic","qos":1,"retain":true,"payloadlen":7,"mid":1,"properties":{"content-type":"text/plain","correlation-data":"CORR","payload-format-indicator":1,"response-topic":"resp/t","user-properties":[{"k1":"v1"},{"k2":"v2"}],"message-expiry-interval":3600,"topic-alias":1,"subscription-identifier":56},"payload":"{\\"a\\":1}"}`,
  );
  assert.equal(
    print(message('{"a": [1, 2]}'), {format: '%J'}),
    `{"tst":"${tst}","topic":"fmt/topic","qos":0,"retain":false,"payloadlen":13,"payload":{"a":[1,2]}}`,
  );
});

test('the pretty form', () => {
  const properties: Properties = {
    userProperties: [
      ['a', 'b'],
      ['a', 'c'],
    ],
    contentType: 'x',
  };
  const expected = `{
	"tst":	"${tst}",
	"topic":	"fmt/topic",
	"qos":	1,
	"retain":	false,
	"payloadlen":	7,
	"mid":	1,
	"properties":	{
		"user-properties":	[{
				"a":	"b"
			}, {
				"a":	"c"
			}],
		"content-type":	"x"
	},
	"payload":	"{\\"a\\":1}"
}`;
  assert.equal(print(message('{"a":1}', {qos: 1, messageId: 1, properties}), {pretty: true}), expected);
});

test('indentation: arrays on one line, empty ones closed, strings left alone', () => {
  assert.equal(indent('[]'), '[]');
  assert.equal(indent('[1,"a,b:{}[]",[2,[]]]'), '[1, "a,b:{}[]", [2, []]]');
  assert.equal(indent('{}'), '{\n}');
  assert.equal(
    indent('{"a":{},"b":[{"c":1,"d":"\\"\\\\"}]}'),
    '{\n\t"a":\t{\n\t},\n\t"b":\t[{\n\t\t\t"c":\t1,\n\t\t\t"d":\t"\\"\\\\"\n\t\t}]\n}',
  );
});

test('an empty payload is null', () => {
  for (const format of ['%j', '%J'] as const) {
    const warnings: string[] = [];
    assert.match(print(message(''), {format, warnings}), /"payloadlen":0,"payload":null\}$/);
    assert.deepEqual(warnings, []);
  }
});

test('empty properties are kept, absent ones make no object', () => {
  const properties: Properties = {
    contentType: '',
    correlationData: new Uint8Array(0),
    userProperties: [['', '']],
  };
  assert.match(
    print(message('x', {properties})),
    /"properties":\{"content-type":"","correlation-data":"","user-properties":\[\{"":""\}\]\},"payload":"x"/,
  );
  assert.doesNotMatch(print(message('x', {properties: {}})), /properties/);
  assert.match(
    print(message('x', {properties: {subscriptionIdentifiers: [1, 2]}})),
    /\{"subscription-identifier":1,"subscription-identifier":2\}/,
  );
});

test('characters that JSON escapes', () => {
  assert.match(
    print(message('\0\x01\b\t\n\x0b\f\r\x1b"\\/\x7fé😀')),
    /"payload":"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001b\\"\\\\\/\x7fé😀"\}$/,
  );
  assert.match(print(message('x', {topic: 'a"b\\\x01/é'})), /"topic":"a\\"b\\\\\\u0001\/é"/);
});

test('bytes that are not UTF-8 are base64, and marked as such', () => {
  assert.match(
    print(message(Uint8Array.of(0xff, 0, 0x41))),
    /"payloadlen":3,"payload-encoding":"base64","payload":"\/wBB"\}$/,
  );
  const properties: Properties = {correlationData: Uint8Array.of(0xc3), contentType: 'x'};
  assert.match(
    print(message('x', {properties})),
    /\{"correlation-data-encoding":"base64","correlation-data":"ww==","content-type":"x"\}/,
  );
  for (const word of ['payload-encoding', 'base64', 'correlation-data-encoding'])
    assert.ok(jsonNotes.join(' ').includes(word));
});

test('the manual names the keys in their order, and what retain is', () => {
  const {remarks = {}} = formatSections.find(({title}) => title === 'Messages as JSON')!;
  const properties: Properties = {contentType: 'x'};
  const full = message(Uint8Array.of(0xff), {qos: 1, messageId: 1, retain: true, properties});
  const read = JSON.parse(print(full)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(remarks), Object.keys(read));
  assert.equal(read.retain, true);
  assert.match(remarks['retain']!, /true or false/);
});

test('%J passes on the payload byte for byte', () => {
  for (const [payload, expected = payload] of [
    ['9007199254740993'],
    ['12345678901234567890.10e+5'],
    ['{"a":1.50,"a":1E3,"10":0,"2":-0}'],
    ['"\\u00e9\\/\\ud800é"'],
    [' \t\r\n[ 1 , {"a b" : "c d"} ]\n', '[1,{"a b":"c d"}]'],
    ['true'],
    ['null'],
    ['\ufeff{}', '{}'],
  ] as const) {
    assert.ok(print(message(payload), {format: '%J'}).endsWith(`,"payload":${expected}}`), payload);
  }
});

test('a payload that is not JSON prints nothing, and is reported', () => {
  const invalid = [
    '{',
    'x',
    '1 2',
    '1,',
    '[1,]',
    '{"a":1,}',
    '{"a"}',
    '{1:2}',
    '01',
    '1.',
    '.5',
    '-',
    '+1',
    '1e',
    'tru',
    'truex',
    '"a',
    '"\\x"',
    '"\\u12g4"',
    '"\t"',
    '[1}',
    '{"a":1]',
    ']',
    '{}\0',
    ' ',
    'NaN',
    "'a'",
    '{"a":1 "b":2}',
    '[1 2]',
    ':',
    ',',
  ];
  for (const payload of [
    ...invalid,
    Uint8Array.of(0x22, 0xff, 0x22),
    `${'['.repeat(1001)}${']'.repeat(1001)}`,
  ]) {
    const warnings: string[] = [];
    assert.equal(print(message(payload), {format: '%J', warnings}), '', String(payload));
    assert.deepEqual(warnings, ['Error: Message payload is not valid JSON on topic fmt/topic.']);
    const formatter = compileFormat('[%J]', {eol: true, pretty: false});
    assert.equal(collect((out) => formatter(message(payload), out, () => moment)).toString(), '[]\n');
  }
  assert.equal(compact(`${'['.repeat(1000)}${']'.repeat(1000)}`)?.length, 2000);
});

test('what is JSON and what is not agrees with JSON.parse', () => {
  const token = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\n"',
    '0',
    '-1',
    '2.5',
    '1e2',
    '.',
    'e',
    'true',
    'null',
    ' ',
    '\n',
    '"',
    '\\',
    '\x01',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(token, {maxLength: 8}).map((tokens) => tokens.join('')),
        fc.json(),
      ),
      (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        assert.equal(compact(text) !== undefined, valid, text);
      },
    ),
    {numRuns: 3000},
  );
});

test('compact and indented text mean the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(4), (value, spaces) => {
      const expected = JSON.stringify(value);
      assert.equal(compact(JSON.stringify(value, null, spaces)), expected);
      assert.equal(JSON.stringify(JSON.parse(indent(expected))), expected);
    }),
    {numRuns: 1000},
  );
});

const textOrBytes = fc.oneof(
  fc.uint8Array({maxLength: 60}),
  fc.string({unit: 'grapheme'}).map((text) => Uint8Array.from(Buffer.from(text))),
  fc.string({unit: 'grapheme-ascii'}).map((text) => Uint8Array.from(Buffer.from(text))),
);
const wellFormed = fc.string({unit: 'binary'});

const properties: fc.Arbitrary<Properties> = fc.record(
  {
    contentType: wellFormed,
    correlationData: textOrBytes,
    responseTopic: wellFormed,
    messageExpiryInterval: fc.nat(4_294_967_295),
    subscriptionIdentifiers: fc.array(fc.nat(268_435_455), {minLength: 1, maxLength: 1}),
    userProperties: fc.array(fc.tuple(wellFormed, wellFormed), {minLength: 1, maxLength: 3}),
  },
  {requiredKeys: []},
);

test('any message is valid JSON that gives everything back', () => {
  fc.assert(
    fc.property(
      fc.record({
        topic: wellFormed,
        payload: textOrBytes,
        qos: fc.constantFrom<QoS>(0, 1, 2),
        retain: fc.boolean(),
        messageId: fc.nat(65535),
        properties,
      }),
      fc.boolean(),
      (each, pretty) => {
        const bytes = printBytes(each, {pretty});
        const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
        const read = JSON.parse(text);
        const decode = (value: string | null, encoding: BufferEncoding = 'utf8') =>
          Buffer.from(value ?? '', encoding);
        assert.deepEqual(decode(read.payload, read['payload-encoding']), Buffer.from(each.payload));
        assert.deepEqual(
          [read.topic, read.qos, read.retain, read.payloadlen, read.mid],
          [each.topic, each.qos, each.retain, each.payload.length, each.qos > 0 ? each.messageId : undefined],
        );
        const found = read.properties ?? {};
        const expected = each.properties;
        assert.equal(found['content-type'], expected.contentType);
        assert.equal(found['response-topic'], expected.responseTopic);
        assert.equal(found['message-expiry-interval'], expected.messageExpiryInterval);
        assert.equal(found['subscription-identifier'], expected.subscriptionIdentifiers?.[0]);
        assert.deepEqual(
          found['user-properties']?.map((pair: object) => Object.entries(pair)[0]),
          expected.userProperties,
        );
        if (expected.correlationData !== undefined) {
          assert.deepEqual(
            decode(found['correlation-data'], found['correlation-data-encoding']),
            Buffer.from(expected.correlationData),
          );
        }
      },
    ),
    {numRuns: 1000},
  );
});

test('the time of each message is its own, in any order of seconds', () => {
  const formatter = compileFormat('%j', {eol: false, pretty: false});
  fc.assert(
    fc.property(fc.bigInt({min: 0n, max: 3_000_000_000n}), (offset) => {
      const printed = collect((out) => formatter(message('x'), out, () => moment + offset)).toString();
      assert.equal(JSON.parse(printed).tst, isoTimeMicroseconds(moment + offset));
    }),
    {numRuns: 1000},
  );
});

test('one writer for many messages mixes nothing up', () => {
  const formatter = compileFormat('%j', {eol: false, pretty: false});
  fc.assert(
    fc.property(
      fc.constantFrom('a', 'b'),
      fc.constantFrom('x', 'yy', ''),
      fc.constantFrom<QoS>(0, 1),
      fc.boolean(),
      (topic, payload, qos, retain) => {
        const each = message(payload, {topic, qos, retain, messageId: 3});
        assert.equal(collect((out) => formatter(each, out, () => moment)).toString(), print(each));
      },
    ),
  );
});
