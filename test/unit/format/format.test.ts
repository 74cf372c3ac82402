/** -F from end to end: vectors for every specifier, the mistakes, and what must hold for any format. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {UsageError} from '../../../src/errors.ts';
import {
  compileFormat,
  type FormatOptions,
  type Formatter,
  plainFormat,
  type Sink,
} from '../../../src/format/format.ts';
import {isoTime, localTime, strftime, unixTime} from '../../../src/format/strftime.ts';
import type {Message} from '../../../src/protocol/message.ts';

const moment = 1_795_158_512_012_345_678n;

const message: Message = {
  topic: '02/sub/format/test',
  payload: Buffer.from('message'),
  qos: 0,
  retain: false,
};

const v5: Message = {
  topic: 'topic/ä',
  payload: Buffer.from('message'),
  qos: 2,
  retain: true,
  messageId: 7,
  properties: {
    topicAlias: 5,
    contentType: 'text/plain',
    correlationData: Uint8Array.of(0, 255, 10, 65),
    messageExpiryInterval: 3_000_000_000,
    payloadFormatIndicator: 1,
    responseTopic: 'answer',
    subscriptionIdentifiers: [56, 57],
    userProperties: [
      ['k1', 'v1'],
      ['k2', ''],
      ['', 'v3'],
    ],
  },
};

function render(formatter: Formatter, each: Message, now: () => bigint = () => moment): Buffer {
  const parts: Buffer[] = [];
  const out: Sink = {
    text: (value) => parts.push(Buffer.from(value)),
    bytes: (value) => parts.push(Buffer.from(value)),
  };
  formatter(each, out, now);
  return Buffer.concat(parts);
}

const print = (format: string, each: Message = message, options: Partial<FormatOptions> = {}) =>
  render(compileFormat(format, {eol: false, pretty: false, ...options}), each).toString();

const withPayload = (...bytes: number[]): Message => ({...message, payload: Uint8Array.from(bytes)});

function double(value: number): Message {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return {...message, payload: bytes};
}

/** Formats and what they print for `message`. */
const plainVectors: Readonly<Record<string, string>> = {
  '%x': '6d657373616765',
  '%.1x': '6 d 6 5 7 3 7 3 6 1 6 7 6 5',
  '%.2x': '6d 65 73 73 61 67 65',
  '%.3x': '6d6 573 736 167 65',
  '%.4:x': '6d65:7373:6167:65',
  '%.2:X': '6D:65:73:73:61:67:65',
  '%18x': '    6d657373616765',
  '%-18x': '6d657373616765    ',
  '%20.2x': '         6d 65 73 73 61 67 65',
  '%020.2:x': '00:00:00:6d:65:73:73:61:67:65',
  '%3x': '6d6573',
  '%-3x': '6d6573',
  '%-x': '6d657373616765',
  '%-020.2x': '6d 65 73 73 61 67 65      ',
  '%10p': '   message',
  '%-12p': 'message     ',
  '%010p': '000message',
  '%-010p': 'message   ',
  '%3p': 'mes',
  '%-3p': 'mes',
  '%-p': 'message',
  '%.3p': 'message',
  '%l': '7',
  '%02l': '07',
  '%-2l': '7 ',
  '%-02l': '7 ',
  '%005l': '00007',
  '%5.3l': '    7',
  '%t': '02/sub/format/test',
  '%10.10t': '02/sub/for',
  '%20.10t': '          02/sub/for',
  '%-20.10t': '02/sub/for          ',
  '%.0t': '',
  '%.t': '',
  '%020t': '  02/sub/format/test',
  '%2C': '  ',
  '%02C': '00',
  '%-02C': '  ',
  '%05S': '00000',
  '%5A': '     ',
  '%-03E': '   ',
  '%03F': '000',
  '%9R': '',
  '%D': '',
  '%P': '',
  '%m': '0',
  '%03m': '000',
  '%q': '0',
  '%5q': '0',
  '%r': '0',
  '%%': '%',
  '%5%': '%',
  '% l': '7',
  '%|l': '7',
  '%5.2:l': '    7',
  '%--l': '7',
  '%+l': '7',
  '%@t': '02/sub/format/test',
  'a%%b@@c\\\\d': 'a%b@c\\d',
  '\\0\\a\\e\\n\\r\\t\\v\\\\': '\0\x07\x1b\n\r\t\v\\',
  '': '',
};

/** The same for `v5`. */
const propertyVectors: Readonly<Record<string, string>> = {
  '%A|%03A|%-3A|': '5|005|5  |',
  '%C|%12C|%-12C|%012C|%4.4C|': 'text/plain|  text/plain|text/plain  |  text/plain|text|',
  '%E|%011E|': '3000000000|03000000000|',
  '%F|%2F|': '1| 1|',
  '%R|%8R|%-8R|%.3R|': 'answer|  answer|answer  |ans|',
  '%S|%03S|': '56|056|',
  '%P': 'k1:v1 k2: :v3',
  '%q%r%m %05m': '217 00007',
  '%t|%10t|': 'topic/ä|  topic/ä|',
};

test('every specifier prints its vectors', () => {
  for (const [format, expected] of Object.entries(plainVectors))
    assert.equal(print(format), expected, format);
  for (const [format, expected] of Object.entries(propertyVectors)) {
    assert.equal(print(format, v5), expected, format);
  }
});

test('bytes go through unchanged, and precision counts them', () => {
  const each = {...v5, payload: Uint8Array.from({length: 256}, (_, index) => index)};
  assert.deepEqual(render(compileFormat('%p', {eol: false, pretty: false}), each), Buffer.from(each.payload));
  assert.deepEqual(
    render(compileFormat('%D', {eol: true, pretty: false}), each),
    Buffer.from([0, 255, 10, 65, 10]),
  );
  assert.deepEqual(
    render(compileFormat('%.7t', {eol: false, pretty: false}), v5),
    Buffer.from('topic/\xc3', 'latin1'),
  );
});

test('empty properties print as empty text', () => {
  const each = {
    ...message,
    properties: {contentType: '', userProperties: [['k', '']] as const, responseTopic: ''},
  };
  assert.equal(print('%C|%3C|%03C|%P|%R|%2R|', each), '|   |   |k:||  |');
  assert.equal(print('%x|%4x|%p|%2p|%-2p|%l', withPayload()), '|    ||  |  |0');
});

test('payloads as floating-point numbers', () => {
  assert.equal(print('%.3d', withPayload(0x58, 0x39, 0xb4, 0xc8, 0x76, 0xbe, 0x05, 0x40)), '2.718');
  assert.equal(print('%.3f', withPayload(0xf4, 0xfd, 0x34, 0x3f)), '0.707');
  const vectors: readonly (readonly [string, number, string])[] = [
    ['%d', Math.PI, '3.141593'],
    ['%010.2d', Math.PI, '0000003.14'],
    ['%010.2d', -Math.PI, '-000003.14'],
    ['%10.2d', -Math.PI, '     -3.14'],
    ['%-10.2d|', -Math.PI, '-3.14     |'],
    ['%-010.2d|', Math.PI, '3.14      |'],
    ['%.0d', 0.5, '0'],
    ['%.0d', 1.5, '2'],
    ['%.0d', 2.5, '2'],
    ['%.1d', 0.25, '0.2'],
    ['%.2d', 1.005, '1.00'],
    ['%.d', 9.9, '10'],
    ['%d', 1e21, '1000000000000000000000.000000'],
    ['%.20d', 0.1, '0.10000000000000000555'],
    ['%d', -0, '-0.000000'],
    ['%d', 5e-324, '0.000000'],
    ['%d', Number.NaN, 'nan'],
    ['%06d', Number.NEGATIVE_INFINITY, '  -inf'],
  ];
  for (const [format, value, expected] of vectors)
    assert.equal(print(format, double(value)), expected, `${format} ${value}`);
  assert.equal(print('%.1074d', double(5e-324)).length, 1076);
  assert.equal(print('%.1080d', double(1)), `1.${'0'.repeat(1080)}`);
});

test('floats are exact whatever their size', () => {
  fc.assert(
    fc.property(fc.double({noNaN: true, min: -1e15, max: 1e15}), (value) => {
      assert.equal(Number(print('%.1074d', double(value))), value);
      // toFixed rounds ties up, which needs the digit 5 as the very last of a value.
      if (!print('%.1074d', double(value)).match(/\.\d{6}50*$/)) {
        assert.equal(print('%d', double(value)).replace('-', ''), Math.abs(value).toFixed(6));
      }
    }),
    {numRuns: 500},
  );
});

test('a payload of another size prints nothing, and is reported', () => {
  const warnings: string[] = [];
  const warn = (line: string) => warnings.push(line);
  assert.equal(print('[%9d|%f]', message, {warn}), '[|]');
  assert.deepEqual(warnings, [
    'requested double printing, but non-double data received',
    'requested float printing, but non-float data received',
  ]);
  assert.equal(print('[%d]'), '[]');
});

test('every @ of a message is the same moment; the others ask for their own', () => {
  let asked = 0n;
  const now = () => moment + asked++ * 1_000_000_000n;
  const show = (format: string) =>
    render(compileFormat(format, {eol: false, pretty: false}), message, now).toString();
  const time = localTime(moment);
  assert.equal(
    show('@Y-@m-@d @H:@M:@S.@N @s@@@%@q'),
    `${['Y', 'm', 'd'].map((letter) => strftime(letter, time)).join('-')} ` +
      `${['H', 'M', 'S'].map((letter) => strftime(letter, time)).join(':')}.012345678 1795158512@%%q`,
  );
  assert.equal(asked, 1n);
  assert.equal(show('%U %U'), `${unixTime(moment + 1_000_000_000n)} ${unixTime(moment + 2_000_000_000n)}`);
  assert.equal(
    show('%I|%26I|%-26I|%.10I'),
    [3n, 4n, 5n, 6n]
      .map((second, index) => {
        const text = isoTime(moment + second * 1_000_000_000n);
        return [text, `  ${text}`, `${text}  `, text.slice(0, 10)][index];
      })
      .join('|'),
  );
  assert.equal(show('@@'), '@');
  assert.equal(asked, 7n);
});

test('the first mistake in a format is reported', () => {
  const mistakes: Readonly<Record<string, string>> = {
    '%': 'Incomplete format specifier. A percent sign is written %%.',
    'a%-': 'Incomplete format specifier. A percent sign is written %%.',
    '%0': 'Incomplete format specifier. A percent sign is written %%.',
    '%12': 'Incomplete format specifier. A percent sign is written %%.',
    '%.': 'Incomplete format specifier. A percent sign is written %%.',
    '%3.4': 'Incomplete format specifier. A percent sign is written %%.',
    '%|': 'Incomplete format specifier. A percent sign is written %%.',
    '@': 'Incomplete format specifier. An at sign is written @@.',
    '\\': 'Incomplete escape specifier. A backslash is written \\\\.',
    '\\x41': "Invalid escape specifier 'x'. tmq help formats lists them.",
    '\\😀': "Invalid escape specifier '😀'. tmq help formats lists them.",
    '%b': "Invalid format specifier 'b'. tmq help formats lists them.",
    '%B': "Invalid format specifier 'B'. tmq help formats lists them.",
    '%😀': "Invalid format specifier '😀'. tmq help formats lists them.",
    '%\n': "Invalid format specifier '\\x0a'. tmq help formats lists them.",
    '%0-5l': "Invalid format specifier '5'. tmq help formats lists them.",
    '%z %': "Invalid format specifier 'z'. tmq help formats lists them.",
    '%99999999999t': 'Format width 99999999999 is larger than 1000000.',
  };
  for (const [format, expected] of Object.entries(mistakes)) {
    assert.throws(
      () => print(format),
      (error) => error instanceof UsageError && error.message === expected,
      format,
    );
  }
});

test('any format either prints or is a UsageError of one line', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '%',
      '@',
      '\\',
      '-',
      '0',
      '.',
      ':',
      '12',
      '3',
      't',
      'p',
      'x',
      'X',
      'j',
      'J',
      'd',
      'C',
      'S',
      'I',
      'N',
      'Y',
      'Z',
    ),
    fc.string({unit: 'binary', maxLength: 3}),
  );
  fc.assert(
    fc.property(fc.array(piece, {maxLength: 12}), fc.boolean(), (pieces, pretty) => {
      const format = pieces.join('');
      try {
        render(compileFormat(format, {eol: true, pretty}), v5);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
        assert.doesNotMatch(error.message, /\n/);
      }
    }),
    {numRuns: 2000},
  );
});

test('a format without specials prints itself', () => {
  fc.assert(
    fc.property(fc.string({unit: 'grapheme'}), (text) => {
      const format = text.replace(/[%@\\]/g, '');
      assert.equal(print(format, message, {eol: true}), `${format}\n`);
    }),
    {numRuns: 1000},
  );
});

test('hexadecimal of any payload, grouped in any way, reads back', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({maxLength: 40}),
      fc.nat(9),
      fc.constantFrom(':', ' ', '-', '.'),
      (payload, size, separator) => {
        const printed = print(`%.${size}${separator}x`, {...message, payload});
        assert.equal(printed.replaceAll(separator, ''), Buffer.from(payload).toString('hex'));
        const groups = printed.split(separator);
        if (size > 0 && payload.length > 0) {
          assert.ok(
            groups.slice(0, -1).every((group) => group.length === size),
            printed,
          );
          assert.ok((groups.at(-1)?.length ?? 0) <= size, printed);
        }
      },
    ),
    {numRuns: 500},
  );
  const payload = Uint8Array.from({length: 40_001}, (_, index) => (index * 31) & 255);
  const expected = Buffer.from(payload)
    .toString('hex')
    .match(/.{1,3}/g)
    ?.join('_');
  assert.equal(print('%.3_x', {...message, payload}), expected);
});

test('the forms without -F', () => {
  const plain = (eol: boolean, verbose: boolean, each: Message) =>
    render(plainFormat({eol, verbose}), each).toString();
  const none = withPayload();
  assert.equal(plain(true, false, message), 'message\n');
  assert.equal(plain(false, false, message), 'message');
  assert.equal(plain(true, true, message), '02/sub/format/test message\n');
  assert.equal(plain(false, true, message), '02/sub/format/test message');
  assert.equal(plain(true, false, none), '');
  assert.equal(plain(false, false, none), '');
  assert.equal(plain(true, true, none), '02/sub/format/test (null)\n');
  assert.equal(plain(false, true, none), '');
});

test('a guard stands between the message and the output, not between the format and the output', () => {
  const guard = (out: Sink): Sink => ({
    text: (value) => out.text(`<${value}>`),
    bytes: (value) => out.text(`{${Buffer.from(value)}}`),
  });
  assert.equal(print('\\e%t:%p', message, {guard, eol: true}), '\x1b<02/sub/format/test>:{message}\n');
  const plain = plainFormat({eol: true, verbose: true, guard});
  assert.equal(render(plain, message).toString(), '<02/sub/format/test> {message}\n');
  assert.equal(render(plain, withPayload()).toString(), '<02/sub/format/test> (null)\n');
});
