/** Requests to the JSON interface beside the page. The token is in the page's own address. */

import type {PageProblem} from '../../page-interface.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The answer to a request, or why there is none. */
export type Answer<T> =
  | {readonly kind: 'done'; readonly value: T}
  /** There is no server. */
  | {readonly kind: 'gone'}
  /** The token is not that of this server. */
  | {readonly kind: 'stranger'}
  /** A user is needed, or this one may not. */
  | {readonly kind: 'login'}
  | {readonly kind: 'problem'; readonly sentence: string};

export interface JsonRequest {
  readonly method?: 'GET' | 'PUT' | 'POST';
  /** Relative to the page: 'api/clients'. */
  readonly path: string;
  readonly body?: object;
  readonly credentials?: Credentials | undefined;
}

/** Sends a request; never rejects. */
export async function askServer<T>({
  method = 'GET',
  path,
  body,
  credentials,
}: JsonRequest): Promise<Answer<T>> {
  let response: Response;
  let value: unknown;
  try {
    response = await fetch(path, {
      method,
      cache: 'no-store',
      ...(credentials === undefined ? {} : {headers: {authorization: basic(credentials)}}),
      ...(body === undefined ? {} : {body: JSON.stringify(body)}),
    });
    const text = await response.text();
    value = text === '' ? undefined : JSON.parse(text);
  } catch {
    return {kind: 'gone'};
  }
  if (response.ok) return {kind: 'done', value: value as T};
  if (response.status === 403) return {kind: 'stranger'};
  if (response.status === 401) return {kind: 'login'};
  const {problem = `The broker answers with status ${response.status}.`} = (value ??
    {}) as Partial<PageProblem>;
  return {kind: 'problem', sentence: problem};
}

/** HTTP's Basic authentication, in UTF-8. */
function basic({username, password}: Credentials): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}
