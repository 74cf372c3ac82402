/**
 * The schemes by which a password file keeps passwords, as a table: mosquitto's `$6$` and `$7$`, argon2id
 * as mosquitto 2.1 writes it, the `$6$` of crypt(3), and SCRAM accounts. The two kinds of `$6$` share their tag and nothing
 * else; the length and alphabet of the last field tell them apart. Knows nothing of files and users.
 */

import {isUtf8} from 'node:buffer';
import {createHash, pbkdf2, randomBytes, randomInt, timingSafeEqual} from 'node:crypto';
import {ExitCode, TmqError} from '../errors.ts';
import type {Argon2Options} from './argon2id.ts';
import {
  formatScramAccount,
  isScramPassword,
  parseScramAccount,
  ScramFailure,
  scramAccount,
  scramIterations,
} from './scram.ts';
import type {ScramMethod} from './scram-methods.ts';

export type SchemeName =
  | 'sha512'
  | 'sha512-pbkdf2'
  | 'argon2id'
  | 'sha512-crypt'
  | 'scram-sha-256'
  | 'scram-sha-512';

/** The work that one guess costs, by the names of the scheme's own parameters; memory is in KiB. */
export type Cost = Readonly<Record<string, number>>;

/** The functions of the packages that hash in JavaScript or WebAssembly, as another thread carries them out. */
export interface HashFunctions {
  readonly argon2id: (options: Argon2Options) => Promise<unknown>;
  readonly sha512Crypt: (text: string, salt: string) => Promise<unknown>;
}

export interface HashScheme {
  readonly name: SchemeName;
  /** Whether mosquitto reads it; some schemes are for other programs. */
  readonly mosquitto: boolean;
  /** The first version of mosquitto that reads it, where not every one does. */
  readonly mosquittoSince?: string;
  /** Whether threads beside this one hash, so that several passwords at once are done sooner. */
  readonly threaded: boolean;
  /** What the `iterations` of `hash` are called and may be; absent where the work is fixed. */
  readonly iterations?: {readonly default: number; readonly minimum: number; readonly maximum: number};
  /** The cost stated by a well-formed secret of this scheme; undefined for any other text. */
  cost(secret: string): Cost | undefined;
  /** Why this cost is below today's advice, or undefined. */
  weakness(cost: Cost): string | undefined;
  /** A new secret with a random salt. @throws TmqError when the scheme cannot take this password */
  hash(password: Uint8Array, iterations?: number): Promise<string>;
  /** Whether the password is the one; `secret` is well-formed. `elsewhere` computes what would stop this thread. */
  verify(password: Uint8Array, secret: string, elsewhere?: HashFunctions): Promise<boolean>;
}

/** OWASP Password Storage Cheat Sheet: PBKDF2-HMAC-SHA512. */
const advisedIterations = 210_000;

/** mosquitto 2.0 reads a salt of 12 bytes only, 2.1 of 12 or 64. */
const saltLength = 12;
const digestLength = 64;

/** Base64 of exactly 64 bytes, and of 12 or 64, as mosquitto writes it: padded, with no bit astray. */
const base64Of64 = '[A-Za-z\\d+/]{85}[AQgw]==';
const base64OfSalt = `[A-Za-z\\d+/]{16}|${base64Of64}`;

/** Compares in a time that does not depend on where the two differ. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

// mosquitto's $6$: $6$<salt>$<SHA-512(password ‖ salt)>

const sha512Pattern = new RegExp(`^\\$6\\$(${base64OfSalt})\\$(${base64Of64})$`);

const digestOf = (password: Uint8Array, salt: Uint8Array) =>
  createHash('sha512').update(password).update(salt);

const sha512: HashScheme = {
  name: 'sha512',
  mosquitto: true,
  threaded: false,
  cost: (secret) => (sha512Pattern.test(secret) ? {iterations: 1} : undefined),
  weakness: () => 'a single round of SHA-512; advised: argon2id or sha512-pbkdf2',
  async hash(password) {
    const salt = randomBytes(saltLength);
    return `$6$${salt.toString('base64')}$${digestOf(password, salt).digest('base64')}`;
  },
  async verify(password, secret) {
    const [, salt, digest] = sha512Pattern.exec(secret) ?? [];
    if (salt === undefined || digest === undefined) return false;
    return equal(digestOf(password, Buffer.from(salt, 'base64')).digest(), Buffer.from(digest, 'base64'));
  },
};

// mosquitto's $7$: $7$<iterations>$<salt>$<PBKDF2-HMAC-SHA512(password, salt, iterations, 64)>

const maximumIterations = 2 ** 31 - 1;

/** PBKDF2-HMAC-SHA512, in a thread of its own. */
function deriveKey(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, digestLength, 'sha512', (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

const pbkdf2Pattern = new RegExp(`^\\$7\\$(\\d{1,10})\\$(${base64OfSalt})\\$(${base64Of64})$`);

function parsePbkdf2(secret: string) {
  const [, count, salt, digest] = pbkdf2Pattern.exec(secret) ?? [];
  const iterations = Number(count);
  if (salt === undefined || digest === undefined) return undefined;
  return iterations >= 1 && iterations <= maximumIterations ? {iterations, salt, digest} : undefined;
}

const sha512Pbkdf2: HashScheme = {
  name: 'sha512-pbkdf2',
  mosquitto: true,
  threaded: true,
  iterations: {default: advisedIterations, minimum: 1, maximum: maximumIterations},
  cost(secret) {
    const parsed = parsePbkdf2(secret);
    return parsed && {iterations: parsed.iterations};
  },
  weakness: ({iterations = 0}) =>
    iterations < advisedIterations
      ? `${iterations} iterations; advised: at least ${advisedIterations}`
      : undefined,
  async hash(password, iterations = advisedIterations) {
    const salt = randomBytes(saltLength);
    const key = await deriveKey(password, salt, iterations);
    return `$7$${iterations}$${salt.toString('base64')}$${key.toString('base64')}`;
  },
  async verify(password, secret) {
    const parsed = parsePbkdf2(secret);
    if (parsed === undefined) return false;
    const key = await deriveKey(password, Buffer.from(parsed.salt, 'base64'), parsed.iterations);
    return equal(key, Buffer.from(parsed.digest, 'base64'));
  },
};

// argon2id: the PHC string, parameters in libargon2's order, base64 without padding

/** mosquitto 2.1's parameters: memory in KiB, one pass, one lane; 64 bytes of salt and of hash. */
const argon2 = {memory: 47_104, passes: 1, lanes: 1, saltLength: 64, hashLength: 64};

/** More than this a 32-bit WebAssembly memory cannot hold. */
const maximumMemory = 4_000_000;

/** OWASP's equivalent minimums: with so much memory, so many passes. */
const advisedArgon2: readonly (readonly [memory: number, passes: number])[] = [
  [47_104, 1],
  [19_456, 2],
  [12_288, 3],
  [9_216, 4],
  [7_168, 5],
];

const unpadded = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

function parseArgon2id(secret: string) {
  const match =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,6}),p=(\d{1,3})\$([A-Za-z\d+/]+)\$([A-Za-z\d+/]+)$/.exec(secret);
  if (match === null) return undefined;
  const [memory, passes, lanes] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [salt, hash] = [Buffer.from(match[4]!, 'base64'), Buffer.from(match[5]!, 'base64')];
  const possible = lanes >= 1 && passes >= 1 && memory >= 8 * lanes && memory <= maximumMemory;
  return possible && salt.length >= 8 && hash.length >= 4 ? {memory, passes, lanes, salt, hash} : undefined;
}

const argon2id: HashScheme = {
  name: 'argon2id',
  mosquitto: true,
  mosquittoSince: '2.1',
  threaded: false,
  cost(secret) {
    const parsed = parseArgon2id(secret);
    return parsed && {memory: parsed.memory, passes: parsed.passes, lanes: parsed.lanes};
  },
  weakness: ({memory = 0, passes = 0}) =>
    advisedArgon2.some(([enoughMemory, enoughPasses]) => memory >= enoughMemory && passes >= enoughPasses)
      ? undefined
      : `${memory} KiB and ${passes} pass${passes === 1 ? '' : 'es'}; advised: at least 47104 KiB`,
  async hash(password) {
    if (password.length === 0) throw new TmqError('An empty password cannot be hashed with argon2id.');
    const {computeArgon2id} = await import('./argon2id.ts');
    const salt = randomBytes(argon2.saltLength);
    const hash = await computeArgon2id(password, {...argon2, salt});
    return `$argon2id$v=19$m=${argon2.memory},t=${argon2.passes},p=${argon2.lanes}$${unpadded(salt)}$${unpadded(hash)}`;
  },
  async verify(password, secret, elsewhere) {
    const parsed = parseArgon2id(secret);
    // hash-wasm takes no empty password.
    if (parsed === undefined || password.length === 0) return false;
    const {computeArgon2id} = await import('./argon2id.ts');
    const hash = await computeArgon2id(
      password,
      {...parsed, hashLength: parsed.hash.length},
      elsewhere?.argon2id,
    );
    return equal(hash, parsed.hash);
  },
};

// crypt(3) with SHA-512: $6$[rounds=<n>$]<salt>$<86 characters>

const cryptAlphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const cryptRounds = {default: 5000, minimum: 1000, maximum: 999_999_999};

function parseCrypt(secret: string) {
  const match = /^\$6\$(?:rounds=([1-9]\d{3,8})\$)?[./\dA-Za-z]{8,16}\$[./\dA-Za-z]{86}$/.exec(secret);
  return match === null ? undefined : {rounds: Number(match[1] ?? cryptRounds.default)};
}

async function crypt(password: Uint8Array, salt: string, elsewhere?: HashFunctions): Promise<string> {
  const library = await import('./sha512-crypt.ts');
  return await library.sha512Crypt(password, salt, elsewhere?.sha512Crypt);
}

const sha512Crypt: HashScheme = {
  name: 'sha512-crypt',
  mosquitto: false,
  threaded: false,
  iterations: cryptRounds,
  cost: parseCrypt,
  weakness: ({rounds = 0}) =>
    rounds < advisedIterations ? `${rounds} rounds; advised: at least ${advisedIterations}` : undefined,
  async hash(password, rounds = cryptRounds.default) {
    const salt = Array.from({length: 16}, () => cryptAlphabet[randomInt(cryptAlphabet.length)]).join('');
    return await crypt(
      password,
      rounds === cryptRounds.default ? `$6$${salt}` : `$6$rounds=${rounds}$${salt}`,
    );
  },
  async verify(password, secret, elsewhere) {
    return equal(Buffer.from(await crypt(password, secret, elsewhere)), Buffer.from(secret));
  },
};

// SCRAM accounts: scram.ts

/** The text of a password; undefined where it is not UTF-8, which SCRAM prepares. */
function textOf(password: Uint8Array): string | undefined {
  return isUtf8(password) ? Buffer.from(password).toString() : undefined;
}

/** `advised`: OWASP's iterations of PBKDF2 with this hash. */
function scram(method: ScramMethod, advised: number): HashScheme {
  const parse = (secret: string) => {
    const account = secret.startsWith(`${method}$`) ? parseScramAccount(secret) : undefined;
    return account !== undefined && account.iterations <= scramIterations.maximum ? account : undefined;
  };
  return {
    name: method.toLowerCase() as SchemeName,
    mosquitto: false,
    threaded: true,
    iterations: {default: advised, ...scramIterations},
    cost(secret) {
      const account = parse(secret);
      return account && {iterations: account.iterations};
    },
    weakness: ({iterations = 0}) =>
      iterations < advised ? `${iterations} iterations; advised: at least ${advised}` : undefined,
    async hash(password, iterations = advised) {
      const text = textOf(password);
      if (text === undefined) throw new TmqError('A password for SCRAM has to be UTF-8.');
      try {
        return formatScramAccount(await scramAccount(method, text, iterations));
      } catch (error) {
        if (!(error instanceof ScramFailure)) throw error;
        throw new TmqError(`There is no SCRAM account: ${error.message}.`, ExitCode.failure, {cause: error});
      }
    },
    async verify(password, secret) {
      const text = textOf(password);
      const account = parse(secret);
      if (text === undefined || account === undefined) return false;
      return await isScramPassword(account, text).catch((error: unknown) => {
        if (error instanceof ScramFailure) return false;
        throw error;
      });
    },
  };
}

/** Every scheme that can be read and written; the first is the default. */
export const schemes: readonly HashScheme[] = [
  sha512,
  sha512Pbkdf2,
  argon2id,
  sha512Crypt,
  scram('SCRAM-SHA-256', 600_000),
  scram('SCRAM-SHA-512', advisedIterations),
];

/** The scheme of a well-formed secret; undefined for plain text and for anything damaged or unknown. */
export function schemeOf(secret: string): HashScheme | undefined {
  return schemes.find((scheme) => scheme.cost(secret) !== undefined);
}

/**
 * Whether `password` (a string stands for its UTF-8 bytes) is the one that `secret` was made of; compared
 * in constant time. False for a secret of no known scheme.
 */
export async function verifySecret(
  secret: string,
  password: Uint8Array | string,
  elsewhere?: HashFunctions,
): Promise<boolean> {
  const bytes = typeof password === 'string' ? Buffer.from(password) : password;
  return (await schemeOf(secret)?.verify(bytes, secret, elsewhere)) ?? false;
}
