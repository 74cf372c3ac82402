/**
 * The server's side of SCRAM-SHA-256, written from RFC 5802 apart from ours, for scripts of a fake broker. A unit test
 * holds it to the example of RFC 7677.
 */

import {createHash, createHmac, pbkdf2Sync} from 'node:crypto';

export interface ScramDouble {
  /** The server-first-message that answers a client-first-message. */
  first(clientFirst: string): string;
  /** Whether the client's proof is right, and the server-final-message. */
  final(clientFinal: string): {readonly isProved: boolean; readonly message: string};
}

export interface ScramDoubleOptions {
  readonly password: string;
  readonly nonce?: string;
  readonly salt?: Buffer;
  readonly iterations?: number;
}

/** One exchange. */
export function scramDouble({
  password,
  nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  iterations = 4096,
}: ScramDoubleOptions): ScramDouble {
  const mac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest();
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const clientKey = mac(salted, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  let exchange = '';
  return {
    first(clientFirst) {
      const bare = clientFirst.slice('n,,'.length);
      const answer = `r=${bare.slice(bare.indexOf(',r=') + 3)}${nonce},s=${salt.toString('base64')},i=${iterations}`;
      exchange = `${bare},${answer}`;
      return answer;
    },
    final(clientFinal) {
      const at = clientFinal.indexOf(',p=');
      const whole = `${exchange},${clientFinal.slice(0, at)}`;
      const signature = mac(storedKey, whole);
      const expected = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!));
      return {
        isProved: clientFinal.slice(at + 3) === expected.toString('base64'),
        message: `v=${mac(mac(salted, 'Server Key'), whole).toString('base64')}`,
      };
    },
  };
}
