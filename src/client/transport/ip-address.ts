/**
 * Whether a text is an IP address. Node asks that of every host name it meets with TLS, by an expression
 * for IPv6 that takes longer to compile than a handshake: 4 of the 45 ms that a one-shot with TLS takes
 * beyond Node's start. No address of that kind is without a colon, though.
 */

import net from 'node:net';

/** Node's own, whatever `net.isIP` may be later. */
const {isIP, isIPv4} = net;

/** 4 or 6, or 0 for what is no address: in all cases what Node says. */
export function addressFamily(text: string): number {
  if (typeof text !== 'string' || text.includes(':')) return isIP(text);
  return isIPv4(text) ? 4 : 0;
}

/** Has Node find it out the same way. */
export function hastenAddressChecks(): void {
  net.isIP = addressFamily;
}
