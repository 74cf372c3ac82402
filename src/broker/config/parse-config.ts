/**
 * What a broker is told: listeners, who may do what, limits. Read from mosquitto.conf(5) by the table
 * of directives.ts. No socket and no file is opened here; `read` and `list` come from outside.
 */

import {join} from 'node:path';
import {ExitCode, TmqError} from '../../errors.ts';
import {type Draft, directive, directives, type ListenerDraft, listenerDraft} from './directives.ts';
import {type BrokerConfig, defaultLimits, type ListenerConfig, type ListenerTls} from './settings.ts';

/** Where the text of a configuration comes from, for complaints and for include_dir. */
export interface ConfigSource {
  /** The path as the user said it; complaints begin with it. */
  readonly path: string;
  /** The text of a file. May throw a TmqError. */
  readonly read: (path: string) => string;
  /** The names in a directory. May throw a TmqError. */
  readonly list?: (directory: string) => readonly string[];
  /** The known name that a misspelt one was meant to be. */
  readonly suggest?: (word: string, known: readonly string[]) => string | undefined;
}

/**
 * The text of a mosquitto.conf(5) as values, with mosquitto's defaults: without any listener, loopback
 * only and anonymous clients welcome; with one, nobody who is not said to be.
 *
 * Paths stay as they are written: they are relative to the working directory, as in mosquitto.
 * @throws TmqError "path:line: …" for an unknown directive or a value that does not fit
 */
export function parseBrokerConfig(text: string, source: ConfigSource): BrokerConfig {
  const warnings: string[] = [];
  const main: Place = {path: source.path, line: 0};
  let place = main;
  const defaultListener = listenerDraft();
  const draft: Draft = {
    global: {},
    security: {},
    defaultListener,
    listeners: [],
    current: defaultListener,
    given: new Set(),
    logDestinations: [],
    logTypes: new Set(),
    securitySeen: false,
    bridge: false,
    plugin: false,
    suggest: source.suggest,
    warn: (sentence) => warnings.push(`${place.path}:${place.line}: ${sentence}`),
    include(directory) {
      if (place !== main) throw new RangeError('include_dir stands only in the main configuration file');
      for (const name of configFilesOf(source, directory)) {
        place = {path: join(directory, name), line: 0};
        readLines(source.read(place.path), place, draft);
      }
      place = main;
    },
  };
  readLines(text, main, draft);
  const listeners = finishListeners(draft);
  warnings.push(...closedDoors(listeners));
  return {...finishGlobal(draft), listeners, warnings};
}

interface Place {
  readonly path: string;
  line: number;
}

/** The files of an include_dir in mosquitto's order: by their bytes, capitals first. */
function configFilesOf(source: ConfigSource, directory: string): readonly string[] {
  return [...(source.list?.(directory) ?? [])].filter((name) => name.endsWith('.conf')).sort();
}

/** Hands each line to its row; `place` follows, for complaints. */
function readLines(text: string, place: Place, draft: Draft): void {
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    place.line += 1;
    if (line.startsWith('#') || line.trim() === '') continue;
    try {
      applyLine(line.trim(), draft);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new TmqError(`${place.path}:${place.line}: ${error.message}.`, ExitCode.failure, {cause: error});
    }
  }
}

/** 'name value' → the row of the name. @throws RangeError */
function applyLine(line: string, draft: Draft): void {
  const [, name = '', value = ''] = /^(\S+)\s*(.*)$/s.exec(line) ?? [];
  const row = directive(name);
  if (row === undefined) {
    const meant = draft.suggest?.(name, [...directives.keys()]);
    throw new RangeError(
      meant === undefined ? `unknown directive '${name}'` : `unknown directive '${name}', perhaps ${meant}`,
    );
  }
  if (value === '') throw new RangeError(`${name} is given without a value`);
  row.apply(value, draft, name);
}

function finishListeners(draft: Draft): readonly ListenerConfig[] {
  const {defaultListener: implicit} = draft;
  const said = [implicit.settings, implicit.tls, draft.global.perListenerSettings ? implicit.security : {}];
  const wanted = said.some((settings) => Object.keys(settings).length > 0);
  const drafts = draft.listeners.length === 0 || wanted ? [implicit, ...draft.listeners] : draft.listeners;
  // Only a file that names no port, no address and no listener is for this machine alone.
  const localOnly =
    draft.listeners.length === 0 &&
    implicit.settings.port === undefined &&
    implicit.settings.host === undefined;
  return drafts.map((each) => finishListener(each, draft, localOnly));
}

function finishListener(listener: ListenerDraft, draft: Draft, localOnly: boolean): ListenerConfig {
  const perListener = draft.global.perListenerSettings === true;
  const security = perListener ? listener.security : draft.security;
  const {allowAnonymous, passwordFile, aclFile, pskFile, allowZeroLengthClientId, autoIdPrefix} = security;
  const config: ListenerConfig = {
    port: 1883,
    protocol: 'mqtt',
    maxConnections: -1,
    maxQos: 2,
    maxTopicAlias: 10,
    ...(localOnly ? {host: '127.0.0.1'} : {}),
    ...listener.settings,
    allowAnonymous: allowAnonymous ?? localOnly,
    ...(passwordFile === undefined ? {} : {passwordFile}),
    ...(aclFile === undefined ? {} : {aclFile}),
    ...(pskFile === undefined ? {} : {pskFile}),
    ...(draft.global.clientIdPrefixes === undefined ? {} : {clientIdPrefixes: draft.global.clientIdPrefixes}),
    ...(perListener && allowZeroLengthClientId !== undefined ? {allowZeroLengthClientId} : {}),
    ...(perListener && autoIdPrefix !== undefined ? {autoIdPrefix} : {}),
  };
  const tls = finishTls(listener, config);
  return tls === undefined ? config : {...config, tls};
}

/** What is said about TLS must be enough for TLS: nobody shall talk in clear who thinks he does not. */
function finishTls(listener: ListenerDraft, config: ListenerConfig): ListenerTls | undefined {
  const {tls} = listener;
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
  return {requireCertificate: false, useIdentityAsUsername: false, useSubjectAsUsername: false, ...tls};
}

/** A listener as people say it: '127.0.0.1:1883', 'port 1883', '/run/broker.sock'. */
export function describeListener(listener: Pick<ListenerConfig, 'port' | 'host' | 'socketPath'>): string {
  if (listener.socketPath !== undefined) return listener.socketPath;
  const {host, port} = listener;
  if (host === undefined) return `port ${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A sentence for each listener through which nobody can come in: the question asked most of mosquitto 2. */
function closedDoors(listeners: readonly ListenerConfig[]): readonly string[] {
  return listeners
    .filter(({allowAnonymous, passwordFile, tls}) => {
      return (
        !allowAnonymous &&
        passwordFile === undefined &&
        !tls?.useIdentityAsUsername &&
        !tls?.useSubjectAsUsername
      );
    })
    .map(
      (listener) =>
        `nobody can connect to ${describeListener(listener)}: there is no password_file, and allow_anonymous is not true`,
    );
}

function finishGlobal(draft: Draft): Omit<BrokerConfig, 'listeners' | 'warnings'> {
  const {global, security} = draft;
  const limits: Record<string, unknown> = {};
  const said: Record<string, unknown> = {...security, ...global};
  for (const key of [...Object.keys(defaultLimits), 'persistentClientExpiration']) {
    if (said[key] !== undefined) limits[key] = said[key];
  }
  const path = join(global.persistenceLocation ?? '', global.persistenceFile ?? 'mosquitto.db.tmq');
  const autosaveSeconds = global.autosaveOnChanges ? 0 : (global.autosaveInterval ?? 1800);
  return {
    limits: {...defaultLimits, ...limits},
    sysInterval: global.sysInterval ?? 10,
    ...(global.persistence === true ? {persistence: {path, autosaveSeconds}} : {}),
    ...(global.pidFile === undefined ? {} : {pidFile: global.pidFile}),
    log: {
      destinations: draft.logDestinations.length === 0 ? ['stderr'] : draft.logDestinations,
      types: draft.logTypes.size === 0 ? new Set(defaultLogTypes) : draft.logTypes,
      timestamp: global.logTimestamp ?? true,
      ...(global.logTimestampFormat === undefined ? {} : {timestampFormat: global.logTimestampFormat}),
      connectionMessages: global.connectionMessages ?? true,
    },
  };
}

const defaultLogTypes = ['error', 'warning', 'notice', 'information'];
