/** The addresses of a running broker for programs: environment variables, and the ready line in two forms. */

import {defined} from '../../defined.ts';
import type {CertificateFiles} from './certificates.ts';
import type {Address} from './listen.ts';

/** The address that a client takes which knows of one. */
function mainAddress(addresses: readonly Address[]): Address | undefined {
  for (const scheme of ['mqtt', 'mqtts', 'ws', 'wss', 'unix']) {
    const found = addresses.find(({url}) => url.startsWith(`${scheme}://`));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The environment variables of the command of --exec, and of a script that evaluates `--ready env`. */
export function environmentOf(
  addresses: readonly Address[],
  certificates: CertificateFiles | undefined,
): Readonly<Record<string, string>> {
  const first = (scheme: string) => addresses.find(({url}) => url.startsWith(`${scheme}://`));
  const main = mainAddress(addresses);
  const socket = first('unix')?.listener.socketPath;
  return defined({
    MQTT_URL: main?.url,
    MQTT_HOST: main?.host,
    MQTT_PORT: main?.port === undefined ? undefined : String(main.port),
    MQTTS_URL: first('mqtts')?.url,
    MQTT_WS_URL: first('ws')?.url,
    MQTT_WSS_URL: first('wss')?.url,
    MQTT_UNIX_SOCKET: socket,
    MQTT_CA_FILE: certificates?.caFile,
    MQTT_CLIENT_CERT_FILE: certificates?.clientCertFile,
    MQTT_CLIENT_KEY_FILE: certificates?.clientKeyFile,
  });
}

/**
 * One line with the broker's process id and addresses: a JSON object, or commands for a shell to evaluate, which give
 * the addresses to its children, too.
 */
export function readyLine(
  form: 'json' | 'env',
  broker: {
    readonly pid: number;
    readonly addresses: readonly Address[];
    readonly certificates?: CertificateFiles | undefined;
    /** The URL of the page of --web, with its token. */
    readonly web?: string | undefined;
  },
): string {
  const {pid, addresses, certificates, web} = broker;
  const main = mainAddress(addresses);
  if (form === 'env') {
    const variables = Object.entries(environmentOf(addresses, certificates));
    const words = variables.map(([name, value]) => `${name}=${shellWord(value)}`);
    // Only the script that has started the broker is to end it.
    return `export ${words.join(' ')}; MQTT_BROKER_PID=${pid}`;
  }
  return JSON.stringify({
    event: 'ready',
    pid,
    url: main?.url,
    host: main?.host,
    port: main?.port,
    listeners: addresses.map(({url, host, port, listener}) => ({
      protocol: url.slice(0, url.indexOf(':')),
      url,
      host,
      port,
      path: listener.socketPath,
    })),
    certificates,
    web,
  });
}

/** The text as one word for a POSIX shell, quoted where needed. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
