/** Payloads as text, JSON and hexadecimal digits. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {payloadLine, payloadShown} from '../../../../src/page/state/payload.ts';

describe('a payload', () => {
  it('is text, with a remark where it is not UTF-8', () => {
    assert.deepEqual(payloadShown(Buffer.from('größe\n\u001b'), 'text'), {text: 'größe\n\\x1b', bytes: 9});
    const {text, remark = ''} = payloadShown(Buffer.from([0x41, 0xff]), 'text');
    assert.deepEqual([text, remark.startsWith('It is not UTF-8')], ['A\ufffd', true]);
    // A byte order mark is seen.
    assert.equal(payloadShown(Buffer.from('\ufeffa'), 'text').text, '\\ufeffa');
  });

  it('is cut between characters', () => {
    for (const lead of ['', 'a', 'aa', 'aaa']) {
      const {text, bytes, remark} = payloadShown(Buffer.from(lead + '😀'.repeat(20_000)), 'text');
      assert.equal(remark, undefined, lead);
      assert.ok(bytes <= 65_536 && bytes > 65_532);
      assert.doesNotMatch(text, /\ufffd/);
    }
    assert.doesNotMatch(payloadLine(Buffer.from(`aa${'é'.repeat(500)}`)), /\ufffd/);
  });

  it('is JSON, or no JSON', () => {
    assert.equal(payloadShown(Buffer.from('[1,"\\u001b"]'), 'json').text, '[\n  1,\n  "\\u001b"\n]');
    assert.equal(payloadShown(Buffer.from('[1'), 'json').remark, 'It is no JSON.');
    assert.equal(payloadShown(Buffer.from([0x22, 0xff, 0x22]), 'json').remark, 'It is no JSON.');
    const large = Buffer.from(`"${'x'.repeat(300_000)}"`);
    assert.equal(payloadShown(large, 'json').remark, 'It is too long to be shown as JSON.');
    // Of a payload that is there in part, the beginning may be JSON by chance.
    assert.equal(payloadShown(Buffer.from('12'), 'json', 5).remark, 'It is too long to be shown as JSON.');
  });

  it('is hexadecimal digits, eight bytes a line', () => {
    const bytes = Buffer.from('01234567<\n>\u00ff');
    assert.equal(
      payloadShown(bytes, 'hex').text,
      '00000000  30 31 32 33 34 35 36 37  01234567\n00000008  3c 0a 3e c3 bf           <.>..',
    );
    assert.equal(payloadShown(new Uint8Array(100_000), 'hex').bytes, 16_384);
    assert.deepEqual(payloadShown(new Uint8Array(), 'hex'), {text: '', bytes: 0});
  });
});
