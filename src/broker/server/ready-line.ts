/** Where a running broker is, for programs: environment variables, and the ready line in two forms. */

import type {CertificateFiles} from './certificates.ts';
import type {Address} from './listen.ts';

/** What a child process, or a script that evaluates `--ready env`, finds in its environment. */
export function environmentOf(
  addresses: readonly Address[],
  certificates: CertificateFiles | undefined,
): Readonly<Record<string, string>> {
  const first = (...schemes: readonly string[]) =>
    addresses.find(({url}) => schemes.some((scheme) => url.startsWith(`${scheme}://`)));
  const plain = first('mqtt') ?? first('mqtts', 'ws', 'wss', 'unix');
  const socket = first('unix')?.listener.socketPath;
  const found: Readonly<Record<string, string | undefined>> = {
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
  };
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** One line that says who is ready and where: a JSON object, or assignments that a shell can evaluate. */
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
    ...(certificates === undefined ? {} : {certificates}),
  });
}

/** A word that a POSIX shell reads as it is. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
