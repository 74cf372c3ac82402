/** The settings of a broker and of its listeners: types and defaults, inferred from the table of directives. */

import type {Read} from './directive-values.ts';
import {type Directive, directives} from './directives.ts';

type Table = typeof directives;
type Scope = Directive['scope'];

/** What the row's `read` gives, or its default. */
type Value<Row> =
  | (Row extends {readonly read: Read<infer T>} ? T : never)
  | (Row extends {readonly default: infer T} ? T : never);

/** The settings of some scopes; one without a default may be absent. */
export type Settings<S extends Scope> = {
  readonly [Key in keyof Table as Table[Key] extends {readonly scope: S; readonly default: unknown}
    ? Key
    : never]: Value<Table[Key]>;
} & {
  readonly [Key in keyof Table as Table[Key] extends {readonly default: unknown}
    ? never
    : Table[Key] extends {readonly scope: S}
      ? Key
      : never]?: Value<Table[Key]>;
};

const listenerScopes = [
  'every-listener',
  'access',
  'listener',
  'named-listener',
  'default-listener',
] as const;

/** One listener, with its access settings. */
export interface ListenerConfig extends Settings<(typeof listenerScopes)[number]> {
  /** A Unix socket instead of a port. */
  readonly socketPath?: string;
  /** The Origin headers of browsers that may connect by WebSocket; absent: any. */
  readonly webSocketOrigins?: readonly string[];
  readonly tls?: ListenerTls;
}

/** TLS of a listener: a certificate, or with `pskHint` pre-shared keys. */
export interface ListenerTls extends Settings<'tls'> {}

/** Limits of the broker, the same for all listeners. */
export interface BrokerLimits extends Settings<'limits'> {}

/** A whole configuration. */
export interface BrokerConfig extends Settings<'broker'> {
  readonly listeners: readonly ListenerConfig[];
  readonly limits: BrokerLimits;
  /** Written at every change; rewritten without what is gone every `autosaveSeconds`, 0: only at the end. */
  readonly persistence?: {
    readonly path: string;
    readonly autosaveSeconds: number;
    /** Whether each write waits for the disk. */
    readonly sync: boolean;
  };
  readonly log: LogSettings;
  /** Directives that are known and have no effect: a sentence each, with file and line. */
  readonly warnings: readonly string[];
  /** Where a value stands, 'mosquitto.conf:3', by the value: for errors about the files that values name. */
  readonly origins: ReadonlyMap<string, string>;
}

/** What the log contains, and where it goes. */
export interface LogSettings extends Settings<'log'> {
  /** 'stdout', 'stderr', 'topic', 'none', or 'file ' and a path. */
  readonly destinations: readonly string[];
  readonly types: ReadonlySet<string>;
}

/** The defaults of some scopes. */
export function defaults<S extends Scope>(...scopes: readonly S[]): Settings<S> {
  const rows: readonly (readonly [string, Directive])[] = Object.entries(directives);
  const chosen = rows.filter(
    ([, row]) => (scopes as readonly Scope[]).includes(row.scope) && 'default' in row,
  );
  return Object.fromEntries(chosen.map(([key, row]) => [key, row.default])) as Settings<S>;
}

/** The limits of a broker without configuration. */
export const defaultLimits: BrokerLimits = defaults('limits');
/** A listener without directives of its own: all addresses, port 1883, no anonymous clients. */
export const defaultListener: ListenerConfig = defaults(...listenerScopes);
/** TLS without files: certificates of clients are not asked for. */
export const defaultTls: ListenerTls = defaults('tls');
