/** What a configuration has set so far, while its lines are read in order; and where the next value belongs. */

import {type Directive, directives} from './directives.ts';
import type {ListenerConfig, ListenerTls, Settings} from './settings.ts';

type AccessSettings = Partial<Settings<'access'>>;

const rows: Readonly<Record<string, Directive>> = directives;

/** Above the first listener, these set nothing in mosquitto: no default listener opens for their sake. */
const openNothing: ReadonlySet<string> = new Set([
  'allowAnonymous',
  'aclFile',
  'autoIdPrefix',
  'maxTopicAlias',
]);

/** Whether a setting opens the default listener. As in mosquitto, one that has its default anyway does not. */
function opens(key: string, value: unknown): boolean {
  if (key === 'port') return true;
  return !openNothing.has(key) && value !== (rows[key]?.default ?? false);
}

/** What the directives of one listener have set so far. */
export class ListenerDraft {
  readonly tls: Partial<ListenerTls> = {};
  /** Used with per_listener_settings true. */
  readonly access: AccessSettings = {};
  readonly settings: Partial<ListenerConfig>;
  /** Where each setting stands, 'x.conf:3', by its key. */
  readonly lines = new Map<string, string>();

  constructor(settings: Partial<ListenerConfig> = {}) {
    this.settings = settings;
  }

  /** Whether its directives open it beside other listeners. */
  get isUsed(): boolean {
    const {settings, access, tls} = this;
    return Object.entries({...settings, ...access, ...tls}).some(([key, value]) => opens(key, value));
  }
}

/** A plugin that a configuration names. */
export interface PluginLine {
  readonly name: string;
  readonly where: string;
  /** The listener it belongs to; undefined: all. */
  readonly listener: ListenerDraft | undefined;
}

/** What all directives have set so far. */
export class ConfigDraft {
  readonly broker: Partial<Settings<'broker'>> = {};
  readonly limits: Partial<Settings<'limits'>> = {};
  readonly persistence: Partial<Settings<'persistence'>> = {};
  readonly log: Partial<Settings<'log'>> = {};
  readonly everyListener: Partial<Settings<'every-listener'>> = {};
  /** Used with per_listener_settings false. */
  readonly access: AccessSettings = {};
  /** The listener of `port` and `bind_address`, and of listener directives before the first `listener`. */
  readonly defaultListener = new ListenerDraft();
  readonly listeners: ListenerDraft[] = [];
  readonly logDestinations: string[] = [];
  readonly logTypes = new Set<string>();
  perListener = false;
  /** Set by the first access directive: per_listener_settings has to come before. */
  accessSeen = false;
  /** Set by `connection`: the parts of a bridge may follow. */
  bridge = false;
  /** Set by `plugin`: the options of a plugin may follow. */
  plugin = false;
  /** Plugins that may refuse clients or messages. */
  readonly plugins: PluginLine[] = [];
  /** The listener that directives are about. */
  listener = this.defaultListener;
  /** Where values stand, 'x.conf:3', by the value. */
  readonly origins = new Map<string, string>();
  /** Where the line stands that is being read: 'x.conf:3'. */
  readonly here: () => string;
  /** Reads the configuration files of a directory, as if they stood here. */
  readonly include: (directory: string) => void;
  readonly warn: (sentence: string) => void;

  constructor({include, here, warn}: Pick<ConfigDraft, 'include' | 'here' | 'warn'>) {
    this.include = include;
    this.here = here;
    this.warn = warn;
  }

  /** Listener directives that follow belong to this listener. */
  open(settings: Partial<ListenerConfig>): void {
    this.listener = new ListenerDraft(settings);
    this.listener.lines.set('port', this.here());
    this.listeners.push(this.listener);
  }

  /** Reads the value of a directive and keeps it. @throws RangeError with the sentence about a bad value */
  set(key: string, {name, scope, read}: Directive, value: string): void {
    // As in mosquitto, what follows port or bind_address belongs to the default listener again.
    if (scope === 'default-listener') this.listener = this.defaultListener;
    const values = this.#valuesOf(scope, name);
    const setting = read(value, name);
    if (read.once && Object.hasOwn(values, key)) throw new RangeError(`${name} was already given`);
    Object.assign(values, {[key]: setting});
    this.listener.lines.set(key, this.here());
    if (typeof setting === 'string') this.origins.set(setting, this.here());
  }

  #valuesOf(scope: Directive['scope'], name: string): object {
    const {listener} = this;
    switch (scope) {
      case 'broker':
      case 'limits':
      case 'persistence':
      case 'log':
        return this[scope];
      case 'every-listener':
        return this.everyListener;
      case 'access':
        this.accessSeen = true;
        return this.perListener ? listener.access : this.access;
      case 'tls':
        return listener.tls;
      case 'listener':
        return listener.settings;
      case 'default-listener':
        return this.defaultListener.settings;
      case 'named-listener':
        if (listener !== this.defaultListener) return listener.settings;
        throw new RangeError(`${name} belongs to a listener, and no listener stands before it`);
    }
  }
}
