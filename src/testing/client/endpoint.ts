/** The URL of a broker → where a scripted client connects to. */

import type {Endpoint, TlsOptions} from '../../client/connection-options.ts';
import {defined} from '../../defined.ts';
import type {ConnectFields, ScriptedTls} from './types.ts';

/** An endpoint, and the user name and password of its URL. */
export interface UrlParts extends Pick<ConnectFields, 'username' | 'password'> {
  readonly endpoint: Endpoint;
}

const ports: Readonly<Record<string, number>> = {mqtt: 1883, mqtts: 8883, ws: 80, wss: 443};

/** @throws TypeError for what is no URL of a broker; it does not show the URL, which may have a password */
export function endpointOf(url: string, tls: ScriptedTls = {}): UrlParts {
  const [, socketPath] = /^(?:mqtt\+)?unix:(?:\/\/)?(.+)$/s.exec(url) ?? [];
  if (socketPath !== undefined) return {endpoint: {transport: 'unix', path: socketPath}};
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1) ?? '';
  if (parsed === undefined || !(scheme in ports) || parsed.hostname === '') {
    throw new TypeError(
      'The URL of a broker begins with mqtt://, mqtts://, ws://, wss:// or unix:, and a host or path.',
    );
  }
  const isWebSocket = scheme.startsWith('ws');
  const isSecure = scheme.endsWith('s') && scheme !== 'ws';
  const options: TlsOptions = {...tls, systemCertificates: tls.caFile === undefined};
  const path = `${parsed.pathname}${parsed.search}`;
  return {
    endpoint: {
      transport: isWebSocket ? 'ws' : 'tcp',
      host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: parsed.port === '' ? ports[scheme]! : Number(parsed.port),
      noDelay: true,
      ...(isSecure ? {tls: options} : {}),
      ...(isWebSocket && path !== '/' && path !== '' ? {path} : {}),
    },
    ...defined({username: credential(parsed.username), password: credential(parsed.password)}),
  };
}

function credential(text: string): string | undefined {
  return text === '' ? undefined : decodeURIComponent(text);
}
