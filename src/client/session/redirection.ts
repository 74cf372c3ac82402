/** Where a Server Reference leads [MQTT 5, 4.13], and whether to go there. Pure. */

import type {ConnectionOptions, Endpoint} from '../connection-options.ts';

type HostEndpoint = Extract<Endpoint, {host: string}>;

/** The endpoint to connect to, or the clause that says why it is not. */
export type Redirection = {readonly endpoint: Endpoint} | {readonly problem: string};

const referenceForm = /^(?:\[([\da-f:.]+(?:%[^\]]+)?)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/i;

function named({host}: HostEndpoint, {endpoint, alternatives = []}: ConnectionOptions): boolean {
  return [endpoint, ...alternatives].some(
    (each) => each.transport !== 'unix' && each.host.toLowerCase() === host.toLowerCase(),
  );
}

/**
 * The first server of the reference that can be connected to as `from` was: the same transport, TLS if `from` has TLS,
 * and its port where the reference has none. A user name and password go only to a host that TLS verifies, or that
 * the user has named.
 * @param reference "host[:port]", several separated by a space
 */
export function redirection(reference: string, from: Endpoint, options: ConnectionOptions): Redirection {
  if (from.transport === 'unix') return {problem: 'a unix socket has no other host'};
  const match = referenceForm.exec(reference.trim().split(/\s+/)[0] ?? '');
  const port = Number(match?.[3] ?? from.port);
  if (match === null || port < 1 || port > 65_535) return {problem: 'that is no host and port'};
  const {srv: _, ...rest} = from;
  const endpoint = {...rest, host: match[1] ?? match[2]!, port};
  const isVerified = endpoint.tls !== undefined && endpoint.tls.insecure !== true;
  const hasSecret =
    options.credentials !== undefined ||
    options.headers !== undefined ||
    options.renewal !== undefined ||
    options.awsSigning !== undefined ||
    options.properties?.authenticationData !== undefined;
  if (hasSecret && !isVerified && !named(endpoint, options)) {
    return {problem: 'without TLS the password goes only to hosts that -h or -L names. Add it to them'};
  }
  return {endpoint};
}
