/** What a configuration has set so far, while its lines are read in order; and where the next value belongs. */

import type {Directive} from './directives.ts';
import type {ListenerConfig, ListenerTls, Settings} from './settings.ts';

type AccessSettings = Partial<Settings<'access'>>;

/** What the directives of one listener have set so far. */
export class ListenerDraft {
  readonly tls: Partial<ListenerTls> = {};
  /** Used with per_listener_settings true. */
  readonly access: AccessSettings = {};
  readonly settings: Partial<ListenerConfig>;

  constructor(settings: Partial<ListenerConfig> = {}) {
    this.settings = settings;
  }

  /** Whether any directive has set something. */
  get isUsed(): boolean {
    return [this.settings, this.tls, this.access].some((values) => Object.keys(values).length > 0);
  }
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
  /** Reads the configuration files of a directory, as if they stood here. */
  readonly include: (directory: string) => void;
  readonly warn: (sentence: string) => void;

  constructor({include, warn}: Pick<ConfigDraft, 'include' | 'warn'>) {
    this.include = include;
    this.warn = warn;
  }

  /** Listener directives that follow belong to this listener. */
  open(settings: Partial<ListenerConfig>): void {
    this.listeners.push(new ListenerDraft(settings));
  }

  /** Reads the value of a directive and keeps it. @throws RangeError with the sentence about a bad value */
  set(key: string, {name, scope, read}: Directive, value: string): void {
    const values = this.#valuesOf(scope, name);
    const setting = read(value, name);
    if (read.once && Object.hasOwn(values, key)) throw new RangeError(`${name} was already given`);
    Object.assign(values, {[key]: setting});
  }

  #valuesOf(scope: Directive['scope'], name: string): object {
    const listener = this.listeners.at(-1) ?? this.defaultListener;
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
