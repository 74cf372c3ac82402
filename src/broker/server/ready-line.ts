/** The addresses of a running broker for programs: environment variables, and the ready line in two forms. */

import {defined} from '../../defined.ts';
import type {CertificateFiles} from './certificates.ts';
import type {Address} from './listen.ts';

/** The environment variables of the command of --exec, and of a script that evaluates `--ready env`. */
export function environmentOf(
  addresses: readonly Address[],
  certificates: CertificateFiles | undefined,
): Readonly<Record<string, string>> {
  const first = (...schemes: readonly string[]) =>
    addresses.find(({url}) => schemes.some((scheme) => url.startsWith(`${scheme}://`)));
  const plain = first('mqtt') ?? first('mqtts', 'ws', 'wss', 'unix');
  const socket = first('unix')?.listener.socketPath;
  return defined({
    MQTT_URL: plain?.url,
    MQTT_HOST: plain?.host,
    MQTT_PORT: plain?.port === undefined ? undefined : String(plain.port),
    MQTTS_URL: first('mqtts')?.url,
    MQTT_WS_URL: first('ws')?.url,
    MQTT_WSS_URL: first('wss')?.url,
    MQTT_UNIX_SOCKET: socket,
    MQTT_CA_FILE: certificates?.caFile,
    MQTT_CLIENT_CERT_FILE: certificates?.clientCertFile,
    MQTT_CLIENT_KEY_FILE: certificates?.clientKeyFile,
  });
}

/** One line with the broker's process id and addresses: a JSON object, or assignments for a shell to evaluate. */
export function readyLine(
  form: 'json' | 'env',
  broker: {
    readonly pid: number;
    readonly addresses: readonly Address[];
    readonly certificates?: CertificateFiles | undefined;
  },
): string {
  const {pid, addresses, certificates} = broker;
  if (form === 'env') {
    const variables = {...environmentOf(addresses, certificates), MQTT_BROKER_PID: String(pid)};
    return Object.entries(variables)
      .map(([name, value]) => `${name}=${shellWord(value)}`)
      .join(' ');
  }
  return JSON.stringify({
    event: 'ready',
    pid,
    listeners: addresses.map(({url, host, port, listener}) => ({
      protocol: url.slice(0, url.indexOf(':')),
      url,
      host,
      port,
      path: listener.socketPath,
    })),
    certificates,
  });
}

/** The text as one word for a POSIX shell, quoted where needed. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
