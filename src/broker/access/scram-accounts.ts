/** The SCRAM accounts of a password file: found by method and name, and for a name without account, one made up. */

import {createHmac} from 'node:crypto';
import {saslprep} from '../../password/saslprep.ts';
import {parseScramAccount, type ScramAccount} from '../../password/scram.ts';

/** As the client prepares it; a name that cannot be prepared is never asked for. */
function preparedName(name: string): string {
  try {
    return saslprep(name);
  } catch {
    return name;
  }
}

/** Whether the password, or at least its salt, was not set anew. */
export function isSameAccount(a: ScramAccount | undefined, b: ScramAccount): boolean {
  return a?.method === b.method && Buffer.from(a.storedKey).equals(b.storedKey);
}

export class ScramAccounts {
  readonly #methods = new Map<string, Map<string, ScramAccount>>();
  /** Keys what is made up: the same as long as the accounts are, also after a restart. */
  readonly #key: Uint8Array;

  /** User name → secret, of any scheme. */
  constructor(secrets: ReadonlyMap<string, string>) {
    const keys: Uint8Array[] = [];
    for (const [name, secret] of secrets) {
      const account = secret.startsWith('SCRAM-') ? parseScramAccount(secret) : undefined;
      if (account === undefined) continue;
      const known = this.#methods.get(account.method) ?? new Map<string, ScramAccount>();
      this.#methods.set(account.method, known.set(preparedName(name), account));
      keys.push(account.serverKey);
    }
    this.#key = Buffer.concat(keys);
  }

  /** The account of a user; undefined where there is none. */
  get(method: string, username: string): ScramAccount | undefined {
    return this.#methods.get(method)?.get(username);
  }

  /** What finds the account of a name, and makes one up where there is none; undefined where no user has the method. */
  finder(method: string): ((username: string) => ScramAccount) | undefined {
    const known = this.#methods.get(method);
    if (known === undefined) return undefined;
    return (username) => known.get(username) ?? this.#madeUp(username, [...known.values()]);
  }

  /** Always the same for a name, and like that of a user: otherwise its salt would tell that there is no such user. */
  #madeUp(username: string, accounts: readonly ScramAccount[]): ScramAccount {
    const random = (purpose: string) =>
      createHmac('sha512', this.#key).update(`${purpose}:${username}`).digest();
    const model = accounts[random('account').readUInt32BE() % accounts.length]!;
    return {
      ...model,
      salt: random('salt').subarray(0, model.salt.length),
      storedKey: random('key').subarray(0, model.storedKey.length),
    };
  }
}
