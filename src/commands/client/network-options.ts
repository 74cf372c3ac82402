/**
 * The options of the network connection: where the broker is, over what to reach it, and with which user
 * name and password. Opens nothing; the transport does.
 */

import {inGroup, integer, type Values} from '../../cli/option.ts';
import type {Endpoint} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import {UsageError} from '../../errors.ts';
import {parseBrokerUrl} from '../../protocol/broker-url.ts';
import {fitsMqttString, isMqttString} from '../../protocol/topic.ts';
import type {CredentialSource, SecretSource} from './credentials.ts';
import {impliesTlsPort, type TlsValues, toTls} from './tls-options.ts';
import {publishTopic, topicFilter} from './topic-option.ts';

function proxyUrl(given: string): URL {
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

/** What -L sets: mosquitto's rules, where a later -h, -p, -t, -u, -P or --unix wins. */
function assignUrl(given: string): Readonly<Record<string, unknown>> {
  const {scheme, username, password, host, port} = parseBrokerUrl(given);
  return {
    host,
    port,
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

const urlRow = {flags: '-L, --url <url>', group: 'Connection', noun: 'URL', secret: true} as const;

const urlDetails = `The scheme is mqtt, mqtts, ws or wss; after :// comes [user[:password]@]host[:port]/topic. It stands for -h, -p, -t and, where given, -u and -P; the later option wins. Default ports are 1883 for mqtt and ws, 8883 for mqtts and wss. mqtts and wss use TLS and the system's certificates. User and password may be percent-encoded; an IPv6 address stands in brackets; the topic is not decoded.`;

/** -L of a command that subscribes: its topic is one more entry of the row called 'topics'. */
export const subscribeUrlOption = {
  ...urlRow,
  summary: 'broker and topic filter in one: mqtt://user:password@host:port/filter',
  details: urlDetails,
  assign: (given: string) => {
    const check = topicFilter({option: '-L', what: 'subscription topic'});
    return {...assignUrl(given), topics: [check(parseBrokerUrl(given).topic)]};
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
      return {...assignUrl(given), topic: check(parseBrokerUrl(given).topic)};
    },
  },
  host: {
    flags: '-h, --host <host>',
    summary: 'host of the broker (default localhost)',
    parse: notEmpty('-h'),
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
    assign: (given: string) => ({host: notEmpty('--unix')(given), port: 0}),
  },
  username: {flags: '-u, --username <name>', summary: 'user name', noun: 'username', parse: checkUsername},
  password: {
    flags: '-P, --pw <password>',
    summary: "password; '-' asks for it on the terminal",
    details:
      'A password on the command line stays in the history of the shell: prefer -P -, --pw-file or --pw-env.',
    secret: true,
    parse: (given: string): SecretSource => (given === '-' ? {kind: 'prompt'} : {kind: 'text', text: given}),
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
      'socks5h is SOCKS 5 with names looked up by the proxy, default port 1080; http uses the CONNECT method, default port 80. User and password may be percent-encoded.',
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
    details: 'The names looked up are _mqtt._tcp.HOST and, with TLS, _secure-mqtt._tcp.HOST.',
  },
  noDelay: {
    flags: '--nodelay',
    summary: 'send small packets at once (TCP_NODELAY)',
    details: 'Not for unix sockets.',
  },
  connectTimeout: {
    flags: '--connect-timeout <seconds>',
    summary: 'give up connecting after this time (default 30)',
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
 * Where and how to connect; localhost and the usual ports where nothing is said.
 * @throws UsageError for options that exclude each other
 */
export function toEndpoint(values: NetworkValues & TlsValues): Endpoint {
  const {host: given, port = impliesTlsPort(values) ? 8883 : 1883} = values;
  const tls = toTls(values, port);
  if (port === 0) {
    if (values.ws === true) throw new UsageError('--ws and a unix socket cannot be used together.');
    if (values.proxy !== undefined)
      throw new UsageError('--proxy and a unix socket cannot be used together.');
    if (values.srv === true) throw new UsageError('-S and a unix socket cannot be used together.');
    return {transport: 'unix', path: given ?? 'localhost', ...defined({tls})};
  }
  const host = given === undefined ? 'localhost' : checkHost(given);
  const {bindAddress, noDelay, proxy, srv, wsPath} = values;
  return {
    transport: values.ws === true ? 'ws' : 'tcp',
    // An IPv6 address stands bare here, but brackets do no harm.
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port,
    ...defined({tls, bindAddress, noDelay, proxy, srv, path: wsPath}),
  };
}

/** @throws UsageError for what is more than a host: a URL, a port behind it, a path. It may hold a password, and is not shown. */
function checkHost(host: string): string {
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(host)) {
    throw new UsageError('-h takes a host, not a URL. Give the URL with -L, as in -L mqtt://localhost/topic');
  }
  if (host.includes('@'))
    throw new UsageError('-h takes a host alone. Give the user name with -u, and the password with -P.');
  if (/^(?:[^:]*|\[.*\]):\d*$/.test(host)) {
    throw new UsageError('-h takes a host alone. Give the port with -p, as in -h localhost -p 1883');
  }
  if (host.includes('/')) {
    throw new UsageError(
      '-h takes a host, not a path. Give the path of a unix socket with --unix, that of a WebSocket with --ws-path.',
    );
  }
  return host;
}

/** The user name and the password, or undefined where neither is given. */
export function toCredentials({username, password}: NetworkValues): CredentialSource | undefined {
  if (username === undefined && password === undefined) return undefined;
  return defined({username, password});
}
