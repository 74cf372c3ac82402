/**
 * The text of a mosquitto.conf(5) → the settings of a broker, by the tables of directives.ts and
 * special-directives.ts. Opens no socket and no file: `read` and `list` come from the caller.
 */

import {join} from 'node:path';
import {ExitCode, TmqError} from '../../errors.ts';
import {ConfigDraft, type ListenerDraft} from './config-draft.ts';
import {type Directive, directives} from './directives.ts';
import {
  type BrokerConfig,
  defaultLimits,
  defaultListener,
  defaults,
  defaultTls,
  type ListenerConfig,
  type ListenerTls,
} from './settings.ts';
import {type Action, pluginPart, specialDirectives} from './special-directives.ts';

/** Where the text of a configuration comes from, for error messages and for include_dir. */
export interface ConfigSource {
  /** The path as the user wrote it; error messages begin with it. */
  readonly path: string;
  /** The text of a file. May throw a TmqError. */
  readonly read: (path: string) => string;
  /** The names in a directory. May throw a TmqError. */
  readonly list?: (directory: string) => readonly string[];
  /** The known name that is closest to a misspelt one. */
  readonly suggest?: (word: string, known: readonly string[]) => string | undefined;
}

const settingActions = Object.entries(directives).map(([key, row]: readonly [string, Directive]) => {
  const action: Action = (value, draft) => draft.set(key, row, value);
  return [row.name, action] as const;
});

/** Every directive of mosquitto.conf(5), by name. */
export const knownDirectives: ReadonlyMap<string, Action> = new Map([
  ...specialDirectives,
  ...settingActions,
]);

/**
 * The text of a mosquitto.conf(5) as settings, with mosquitto's defaults: without any listener, the broker
 * listens on loopback only and accepts anonymous clients; with one, it refuses them unless allow_anonymous is
 * true. Paths stay as they are written: they are relative to the working directory, as in mosquitto.
 * @throws TmqError "path:line: …" for an unknown directive or a value that does not fit
 */
export function parseBrokerConfig(text: string, source: ConfigSource): BrokerConfig {
  const warnings: string[] = [];
  const main: SourceLocation = {path: source.path, line: 0};
  let location = main;
  const draft = new ConfigDraft({
    warn: (sentence) => warnings.push(`${location.path}:${location.line}: ${sentence}`),
    include(directory) {
      if (location !== main) throw new RangeError('include_dir stands only in the main configuration file');
      for (const name of configFilesOf(source, directory)) {
        location = {path: join(directory, name), line: 0};
        readLines(source.read(location.path), location);
      }
      location = main;
    },
  });
  /** Carries out each line; `at` follows, for error messages. */
  const readLines = (lines: string, at: SourceLocation) => {
    for (const line of lines.replace(/^\uFEFF/, '').split(/\r?\n/)) {
      at.line += 1;
      if (line.startsWith('#') || line.trim() === '') continue;
      try {
        applyLine(line.trim(), draft, source);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new TmqError(`${at.path}:${at.line}: ${error.message}.`, ExitCode.failure, {cause: error});
      }
    }
  };
  readLines(text, main);
  const listeners = finishListeners(draft);
  warnings.push(...closedListeners(listeners));
  return {...finishBroker(draft), listeners, warnings};
}

interface SourceLocation {
  readonly path: string;
  line: number;
}

/** The files of an include_dir in mosquitto's order: by their bytes, capitals first. */
function configFilesOf(source: ConfigSource, directory: string): readonly string[] {
  return [...(source.list?.(directory) ?? [])].filter((name) => name.endsWith('.conf')).sort();
}

/** 'name value' → the action of the name. @throws RangeError */
function applyLine(line: string, draft: ConfigDraft, {suggest}: ConfigSource): void {
  const [, name = '', value = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const isPluginOption = name.startsWith('auth_opt_') || name.startsWith('plugin_opt_');
  const action = isPluginOption ? pluginPart : knownDirectives.get(name);
  if (action === undefined) {
    const meant = suggest?.(name, [...knownDirectives.keys()]);
    throw new RangeError(
      meant === undefined ? `unknown directive '${name}'` : `unknown directive '${name}', perhaps ${meant}`,
    );
  }
  if (value === '') throw new RangeError(`${name} is given without a value`);
  action(value, draft, name);
}

function finishListeners(draft: ConfigDraft): readonly ListenerConfig[] {
  const {defaultListener: implicit, listeners} = draft;
  const drafts = listeners.length === 0 || implicit.isUsed ? [implicit, ...listeners] : listeners;
  const {port, host} = implicit.settings;
  const localOnly = listeners.length === 0 && port === undefined && host === undefined;
  return drafts.map((each) => finishListener(each, draft, localOnly));
}

/** `localOnly`: the configuration names no port, no address and no listener. */
function finishListener(listener: ListenerDraft, draft: ConfigDraft, localOnly: boolean): ListenerConfig {
  const config: ListenerConfig = {
    ...defaultListener,
    ...(localOnly ? {host: '127.0.0.1', allowAnonymous: true} : {}),
    ...listener.settings,
    ...(draft.perListener ? listener.access : draft.access),
    ...draft.everyListener,
  };
  const tls = finishTls(listener, config);
  return tls === undefined ? config : {...config, tls};
}

/** Incomplete TLS settings are an error, so that a listener never falls back to plain text. */
function finishTls({tls}: ListenerDraft, config: ListenerConfig): ListenerTls | undefined {
  const name = describeListener(config);
  const fail = (sentence: string): never => {
    throw new TmqError(`The listener on ${name} ${sentence}.`);
  };
  const psk = config.pskHint !== undefined;
  if (!psk && Object.keys(tls).length === 0) return undefined;
  if (psk && (tls.certFile !== undefined || tls.keyFile !== undefined)) {
    fail('cannot use both a certificate and pre-shared keys');
  }
  if (psk && config.pskFile === undefined) fail('has a psk_hint, but there is no psk_file');
  if (!psk && tls.certFile === undefined) fail('has TLS settings, but no certfile');
  if (!psk && tls.keyFile === undefined) fail('has a certfile, but no keyfile');
  if (tls.requireCertificate && tls.caFile === undefined && tls.caPath === undefined) {
    fail('requires certificates, but has no cafile or capath to check them against');
  }
  return {...defaultTls, ...tls};
}

/** A listener as people say it: '127.0.0.1:1883', 'port 1883', '/run/broker.sock'. */
export function describeListener(listener: Pick<ListenerConfig, 'port' | 'host' | 'socketPath'>): string {
  if (listener.socketPath !== undefined) return listener.socketPath;
  const {host, port} = listener;
  if (host === undefined) return `port ${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A warning for each listener that refuses every client: a frequent surprise since mosquitto 2. */
function closedListeners(listeners: readonly ListenerConfig[]): readonly string[] {
  return listeners
    .filter(({allowAnonymous, passwordFile, tls}) => {
      const certified = tls?.useIdentityAsUsername || tls?.useSubjectAsUsername;
      return !allowAnonymous && passwordFile === undefined && !certified;
    })
    .map(
      (listener) =>
        `no client can connect to ${describeListener(listener)}: there is no password_file, and allow_anonymous is not true`,
    );
}

const defaultPersistence = defaults('persistence');
const defaultBroker = defaults('broker');
const defaultLog = defaults('log');
const defaultLogTypes = ['error', 'warning', 'notice', 'information'];

function finishBroker(draft: ConfigDraft): Omit<BrokerConfig, 'listeners' | 'warnings'> {
  const {logDestinations, logTypes} = draft;
  const kept = {...defaultPersistence, ...draft.persistence};
  const path = join(kept.persistenceLocation, kept.persistenceFile);
  const autosaveSeconds = kept.autosaveOnChanges ? 0 : kept.autosaveInterval;
  return {
    ...defaultBroker,
    ...draft.broker,
    limits: {...defaultLimits, ...draft.limits},
    ...(kept.persistence ? {persistence: {path, autosaveSeconds}} : {}),
    log: {
      ...defaultLog,
      ...draft.log,
      destinations: logDestinations.length === 0 ? ['stderr'] : logDestinations,
      types: logTypes.size === 0 ? new Set(defaultLogTypes) : logTypes,
    },
  };
}
