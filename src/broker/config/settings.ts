/** The settings of a broker and of its listeners, with units and defaults. Values only. */

/** One `listener` of mosquitto.conf. With per_listener_settings false, all share the same access settings. */
export interface ListenerConfig {
  /** 0 asks the system for a free port. */
  readonly port: number;
  /** An address to bind to; absent: all addresses. */
  readonly host?: string;
  /** A Unix socket instead of a port. */
  readonly socketPath?: string;
  readonly socketDomain?: 'ipv4' | 'ipv6';
  readonly protocol: 'mqtt' | 'websockets';
  readonly allowAnonymous: boolean;
  readonly passwordFile?: string;
  readonly aclFile?: string;
  readonly clientIdPrefixes?: string;
  readonly pskFile?: string;
  readonly pskHint?: string;
  readonly maxConnections: number;
  readonly maxQos: 0 | 1 | 2;
  readonly maxTopicAlias: number;
  readonly mountPoint?: string;
  readonly tls?: ListenerTls;
  readonly useUsernameAsClientId?: boolean;
  /** With per_listener_settings true: what this listener says instead of the limits of all. */
  readonly allowZeroLengthClientId?: boolean;
  readonly autoIdPrefix?: string;
}

export interface ListenerTls {
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly caPath?: string;
  readonly crlFile?: string;
  readonly requireCertificate: boolean;
  readonly useIdentityAsUsername: boolean;
  readonly useSubjectAsUsername: boolean;
  readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly tls13Ciphers?: string;
}

export interface BrokerLimits {
  /** Bytes of a whole packet; 0: the protocol's own maximum. */
  readonly maxPacketSize: number;
  /** Bytes of a payload; 0: no limit. */
  readonly messageSizeLimit: number;
  /** QoS 1 and 2 messages on their way to one client; also the Receive Maximum we announce. 0: 65535. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** QoS 1 and 2 messages waiting for one client beyond those in flight. 0: no limit. */
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** Keep also QoS 0 messages for a client that is away. */
  readonly queueQos0Messages: boolean;
  /** Seconds; the longest keep alive granted to an MQTT 5 client. 0: any. */
  readonly maxKeepalive: number;
  readonly retainAvailable: boolean;
  /** Seconds after which the session of an absent client is forgotten; absent: only its own expiry counts. */
  readonly persistentClientExpiration?: number;
  readonly allowZeroLengthClientId: boolean;
  readonly autoIdPrefix: string;
  readonly upgradeOutgoingQos: boolean;
  readonly globalMaxClients: number;
}

export interface BrokerConfig {
  readonly listeners: readonly ListenerConfig[];
  readonly limits: BrokerLimits;
  /** Seconds between updates of $SYS; 0: none. */
  readonly sysInterval: number;
  /** Written at every change; rewritten without what is gone every `autosaveSeconds`, 0: only at the end. */
  readonly persistence?: {readonly path: string; readonly autosaveSeconds: number};
  readonly pidFile?: string;
  readonly log: {
    readonly destinations: readonly string[];
    readonly types: ReadonlySet<string>;
    readonly timestamp: boolean;
    readonly timestampFormat?: string;
    readonly connectionMessages: boolean;
  };
  /** Directives that are known but not served here: a sentence each, with file and line. */
  readonly warnings: readonly string[];
}

/** mosquitto's defaults, where a test broker has no reason for others. */
export const defaultLimits: BrokerLimits = {
  maxPacketSize: 0,
  messageSizeLimit: 0,
  maxInflightMessages: 20,
  maxInflightBytes: 0,
  maxQueuedMessages: 1000,
  maxQueuedBytes: 0,
  queueQos0Messages: false,
  maxKeepalive: 65535,
  retainAvailable: true,
  allowZeroLengthClientId: true,
  autoIdPrefix: 'auto-',
  upgradeOutgoingQos: false,
  globalMaxClients: -1,
};
