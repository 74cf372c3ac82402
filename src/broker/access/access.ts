/**
 * Who may connect, and what they may read and write: password_file, acl_file, allow_anonymous,
 * clientid_prefixes. Knows no socket and no session; files come through `read`.
 */

import {TmqError} from '../../errors.ts';
import {parsePasswordFile, usersOf} from '../../password/file.ts';
import {verifySecret} from '../../password/hash.ts';
import type {ListenerConfig} from '../config/settings.ts';
import {type AccessList, allows, parseAccessList} from './acl.ts';

/** What a CONNECT and its connection say about who is there. */
export interface Identity {
  readonly clientId: string;
  readonly username?: string;
  readonly password?: Uint8Array;
  /** The TLS certificate's or PSK's own name, where the listener takes it as the user name. */
  readonly certifiedUsername?: string;
  readonly address?: string;
}

/** What one connected client may do; decided at CONNECT, asked at SUBSCRIBE and at the first frame of a topic. */
export interface Permissions {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
}

export type Admission =
  | {readonly accepted: true; readonly username?: string; readonly permissions: Permissions}
  | {readonly accepted: false; readonly reason: 'bad-credentials' | 'not-authorized' | 'identifier-rejected'};

/** The gate of one broker; reloaded on SIGHUP. */
export interface Access {
  admit(identity: Identity, listener: ListenerConfig): Admission | Promise<Admission>;
}

const everything: Permissions = {
  mayPublish: () => true,
  maySubscribe: () => true,
  mayReceive: () => true,
};

/** Lets everybody do everything. */
export const openAccess: Access = {
  admit: (identity) => accept(identity.username, everything),
};

/** The files of the listeners, read: a path stands for its content. */
interface Files {
  readonly passwords: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly lists: ReadonlyMap<string, AccessList>;
}

/** A gate whose settings and files can be read again. */
export interface FileAccess extends Access {
  /**
   * Takes the access settings of these listeners, in the order of the first ones, and reads their files.
   * Who is connected stays, with the rights of the new files.
   * @throws TmqError as `fileAccess` does, and then nothing has changed
   */
  reload(listeners: readonly ListenerConfig[]): void;
}

/**
 * The gate that the listeners' settings describe.
 * @throws TmqError when a password_file or acl_file cannot be read or understood, naming file and line
 */
export function fileAccess(
  listeners: readonly ListenerConfig[],
  read: (path: string) => Uint8Array,
): FileAccess {
  let files = readFiles(listeners, read);
  /** What a listener's settings are by now. */
  let settings = new Map<ListenerConfig, ListenerConfig>();
  const now = (listener: ListenerConfig) => settings.get(listener) ?? listener;
  const permissions = (listener: ListenerConfig, client: Client): Permissions => {
    const may = (access: 'read' | 'write') => (topic: string) => {
      const {aclFile} = now(listener);
      const list = aclFile === undefined ? undefined : files.lists.get(aclFile);
      return aclFile === undefined || (list !== undefined && allows(list, client, access, topic));
    };
    // mosquitto: security_default.c. Subscribing is free; what arrives is decided for each message.
    return {mayPublish: may('write'), mayReceive: may('read'), maySubscribe: () => true};
  };
  return {
    admit(identity, listener) {
      const judged = (admitted: boolean): Admission => {
        if (!admitted) return {accepted: false, reason: 'not-authorized'};
        const username = identity.certifiedUsername ?? identity.username;
        const client = {clientId: identity.clientId, ...(username === undefined ? {} : {username})};
        return accept(username, permissions(listener, client));
      };
      const admitted = mayEnter(identity, now(listener), files);
      return typeof admitted === 'boolean' ? judged(admitted) : admitted.then(judged);
    },
    reload(changed) {
      files = readFiles(changed, read);
      settings = new Map(listeners.map((listener, index) => [listener, changed[index] ?? listener]));
    },
  };
}

interface Client {
  readonly clientId: string;
  readonly username?: string;
}

function accept(username: string | undefined, permissions: Permissions): Admission {
  return {accepted: true, permissions, ...(username === undefined ? {} : {username})};
}

/** Whether this client may come in; only a password takes time. mosquitto answers every refusal with one code. */
function mayEnter(identity: Identity, listener: ListenerConfig, files: Files): boolean | Promise<boolean> {
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
 * User name → secret. A line by which nobody could ever log in stops the start, with what to do about it:
 * a broker that runs without one of its users is found out too late.
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
