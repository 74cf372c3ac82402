/**
 * Which clients may connect, and what they may read and write: password_file, acl_file, allow_anonymous,
 * clientid_prefixes. Knows no socket and no session; files come through `read`.
 */

import {defined} from '../../defined.ts';
import {TmqError} from '../../errors.ts';
import {parsePasswordFile, usersOf} from '../../password/file.ts';
import {verifySecret} from '../../password/hash.ts';
import type {ListenerConfig} from '../config/settings.ts';
import {type AccessList, allows, parseAccessList} from './acl.ts';

/** What CONNECT and the connection say about a client. */
export interface Identity {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Uint8Array;
  /** The user name of the TLS certificate or PSK, where the listener uses it. */
  readonly certifiedUsername?: string;
  readonly address?: string;
}

/** What one connected client may do: asked at SUBSCRIBE and for each topic published or delivered. */
export interface Permissions {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
}

export type Admission =
  | {readonly accepted: true; readonly username?: string; readonly permissions: Permissions}
  | {readonly accepted: false; readonly reason: 'bad-credentials' | 'not-authorized' | 'identifier-rejected'};

/** Decides which clients a broker accepts. */
export interface Access {
  admit(identity: Identity, listener: ListenerConfig): Admission | Promise<Admission>;
}

const everything: Permissions = {mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true};

/** Accepts every client and allows everything. */
export const openAccess: Access = {admit: (identity) => accept(identity.username, everything)};

/** The contents of the listeners' files, by path. */
interface Files {
  readonly passwords: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly lists: ReadonlyMap<string, AccessList>;
}

/** Access whose settings and files can be read again, on SIGHUP. */
export interface FileAccess extends Access {
  /**
   * Takes the access settings of these listeners, in the order of the first ones, and reads their files.
   * Connected clients stay connected, with the rights of the new files.
   * @throws TmqError as `fileAccess` does; then the old settings and files stay in use
   */
  reload(listeners: readonly ListenerConfig[]): void;
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
  /** The current settings of the listeners that were given at the start. */
  let settings = new Map<ListenerConfig, ListenerConfig>();
  const current = (listener: ListenerConfig) => settings.get(listener) ?? listener;
  const permissions = (listener: ListenerConfig, client: ClientNames): Permissions => {
    const may = (access: 'read' | 'write') => (topic: string) => {
      const {aclFile} = current(listener);
      const list = aclFile === undefined ? undefined : files.lists.get(aclFile);
      return aclFile === undefined || (list !== undefined && allows(list, client, access, topic));
    };
    // mosquitto: security_default.c. Any subscription is allowed; each message delivered is checked.
    return {mayPublish: may('write'), mayReceive: may('read'), maySubscribe: () => true};
  };
  return {
    admit(identity, listener) {
      const judged = (admitted: boolean): Admission => {
        if (!admitted) return {accepted: false, reason: 'not-authorized'};
        const username = identity.certifiedUsername ?? identity.username;
        const client = defined({clientId: identity.clientId, username});
        return accept(username, permissions(listener, client));
      };
      const admitted = mayConnect(identity, current(listener), files);
      return typeof admitted === 'boolean' ? judged(admitted) : admitted.then(judged);
    },
    reload(changed) {
      files = readFiles(changed, read);
      settings = new Map(listeners.map((listener, index) => [listener, changed[index] ?? listener]));
    },
  };
}

/** What rules refer to. */
interface ClientNames {
  readonly clientId: string;
  readonly username?: string;
}

function accept(username: string | undefined, permissions: Permissions): Admission {
  return {accepted: true, permissions, ...defined({username})};
}

/** Whether the client may connect: a promise only where a password is checked. */
function mayConnect(identity: Identity, listener: ListenerConfig, files: Files): boolean | Promise<boolean> {
  const {clientId, username, password, certifiedUsername} = identity;
  if (!clientId.startsWith(listener.clientIdPrefixes ?? '')) return false;
  const certified = listener.tls?.useIdentityAsUsername || listener.tls?.useSubjectAsUsername;
  if (certified) return certifiedUsername !== undefined;
  if (username === undefined || listener.passwordFile === undefined) return listener.allowAnonymous;
  const secret = files.passwords.get(listener.passwordFile)?.get(username);
  if (secret === undefined || password === undefined) return false;
  return verifySecret(secret, password);
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
  return {passwords, lists};
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
      fail(line.username === '' ? line.reason : `'${line.username}' cannot log in: ${line.reason}`);
    } else if (passwords.has(line.username)) {
      fail(`'${line.username}' stands in this file twice`);
    } else passwords.set(line.username, line.secret);
  }
  return passwords;
}
