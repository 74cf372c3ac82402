/** What a command that tmq starts gets to know of the broker: nothing secret. Pure. */

import type {Endpoint} from '../../../client/connection-options.ts';
import type {Io} from '../../../io/process.ts';
import {parseBrokerUrl} from '../../../protocol/broker-url.ts';

/** Where a broker can be reached: one host, or several in turn. */
export interface BrokerPlace {
  readonly endpoint: Endpoint;
  readonly alternatives?: readonly Endpoint[];
}

function url(scheme: string, hosts: readonly {readonly host: string; readonly port: number}[]): string {
  const places = hosts.map(({host, port}) => `${host.includes(':') ? `[${host}]` : host}:${port}`);
  return `${scheme}://${places.join(',')}`;
}

/** The URL of the broker, without user, password and topic. */
function brokerUrl({endpoint, alternatives = []}: BrokerPlace): string {
  if (endpoint.transport === 'unix') return `mqtt+unix:${endpoint.path}`;
  const plain = endpoint.transport === 'ws' ? 'ws' : 'mqtt';
  const others = alternatives.flatMap((each) => (each.transport === 'unix' ? [] : [each]));
  return url(endpoint.tls === undefined ? plain : `${plain}s`, [endpoint, ...others]);
}

/** Whether the URL, which may hold user and password, names the same broker. */
function isSame(given: string, place: string): boolean {
  try {
    const parsed = parseBrokerUrl(given);
    return (
      (parsed.scheme === 'unix' ? `mqtt+unix:${parsed.path}` : url(parsed.scheme, parsed.hosts)) === place
    );
  } catch {
    return false;
  }
}

/**
 * The environment with MQTT_URL and, where a CA file was named, MQTT_CA_FILE: `tmq pub` without -h then finds the
 * broker. An MQTT_URL that names it already stays as it is, with user and password.
 */
export function withBroker(env: Io['env'], place: BrokerPlace): Io['env'] {
  const {caFile} = place.endpoint.tls ?? {};
  const own = brokerUrl(place);
  return {
    ...env,
    ...(isSame(env.MQTT_URL ?? '', own) ? {} : {MQTT_URL: own}),
    ...(caFile === undefined ? {} : {MQTT_CA_FILE: caFile}),
  };
}
