/**
 * The directives of mosquitto.conf(5) that set something: one row for each, under the name of its setting.
 * The settings' types and defaults (settings.ts) and the parser follow this table; to add a directive, add a
 * row and the code that reads the setting. Directives that do something else: special-directives.ts.
 */

import {largestTwoByteInteger, largestVariableInteger} from '../../protocol/fixed-header.ts';
import {
  boolean,
  duration,
  integer,
  limit,
  mountPoint,
  oneOf,
  packetSize,
  protocolVersions,
  qos,
  type Read,
  text,
  tlsVersion,
} from './directive-values.ts';

/** A row of the table, under the name of its setting. */
export interface Directive {
  readonly name: string;
  /**
   * What the value belongs to:
   * - `broker`, `limits`, `persistence`, `log`: the broker
   * - `every-listener`: all listeners alike
   * - `access`: all listeners; with per_listener_settings true, the listener above the line
   * - `listener`, `tls`: the listener above the line, or the default listener
   * - `named-listener`: the listener above the line, which there must be
   * - `default-listener`: the default listener, wherever the line is
   */
  readonly scope:
    | 'broker'
    | 'limits'
    | 'persistence'
    | 'log'
    | 'every-listener'
    | 'access'
    | 'listener'
    | 'tls'
    | 'named-listener'
    | 'default-listener';
  readonly read: Read<unknown>;
  /** Absent: without the directive, the setting is absent too. */
  readonly default?: unknown;
}

const port = integer(0, 65535);

/** The defaults are mosquitto's, where a test broker has no reason for others. */
export const directives = {
  /** 0 asks the system for a free port. */
  port: {name: 'port', scope: 'default-listener', read: port, default: 1883},
  /** An address to bind to; absent: all addresses. */
  host: {name: 'bind_address', scope: 'default-listener', read: text},
  /** What is put in front of the listener's topics, and removed again. */
  mountPoint: {name: 'mount_point', scope: 'named-listener', read: mountPoint},

  /** True by default where the configuration names no port, address or listener. */
  allowAnonymous: {name: 'allow_anonymous', scope: 'access', read: boolean, default: false},
  passwordFile: {name: 'password_file', scope: 'access', read: text},
  aclFile: {name: 'acl_file', scope: 'access', read: text},
  pskFile: {name: 'psk_file', scope: 'access', read: text},
  /** Give a client identifier to clients that come without one. */
  allowZeroLengthClientId: {
    name: 'allow_zero_length_clientid',
    scope: 'access',
    read: boolean,
    default: true,
  },
  /** How such an identifier begins. */
  autoIdPrefix: {name: 'auto_id_prefix', scope: 'access', read: text, default: 'auto-'},
  /** How client identifiers must begin. */
  clientIdPrefixes: {name: 'clientid_prefixes', scope: 'every-listener', read: text},

  protocol: {
    name: 'protocol',
    scope: 'listener',
    read: oneOf({mqtt: 'mqtt', websockets: 'websockets'}),
    default: 'mqtt',
  },
  /** The addresses of this network interface only. */
  bindInterface: {name: 'bind_interface', scope: 'listener', read: text},
  /** The versions of MQTT that clients may use; absent: all. */
  acceptedVersions: {name: 'accept_protocol_versions', scope: 'listener', read: protocolVersions},
  /** In the place of allow_anonymous and auto_id_prefix for this listener alone. */
  ownAllowAnonymous: {name: 'listener_allow_anonymous', scope: 'named-listener', read: boolean},
  ownAutoIdPrefix: {name: 'listener_auto_id_prefix', scope: 'named-listener', read: text},
  socketDomain: {name: 'socket_domain', scope: 'listener', read: oneOf({ipv4: 'ipv4', ipv6: 'ipv6'})},
  /** Connections at a time; -1: no limit. */
  maxConnections: {name: 'max_connections', scope: 'listener', read: limit(-1), default: -1},
  maxQos: {name: 'max_qos', scope: 'listener', read: qos, default: 2},
  /** Topic aliases that a client may use. */
  maxTopicAlias: {
    name: 'max_topic_alias',
    scope: 'listener',
    read: integer(0, largestTwoByteInteger),
    default: 10,
  },
  /** Topic aliases that the broker uses, where the client allows as many; absent: 256. */
  maxTopicAliasBroker: {
    name: 'max_topic_alias_broker',
    scope: 'listener',
    read: integer(0, largestTwoByteInteger),
  },
  useUsernameAsClientId: {name: 'use_username_as_clientid', scope: 'listener', read: boolean},
  /** Makes the listener one with pre-shared keys. */
  pskHint: {name: 'psk_hint', scope: 'listener', read: text},

  certFile: {name: 'certfile', scope: 'tls', read: text},
  keyFile: {name: 'keyfile', scope: 'tls', read: text},
  caFile: {name: 'cafile', scope: 'tls', read: text},
  caPath: {name: 'capath', scope: 'tls', read: text},
  crlFile: {name: 'crlfile', scope: 'tls', read: text},
  minimumVersion: {name: 'tls_version', scope: 'tls', read: tlsVersion},
  ciphers: {name: 'ciphers', scope: 'tls', read: text},
  tls13Ciphers: {name: 'ciphers_tls1.3', scope: 'tls', read: text},
  requireCertificate: {name: 'require_certificate', scope: 'tls', read: boolean, default: false},
  /** The common name of the client's certificate, or its pre-shared key's identity, is its user name. */
  useIdentityAsUsername: {name: 'use_identity_as_username', scope: 'tls', read: boolean, default: false},
  /** The whole subject of the client's certificate is its user name. */
  useSubjectAsUsername: {name: 'use_subject_as_username', scope: 'tls', read: boolean, default: false},

  /** Bytes of a whole packet; 0: the protocol's own maximum. */
  maxPacketSize: {name: 'max_packet_size', scope: 'limits', read: packetSize, default: 0},
  /** Bytes of a payload; 0: no limit. */
  messageSizeLimit: {
    name: 'message_size_limit',
    scope: 'limits',
    read: integer(0, largestVariableInteger),
    default: 0,
  },
  /** QoS 1 and 2 messages in flight to one client; also the Receive Maximum of the broker. 0: 65535. */
  maxInflightMessages: {
    name: 'max_inflight_messages',
    scope: 'limits',
    read: limit(0, largestTwoByteInteger),
    default: 20,
  },
  maxInflightBytes: {name: 'max_inflight_bytes', scope: 'limits', read: limit(0), default: 0},
  /** QoS 1 and 2 messages that wait for one client beyond those in flight. 0: no limit. */
  maxQueuedMessages: {name: 'max_queued_messages', scope: 'limits', read: limit(0), default: 1000},
  maxQueuedBytes: {name: 'max_queued_bytes', scope: 'limits', read: limit(0), default: 0},
  /** Keep QoS 0 messages, too, for a client that is not connected. */
  queueQos0Messages: {name: 'queue_qos0_messages', scope: 'limits', read: boolean, default: false},
  /** Seconds; the longest keep alive granted to an MQTT 5 client. 0: any. */
  maxKeepalive: {
    name: 'max_keepalive',
    scope: 'limits',
    read: integer(0, largestTwoByteInteger),
    default: largestTwoByteInteger,
  },
  retainAvailable: {name: 'retain_available', scope: 'limits', read: boolean, default: true},
  /** Seconds without a connection after which a session ends; absent: only its own expiry counts. */
  persistentClientExpiration: {name: 'persistent_client_expiration', scope: 'limits', read: duration},
  upgradeOutgoingQos: {name: 'upgrade_outgoing_qos', scope: 'limits', read: boolean, default: false},
  /** Clients at a time, those with a session but no connection included; -1: no limit. */
  globalMaxClients: {name: 'global_max_clients', scope: 'limits', read: limit(-1), default: -1},
  /** Connections at a time on all listeners together; absent or -1: no limit. */
  globalMaxConnections: {name: 'global_max_connections', scope: 'limits', read: limit(-1)},

  /** Seconds between updates of $SYS; 0: none. */
  sysInterval: {name: 'sys_interval', scope: 'broker', read: integer(0, 65535), default: 10},
  pidFile: {name: 'pid_file', scope: 'broker', read: text},

  persistence: {name: 'persistence', scope: 'persistence', read: boolean, default: false},
  /** Wait for the disk before the acknowledgements of a turn; not one of mosquitto's. */
  persistenceSync: {name: 'persistence_sync', scope: 'persistence', read: boolean, default: false},
  persistenceFile: {name: 'persistence_file', scope: 'persistence', read: text, default: 'mosquitto.db.tmq'},
  /** A directory; '': the working directory. */
  persistenceLocation: {name: 'persistence_location', scope: 'persistence', read: text, default: ''},
  /** Seconds between two rewritings of the store. */
  autosaveInterval: {name: 'autosave_interval', scope: 'persistence', read: limit(0), default: 1800},
  /** Switches the interval off: every change is written at once anyway. */
  autosaveOnChanges: {name: 'autosave_on_changes', scope: 'persistence', read: boolean, default: false},

  timestamp: {name: 'log_timestamp', scope: 'log', read: boolean, default: true},
  /** For strftime; absent: seconds since the epoch. */
  timestampFormat: {name: 'log_timestamp_format', scope: 'log', read: text},
  /** Log connections and disconnections. */
  connectionMessages: {name: 'connection_messages', scope: 'log', read: boolean, default: true},
} as const satisfies Readonly<Record<string, Directive>>;
