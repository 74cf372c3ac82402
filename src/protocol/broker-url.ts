/**
 * The URL of -L: mqtt://user:password@host:port,host:port/topic, or mqtt+unix:path. Everything after the first slash
 * behind the hosts is the topic, verbatim: '?' and '#' mean nothing and nothing is decoded, because topics are full of
 * both. Pure; knows no option and no default but the ports.
 */

import {UsageError} from '../errors.ts';

/** A host, and the port that was given with it. */
export interface HostAndPort {
  /** An IPv6 address without its brackets. */
  readonly host: string;
  readonly port?: number;
}

export type BrokerUrl =
  | {
      /** Lower case. */
      readonly scheme: 'mqtt' | 'mqtts' | 'ws' | 'wss';
      readonly username?: string;
      readonly password?: string;
      /** At least one; the ports as written, or 1883 for mqtt and ws, 8883 for mqtts and wss: mosquitto's defaults. */
      readonly hosts: readonly Required<HostAndPort>[];
      /** Not empty; may be a filter. */
      readonly topic?: string;
    }
  | {readonly scheme: 'unix'; readonly path: string};

const schemes = ['mqtt', 'mqtts', 'ws', 'wss'] as const;

/**
 * Takes a URL apart. User and password are percent-decoded; a '%' that begins no code stands for itself.
 * No message shows the URL, which may hold a password.
 * @throws UsageError naming the part that is wrong
 */
export function parseBrokerUrl(text: string): BrokerUrl {
  const socket = /^(?:mqtt\+)?unix:(?:\/\/)?(.*)$/is.exec(text);
  if (socket !== null) return parseSocket(socket[1]!);
  const [, given = '', rest = ''] = /^([^:/?#]*):\/\/(.*)$/s.exec(text) ?? [];
  const scheme = schemes.find((known) => known === given.toLowerCase());
  if (scheme === undefined) {
    throw new UsageError(
      'Unsupported URL scheme. A URL begins with mqtt://, mqtts://, ws://, wss:// or mqtt+unix:.',
    );
  }
  const slash = rest.indexOf('/');
  const topic = slash === -1 ? '' : rest.slice(slash + 1);
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  // The last '@', so that one in a password does no harm.
  const at = authority.lastIndexOf('@');
  const standard = scheme === 'mqtts' || scheme === 'wss' ? 8883 : 1883;
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map(parseAddress);
  return {
    scheme,
    ...(at === -1 ? {} : parseUserInfo(authority.slice(0, at))),
    hosts: hosts.map(({host, port = standard}) => ({host, port})),
    ...(topic === '' ? {} : {topic}),
  };
}

function parseSocket(path: string): BrokerUrl {
  if (path === '') throw invalid('the path of the unix socket is missing');
  return {scheme: 'unix', path};
}

function parseUserInfo(text: string): {readonly username: string; readonly password?: string} {
  const colon = text.indexOf(':');
  if (colon === -1) return {username: decode(text)};
  return {username: decode(text.slice(0, colon)), password: decode(text.slice(colon + 1))};
}

function parseAddress(text: string): HostAndPort {
  const match = /^\[([^[\]]*)\](?::(.*))?$/s.exec(text) ?? /^([^:[\]]*)(?::([^:]*))?$/s.exec(text);
  if (match === null) throw invalid('an IPv6 address stands in brackets, [::1]');
  const [, host = '', port = ''] = match;
  if (host === '') throw invalid('host missing');
  if (port === '') return {host};
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (number < 1 || number > 65535) {
    throw invalid("the port is no number from 1 to 65535; in a password, write '/' as %2F");
  }
  return {host, port: number};
}

/** Percent-decodes UTF-8; what is no valid code stays as it stands. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (codes) => {
    try {
      return decodeURIComponent(codes);
    } catch {
      return codes;
    }
  });
}

function invalid(why: string): UsageError {
  return new UsageError(
    `Invalid URL for -L argument specified - ${why}. Its form is mqtt://[user[:password]@]host[:port]/topic`,
  );
}
