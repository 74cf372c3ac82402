/**
 * Which clients may connect, and what they may read and write: password_file, acl_file, allow_anonymous,
 * clientid_prefixes. Knows no socket and no session; files come through `read`.
 */

import {createHmac, randomBytes} from 'node:crypto';
import {defined} from '../../defined.ts';
import {TmqError} from '../../errors.ts';
import {parsePasswordFile, usersOf} from '../../password/file.ts';
import {schemeOf, verifySecret} from '../../password/hash.ts';
import type {ScramAccount} from '../../password/scram.ts';
import type {ListenerConfig} from '../config/settings.ts';
import {type AccessList, allows, parseAccessList} from './acl.ts';
import {HashThread} from './hash-thread.ts';
import {PasswordQueue} from './password-queue.ts';
import {isSameAccount, ScramAccounts} from './scram-accounts.ts';

/** What CONNECT and the connection say about a client. */
export interface Identity {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Uint8Array;
  /** The user name of the TLS certificate or PSK, where the listener uses it. */
  readonly certifiedUsername?: string;
  readonly address?: string;
  /** The account of the user name, where the client has proved by SCRAM that it knows the password. */
  readonly account?: ScramAccount;
  /** Whether the client still waits to be admitted; absent: it does. */
  readonly isWaiting?: () => boolean;
}

/** What one connected client may do: asked at SUBSCRIBE and for each topic published or delivered. */
export interface Permissions {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
  /** Whether the client would be accepted now, too: asked after a reload. Absent: always. */
  mayStay?(): boolean;
}

export type Admission =
  | {readonly accepted: true; readonly username?: string; readonly permissions: Permissions}
  | {
      readonly accepted: false;
      readonly reason: 'bad-credentials' | 'not-authorized' | 'identifier-rejected' | 'busy';
      /** Of MQTT 5, in place of the usual one for the reason. */
      readonly reasonCode?: number;
    };

/** Decides which clients a broker accepts. */
export interface Access {
  admit(identity: Identity, listener: ListenerConfig): Admission | Promise<Admission>;
  /**
   * What finds the SCRAM account of a user, and makes one up for any other name; undefined where no user of the
   * listener has the method. Absent: none has.
   */
  accountFinder?(listener: ListenerConfig, method: string): ((username: string) => ScramAccount) | undefined;
  /** The settings of a bound listener after the last reload. Absent: those it was bound with. */
  settingsOf?(listener: ListenerConfig): ListenerConfig;
}

const everything: Permissions = {mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true};

/** Accepts every client and allows everything. */
export const openAccess: Access = {admit: (identity) => accept(identity.username, everything)};

/** The contents of the listeners' files, by path. */
interface Files {
  readonly passwords: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly accounts: ReadonlyMap<string, ScramAccounts>;
  readonly lists: ReadonlyMap<string, AccessList>;
}

/** Access whose settings and files can be read again, on SIGHUP. */
export interface FileAccess extends Access {
  /** What in the files is probably not meant so: a sentence each, with file and line, without full stop. */
  readonly warnings: readonly string[];
  /**
   * Reads the files that these listeners name: the listeners of the start, in their order, with new settings. What
   * it returns puts settings and files into use; before, nothing changes.
   * @throws TmqError as `fileAccess` does
   */
  prepareReload(listeners: readonly ListenerConfig[]): () => void;
}

/**
 * Access by the listeners' settings and files.
 * @throws TmqError when a password_file or acl_file cannot be read or understood, naming file and line
 */
export function fileAccess(
  listeners: readonly ListenerConfig[],
  read: (path: string) => Uint8Array,
): FileAccess {
  let files = readFiles(listeners, read);
  const queue = new PasswordQueue();
  const thread = new HashThread();
  /** The current settings of the listeners that were given at the start. */
  let settings = new Map<ListenerConfig, ListenerConfig>();
  const settingsOf = (listener: ListenerConfig) => settings.get(listener) ?? listener;
  const current: CurrentAccess = {settingsOf, files: () => files};
  return {
    settingsOf,
    get warnings() {
      return [...files.lists.values()].flatMap(({warnings}) => warnings);
    },
    accountFinder: (listener, method) => accountsOf(settingsOf(listener), files)?.finder(method),
    admit(identity, listener) {
      const answer = answerTo(identity, settingsOf(listener), files);
      const judged = (admitted: boolean, secret?: string): Admission => {
        const rights = new FilePermissions(current, {identity: lasting(identity), listener, secret});
        return admitted && rights.mayStay()
          ? accept(usernameOf(identity), rights)
          : {accepted: false, reason: 'not-authorized'};
      };
      if (typeof answer === 'boolean') return judged(answer);
      const {secret, password, isDummy} = answer;
      const {address = '', isWaiting = () => true} = identity;
      const verify = () => verifySecret(secret, password, thread);
      // Cheap ones need no turn: a queue would only make them wait for the others.
      const isCheap = schemeOf(secret)?.name === 'sha512';
      const claimant = {host: hostOf(address), username: identity.username ?? '', isWaiting};
      const checked = isCheap ? verify() : queue.run(claimant, verify);
      return checked.then((isRight) =>
        isRight === 'busy' ? {accepted: false, reason: 'busy'} : judged(isRight && !isDummy, secret),
      );
    },
    prepareReload(changed) {
      const nextFiles = readFiles(changed, read);
      return () => {
        files = nextFiles;
        settings = new Map(listeners.map((listener, index) => [listener, changed[index] ?? listener]));
      };
    },
  };
}

/** The settings and files in use, which a reload changes. */
interface CurrentAccess {
  settingsOf(listener: ListenerConfig): ListenerConfig;
  files(): Files;
}

interface Admitted {
  /** Without the password. */
  readonly identity: Identity;
  readonly listener: ListenerConfig;
  /** What the password was checked against. */
  readonly secret: string | undefined;
}

/** What the files allow one client. */
class FilePermissions implements Permissions {
  readonly #access: CurrentAccess;
  readonly #identity: Identity;
  readonly #listener: ListenerConfig;
  readonly #secret: string | undefined;

  constructor(access: CurrentAccess, {identity, listener, secret}: Admitted) {
    this.#access = access;
    this.#identity = identity;
    this.#listener = listener;
    this.#secret = secret;
  }

  mayPublish(topic: string): boolean {
    return this.#may('write', topic);
  }

  mayReceive(topic: string): boolean {
    return this.#may('read', topic);
  }

  /** mosquitto: security_default.c. Any subscription is allowed; each message delivered is checked. */
  maySubscribe(): boolean {
    return true;
  }

  mayStay(): boolean {
    const answer = answerTo(this.#identity, this.#access.settingsOf(this.#listener), this.#access.files());
    // A new hash stands for a new password, as far as can be known: the password itself is not kept.
    return typeof answer === 'boolean' ? answer : answer.secret === this.#secret && !answer.isDummy;
  }

  #may(access: 'read' | 'write', topic: string): boolean {
    const {aclFile} = this.#access.settingsOf(this.#listener);
    if (aclFile === undefined) return true;
    const list = this.#access.files().lists.get(aclFile);
    const client = {clientId: this.#identity.clientId, ...defined({username: usernameOf(this.#identity)})};
    return list !== undefined && allows(list, client, access, topic);
  }
}

function accept(username: string | undefined, permissions: Permissions): Admission {
  return {accepted: true, permissions, ...defined({username})};
}

function usernameOf({certifiedUsername, username}: Identity): string | undefined {
  return certifiedUsername ?? username;
}

/** Whether a client had a password still counts; the password itself does not outlive the check. */
function lasting({password, isWaiting: _, ...identity}: Identity): Identity {
  return password === undefined ? identity : {...identity, password: noPassword};
}

const noPassword = new Uint8Array();

function accountsOf({passwordFile}: ListenerConfig, {accounts}: Files): ScramAccounts | undefined {
  return passwordFile === undefined ? undefined : accounts.get(passwordFile);
}

/** Whether the client may connect; where a password decides that, the password and the secret it has to fit. */
function answerTo(identity: Identity, listener: ListenerConfig, files: Files): boolean | PasswordQuestion {
  const {clientId, username, password, certifiedUsername, account} = identity;
  if (!clientId.startsWith(listener.clientIdPrefixes ?? '')) return false;
  const certified = listener.tls?.useIdentityAsUsername || listener.tls?.useSubjectAsUsername;
  if (certified) return certifiedUsername !== undefined;
  if (account !== undefined && username !== undefined)
    return isSameAccount(accountsOf(listener, files)?.get(account.method, username), account);
  if (username === undefined || listener.passwordFile === undefined) return listener.allowAnonymous;
  if (password === undefined) return false;
  const secrets = files.passwords.get(listener.passwordFile);
  const secret = secrets?.get(username);
  if (secret !== undefined) return {secret, password, isDummy: false};
  const dummy = dummySecret(username, [...(secrets?.values() ?? [])]);
  return dummy !== undefined && {secret: dummy, password, isDummy: true};
}

/** A password, and the secret that it is to be checked against. */
interface PasswordQuestion {
  readonly secret: string;
  readonly password: Uint8Array;
  /** There is no such user: the check only takes the time that it takes for a user. */
  readonly isDummy: boolean;
}

const dummyKey = randomBytes(16);

/** Always the same secret for a name: otherwise names without user would stand out by a time that varies. */
function dummySecret(username: string, secrets: readonly string[]): string | undefined {
  if (secrets.length === 0) return undefined;
  const number = createHmac('sha256', dummyKey).update(username).digest().readUInt32BE();
  return secrets[number % secrets.length];
}

/** '127.0.0.1:5123' → '127.0.0.1' */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

function readFiles(listeners: readonly ListenerConfig[], read: (path: string) => Uint8Array): Files {
  const passwords = new Map<string, ReadonlyMap<string, string>>();
  const lists = new Map<string, AccessList>();
  for (const {passwordFile, aclFile} of listeners) {
    if (passwordFile !== undefined && !passwords.has(passwordFile)) {
      passwords.set(passwordFile, readPasswords(passwordFile, read(passwordFile)));
    }
    if (aclFile !== undefined && !lists.has(aclFile)) {
      lists.set(aclFile, parseAccessList(Buffer.from(read(aclFile)).toString(), aclFile));
    }
  }
  const accounts = new Map([...passwords].map(([path, secrets]) => [path, new ScramAccounts(secrets)]));
  return {passwords, accounts, lists};
}

/**
 * User name → secret.
 * @throws TmqError for a line that no client can log in with, and says how to mend it: otherwise the missing user
 * would be noticed too late
 */
function readPasswords(path: string, content: Uint8Array): ReadonlyMap<string, string> {
  const passwords = new Map<string, string>();
  for (const {number, line} of usersOf(parsePasswordFile(content))) {
    const fail = (sentence: string): never => {
      throw new TmqError(`${path}:${number}: ${sentence}.`);
    };
    if (line.kind === 'plain') {
      fail(`the password of '${line.username}' is plain text; hash it with: tmq passwd -U ${path}`);
    } else if (line.kind === 'malformed') {
      fail(
        line.username === ''
          ? line.reason
          : `'${line.username}' cannot log in: ${line.reason}; set the password again with: tmq passwd ${path} ${line.username}`,
      );
    } else if (passwords.has(line.username)) {
      fail(`'${line.username}' stands in this file twice: take out one of the lines`);
    } else passwords.set(line.username, line.secret);
  }
  return passwords;
}
