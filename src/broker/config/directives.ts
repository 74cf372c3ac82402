/**
 * The directives of mosquitto.conf(5) as a table: where each one belongs and how its value is read.
 * Rows write into a draft; what the draft then means, and which file and line a complaint names, is
 * config.ts's business. Opens no file.
 */

import type {ListenerConfig, ListenerTls} from './settings.ts';

type Mutable<T> = {-readonly [Key in keyof T]?: T[Key]};

/** Settings that per_listener_settings moves from the whole broker to one listener. */
export interface SecuritySettings {
  allowAnonymous?: boolean;
  passwordFile?: string;
  aclFile?: string;
  pskFile?: string;
  allowZeroLengthClientId?: boolean;
  autoIdPrefix?: string;
}

export interface ListenerDraft {
  readonly settings: Mutable<Omit<ListenerConfig, 'tls' | keyof SecuritySettings>>;
  readonly tls: Mutable<ListenerTls>;
  readonly security: SecuritySettings;
  /** Directives already given, for those that may stand only once. */
  readonly given: Set<string>;
}

export interface GlobalSettings {
  perListenerSettings?: boolean;
  clientIdPrefixes?: string;
  maxPacketSize?: number;
  messageSizeLimit?: number;
  maxInflightMessages?: number;
  maxInflightBytes?: number;
  maxQueuedMessages?: number;
  maxQueuedBytes?: number;
  queueQos0Messages?: boolean;
  maxKeepalive?: number;
  retainAvailable?: boolean;
  persistentClientExpiration?: number;
  upgradeOutgoingQos?: boolean;
  globalMaxClients?: number;
  sysInterval?: number;
  persistence?: boolean;
  persistenceFile?: string;
  persistenceLocation?: string;
  autosaveInterval?: number;
  autosaveOnChanges?: boolean;
  logTimestamp?: boolean;
  logTimestampFormat?: string;
  connectionMessages?: boolean;
  pidFile?: string;
}

/** Everything said so far; `current` is the listener that listener directives speak about. */
export interface Draft {
  readonly global: GlobalSettings;
  readonly security: SecuritySettings;
  readonly defaultListener: ListenerDraft;
  readonly listeners: ListenerDraft[];
  current: ListenerDraft;
  readonly given: Set<string>;
  readonly logDestinations: string[];
  readonly logTypes: Set<string>;
  /** Set once a security directive was seen; per_listener_settings has to come before. */
  securitySeen: boolean;
  /** Inside a bridge's section. */
  bridge: boolean;
  /** Inside a plugin's section. */
  plugin: boolean;
  readonly suggest: ((word: string, known: readonly string[]) => string | undefined) | undefined;
  readonly include: (directory: string) => void;
  readonly warn: (sentence: string) => void;
}

export interface Directive {
  /** Reads the value into the draft. @throws RangeError with the words to say after file and line */
  readonly apply: (value: string, draft: Draft, name: string) => void;
}

/** A new listener with nothing said about it. */
export function listenerDraft(): ListenerDraft {
  return {settings: {}, tls: {}, security: {}, given: new Set()};
}

type Read<T> = (value: string, name: string) => T;

const truth: Read<boolean> = (value, name) => {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new RangeError(`${name} is either true or false, not '${value}'`);
};

const text: Read<string> = (value) => value;

const integer =
  (minimum: number, maximum = 2147483647): Read<number> =>
  (value, name) => {
    const number = Number(value);
    if (/^[+-]?\d+$/.test(value) && number >= minimum && number <= maximum) return number;
    throw new RangeError(
      maximum === 2147483647
        ? `${name} takes a whole number of at least ${minimum}, not '${value}'`
        : `${name} takes a whole number from ${minimum} to ${maximum}, not '${value}'`,
    );
  };

const oneOf =
  <const T>(values: Readonly<Record<string, T>>): Read<T> =>
  (value, name) => {
    if (Object.hasOwn(values, value)) return values[value] as T;
    throw new RangeError(`${name} is one of ${Object.keys(values).join(', ')}, not '${value}'`);
  };

/** Bytes of a packet: 0 for no limit, or at least 20, below which not even a CONNECT fits. */
const packetSize: Read<number> = (value, name) => {
  const size = integer(0, 268435455)(value, name);
  if (size > 0 && size < 20) throw new RangeError(`${name} must be 0 or at least 20 bytes, not ${size}`);
  return size;
};

const secondsIn: Readonly<Record<string, number>> = {
  h: 3600,
  d: 86400,
  w: 604800,
  m: 30 * 86400,
  y: 365 * 86400,
};

/** '14d' → seconds. */
const duration: Read<number> = (value, name) => {
  const match = /^(\d+)([hdwmy])$/.exec(value);
  if (match === null || Number(match[1]) === 0) {
    throw new RangeError(`${name} takes a number followed by h, d, w, m or y, such as 14d, not '${value}'`);
  }
  return Number(match[1]) * secondsIn[match[2]!]!;
};

const tlsVersion: Read<'TLSv1.2' | 'TLSv1.3'> = (value, name) => {
  if (value === 'tlsv1.1') throw new RangeError(`${name} tlsv1.1 is too old; use tlsv1.2 or tlsv1.3`);
  return oneOf({'tlsv1.2': 'TLSv1.2', 'tlsv1.3': 'TLSv1.3'})(value, name);
};

/** mosquitto takes each text once, and calls a second one an error rather than choosing. */
function once(given: Set<string>, name: string): void {
  if (given.has(name)) throw new RangeError(`${name} was already given`);
  given.add(name);
}

function global<Key extends keyof GlobalSettings>(key: Key, read: Read<GlobalSettings[Key]>): Directive {
  return {
    apply(value, draft, name) {
      if (read === text) once(draft.given, name);
      draft.global[key] = read(value, name);
    },
  };
}

function security<Key extends keyof SecuritySettings>(
  key: Key,
  read: Read<SecuritySettings[Key]>,
): Directive {
  return {
    apply(value, draft, name) {
      draft.securitySeen = true;
      const own = draft.global.perListenerSettings === true;
      if (read === text) once(own ? draft.current.given : draft.given, name);
      (own ? draft.current.security : draft.security)[key] = read(value, name);
    },
  };
}

function listener<Key extends keyof ListenerDraft['settings']>(
  key: Key,
  read: Read<ListenerDraft['settings'][Key]>,
): Directive {
  return {
    apply(value, draft, name) {
      if (read === text) once(draft.current.given, name);
      draft.current.settings[key] = read(value, name);
    },
  };
}

function tls<Key extends keyof ListenerTls>(key: Key, read: Read<ListenerDraft['tls'][Key]>): Directive {
  return {
    apply(value, draft, name) {
      if (read === text) once(draft.current.given, name);
      draft.current.tls[key] = read(value, name);
    },
  };
}

/** Known, and without meaning here: one warning says why. */
function unserved(why: string): Directive {
  return {apply: (_value, draft, name) => draft.warn(`${name} has no effect here: ${why}`)};
}

/** Part of a bridge, whose `connection` line has been answered already. */
const bridgePart: Directive = {
  apply(_value, draft, name) {
    if (!draft.bridge)
      throw new RangeError(`${name} belongs to a bridge, and no connection stands before it`);
  },
};

const pluginPart: Directive = {
  apply(_value, draft, name) {
    if (!draft.plugin) throw new RangeError(`${name} belongs to a plugin, and no plugin stands before it`);
  },
};

const plugin: Directive = {
  apply(_value, draft, name) {
    draft.plugin = true;
    draft.warn(`${name} has no effect here: plugins are not loaded, and nothing they would allow is allowed`);
  },
};

const logTypes = [
  'debug',
  'error',
  'warning',
  'notice',
  'information',
  'subscribe',
  'unsubscribe',
  'websockets',
  'internal',
] as const;

const special: Readonly<Record<string, Directive>> = {
  listener: {
    apply(value, draft, name) {
      const [portText = '', ...rest] = value.split(/ +/);
      const where = rest.join(' ');
      const port = integer(0, 65535)(portText, name);
      const opened = listenerDraft();
      opened.settings.port = port;
      // With port 0 a path is a Unix socket; a name or nothing is ours: a free port.
      if (port === 0 && where.includes('/')) opened.settings.socketPath = where;
      else if (where !== '') opened.settings.host = where;
      draft.listeners.push(opened);
      draft.current = opened;
    },
  },
  port: {
    apply(value, draft, name) {
      draft.defaultListener.settings.port = integer(0, 65535)(value, name);
    },
  },
  bind_address: {
    apply(value, draft, name) {
      once(draft.defaultListener.given, name);
      draft.defaultListener.settings.host = value;
    },
  },
  mount_point: {
    apply(value, draft, name) {
      if (draft.current === draft.defaultListener) {
        throw new RangeError(`${name} belongs to a listener, and no listener stands before it`);
      }
      if (/[+#]/.test(value)) throw new RangeError(`${name} cannot contain the wildcards + and #`);
      listener('mountPoint', text).apply(value, draft, name);
    },
  },
  per_listener_settings: {
    apply(value, draft, name) {
      draft.global.perListenerSettings = truth(value, name);
      if (draft.securitySeen) throw new RangeError(`${name} must stand before the settings it is about`);
    },
  },
  include_dir: {apply: (value, draft) => draft.include(value)},
  log_dest: {
    apply(value, draft, name) {
      const [kind = '', ...path] = value.split(/ +/);
      if (kind === 'file') {
        if (path.length === 0) throw new RangeError(`${name} file needs the file's path`);
        draft.logDestinations.push(`file ${path.join(' ')}`);
      } else if (kind === 'syslog' || kind === 'dlt' || kind === 'android') {
        draft.warn(`${name} ${kind} is not available here; the log goes to stderr`);
        draft.logDestinations.push('stderr');
      } else {
        draft.logDestinations.push(
          oneOf({none: 'none', stdout: 'stdout', stderr: 'stderr', topic: 'topic'})(kind, name),
        );
      }
    },
  },
  log_type: {
    apply(value, draft, name) {
      const known = Object.fromEntries([...logTypes, 'all', 'none'].map((type) => [type, type]));
      const type = oneOf(known)(value, name);
      if (type === 'all') for (const each of logTypes) draft.logTypes.add(each);
      else draft.logTypes.add(type);
    },
  },
  tls_version: tls('minimumVersion', tlsVersion),
  connection: {
    apply(value, draft, name) {
      draft.bridge = true;
      draft.warn(`${name} ${value} has no effect here: bridges to other brokers are not served`);
    },
  },
  plugin,
  auth_plugin: plugin,
  global_plugin: plugin,
  plugin_load: plugin,
  plugin_use: plugin,
};

const served: Readonly<Record<string, Directive>> = {
  // who may do what
  allow_anonymous: security('allowAnonymous', truth),
  password_file: security('passwordFile', text),
  acl_file: security('aclFile', text),
  psk_file: security('pskFile', text),
  allow_zero_length_clientid: security('allowZeroLengthClientId', truth),
  auto_id_prefix: security('autoIdPrefix', text),
  clientid_prefixes: global('clientIdPrefixes', text),

  // listeners
  protocol: listener('protocol', oneOf({mqtt: 'mqtt', websockets: 'websockets'})),
  socket_domain: listener('socketDomain', oneOf({ipv4: 'ipv4', ipv6: 'ipv6'})),
  max_connections: listener('maxConnections', integer(-1)),
  max_qos: listener('maxQos', oneOf({0: 0, 1: 1, 2: 2})),
  max_topic_alias: listener('maxTopicAlias', integer(0, 65535)),
  use_username_as_clientid: listener('useUsernameAsClientId', truth),
  psk_hint: listener('pskHint', text),
  certfile: tls('certFile', text),
  keyfile: tls('keyFile', text),
  cafile: tls('caFile', text),
  capath: tls('caPath', text),
  crlfile: tls('crlFile', text),
  ciphers: tls('ciphers', text),
  'ciphers_tls1.3': tls('tls13Ciphers', text),
  require_certificate: tls('requireCertificate', truth),
  use_identity_as_username: tls('useIdentityAsUsername', truth),
  use_subject_as_username: tls('useSubjectAsUsername', truth),

  // limits
  max_packet_size: global('maxPacketSize', packetSize),
  message_size_limit: global('messageSizeLimit', integer(0, 268435455)),
  max_inflight_messages: global('maxInflightMessages', integer(0, 65535)),
  max_inflight_bytes: global('maxInflightBytes', integer(0)),
  max_queued_messages: global('maxQueuedMessages', integer(0)),
  max_queued_bytes: global('maxQueuedBytes', integer(0)),
  max_keepalive: global('maxKeepalive', integer(0, 65535)),
  queue_qos0_messages: global('queueQos0Messages', truth),
  retain_available: global('retainAvailable', truth),
  persistent_client_expiration: global('persistentClientExpiration', duration),
  upgrade_outgoing_qos: global('upgradeOutgoingQos', truth),
  global_max_clients: global('globalMaxClients', integer(-1)),
  sys_interval: global('sysInterval', integer(0, 65535)),

  // files and log
  persistence: global('persistence', truth),
  persistence_file: global('persistenceFile', text),
  persistence_location: global('persistenceLocation', text),
  autosave_interval: global('autosaveInterval', integer(0)),
  autosave_on_changes: global('autosaveOnChanges', truth),
  log_timestamp: global('logTimestamp', truth),
  log_timestamp_format: global('logTimestampFormat', text),
  connection_messages: global('connectionMessages', truth),
  pid_file: global('pidFile', text),
};

/** Why a directive of mosquitto's means nothing to this broker. */
const unservedDirectives: Readonly<Record<string, string>> = {
  user: 'the broker stays the user who started it',
  accept_protocol_versions: 'every listener accepts MQTT 3.1, 3.1.1 and 5',
  allow_duplicate_messages: 'a message that matches several subscriptions is delivered as MQTT says',
  auth_plugin_deny_special_chars: 'plugins are not loaded',
  bind_interface: 'a listener is bound by its address',
  check_retain_source: 'retained messages are sent whatever became of the rights of who sent them',
  dhparamfile: 'the key exchange uses elliptic curves',
  disable_client_cert_date_checks: 'the dates of client certificates are checked',
  enable_control_api: 'there is no $CONTROL',
  enable_proxy_protocol: 'the PROXY protocol is not spoken',
  enable_proxy_protocol_v2_require_tls: 'the PROXY protocol is not spoken',
  global_max_connections: 'the number of connections is limited for each listener',
  http_dir: 'WebSocket listeners serve no files',
  listener_allow_anonymous: 'use per_listener_settings with allow_anonymous',
  listener_auto_id_prefix: 'use auto_id_prefix',
  log_facility: 'there is no syslog',
  max_topic_alias_broker: 'the broker uses as many topic aliases as the client allows, up to 256',
  memory_limit: "Node.js's --max-old-space-size limits the memory",
  packet_buffer_size: 'the buffer grows as needed',
  persist_new_listener: 'the listeners are those of the file',
  retain_expiry_interval: 'retained messages expire by their own expiry interval',
  retry_interval: 'messages are sent again when a client reconnects, as MQTT says',
  set_tcp_nodelay: 'connections never wait to fill a segment',
  store_clean_interval: 'nothing has to be cleaned',
  tls_engine: 'OpenSSL engines are not used',
  tls_engine_kpass_sha1: 'OpenSSL engines are not used',
  tls_keyform: 'keys are PEM files',
  websockets_headers_size: 'the size of a WebSocket request is limited by Node.js',
  websockets_log_level: 'there is no libwebsockets',
  websockets_origin: 'every origin is accepted',
};

const bridgeDirectives = `address addresses bridge_alpn bridge_attempt_unsubscribe bridge_bind_address
  bridge_cafile bridge_capath bridge_certfile bridge_ciphers bridge_ciphers_tls1.3 bridge_clean_session
  bridge_cleansession bridge_identity bridge_insecure bridge_keyfile bridge_max_packet_size
  bridge_max_topic_alias bridge_outgoing_retain bridge_protocol_version bridge_psk bridge_receive_maximum
  bridge_reload_type bridge_require_ocsp bridge_session_expiry_interval bridge_tcp_keepalive
  bridge_tcp_user_timeout bridge_tls_engine bridge_tls_engine_kpass_sha1 bridge_tls_keyform
  bridge_tls_use_os_certs bridge_tls_version cleansession clientid idle_timeout keepalive_interval
  local_cleansession local_clientid local_password local_username notification_topic notifications
  notifications_local_only password remote_clientid remote_password remote_username restart_timeout
  round_robin start_type threshold topic try_private username`.split(/\s+/);

/** Every directive of mosquitto.conf(5), by name. */
export const directives: ReadonlyMap<string, Directive> = new Map([
  ...Object.entries(special),
  ...Object.entries(served),
  ...Object.entries(unservedDirectives).map(([name, why]) => [name, unserved(why)] as const),
  ...bridgeDirectives.map((name) => [name, bridgePart] as const),
]);

/** The row of a directive; auth_opt_… and plugin_opt_… stand for any name that starts so. */
export function directive(name: string): Directive | undefined {
  if (name.startsWith('auth_opt_') || name.startsWith('plugin_opt_')) return pluginPart;
  return directives.get(name);
}
