/** SCRAM against the example of RFC 7677, and against PBKDF2 and HMAC written out here as RFC 5802 has them. */

import assert from 'node:assert/strict';
import {createHash, createHmac} from 'node:crypto';
import {describe, test} from 'node:test';
import {
  formatScramAccount,
  isScramPassword,
  parseScramAccount,
  ScramClient,
  ScramFailure,
  ScramServer,
  scramAccount,
} from '../../../src/password/scram.ts';
import {type ScramMethod, scramMethods} from '../../../src/password/scram-methods.ts';
import {scramDouble} from '../../support/scram-double.ts';

/** The exchange of RFC 7677, section 3: user "user", password "pencil". */
const example = {
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  answer:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  signature: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

const user = {username: 'user', password: 'pencil'};

describe('the example of RFC 7677', () => {
  test('the client sends its messages, and accepts its signature', async () => {
    const client = new ScramClient('SCRAM-SHA-256', user, example.clientNonce);
    assert.equal(client.first, example.first);
    assert.equal(await client.answer(example.challenge), example.answer);
    assert.ok(client.verify(example.signature));
    assert.ok(!client.verify(example.signature.replace('6rri', '7rri')));
    assert.ok(!client.verify('e=other-error'));
  });

  test('the server sends its messages', async () => {
    const account = await scramAccount('SCRAM-SHA-256', 'pencil', 4096, Buffer.from(example.salt, 'base64'));
    const server = new ScramServer(() => account);
    assert.equal(server.challenge(example.first, example.serverNonce), example.challenge);
    assert.equal(server.username, 'user');
    assert.equal(server.conclude(example.answer), example.signature);
    assert.equal(server.conclude(example.answer), undefined, 'an answer counts once');
  });
});

test("the double of test/support sends the server's messages of RFC 7677", () => {
  const double = scramDouble({password: user.password});
  assert.equal(double.first(example.first), example.challenge);
  assert.deepEqual(double.final(example.answer), {isProved: true, message: example.signature});
});

/** RFC 5802, section 3, with PBKDF2 as RFC 2898 defines it: one block, iteration by iteration. */
function independent(
  method: ScramMethod,
  password: string,
  salt: Buffer,
  iterations: number,
  exchange: string,
) {
  const digest = method.replace('SCRAM-', '').replace('-', '').toLowerCase();
  const mac = (key: Uint8Array, text: Uint8Array | string) => createHmac(digest, key).update(text).digest();
  const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, index) => byte ^ b[index]!));
  let block = mac(Buffer.from(password), Buffer.concat([salt, Buffer.of(0, 0, 0, 1)]));
  let salted = block;
  for (let count = 1; count < iterations; count++) {
    block = mac(Buffer.from(password), block);
    salted = xor(salted, block);
  }
  const clientKey = mac(salted, 'Client Key');
  const storedKey = createHash(digest).update(clientKey).digest();
  return {
    proof: xor(clientKey, mac(storedKey, exchange)).toString('base64'),
    signature: mac(mac(salted, 'Server Key'), exchange).toString('base64'),
  };
}

for (const method of scramMethods) {
  test(`${method}: both sides send what the RFC's own steps give`, async () => {
    const salt = Buffer.from('0123456789abcdef');
    const account = await scramAccount(method, 'pässwörd', 5000, salt);
    const client = new ScramClient(method, {username: 'a=b,c', password: 'pässwörd'});
    assert.match(client.first, /^n,,n=a=3Db=2Cc,r=/);
    const server = new ScramServer(() => account);
    const challenge = server.challenge(client.first);
    assert.equal(server.username, 'a=b,c');
    const answer = await client.answer(challenge);
    const [withoutProof, proof] = answer.split(',p=');
    const exchange = `${client.first.slice(3)},${challenge},${withoutProof}`;
    const expected = independent(method, 'pässwörd', salt, 5000, exchange);
    assert.equal(proof, expected.proof);
    const signature = server.conclude(answer);
    assert.equal(signature, `v=${expected.signature}`);
    assert.ok(client.verify(signature!));
  });

  test(`${method}: an account is one line, and the same after reading it`, async () => {
    const account = await scramAccount(method, 'pencil', 4096);
    const text = formatScramAccount(account);
    assert.match(text, new RegExp(`^${method}\\$4096:[^:$]+\\$[^:$]+:[^:$]+$`));
    assert.deepEqual(formatScramAccount(parseScramAccount(text)!), text);
    assert.ok(await isScramPassword(account, 'pencil'));
    assert.ok(!(await isScramPassword(account, 'pencil ')));
    for (const damaged of [text.slice(0, -4), text.replace('$4096', '$0'), `${text}x`, text.replace('-', '')])
      assert.equal(parseScramAccount(damaged), undefined, damaged);
  });
}

test('the account behind the example of RFC 7677 is written as RFC 5803 has it', async () => {
  const account = await scramAccount('SCRAM-SHA-256', 'pencil', 4096, Buffer.from(example.salt, 'base64'));
  assert.equal(
    formatScramAccount(account),
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
  );
});

test('a wrong password, a proof that was changed and another nonce prove nothing', async () => {
  const account = await scramAccount('SCRAM-SHA-256', 'pencil', 4096);
  const prove = async (password: string, change = (answer: string) => answer) => {
    const client = new ScramClient('SCRAM-SHA-256', {username: 'user', password});
    const server = new ScramServer(() => account);
    return server.conclude(change(await client.answer(server.challenge(client.first))));
  };
  assert.match((await prove('pencil'))!, /^v=/);
  assert.equal(await prove('pencill'), undefined);
  assert.equal(await prove('pencil', (answer) => answer.replace('c=biws', 'c=eSws')), undefined);
  assert.equal(await prove('pencil', (answer) => answer.replace(',r=', ',r=x')), undefined);
  assert.equal(await prove('pencil', (answer) => answer.replace(/,p=.*/, ',p=AAAA')), undefined);
  assert.equal(await prove('pencil', () => 'nonsense'), undefined);
});

test('the client does not answer a challenge that is not for it, or asks for too few iterations', async () => {
  const client = new ScramClient('SCRAM-SHA-256', user, 'abc');
  const refuses = async (challenge: string, reason: RegExp) =>
    await assert.rejects(client.answer(challenge), (error) => {
      assert.ok(error instanceof ScramFailure);
      assert.match(error.message, reason);
      return true;
    });
  await refuses('r=xbc123,s=AAAA,i=4096', /does not answer this attempt/);
  await refuses('r=abc,s=AAAA,i=4096', /does not answer this attempt/);
  await refuses('r=abcd,s=AAAA,i=4095', /asks for 4095 iterations/);
  await refuses('r=abcd,s=AAAA,i=10000001', /asks for 10000001 iterations/);
  await refuses('r=abcd,s=AAAA', /asks for no number of iterations/);
  assert.ok(!client.verify(''), 'before it has answered, no signature counts');
});

test('the server refuses what it does not know: another identity, channel binding, extensions', () => {
  const server = new ScramServer(() => assert.fail('no account is looked for'));
  for (const first of [
    'p=tls-unique,,n=user,r=abc',
    'n,a=other,n=user,r=abc',
    'n,,m=x,n=user,r=abc',
    'n,,n=,r=abc',
    'n,,n=us=er,r=abc',
    'n,,n=user',
    '',
  ]) {
    assert.throws(() => server.challenge(first), ScramFailure, first);
  }
});

test('a password that SASLprep prohibits makes no account', async () => {
  await assert.rejects(scramAccount('SCRAM-SHA-256', 'a\u0007', 4096), /password cannot be used: SASLprep/);
});
