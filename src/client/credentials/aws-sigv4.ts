/**
 * Signature Version 4 of AWS [docs.aws.amazon.com, "Create a signed AWS API request"], as AWS IoT Core wants it in the
 * URL of a WebSocket: the query of a request without body, signed with its host. Pure.
 */

import {createHash, createHmac} from 'node:crypto';
import type {AwsSigning} from '../connection-options.ts';
import {hostAndPort} from '../transport/connect-error.ts';

/** What a signature is good for. */
export interface SigningScope {
  readonly region: string;
  readonly service: string;
  /** '20150830T123600Z' */
  readonly time: string;
}

function hmac(key: Uint8Array | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function scopeText({time, region, service}: SigningScope): string {
  return `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
}

/** The key that signs all requests of a day to a service. */
export function signingKey(secretAccessKey: string, scope: SigningScope): Buffer {
  return scopeText(scope)
    .split('/')
    .reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secretAccessKey}`));
}

/** The signature of a canonical request, in hexadecimal. */
export function signatureOf(canonicalRequest: string, secretAccessKey: string, scope: SigningScope): string {
  const text = ['AWS4-HMAC-SHA256', scope.time, scopeText(scope), sha256(canonicalRequest)].join('\n');
  return hmac(signingKey(secretAccessKey, scope), text).toString('hex');
}

/** As encodeURIComponent, and the characters that it leaves. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The query of a URL that opens a WebSocket to AWS IoT Core at this time. The session token is not part of what is
 * signed there.
 */
export function presignedQuery(
  {host, port, path = '/mqtt'}: {readonly host: string; readonly port: number; readonly path?: string},
  {region, keys}: AwsSigning,
  date: Date,
): string {
  const time = date.toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = {region, service: 'iotdevicegateway', time};
  const query = [
    'X-Amz-Algorithm=AWS4-HMAC-SHA256',
    `X-Amz-Credential=${encoded(`${keys.accessKeyId}/${scopeText(scope)}`)}`,
    `X-Amz-Date=${time}`,
    'X-Amz-SignedHeaders=host',
  ].join('&');
  const canonicalPath = path.split('/').map(encoded).join('/');
  // The header Host leaves out the default port of wss.
  const authority = port === 443 ? host : hostAndPort(host, port);
  const request = ['GET', canonicalPath, query, `host:${authority}\n`, 'host', sha256('')].join('\n');
  const token = keys.sessionToken === undefined ? '' : `&X-Amz-Security-Token=${encoded(keys.sessionToken)}`;
  return `${query}&X-Amz-Signature=${signatureOf(request, keys.secretAccessKey, scope)}${token}`;
}
