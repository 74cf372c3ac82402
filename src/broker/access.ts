/** Who may connect, and what they may read and write: password_file, acl_file, allow_anonymous. */

import type {ListenerConfig} from './config.ts';

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

/** Lets everybody do everything. */
export const openAccess: Access = {
  admit: (identity) => ({
    accepted: true,
    ...(identity.username === undefined ? {} : {username: identity.username}),
    permissions: {mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true},
  }),
};
