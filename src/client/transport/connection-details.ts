/**
 * What -d says of a connection before its first packet, as `curl -v` does: names, addresses, TLS. Loaded only for
 * that. Knows no MQTT.
 */

import type {Socket} from 'node:net';
import type {PeerCertificate, TLSSocket} from 'node:tls';
import {codeOf} from '../../errors.ts';
import {hostAndPort} from './connect-error.ts';

/** Takes a line for each step of connecting. */
export type ConnectionDetail = (line: string) => void;

/** Reports what a socket does until it is connected. */
export function watchSocket(socket: Socket, detail: ConnectionDetail): void {
  socket.on('lookup', (error: unknown, address: string | undefined, _family, host: string) => {
    if (!error && address !== undefined) detail(`${host} is ${address}`);
  });
  socket.on('connectionAttempt', (ip, port) => detail(`Trying ${hostAndPort(ip, port)}`));
  socket.on('connectionAttemptFailed', (ip, port, _family, error) =>
    detail(`${hostAndPort(ip, port)} failed: ${codeOf(error)}`),
  );
  socket.on('connectionAttemptTimeout', (ip, port) => detail(`${hostAndPort(ip, port)} does not answer`));
  socket.once('connect', () => {
    const {remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0} = socket;
    const here = hostAndPort(localAddress, localPort);
    detail(`Connected to ${hostAndPort(remoteAddress, remotePort)} from ${here}`);
  });
}

/** 'CN=localhost, O=Example' */
function distinguishedName(name: PeerCertificate['subject'] | undefined): string {
  return Object.entries(name ?? {})
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join('+') : value}`)
    .join(', ');
}

const millisecondsPerDay = 24 * 3600 * 1000;

function expiry(validTo: string, now: number): string {
  const end = new Date(validTo);
  const days = Math.floor((end.getTime() - now) / millisecondsPerDay);
  const when = days < 0 ? 'expired' : days === 1 ? 'in 1 day' : `in ${days} days`;
  return `${end.toISOString().replace('T', ' ').slice(0, 16)} UTC (${when})`;
}

/**
 * The lines about a finished handshake; `now` in milliseconds since the epoch.
 * @param insecure whether the certificate counts although it is not verified
 */
export function tlsDetails(socket: TLSSocket, now: number, insecure: boolean): readonly string[] {
  const alpn = socket.alpnProtocol ? `, ALPN ${socket.alpnProtocol}` : '';
  const first = `${socket.getProtocol()}, cipher ${socket.getCipher().standardName}${alpn}`;
  const certificate = socket.getPeerCertificate();
  // A pre-shared key comes without a certificate.
  if (Object.keys(certificate ?? {}).length === 0) return [`${first}, no certificate`];
  const {subject, issuer, subjectaltname, valid_to: validTo} = certificate;
  return [
    first,
    ` subject: ${distinguishedName(subject)}`,
    ` issuer: ${distinguishedName(issuer)}`,
    ...(subjectaltname === undefined ? [] : [` names: ${subjectaltname}`]),
    ` expires: ${expiry(validTo, now)}`,
    socket.authorized
      ? ' verified'
      : ` not verified${insecure ? ' (--insecure)' : ''}: ${socket.authorizationError}`,
  ];
}
