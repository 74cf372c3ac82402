/**
 * The values a connection is made from: endpoint, transport, identity. Commands build them from their options; the
 * transport and the session read them. There are no defaults here.
 */

import type {ScramMethod} from '../password/scram-methods.ts';
import type {ProtocolVersion, Will} from '../protocol/message.ts';
import type {AuthProperties, ConnectProperties, DisconnectProperties} from '../protocol/properties.ts';

export interface Credentials {
  readonly username?: string;
  readonly password?: string;
}

/** The region of AWS, and the keys to sign with. */
export interface AwsSigning {
  readonly region: string;
  readonly keys: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** A header field of HTTP. */
export type Header = readonly [name: string, value: string];

/** What each connection gets anew, in the place of the options. */
export interface Renewal {
  /** Called before each connection. @throws TmqError */
  parts(signal: AbortSignal): Promise<Pick<ConnectionOptions, 'credentials' | 'headers'>>;
  /** A server has refused the credentials; returns whether the next ones may be others. */
  refused(): boolean;
}

/** Certificates and keys are paths: the transport reads them and reports the errors. */
export interface TlsOptions {
  readonly caFile?: string;
  readonly caPath?: string;
  readonly systemCertificates?: boolean;
  /** OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR, in place of the system's own paths. */
  readonly systemCertificateFile?: string;
  readonly systemCertificateDirectory?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Called only when the key is encrypted; once, also across reconnects, and again if it was wrong. */
  readonly passphrase?: (signal: AbortSignal) => Promise<string>;
  /** No verification at all: neither the chain nor the host name. */
  readonly insecure?: boolean;
  readonly minimumVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** An OpenSSL cipher list; with a minimum of TLSv1.3, its cipher suites. */
  readonly ciphers?: string;
  readonly alpn?: string;
  readonly psk?: {readonly identity: string; readonly key: Uint8Array};
  readonly keyLogFile?: string;
  /** The name to ask for and to find in the certificate, in the place of the host's. */
  readonly serverName?: string;
}

export type Endpoint =
  | {
      readonly transport: 'tcp' | 'ws';
      readonly host: string;
      readonly port: number;
      readonly tls?: TlsOptions;
      /** A local address to connect from. */
      readonly bindAddress?: string;
      readonly noDelay?: boolean;
      /** socks5h:// (default port 1080) or http:// (80), with user and password percent-encoded. */
      readonly proxy?: URL;
      /** Look up the SRV record of the host first; the port is then the record's. */
      readonly srv?: boolean;
      /** The path of the WebSocket request; by default /mqtt. */
      readonly path?: string;
    }
  | {readonly transport: 'unix'; readonly path: string; readonly tls?: TlsOptions};

export interface ConnectionOptions {
  readonly endpoint: Endpoint;
  /** Further hosts of the same broker, tried in order where the one before cannot be connected to. */
  readonly alternatives?: readonly Endpoint[];
  /** Whether to go where a server sends the client [MQTT 5, 4.13]. */
  readonly followsRedirection?: boolean;
  readonly protocolVersion: ProtocolVersion;
  /** May be empty from MQTT 3.1.1 on: the server then assigns one. */
  readonly clientId: string;
  /** Clean Session [MQTT 3.1.1], Clean Start [MQTT 5]. */
  readonly clean: boolean;
  /** With `clean`: only the first connection begins a new session; later ones continue it. */
  readonly continues?: boolean;
  readonly keepaliveSeconds: number;
  /** QoS 1 and 2 messages sent and not yet acknowledged; the server's Receive Maximum may lower it. */
  readonly maxInflight: number;
  readonly credentials?: Credentials;
  readonly renewal?: Renewal;
  /** Signs the request of a WebSocket as AWS IoT Core wants it, with a new signature for each. */
  readonly awsSigning?: AwsSigning;
  /** Added to the request of a WebSocket. */
  readonly headers?: readonly Header[];
  /** MQTT 5: prove with it that the password is known, instead of sending it. Only where there are credentials. */
  readonly authMethod?: ScramMethod;
  /** Of AUTH, beside method and data. */
  readonly authProperties?: AuthProperties;
  readonly will?: Will;
  readonly properties?: ConnectProperties;
  /** More unacknowledged messages than the Receive Maximum in `properties` end the connection. */
  readonly holdsToReceiveMaximum?: boolean;
  readonly disconnectProperties?: DisconnectProperties;
  /** Seconds within which TCP, TLS and CONNACK must be complete; several hosts have a share each. */
  readonly connectTimeoutSeconds: number;
}

/** The same options with each endpoint changed. */
export function eachEndpoint<Options extends Pick<ConnectionOptions, 'endpoint' | 'alternatives'>>(
  options: Options,
  change: (endpoint: Endpoint) => Endpoint,
): Options {
  const {endpoint, alternatives = []} = options;
  return {...options, endpoint: change(endpoint), alternatives: alternatives.map(change)};
}
