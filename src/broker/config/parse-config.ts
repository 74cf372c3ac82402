/**
 * The text of a mosquitto.conf(5) → the settings of a broker, by the tables of directives.ts and
 * special-directives.ts. Opens no socket and no file: `read` and `list` come from the caller.
 */

import {join} from 'node:path';
import {defined} from '../../defined.ts';
import {ExitCode, FileError, TmqError} from '../../errors.ts';
import {ConfigDraft, ListenerDraft, type PluginLine} from './config-draft.ts';
import {type Directive, directives} from './directives.ts';
import {needSamePort} from './same-port.ts';
import {
  type BrokerConfig,
  defaultLimits,
  defaultListener,
  defaults,
  defaultTls,
  type ListenerConfig,
  type ListenerTls,
} from './settings.ts';
import {type Action, otherNames, pluginPart, specialDirectives} from './special-directives.ts';
import {isVernemq, translateVernemq} from './vernemq-conf.ts';

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
  /** One more listener, unless one of several in the text has this port: -p of the command line. */
  readonly extra?: {readonly port: number; readonly host?: string};
}

const settingActions = Object.entries(directives).flatMap(([key, row]: readonly [string, Directive]) => {
  const action: Action = (value, draft, name) => draft.set(key, {...row, name}, value);
  const others = Object.keys(otherNames).filter((name) => otherNames[name] === row.name);
  return [row.name, ...others].map((name) => [name, action] as const);
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
  const here = () => `${location.path}:${location.line}`;
  const draft = new ConfigDraft({
    here,
    warn: (sentence) => warnings.push(`${here()}: ${sentence}`),
    include(directory) {
      if (location !== main) throw new RangeError('include_dir stands only in the main configuration file');
      for (const name of configFilesOf(source, directory, here())) {
        location = {path: join(directory, name), line: 0};
        readLines(source.read(location.path), location);
      }
      location = main;
    },
  });
  const carryOut = (line: string) => {
    try {
      applyLine(line, draft, source);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const {path, line: number} = location;
      throw new TmqError(`${path}:${number}: ${error.message}.`, ExitCode.failure, {cause: error});
    }
  };
  /** Carries out each line; `at` follows, for error messages. */
  const readLines = (lines: string, at: SourceLocation) => {
    for (const line of lines.replace(/^\uFEFF/, '').split(/\r?\n/)) {
      at.line += 1;
      if (!line.startsWith('#') && line.trim() !== '') carryOut(line.trim());
    }
  };
  if (isVernemq(text)) {
    const {lines, warnings: unserved} = translateVernemq(text);
    for (const {number, text: name} of unserved) {
      main.line = number;
      draft.warn(`${name} has no effect here: this setting of VerneMQ is not served`);
    }
    for (const line of lines) {
      main.line = line.number;
      carryOut(line.text);
    }
  } else readLines(text, main);
  const {listeners, notes} = finishListeners(draft, source.extra);
  warnings.push(...notes);
  return {...finishBroker(draft), listeners, warnings, origins: draft.origins};
}

interface SourceLocation {
  readonly path: string;
  line: number;
}

/** The files of an include_dir in mosquitto's order: by their bytes, capitals first. @throws TmqError */
function configFilesOf({list}: ConfigSource, directory: string, where: string): readonly string[] {
  try {
    return [...(list?.(directory) ?? [])].filter((name) => name.endsWith('.conf')).sort();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new FileError(`${where}: ${error.message}`, directory, {cause: error});
  }
}

/** 'name value' → the action of the name. @throws RangeError */
function applyLine(line: string, draft: ConfigDraft, {suggest}: ConfigSource): void {
  const [, name = '', value = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const isPluginOption = name.startsWith('auth_opt_') || name.startsWith('plugin_opt_');
  const action = isPluginOption ? pluginPart : knownDirectives.get(name);
  if (action === undefined) {
    const meant = suggest?.(name, [...knownDirectives.keys()]);
    // A line of a password file, given as the configuration, is not shown.
    const shown = name.replace(/:.+$/s, ':…');
    throw new RangeError(
      meant === undefined
        ? `unknown directive '${shown}': a line is a directive of mosquitto.conf(5), a blank and its value`
        : `unknown directive '${shown}', perhaps ${meant}`,
    );
  }
  if (value === '') throw new RangeError(`${name} is given without a value`);
  action(value, draft, name);
}

/** The listeners, and the warnings about them. */
function finishListeners(
  draft: ConfigDraft,
  extra: ConfigSource['extra'],
): {readonly listeners: readonly ListenerConfig[]; readonly notes: readonly string[]} {
  const {defaultListener: implicit, listeners} = draft;
  const {port, host} = implicit.settings;
  const isNamed = port !== undefined || host !== undefined;
  const localOnly = listeners.length === 0 && !isNamed;
  const notes: string[] = [];
  const drafts = listeners.length === 0 || implicit.isUsed ? [implicit, ...listeners] : [...listeners];
  if (extra !== undefined && takesExtra(drafts, extra.port)) {
    drafts.push(new ListenerDraft({host: '127.0.0.1', ...extra}));
  }
  const finished = drafts.map((each) => {
    const plugin = draft.plugins.find(({listener = each}) => listener === each);
    const config = finishListener(each, draft, {localOnly, hasPlugin: plugin !== undefined});
    const isOrphan = each === implicit && listeners.length > 0 && !isNamed;
    const tls = finishTls(each, {config, isOrphan}, notes);
    const listener = tls === undefined ? config : {...config, tls};
    if (plugin !== undefined) refuseOpen(listener, plugin);
    if (plugin === undefined || !localOnly) notes.push(...closedListener(listener));
    return listener;
  });
  refuseSamePorts(finished, drafts);
  notes.push(...unusedKeys(finished, draft.origins));
  return {listeners: finished, notes};
}

/** A warning for each psk_file that encrypts nothing. `origins`: where values stand. */
function unusedKeys(
  listeners: readonly ListenerConfig[],
  origins: ReadonlyMap<string, string>,
): readonly string[] {
  const filesOf = (some: readonly ListenerConfig[]) =>
    new Set(some.flatMap(({pskFile}) => (pskFile === undefined ? [] : [pskFile])));
  const used = filesOf(listeners.filter(({pskHint}) => pskHint !== undefined));
  return [...filesOf(listeners)]
    .filter((path) => !used.has(path))
    .map((path) => `${origins.get(path)}: psk_file has no effect: no listener that it is for has a psk_hint`);
}

/** The listener that -p adds has no line: where its port is not free, opening it fails. @throws TmqError */
function refuseSamePorts(listeners: readonly ListenerConfig[], drafts: readonly ListenerDraft[]): void {
  for (const [index, listener] of listeners.entries()) {
    const where = drafts[index]!.lines.get('port');
    const earlier = listeners.slice(0, index).find((each) => needSamePort(each, listener));
    if (where === undefined || earlier === undefined) continue;
    throw new TmqError(
      `${where}: port ${listener.port} is not free: the listener on ${describeListener(earlier)} has it.`,
    );
  }
}

/** Where there is only one listener with a port, -p replaces that port. */
function takesExtra(drafts: readonly ListenerDraft[], port: number): boolean {
  const isOnly = drafts.length === 1 && drafts[0]?.settings.socketPath === undefined;
  return !isOnly && (port === 0 || drafts.every(({settings}) => settings.port !== port));
}

/** `localOnly`: the configuration names no port, no address and no listener. */
function finishListener(
  listener: ListenerDraft,
  draft: ConfigDraft,
  {localOnly, hasPlugin}: {readonly localOnly: boolean; readonly hasPlugin: boolean},
): ListenerConfig {
  const {ownAllowAnonymous, ownAutoIdPrefix, ...settings} = listener.settings;
  return {
    ...defaultListener,
    ...(localOnly ? {host: '127.0.0.1', allowAnonymous: !hasPlugin} : {}),
    ...settings,
    ...(draft.perListener ? listener.access : draft.access),
    ...defined({allowAnonymous: ownAllowAnonymous, autoIdPrefix: ownAutoIdPrefix}),
    ...draft.everyListener,
  };
}

/** These need a certificate; with the others, a listener without one is as safe as it was meant to be. */
const certificateSettings = [
  'keyFile',
  'caFile',
  'caPath',
  'crlFile',
  'requireCertificate',
  'useIdentityAsUsername',
  'useSubjectAsUsername',
] as const;

/** Incomplete TLS settings are an error, so that a listener never falls back to plain text. */
function finishTls(
  {tls, lines}: ListenerDraft,
  {config, isOrphan}: {readonly config: ListenerConfig; readonly isOrphan: boolean},
  notes: string[],
): ListenerTls | undefined {
  const name = describeListener(config);
  const fail = (key: keyof ListenerTls | 'pskHint', sentence: string): never => {
    throw new TmqError(`${lines.get(key)}: the listener on ${name} ${sentence}.`);
  };
  if (config.pskHint !== undefined) {
    if (tls.certFile !== undefined || tls.keyFile !== undefined) {
      fail('pskHint', 'cannot use both a certificate and pre-shared keys');
    }
    if (config.pskFile === undefined) {
      notes.push(
        `${lines.get('pskHint')}: no client can connect to ${name}: there is no psk_file for its psk_hint`,
      );
    }
    return {...defaultTls, ...tls};
  }
  if (tls.certFile === undefined) {
    const needing = certificateSettings.find((key) => tls[key] !== undefined && tls[key] !== false);
    if (needing !== undefined) fail(needing, 'has TLS settings, but no certfile');
    notes.push(...withoutCertificate({tls, lines}, name, isOrphan));
    return undefined;
  }
  if (tls.keyFile === undefined) fail('certFile', 'has a certfile, but no keyfile');
  if (tls.requireCertificate && tls.caFile === undefined && tls.caPath === undefined) {
    fail('requireCertificate', 'requires certificates, but has no cafile or capath to check them against');
  }
  return {...defaultTls, ...tls};
}

/** Settings without effect. `isOrphan`: they stand above the first listener, and were meant for those below. */
function withoutCertificate(
  {tls, lines}: Pick<ListenerDraft, 'tls' | 'lines'>,
  listener: string,
  isOrphan: boolean,
): readonly string[] {
  const keys = (['minimumVersion', 'ciphers', 'tls13Ciphers'] as const).filter(
    (key) => tls[key] !== undefined,
  );
  const [first] = keys;
  if (isOrphan && first !== undefined) {
    const {name} = directives[first];
    throw new TmqError(
      `${lines.get(first)}: ${name} belongs to a listener, and no listener stands before it.`,
    );
  }
  return keys.map(
    (key) =>
      `${lines.get(key)}: ${directives[key].name} has no effect: the listener on ${listener} has no certfile`,
  );
}

/** Whether clients can get in, by whatever they show. */
function isOpen({allowAnonymous, passwordFile, tls}: ListenerConfig): boolean {
  const certified = tls?.useIdentityAsUsername || tls?.useSubjectAsUsername;
  return allowAnonymous || passwordFile !== undefined || certified === true;
}

/** @throws TmqError where the listener would let clients in whom the plugin may refuse */
function refuseOpen(listener: ListenerConfig, {name, where}: PluginLine): void {
  if (!isOpen(listener)) return;
  throw new TmqError(
    `${where}: ${name} cannot be served: plugins are not loaded, and ${describeListener(listener)} would let in clients that it may refuse; take out either the plugin or allow_anonymous and password_file.`,
  );
}

/** A listener as people say it: '127.0.0.1:1883', 'port 1883', '/run/broker.sock'. */
export function describeListener(listener: Pick<ListenerConfig, 'port' | 'host' | 'socketPath'>): string {
  if (listener.socketPath !== undefined) return listener.socketPath;
  const {host, port} = listener;
  if (host === undefined) return `port ${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A warning for a listener that refuses every client: a frequent surprise since mosquitto 2. */
function closedListener(listener: ListenerConfig): readonly string[] {
  if (isOpen(listener) || (listener.pskHint !== undefined && listener.pskFile === undefined)) return [];
  return [
    `no client can connect to ${describeListener(listener)}: there is no password_file, and allow_anonymous is not true`,
  ];
}

const defaultPersistence = defaults('persistence');
const defaultBroker = defaults('broker');
const defaultLog = defaults('log');
const defaultLogTypes = ['error', 'warning', 'notice', 'information'];

function finishBroker(draft: ConfigDraft): Omit<BrokerConfig, 'listeners' | 'warnings' | 'origins'> {
  const {logDestinations, logTypes} = draft;
  const kept = {...defaultPersistence, ...draft.persistence};
  const path = join(kept.persistenceLocation, kept.persistenceFile);
  const autosaveSeconds = kept.autosaveOnChanges ? 0 : kept.autosaveInterval;
  return {
    ...defaultBroker,
    ...draft.broker,
    limits: {...defaultLimits, ...draft.limits},
    ...(kept.persistence ? {persistence: {path, autosaveSeconds, sync: kept.persistenceSync}} : {}),
    log: {
      ...defaultLog,
      ...draft.log,
      destinations: logDestinations.length === 0 ? ['stderr'] : logDestinations,
      types: logTypes.size === 0 ? new Set(defaultLogTypes) : logTypes,
    },
  };
}
