/**
 * The options of the network connection: where the broker is, over what to reach it, and with which user
 * name and password. Opens nothing; the transport does.
 */

import {inGroup, integer, type Values} from '../../cli/option.ts';
import type {Endpoint} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import {type HostAndPort, parseBrokerUrl} from '../../protocol/broker-url.ts';
import {fitsMqttString, isMqttString} from '../../protocol/topic.ts';
import type {CredentialSource, PasswordSource, SecretSource} from './credentials/credentials.ts';
import {impliesTlsPort, type TlsValues, toTls} from './tls-options.ts';
import {publishTopic, topicFilter} from './topic-option.ts';

/** @throws UsageError for what is no URL of a proxy */
export function proxyUrl(given: string): URL {
  const scheme = /^[^:]*(?=:\/\/)/.exec(given)?.[0];
  if (scheme !== 'socks5h' && scheme !== 'http') {
    throw new UsageError(
      `Unsupported proxy protocol: ${scheme === undefined ? 'none' : `${scheme}://`}. Use socks5h:// or http://.`,
    );
  }
  if (!URL.canParse(given)) {
    throw new UsageError('Invalid proxy: its form is socks5h://[user[:password]@]host[:port].');
  }
  const url = new URL(given);
  if (url.hostname === '') throw new UsageError('Invalid proxy: the host is missing.');
  if (url.port === '0') throw new UsageError('Invalid proxy port 0.');
  return url;
}

/** A host of -L, and the scheme of its URL. */
interface UrlHost extends HostAndPort {
  readonly scheme: string;
}

/** The hosts of all URLs of -L together. */
function urlHosts(given: string, previous: readonly UrlHost[] | undefined): readonly UrlHost[] {
  const url = parseBrokerUrl(given);
  const hosts = url.scheme === 'unix' ? [] : url.hosts.map((host) => ({...host, scheme: url.scheme}));
  return [...(previous ?? []), ...hosts];
}

/** What else -L sets: mosquitto's rules, where a later -h, -p, -t, -u, -P or --unix wins. */
function assignUrl(given: string): Readonly<Record<string, unknown>> {
  const url = parseBrokerUrl(given);
  if (url.scheme === 'unix') return {host: url.path, port: 0};
  const {scheme, username, password} = url;
  return {
    host: undefined,
    port: undefined,
    ...(username === undefined ? {} : {username: checkUsername(username)}),
    ...(password === undefined ? {} : {password: {kind: 'text', text: password} satisfies SecretSource}),
    ...(scheme === 'ws' || scheme === 'wss' ? {ws: true} : {}),
    ...(scheme === 'mqtts' || scheme === 'wss' ? {systemCertificates: true} : {}),
  };
}

function checkUsername(given: string): string {
  if (isMqttString(given) && fitsMqttString(given)) return given;
  throw new UsageError('Problem setting username and/or password: the user name is no MQTT string.');
}

/** What is no number may be a password: mosquitto's -P, misremembered. */
function invalidPort(given: string): string {
  if (/^[+-]?\d+$/.test(given)) return `Invalid port given: ${given}. It is a number from 0 to 65535.`;
  return 'Invalid port given: -p takes a number from 0 to 65535. A password is given with -P.';
}

function notEmpty(option: string): (given: string) => string {
  return (given) => {
    if (given === '') throw new UsageError(`The argument of ${option} is empty.`);
    return given;
  };
}

const urlRow = {
  flags: '-L, --url <url>',
  group: 'Connection',
  noun: 'URL',
  secret: true,
  parse: urlHosts,
} as const;

const urlDetails = `The scheme is mqtt, mqtts, ws or wss; after :// comes [user[:password]@]host[:port][,host[:port]…][/topic]. It stands for -h, -p and, where given, -t, -u and -P; the later option wins. Default ports are 1883 for mqtt and ws, 8883 for mqtts and wss. mqtts and wss use TLS and the system's certificates. User and password may be percent-encoded; an IPv6 address stands in brackets; the topic is not decoded. Several URLs of one scheme add their hosts. mqtt+unix:PATH and unix://PATH name a unix socket.`;

/** Where only -L could have named the topic. @throws UsageError */
export function checkUrlTopic({url}: NetworkValues): void {
  if (url !== undefined) {
    throw new UsageError(
      'Invalid URL for -L argument specified - topic missing. It stands behind the slash, as in mqtt://localhost/greetings',
    );
  }
}

function topicOf(given: string): string | undefined {
  const url = parseBrokerUrl(given);
  return url.scheme === 'unix' ? undefined : url.topic;
}

/** -L of a command that subscribes: its topic is one more entry of the row called 'topics'. */
export const subscribeUrlOption = {
  ...urlRow,
  summary: 'broker and topic filter in one: mqtt://user:password@host:port/filter',
  details: urlDetails,
  assign: (given: string) => {
    const check = topicFilter({option: '-L', what: 'subscription topic'});
    const topic = topicOf(given);
    return {...assignUrl(given), ...(topic === undefined ? {} : {topics: [check(topic)]})};
  },
} as const;

/** The -t of a command that publishes. */
export const publishTopicOption = {
  flags: '-t, --topic <topic>',
  group: 'Message',
  summary: 'topic to publish to',
  parse: publishTopic({option: '-t', what: 'publish topic'}),
} as const;

/** The rows of the network connection. */
export const networkOptions = inGroup('Connection', {
  url: {
    ...urlRow,
    summary: 'broker and topic in one: mqtt://user:password@host:port/topic',
    details: urlDetails,
    assign: (given: string) => {
      const check = publishTopic({option: '-L', what: 'publish topic'});
      const topic = topicOf(given);
      return {...assignUrl(given), ...(topic === undefined ? {} : {topic: check(topic)})};
    },
  },
  host: {
    flags: '-h, --host <host>',
    summary: 'host of the broker (default localhost), or several: a,b:1884,[::1]:1885',
    details:
      'Several hosts, separated by commas, are nodes of one broker. tmq tries them in order, each with the port behind its name or else that of -p, and stays with the first that accepts the connection. After a loss it begins with the node that it was connected to. A certificate must be valid for the name of the node. See tmq help reconnecting.',
    parse: notEmpty('-h'),
    complete: 'host',
    assign: () => ({url: undefined}),
  },
  port: {
    flags: '-p, --port <port>',
    summary: 'port of the broker (default 1883; with --cafile, --capath or --psk 8883)',
    details:
      "Port 8883 alone turns TLS on, with the system's certificates. With port 0 the host is the path of a unix socket.",
    parse: integer({minimum: 0, maximum: 65_535, problem: invalidPort}),
  },
  unix: {
    flags: '--unix <path>',
    summary: 'connect to a unix socket',
    noun: 'socket path',
    complete: 'file',
    assign: (given: string) => ({host: notEmpty('--unix')(given), port: 0, url: undefined}),
  },
  username: {flags: '-u, --username <name>', summary: 'user name', noun: 'username', parse: checkUsername},
  password: {
    flags: '-P, --pw <password>',
    summary: "password; '-' asks for it on the terminal",
    details:
      'A password on the command line stays in the history of the shell: prefer -P -, --pw-file or --pw-env.',
    secret: true,
    parse: (given: string): PasswordSource =>
      given === '-' ? {kind: 'prompt'} : {kind: 'text', text: given},
  },
  passwordFile: {
    flags: '--pw-file <file>',
    summary: 'password: the first line of this file',
    complete: 'file',
    assign: (path: string) => ({password: {kind: 'file', path} satisfies SecretSource}),
  },
  passwordEnvironment: {
    flags: '--pw-env <name>',
    summary: 'password: the value of this environment variable',
    assign: (name: string) => ({password: {kind: 'environment', name} satisfies SecretSource}),
  },
  ws: {flags: '--ws', summary: 'use WebSockets', details: 'The default port does not change.'},
  wsPath: {
    flags: '--ws-path <path>',
    summary: 'use WebSockets and request this path (default /mqtt)',
    parse: (given: string): string => (given.startsWith('/') ? given : `/${given}`),
    assign: () => ({ws: true}),
  },
  proxy: {
    flags: '--proxy <url>',
    summary: 'connect through a proxy: socks5h://user:password@host:port, or http://',
    details:
      'socks5h is SOCKS 5 with names looked up by the proxy, default port 1080; http uses the CONNECT method, default port 80. User and password may be percent-encoded. Without it, HTTPS_PROXY is the default where TLS is used, and ALL_PROXY everywhere, also in lower case; neither for hosts in NO_PROXY, nor for this machine itself.',
    noun: 'proxy url',
    secret: true,
    parse: proxyUrl,
  },
  bindAddress: {
    flags: '-A, --bind-address <address>',
    summary: 'local address to connect from',
    details: 'Not for unix sockets.',
    parse: notEmpty('-A'),
  },
  srv: {
    flags: '-S, --srv',
    summary: 'find the broker by the SRV records of the host',
    details:
      'The names looked up are _mqtt._tcp.HOST and, with TLS, _secure-mqtt._tcp.HOST, anew at each attempt to connect.',
  },
  noDelay: {
    flags: '--nodelay',
    summary: 'send small packets at once (TCP_NODELAY)',
    details: 'Not for unix sockets.',
  },
  connectTimeout: {
    flags: '--connect-timeout <seconds>',
    summary: 'give up connecting after this time (default 30)',
    details: 'Several hosts have a share of it each.',
    parse: integer({
      minimum: 1,
      maximum: 86_400,
      problem: (given) =>
        `Invalid connect timeout given: ${given}. It is a number of seconds from 1 to 86400.`,
    }),
  },
});

export type NetworkValues = Values<typeof networkOptions>;

/**
 * Where and how to connect, host by host; localhost and the usual ports where nothing is said.
 * @throws UsageError for options that exclude each other
 */
export function toEndpoints(values: NetworkValues & TlsValues): readonly [Endpoint, ...Endpoint[]] {
  const {host: given, url = [], port} = values;
  const standard = port ?? (impliesTlsPort(values) ? 8883 : 1883);
  if (standard === 0) return [unixEndpoint(values, given ?? 'localhost')];
  const other = url.find(({scheme}) => scheme !== url[0]?.scheme);
  if (other !== undefined) {
    throw new UsageError(
      `The URLs of -L need the same scheme, and here they have ${url[0]!.scheme} and ${other.scheme}.`,
    );
  }
  // A port behind a host of -h is said of that host; one that follows -L, of all of them.
  const hosts =
    url.length === 0
      ? parseHosts(given ?? 'localhost')
      : url.map((each) => ({...each, port: port ?? each.port}));
  const [first, ...others] = hosts.map((each) => hostEndpoint(values, {port: standard, ...defined(each)}));
  return [first!, ...others];
}

function unixEndpoint(values: NetworkValues & TlsValues, path: string): Endpoint {
  const without = (option: string) => new UsageError(`${option} and a unix socket cannot be used together.`);
  if (values.ws === true) throw without('--ws');
  if (values.proxy !== undefined) throw without('--proxy');
  if (values.srv === true) throw without('-S');
  return {transport: 'unix', path, ...defined({tls: toTls(values, 0)})};
}

function hostEndpoint(values: NetworkValues & TlsValues, {host, port}: Required<HostAndPort>): Endpoint {
  const {bindAddress, noDelay, proxy, srv, wsPath} = values;
  const tls = toTls(values, port);
  return {
    transport: values.ws === true ? 'ws' : 'tcp',
    host,
    port,
    ...defined({tls, bindAddress, noDelay, proxy, srv, path: wsPath}),
  };
}

/** "a,b:1884,[::1]:1885", "::1". @throws UsageError for what is no host with or without a port. It may hold a password, and is not shown. */
function parseHosts(given: string): readonly HostAndPort[] {
  // At the start V8 would compile the expression; no host has a slash.
  if (given.includes('/') && /^[a-z][a-z\d+.-]*:\/\//i.test(given)) {
    throw new UsageError('-h takes a host, not a URL. Give the URL with -L, as in -L mqtt://localhost/topic');
  }
  if (given.includes('@'))
    throw new UsageError('-h takes a host alone. Give the user name with -u, and the password with -P.');
  if (given.includes('/')) {
    throw new UsageError(
      '-h takes a host, not a path. Give the path of a unix socket with --unix, that of a WebSocket with --ws-path.',
    );
  }
  return given.split(',').map(parseHost);
}

function parseHost(given: string): HostAndPort {
  const text = given.trim();
  if (text === '') throw new UsageError('A host of -h is empty. Its form is -h a,b:1884,[::1]:1885');
  // An IPv6 address without a port stands bare here, but brackets do no harm.
  const match = /^\[(.*)\](?::(.*))?$/.exec(text) ?? /^([^:]*)(?::([^:]*))?$/.exec(text);
  const [, host = text, port] = match ?? [];
  if (port === undefined) return {host};
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65_535 || host === '') {
    throw new UsageError(
      'Invalid port given: a port behind a host of -h is a number from 1 to 65535, as in -h localhost:1883',
    );
  }
  return {host, port: number};
}

/** The user name and the password, or undefined where neither is given. */
export function toCredentials({username, password}: NetworkValues): CredentialSource | undefined {
  if (username === undefined && password === undefined) return undefined;
  return defined({username, password});
}
