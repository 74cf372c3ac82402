/**
 * The words for an HTTP status. They are ours and not the server's, whose reason phrase is free text.
 * A table of those that gateways and proxies send, so that nothing loads node:http for it.
 */

const words: Readonly<Record<number, string>> = {
  200: 'OK',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** "404 Not Found"; a bare number where there are no usual words. */
export function statusText(status: number): string {
  const text = words[status];
  return text === undefined ? String(status) : `${status} ${text}`;
}
