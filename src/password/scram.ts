/**
 * SCRAM [RFC 5802] with SHA-256 [RFC 7677] and SHA-512, without channel binding: the messages of both sides, and the
 * account that a server keeps in place of the password [RFC 5803]. Pure; knows no packet and no file.
 */

import {createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual} from 'node:crypto';
import {saslprep} from './saslprep.ts';
import type {ScramMethod} from './scram-methods.ts';

/** What a server keeps of a password. */
export interface ScramAccount {
  readonly method: ScramMethod;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The iterations that a client carries out: RFC 7677 asks for 4096; more than the most would stop it for long. */
export const scramIterations = {minimum: 4096, maximum: 10_000_000};

/** An exchange that cannot go on; the message is a clause: 'it asks for 1 iteration'. */
export class ScramFailure extends Error {}

const digests: Readonly<Record<ScramMethod, {readonly name: string; readonly bytes: number}>> = {
  'SCRAM-SHA-256': {name: 'sha256', bytes: 32},
  'SCRAM-SHA-512': {name: 'sha512', bytes: 64},
};

function hmac(method: ScramMethod, key: Uint8Array, text: string): Buffer {
  return createHmac(digests[method].name, key).update(text).digest();
}

function hash(method: ScramMethod, bytes: Uint8Array): Buffer {
  return createHash(digests[method].name).update(bytes).digest();
}

/** Compares in a time that does not depend on where the two differ. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function exclusiveOr(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ b[index]!));
}

/** SaltedPassword, in a thread of its own. @throws ScramFailure for a password that SASLprep prohibits */
function saltPassword(
  method: ScramMethod,
  password: string,
  {salt, iterations}: Pick<ScramAccount, 'salt' | 'iterations'>,
): Promise<Buffer> {
  const {name, bytes} = digests[method];
  const prepared = prepare('password', password);
  return new Promise((resolve, reject) => {
    pbkdf2(prepared, salt, iterations, bytes, name, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

function prepare(what: string, text: string): string {
  try {
    return saslprep(text);
  } catch (error) {
    throw new ScramFailure(`the ${what} cannot be used: ${(error as Error).message}`);
  }
}

/** The account of a password. @throws ScramFailure for a password that SASLprep prohibits */
export async function scramAccount(
  method: ScramMethod,
  password: string,
  iterations: number,
  salt: Uint8Array = randomBytes(16),
): Promise<ScramAccount> {
  const salted = await saltPassword(method, password, {salt, iterations});
  const storedKey = hash(method, hmac(method, salted, 'Client Key'));
  return {method, iterations, salt, storedKey, serverKey: hmac(method, salted, 'Server Key')};
}

/** Whether the password is the account's. */
export async function isScramPassword(account: ScramAccount, password: string): Promise<boolean> {
  const {method, iterations, salt, storedKey} = account;
  return equal((await scramAccount(method, password, iterations, salt)).storedKey, storedKey);
}

/** 'SCRAM-SHA-256$4096:salt$StoredKey:ServerKey', in base64 [RFC 5803, 3]. */
export function formatScramAccount({method, iterations, salt, storedKey, serverKey}: ScramAccount): string {
  const [saltText, storedText, serverText] = [salt, storedKey, serverKey].map(base64);
  return `${method}$${iterations}:${saltText}$${storedText}:${serverText}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

const base64Text = '(?:[A-Za-z\\d+/]{4})*(?:[A-Za-z\\d+/]{2}==|[A-Za-z\\d+/]{3}=)?';
const accountPattern = new RegExp(
  `^(SCRAM-SHA-(?:256|512))\\$([1-9]\\d{0,9}):(${base64Text})\\$(${base64Text}):(${base64Text})$`,
);

/** The account that a text describes; undefined for any other text. */
export function parseScramAccount(text: string): ScramAccount | undefined {
  const [, name, count, ...fields] = accountPattern.exec(text) ?? [];
  if (name === undefined) return undefined;
  const [salt, storedKey, serverKey] = fields.map((field) => Buffer.from(field, 'base64'));
  const method = name as ScramMethod;
  const {bytes} = digests[method];
  const isWhole = salt!.length > 0 && storedKey!.length === bytes && serverKey!.length === bytes;
  if (!isWhole || Number(count) > 2 ** 31 - 1) return undefined;
  return {method, iterations: Number(count), salt: salt!, storedKey: storedKey!, serverKey: serverKey!};
}

/** The attributes of a message, 'r=…,s=…' → {r: '…', s: '…'}; none where it is something else. */
function attributes(message: string): Readonly<Record<string, string>> {
  return Object.fromEntries(message.split(',').map((each) => [each.slice(0, 1), each.slice(2)]));
}

/** No channel binding, and no other authorization identity [RFC 5802, 7]. */
const header = 'n,,';
const bindingText = Buffer.from(header).toString('base64');

function serverSignature(account: Pick<ScramAccount, 'method' | 'serverKey'>, exchange: string): Buffer {
  return hmac(account.method, account.serverKey, exchange);
}

/** One exchange as the client: `first`, then `answer`, then `verify`. */
export class ScramClient {
  /** The client-first-message. */
  readonly first: string;
  readonly #method: ScramMethod;
  readonly #password: string;
  readonly #nonce: string;
  #signature: Buffer | undefined;

  /** `nonce` is random unless given. @throws ScramFailure for a user name that SASLprep prohibits */
  constructor(
    method: ScramMethod,
    {username, password}: {readonly username: string; readonly password: string},
    nonce: string = randomBytes(18).toString('base64'),
  ) {
    this.#method = method;
    this.#password = password;
    this.#nonce = nonce;
    const name = prepare('user name', username).replaceAll('=', '=3D').replaceAll(',', '=2C');
    this.first = `${header}n=${name},r=${nonce}`;
  }

  /** The client-final-message, which proves that the client knows the password. @throws ScramFailure */
  async answer(serverFirst: string): Promise<string> {
    const {r: nonce = '', s: salt = '', i: count = ''} = attributes(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce)
      throw new ScramFailure('it does not answer this attempt');
    const iterations = /^\d{1,9}$/.test(count) ? Number(count) : 0;
    if (iterations < scramIterations.minimum || iterations > scramIterations.maximum || salt === '')
      throw new ScramFailure(`it asks for ${count === '' ? 'no number of' : count} iterations`);
    const account = {salt: Buffer.from(salt, 'base64'), iterations};
    const salted = await saltPassword(this.#method, this.#password, account);
    const method = this.#method;
    const withoutProof = `c=${bindingText},r=${nonce}`;
    const exchange = `${this.first.slice(header.length)},${serverFirst},${withoutProof}`;
    const clientKey = hmac(method, salted, 'Client Key');
    const proof = exclusiveOr(clientKey, hmac(method, hash(method, clientKey), exchange));
    this.#signature = serverSignature({method, serverKey: hmac(method, salted, 'Server Key')}, exchange);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Whether the server-final-message proves that the server has the account of the password. */
  verify(serverFinal: string): boolean {
    const {v: signature = ''} = attributes(serverFinal);
    return this.#signature !== undefined && equal(this.#signature, Buffer.from(signature, 'base64'));
  }
}

/** One exchange as the server: `challenge`, then `conclude`. */
export class ScramServer {
  readonly #find: (username: string) => ScramAccount;
  #username = '';
  #account: ScramAccount | undefined;
  #nonce = '';
  /** The header of the client-first-message, which the client repeats. */
  #binding = '';
  #exchange = '';

  /** `find` gives an account for every name, so that the answers do not tell which of them exist. */
  constructor(find: (username: string) => ScramAccount) {
    this.#find = find;
  }

  /** The user that the client claims to be. */
  get username(): string {
    return this.#username;
  }

  /** The server-first-message. @throws ScramFailure for what is no client-first-message, or asks for more than there is */
  challenge(clientFirst: string, nonce: string = randomBytes(18).toString('base64')): string {
    // The flag y: the client could bind to a channel, and thinks rightly that the server cannot.
    const match = /^([ny],(?:a=([^,]*))?,)n=([^,]+),r=([!-+\--~]+)(?:,|$)/.exec(clientFirst);
    const [, start = '', identity, name = '', clientNonce = ''] = match ?? [];
    if (match === null || /=(?!2C|3D)/.test(name)) throw new ScramFailure('it is no client-first-message');
    if (identity !== undefined && identity !== name) throw new ScramFailure('it asks for another identity');
    this.#username = prepare('user name', name.replaceAll('=2C', ',').replaceAll('=3D', '='));
    this.#account = this.#find(this.#username);
    this.#nonce = `${clientNonce}${nonce}`;
    this.#binding = Buffer.from(start).toString('base64');
    const {salt, iterations} = this.#account;
    const serverFirst = `r=${this.#nonce},s=${base64(salt)},i=${iterations}`;
    this.#exchange = `${clientFirst.slice(start.length)},${serverFirst}`;
    return serverFirst;
  }

  /** The server-final-message; undefined where the client has not proved that it knows the password. */
  conclude(clientFinal: string): string | undefined {
    const account = this.#account;
    const at = clientFinal.lastIndexOf(',p=');
    if (account === undefined || at < 0) return undefined;
    this.#account = undefined;
    const {c: binding, r: nonce} = attributes(clientFinal.slice(0, at));
    const proof = Buffer.from(clientFinal.slice(at + 3), 'base64');
    const exchange = `${this.#exchange},${clientFinal.slice(0, at)}`;
    const {method, storedKey} = account;
    if (binding !== this.#binding || nonce !== this.#nonce || proof.length !== storedKey.length)
      return undefined;
    const clientKey = exclusiveOr(proof, hmac(method, storedKey, exchange));
    if (!equal(hash(method, clientKey), storedKey)) return undefined;
    return `v=${serverSignature(account, exchange).toString('base64')}`;
  }
}
