/**
 * The environment variables that stand for options of the connection, where neither the command line nor an options
 * file has them. Pure: the caller passes the environment, and none where the program has a mosquitto name.
 */

import {text, type Values} from '../../cli/option.ts';
import type {Endpoint} from '../../client/connection-options.ts';
import {UsageError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import type {SecretSource} from './credentials/credentials.ts';
import {networkOptions, proxyUrl} from './network-options.ts';

/** The row of the profile, which TMQ_PROFILE stands for. */
export const profileOption = {
  flags: '--profile <name>',
  group: 'General',
  summary: 'read options from this profile, too: see tmq help profiles',
  details:
    'A file in ~/.config/tmq/profiles, with options as in an options file. It is read after the options file, and before the command line. Without this option, TMQ_PROFILE names the profile.',
  parse: text,
  complete: 'profile',
} as const;

/** The row -L of a command, which knows where the topic of a URL belongs. */
type UrlRow = Pick<typeof networkOptions.url, 'parse'> & {
  readonly assign: (given: string) => Readonly<Record<string, unknown>>;
};

/** What `read` gives. @throws UsageError that names the variable where `read` throws one */
function ofVariable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    // The sentence about a URL was written for -L.
    const sentence = error.message.replace(' for -L argument specified -', ':');
    throw new UsageError(`The environment variable ${name} is wrong. ${sentence}`, {cause: error});
  }
}

/**
 * The values with those of MQTT_URL, where they name no broker, and of MQTT_USERNAME and MQTT_PASSWORD, where they have
 * none. An empty variable counts as none.
 * @throws UsageError that names the variable, and shows nothing of its value
 */
export function withEnvironment<Given extends Values<typeof networkOptions>>(
  values: Given,
  {MQTT_URL: url = '', MQTT_USERNAME: username = '', MQTT_PASSWORD: password = ''}: Io['env'],
  row: UrlRow,
): Given {
  const namesBroker = values.host !== undefined || values.url !== undefined;
  const place: Partial<Given> =
    url === '' || namesBroker
      ? {}
      : ofVariable(
          'MQTT_URL',
          () => ({url: row.parse(url, undefined), ...row.assign(url)}) as Partial<Given>,
        );
  // A port is none of a unix socket: it is one of localhost.
  const known: Given = place.port === 0 && values.port !== undefined ? values : {...place, ...values};
  const name =
    username === '' || known.username !== undefined
      ? {}
      : {username: ofVariable('MQTT_USERNAME', () => networkOptions.username.parse(username))};
  const source: SecretSource = {kind: 'environment', name: 'MQTT_PASSWORD'};
  return {...known, ...name, ...(password === '' || known.password !== undefined ? {} : {password: source})};
}

/** The endpoint, with MQTT_CA_FILE as its CA file where it uses TLS and nothing else says whom to trust. */
export function withTrustOfEnvironment<Each extends Endpoint>(
  endpoint: Each,
  {MQTT_CA_FILE: caFile = ''}: Io['env'],
): Each {
  const {tls} = endpoint;
  if (caFile === '' || tls === undefined || (tls.caFile ?? tls.caPath ?? tls.psk) !== undefined)
    return endpoint;
  return {...endpoint, tls: {...tls, caFile}};
}

/** A host name that always means this machine, or an address that does. */
const loopback = /^(?:localhost|.*\.localhost|127(?:\.\d+){3}|::1)$/;

/** Whether NO_PROXY has the host: "*", or by name, by a domain above it, each with or without a port. */
function isWithoutProxy(noProxy: string, host: string, port: number): boolean {
  if (loopback.test(host)) return true;
  return noProxy.split(/[\s,]+/).some((given) => {
    const [, bracketed, plain = given, ofPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(given) ?? [];
    const name = (bracketed ?? plain).toLowerCase().replace(/^\*?\./, '');
    if (name === '' || (ofPort !== undefined && Number(ofPort) !== port)) return false;
    return name === '*' || name === host || host.endsWith(`.${name}`);
  });
}

/** The endpoint, with the proxy of HTTPS_PROXY (where it uses TLS) or ALL_PROXY, also in lower case, if it has none. */
function withProxyOfEnvironment<Each extends Endpoint>(endpoint: Each, env: Io['env']): Each {
  if (endpoint.transport === 'unix' || endpoint.proxy !== undefined) return endpoint;
  const {host, port, tls} = endpoint;
  const names = [...(tls === undefined ? [] : ['https_proxy', 'HTTPS_PROXY']), 'all_proxy', 'ALL_PROXY'];
  const name = names.find((each) => (env[each] ?? '') !== '');
  const bare = host.toLowerCase().replace(/^\[(.*)\]$|\.$/g, '$1');
  if (name === undefined || isWithoutProxy(env.no_proxy ?? env.NO_PROXY ?? '', bare, port)) return endpoint;
  const given = env[name]!;
  const url = given.includes('://') ? given.replace(/^socks5:/i, 'socks5h:') : `http://${given}`;
  return {...endpoint, proxy: ofVariable(name, () => proxyUrl(url))};
}

/** The endpoint with what the environment says of connections, and the options do not. @throws UsageError */
export function withEnvironmentOfConnection<Each extends Endpoint>(endpoint: Each, env: Io['env']): Each {
  const proxied = withProxyOfEnvironment(withTrustOfEnvironment(endpoint, env), env);
  const {SSLKEYLOGFILE: keyLogFile = ''} = env;
  if (keyLogFile === '' || proxied.tls === undefined || proxied.tls.keyLogFile !== undefined) return proxied;
  return {...proxied, tls: {...proxied.tls, keyLogFile}};
}
