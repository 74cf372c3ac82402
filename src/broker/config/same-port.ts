/** Which listeners cannot be open at the same time, as far as their addresses show. Opens and resolves nothing. */

import type {ListenerConfig} from './settings.ts';

/** Whether two listeners need the same port of the same address. Names, other than equal ones, are not judged. */
export function needSamePort(one: ListenerConfig, other: ListenerConfig): boolean {
  const isPath = one.socketPath !== undefined || other.socketPath !== undefined;
  if (isPath || one.port !== other.port || one.port === 0) return false;
  if (one.bindInterface !== other.bindInterface) return false;
  if (one.host !== undefined && one.host === other.host) return true;
  const families = familiesOf(one);
  return (isEvery(one) || isEvery(other)) && familiesOf(other).some((family) => families.includes(family));
}

function isEvery({host}: ListenerConfig): boolean {
  return host === undefined || host === '0.0.0.0' || host === '::';
}

function familiesOf({host, socketDomain}: ListenerConfig): readonly ('ipv4' | 'ipv6')[] {
  if (host === undefined) return socketDomain === undefined ? ['ipv4', 'ipv6'] : [socketDomain];
  if (host.includes(':')) return ['ipv6'];
  return /^[\d.]+$/.test(host) ? ['ipv4'] : [];
}
