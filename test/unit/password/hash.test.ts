// needs: openssl
/** The hash schemes against vectors of mosquitto's own tools and against other implementations. */

import assert from 'node:assert/strict';
import {createHash, pbkdf2Sync} from 'node:crypto';
import {describe, test} from 'node:test';
import fc from 'fast-check';
import {TmqError} from '../../../src/errors.ts';
import {
  type HashScheme,
  type SchemeName,
  schemeOf,
  schemes,
  verifySecret,
} from '../../../src/password/hash.ts';
import {run} from '../../support/spawn.ts';

const plain = 'password123';
const difficult = 'pässwörd:$ x';

/** Written by mosquitto_passwd 2.0.11 and 2.1.2 (argon2id: 2.1.2 built with libargon2). */
const vectors: readonly (readonly [password: string, scheme: SchemeName, secret: string])[] = [
  [
    plain,
    'sha512',
    '$6$dtMF49Z2e8YSrYEY$1nAtPhU4V+d8dj/3glka5H7VrQBf/IZ2WFhJDQI5CGpbK6soFrwk0cciOf0pioSvkTsiZ9rD24pOZTPpYxq1Kg==',
  ],
  [
    plain,
    'sha512',
    '$6$vRe/NC3ZUloDH78T$iCUhWv+fgw34kA1p2y1/lz5SSYOF8YFVhKLh/QSW+PBf6GEQCvb1gytlBsihEI/Spys2P9SAEKl0qylSJiI6Cw==',
  ],
  [
    plain,
    'sha512',
    '$6$YtNXVrigb6ZL2j3ZiNoMSfZGjXAy2fHWPZ6A8VPrH8P1zM8dbmiUPfXsLo0Fmcv62RnDQimKUc79NYCJwPfIyg==$mje/BFRaCFGcTWzFrBFulWj4kqVW+N7QqX9GF91L347NADIOwH1H0HdqvlBah29A0PTcCfeY8jDuSUKODBbs+A==',
  ],
  [
    difficult,
    'sha512',
    '$6$H5QcPbp//jpVTW7YoweaGkIw5W3HAtjZtaTgQV3udNez3R+WxhpAkJxTGoMMaWM9y9RQj+yCndvG3XT8133sNw==$zyBDlQMXvY25hcI/JcaqQSn6mBrgMNzOgLjhIJIukmebIYOeNPlaj48qd8+XHXVpmvR6WpaSTI9vRicGXfO2Bg==',
  ],
  [
    plain,
    'sha512-pbkdf2',
    '$7$101$QldBLjlEtucfe3bM$jVALTT6kGjHtOICGVrD7SD4vjPciPv3MpMYFkLgDxXbUL4au3VuP84UFu35b/8DVuuh+vzMcBIw80Epy+qWX5w==',
  ],
  [
    plain,
    'sha512-pbkdf2',
    '$7$1000$tq5rbNaJPtQtgs7Jvqlr+H5JnF9kneqb+qROVnI7oWgsFOqNFFt4bUXTZDdOc7VwvgkJNA0DTZh4XnLA1CDc/g==$wdJwaUrjMwpKLwbyFI08qIWBOzQINsyMpifheSd+PMxHAGqv6h0q+ew2CNfigMj6Or97K/5/sgnve7R+Iysvrw==',
  ],
  [
    difficult,
    'sha512-pbkdf2',
    '$7$1000$oGuqtbA4QTNmm1PjCyL2sIOYgoMsbc8onKCKAz+iRjtjMBd2OhHWaV8kaHaI1GSftzyeDsEOA8bt1vyFkW9rHw==$bZBYht19zIsJSuGDeVVaI9JV8ud9Fwq3uUiezghsrk++B0GX30hzY9aEOPOGv9eebX+4yPGUkINQIGsixaBGCg==',
  ],
  [
    plain,
    'sha512-pbkdf2',
    '$7$100000$zB1WRIVX9r4+GafqMtfVlm1dtXecy0VENHC6TushzNLVCps5h5B1az2LeYczqnGiwA4lEoCb+nvwmvMsL8qt1Q==$ZBbgq5oWaEU/qyK9/rNStaFje8mXKoVuTWRPjK6rM4s9kNJefUiWpfTKLv+sIeT5ahYHWa+oO2/hXtfyiOnWxQ==',
  ],
  [
    plain,
    'argon2id',
    '$argon2id$v=19$m=47104,t=1,p=1$Se9+Gf8oD9Rm0UzncxusvBfU/96o9xDBSo1qJdckDCTquC5f5CNy12lAEQBWlrvxO/2vmhh21ShPJmf4OgKpfA$qcIrv0taHaBEYSqXDcS9RKbILtfsqIBOO38qCJmcyYLxGvKgZ+z3fnrug9SoaeXzD5RXs0TlX62UOP4EV/haMA',
  ],
  [
    difficult,
    'argon2id',
    '$argon2id$v=19$m=47104,t=1,p=1$Knq9rnetBmdr0uB37mO2wuzduY4AewwLIxB6U9f9Io0Znos/utvd1WJlzqS6oS7zwtQU89xBOyn3dB1dDjolDA$szee+HMn60+PHYBB/3WIoLOHGQKGb86T8J+Lm3MWr3lyHG+WldXOieDDYCVnSu/BflIFrA0FHkcDP3oZ4ejUlw',
  ],
];

const scheme = (name: SchemeName) => schemes.find((candidate) => candidate.name === name)!;
const bytes = (text: string) => Buffer.from(text);

describe('secrets of other tools', () => {
  for (const [password, name, secret] of vectors) {
    test(`${secret.slice(0, 20)}… is ${name}, and verifies`, async () => {
      assert.equal(schemeOf(secret)?.name, name);
      assert.equal(await verifySecret(secret, password), true);
      assert.equal(await verifySecret(secret, bytes(password)), true);
      assert.equal(await verifySecret(secret, `${password}x`), false);
      assert.equal(await verifySecret(secret, password.slice(1)), false);
      assert.equal(await verifySecret(secret, ''), false);
    });
  }

  test('openssl passwd -6 and sha512-crypt agree, also beyond ASCII', async () => {
    for (const password of [plain, difficult, '密码', '😀 emoji', 'x'.repeat(100)]) {
      const {stdout} = await run('openssl', ['passwd', '-6', '-salt', 'saltsaltsaltsalt', '-stdin'], {
        input: `${password}\n`,
      });
      const theirs = stdout.toString().trim();
      assert.equal(schemeOf(theirs)?.name, 'sha512-crypt');
      assert.equal(await verifySecret(theirs, password), true);
      assert.equal(await verifySecret(theirs, `${password}.`), false);

      const ours = await scheme('sha512-crypt').hash(bytes(password));
      const again = await run('openssl', ['passwd', '-6', '-salt', ours.split('$')[2]!, '-stdin'], {
        input: `${password}\n`,
      });
      assert.equal(again.stdout.toString().trim(), ours);
    }
  });
});

describe('our own secrets', () => {
  test('sha512 is one round over password and a 12-byte salt', async () => {
    const [, , salt, digest] = (await scheme('sha512').hash(bytes(difficult))).split('$');
    assert.equal(Buffer.from(salt!, 'base64').length, 12);
    assert.equal(salt!.length, 16);
    const expected = createHash('sha512').update(difficult).update(Buffer.from(salt!, 'base64'));
    assert.equal(digest, expected.digest('base64'));
  });

  test('sha512-pbkdf2 has a 12-byte salt and by default at least 210,000 iterations', async () => {
    const [, tag, iterations, salt, key] = (await scheme('sha512-pbkdf2').hash(bytes(plain))).split('$');
    assert.equal(tag, '7');
    assert.ok(Number(iterations) >= 210_000);
    assert.equal(Buffer.from(salt!, 'base64').length, 12);
    const expected = pbkdf2Sync(plain, Buffer.from(salt!, 'base64'), Number(iterations), 64, 'sha512');
    assert.equal(key, expected.toString('base64'));
    assert.match(await scheme('sha512-pbkdf2').hash(bytes(plain), 101), /^\$7\$101\$/);
  });

  test("argon2id has mosquitto's parameters in libargon2's order, unpadded", async () => {
    const secret = await scheme('argon2id').hash(bytes(difficult));
    assert.match(secret, /^\$argon2id\$v=19\$m=47104,t=1,p=1\$[A-Za-z0-9+/]{86}\$[A-Za-z0-9+/]{86}$/);
    assert.equal(await verifySecret(secret, difficult), true);
    assert.equal(await verifySecret(secret, plain), false);
    await assert.rejects(scheme('argon2id').hash(bytes('')), TmqError);
  });

  test('sha512-crypt states its rounds when they are not the default', async () => {
    assert.match(
      await scheme('sha512-crypt').hash(bytes(plain)),
      /^\$6\$[./A-Za-z0-9]{16}\$[./A-Za-z0-9]{86}$/,
    );
    const secret = await scheme('sha512-crypt').hash(bytes(plain), 1000);
    assert.match(secret, /^\$6\$rounds=1000\$/);
    assert.equal(await verifySecret(secret, plain), true);
  });

  // HMAC fills a key that is shorter than its block (128 bytes) with NUL bytes [RFC 2104, 2], so that to PBKDF2 a
  // password is the same with and without NUL bytes behind it: in mosquitto as here.
  const withoutPadding = (chosen: HashScheme, password: Uint8Array) => {
    const text = Buffer.from(password).toString('latin1');
    return chosen.name === 'sha512-pbkdf2' ? text.replace(/\0+$/, '') : text;
  };

  test('trailing NUL bytes make another password, except with PBKDF2', async () => {
    for (const [name, same] of [
      ['sha512', false],
      ['sha512-pbkdf2', true],
    ] as const) {
      assert.equal(await verifySecret(await scheme(name).hash(bytes(''), 2), bytes('\0')), same, name);
    }
  });

  test('any bytes verify, other bytes do not, and every salt is new', async () => {
    const fast = [scheme('sha512'), scheme('sha512-pbkdf2')];
    const password = fc.uint8Array({maxLength: 80});
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fast), password, password, async (chosen, one, other) => {
        const secret = await chosen.hash(one, 2);
        assert.equal(schemeOf(secret), chosen);
        assert.equal(await verifySecret(secret, one), true);
        const same = withoutPadding(chosen, one) === withoutPadding(chosen, other);
        assert.equal(await verifySecret(secret, other), same);
        assert.notEqual(await chosen.hash(one, 2), secret);
      }),
      {numRuns: 200},
    );
  });
});

describe('what is no secret', () => {
  const sha512 = vectors[0]![2];
  const salt64 = vectors[2]![2].split('$')[2]!;
  const digest = sha512.split('$')[3]!;
  const argon2 = vectors[8]![2];
  const cases: readonly (readonly [what: string, secret: string])[] = [
    ['plain text', plain],
    ['nothing', ''],
    ['SHA-256 of crypt(3)', `$5$saltsalt$${'a'.repeat(43)}`],
    ['bcrypt', `$2b$12$${'a'.repeat(53)}`],
    ['a salt of 11 bytes', `$6$${Buffer.alloc(11, 1).toString('base64')}$${digest}`],
    ['a salt of 32 bytes', `$6$${Buffer.alloc(32, 1).toString('base64')}$${digest}`],
    ['a digest of 63 bytes', `$6$${salt64}$${Buffer.alloc(63).toString('base64')}`],
    ['a digest without padding', sha512.slice(0, -2)],
    ['a character that is not base64', sha512.replace('+', '*')],
    ['a fourth field', `${sha512}$`],
    ['no iterations', `$7$0$dtMF49Z2e8YSrYEY$${digest}`],
    ['negative iterations', `$7$-1$dtMF49Z2e8YSrYEY$${digest}`],
    ['iterations beyond an int', `$7$2147483648$dtMF49Z2e8YSrYEY$${digest}`],
    ['argon2id with parameters in another order', argon2.replace('m=47104,t=1,p=1', 'm=47104,p=1,t=1')],
    ['argon2i', argon2.replace('argon2id', 'argon2i')],
    ['argon2id without memory', argon2.replace('m=47104', 'm=1')],
    ['argon2id with more memory than there can be', argon2.replace('m=47104', 'm=9999999')],
    ['crypt(3) with a hash too short', `$6$saltsalt$${'a'.repeat(85)}`],
    ['crypt(3) with too few rounds', `$6$rounds=999$saltsalt$${'a'.repeat(86)}`],
  ];
  for (const [what, secret] of cases) {
    test(what, async () => {
      assert.equal(schemeOf(secret), undefined);
      assert.equal(await verifySecret(secret, plain), false);
    });
  }

  test('an argon2id secret is never verified by an empty password', async () => {
    assert.equal(await verifySecret(argon2, ''), false);
  });
});

describe('cost and advice', () => {
  const advice = (secret: string) => {
    const found = schemeOf(secret)!;
    return found.weakness(found.cost(secret)!);
  };

  test('a single round is weak whatever its salt', () => {
    assert.match(advice(vectors[0]![2])!, /single round/);
  });

  test('PBKDF2 is weak below 210,000 iterations', () => {
    const secret = (iterations: number) => vectors[4]![2].replace('$101$', `$${iterations}$`);
    assert.deepEqual(schemeOf(secret(101))!.cost(secret(101)), {iterations: 101});
    assert.match(advice(secret(209_999))!, /209999 iterations/);
    assert.equal(advice(secret(210_000)), undefined);
  });

  test("argon2id is judged by memory and passes together; mosquitto's are enough", () => {
    const secret = (parameters: string) => vectors[8]![2].replace('m=47104,t=1,p=1', parameters);
    assert.deepEqual(schemeOf(secret('m=8192,t=2,p=4'))!.cost(secret('m=8192,t=2,p=4')), {
      memory: 8192,
      passes: 2,
      lanes: 4,
    });
    assert.equal(advice(vectors[8]![2]), undefined);
    assert.equal(advice(secret('m=19456,t=2,p=1')), undefined);
    assert.match(advice(secret('m=19456,t=1,p=1'))!, /19456 KiB and 1 pass;/);
  });

  test('crypt(3) counts rounds, 5000 where it states none', () => {
    const secret = `$6$saltsalt$${'a'.repeat(86)}`;
    assert.deepEqual(schemeOf(secret)!.cost(secret), {rounds: 5000});
    assert.match(advice(secret)!, /5000 rounds/);
    assert.equal(advice(secret.replace('$6$', '$6$rounds=300000$')), undefined);
  });
});
