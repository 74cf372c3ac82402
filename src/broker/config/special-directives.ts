/**
 * The directives of mosquitto.conf(5) that set no single value: those that open a listener, read a directory or
 * gather lists, and those that are known and have no effect here. Opens no file.
 */

import type {ConfigDraft} from './config-draft.ts';
import {boolean, integer, oneOf} from './directive-values.ts';

/** @throws RangeError with the sentence about a bad value, without file, line and full stop */
export type Action = (value: string, draft: ConfigDraft, name: string) => void;

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

/**
 * Plugins are not loaded; their options, which follow, are accepted. A listener that would let clients in whom the
 * plugin may refuse is an error: see parse-config.ts.
 */
const plugin: Action = (value, draft, name) => {
  draft.plugin = true;
  draft.warn(`${name} has no effect here: plugins are not loaded, and nothing they would allow is allowed`);
  // These keep data or watch it, and refuse no client. A plugin that is only loaded is not in use yet.
  if (name === 'plugin_load' || /mosquitto_(?:persist_sqlite|sparkplug_aware)/.test(value)) return;
  const own = name === 'plugin_use' || (draft.perListener && name !== 'global_plugin');
  draft.plugins.push({name, where: draft.here(), listener: own ? draft.listener : undefined});
};

const actions: Readonly<Record<string, Action>> = {
  listener(value, draft, name) {
    const [portText = '', ...rest] = value.split(/\s+/);
    const comment = rest.findIndex((word) => word.startsWith('#'));
    const where = rest.slice(0, comment === -1 ? rest.length : comment).join(' ');
    const port = integer(0, 65535)(portText, name);
    // With port 0 a path is a Unix socket. A host name, or nothing, with port 0 is tmq's own: a free port.
    const isPath = port === 0 && where.includes('/');
    draft.open({port, ...(where === '' ? {} : isPath ? {socketPath: where} : {host: where})});
  },
  per_listener_settings(value, draft, name) {
    // As in mosquitto, false changes nothing: not what stands before it, nor a true.
    if (!boolean(value, name) || draft.perListener) return;
    draft.perListener = true;
    if (draft.accessSeen) throw new RangeError(`${name} must stand before the settings it is about`);
  },
  websockets_origin(value, draft) {
    const {settings} = draft.listener;
    Object.assign(settings, {webSocketOrigins: [...(settings.webSocketOrigins ?? []), value]});
  },
  include_dir: (value, draft) => draft.include(value),
  log_dest(value, draft, name) {
    const [kind = '', ...path] = value.split(/ +/);
    if (kind === 'file') {
      if (path.length === 0) throw new RangeError(`${name} file needs the file's path`);
      draft.origins.set(path.join(' '), draft.here());
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
  log_type(value, draft, name) {
    const known = Object.fromEntries([...logTypes, 'all', 'none'].map((type) => [type, type]));
    const type = oneOf(known)(value.split(/\s/, 1)[0]!, name);
    if (type === 'all') for (const each of logTypes) draft.logTypes.add(each);
    else draft.logTypes.add(type);
  },
  connection(value, draft, name) {
    draft.bridge = true;
    draft.warn(`${name} ${value} has no effect here: bridges to other brokers are not served`);
  },
  plugin,
  auth_plugin: plugin,
  global_plugin: plugin,
  plugin_load: plugin,
  plugin_use: plugin,
};

/** mosquitto's directives that have no effect on this broker, and why. */
const withoutEffect: Readonly<Record<string, string>> = {
  user: 'the broker runs as the user who started it',
  allow_duplicate_messages:
    'a message that matches several subscriptions is delivered as the MQTT specification says',
  auth_plugin_deny_special_chars: 'plugins are not loaded',
  check_retain_source: 'retained messages are sent even if their publisher has lost its rights since',
  dhparamfile: 'the key exchange uses elliptic curves',
  disable_client_cert_date_checks: 'the dates of client certificates are checked',
  enable_control_api: 'there is no $CONTROL',
  http_dir: 'WebSocket listeners serve no files',
  log_facility: 'there is no syslog',
  memory_limit: "Node.js's --max-old-space-size limits the memory",
  packet_buffer_size: 'the buffers grow as needed',
  persist_new_listener: 'only the configuration adds listeners',
  retain_expiry_interval: 'retained messages expire by their own expiry interval',
  retry_interval: 'messages are sent again when a client reconnects, as the MQTT specification says',
  set_tcp_nodelay: 'connections always have TCP_NODELAY set',
  store_clean_interval: 'the store needs no cleaning',
  tls_engine: 'OpenSSL engines are not used',
  tls_engine_kpass_sha1: 'OpenSSL engines are not used',
  tls_keyform: 'keys are PEM files',
  websockets_headers_size: 'the size of a WebSocket request is limited by Node.js',
  websockets_log_level: 'there is no libwebsockets',
};

/** Parts of a bridge, below its `connection` line. */
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

/** Directives that narrow access in a way that this broker does not serve: without them it would let in more. */
const refused: Readonly<Record<string, string>> = {
  enable_proxy_protocol:
    'the PROXY protocol is not supported, and the listener would take clients without it',
  proxy_protocol_v2_require_tls: 'the PROXY protocol is not supported',
};

function refuseOf(why: string): Action {
  return (value, _draft, name) => {
    if (value === 'false' || value === '0') return;
    throw new RangeError(`${name} cannot be served: ${why}`);
  };
}

function warnOf(why: string): Action {
  return (_value, draft, name) => draft.warn(`${name} has no effect here: ${why}`);
}

const bridgePart: Action = (_value, draft, name) => {
  if (!draft.bridge) throw new RangeError(`${name} belongs to a bridge, and no connection stands before it`);
};

/** Any directive that begins with auth_opt_ or plugin_opt_. */
export const pluginPart: Action = (_value, draft, name) => {
  if (!draft.plugin) throw new RangeError(`${name} belongs to a plugin, and no plugin stands before it`);
};

/** Other names of rows of `directives`. */
export const otherNames: Readonly<Record<string, string>> = {
  maximum_qos: 'max_qos',
  retained_persistence: 'persistence',
};

/** Every directive of mosquitto.conf(5) that is not a row of `directives`, by name. */
export const specialDirectives: ReadonlyMap<string, Action> = new Map([
  ...Object.entries(actions),
  ...Object.entries(withoutEffect).map(([name, why]) => [name, warnOf(why)] as const),
  ...Object.entries(refused).map(([name, why]) => [name, refuseOf(why)] as const),
  ...bridgeDirectives.map((name) => [name, bridgePart] as const),
]);

/** What becomes of the special directives, for the manual: served, without effect and why, or refused and why. */
export const fates = {
  served: Object.keys(actions).filter((name) => name !== 'connection' && actions[name] !== plugin),
  plugins: Object.keys(actions).filter((name) => actions[name] === plugin),
  bridges: ['connection', ...bridgeDirectives],
  withoutEffect,
  refused,
};
