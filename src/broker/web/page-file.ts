/** The page as bin/dev/build.mjs makes it: one HTML file, with the policy that lets the browser run nothing else. */

import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {brotliDecompressSync} from 'node:zlib';

/** The page for a browser. */
export interface PageFile {
  readonly html: string;
  /** The Content-Security-Policy for requests with this Host. */
  policy(host: string): string;
}

/** Reads the page from beside the bundle. @throws Error of Node when it is not there */
export function readPageFile(): PageFile {
  // In the sources there is no __dirname, and the page is in dist/.
  const directory =
    typeof __dirname === 'string' ? __dirname : join(import.meta.dirname, '..', '..', '..', 'dist');
  return pageFile(brotliDecompressSync(readFileSync(join(directory, 'page.html.br'))).toString());
}

/** A page whose scripts and styles are all inline. */
export function pageFile(html: string): PageFile {
  const hashes = (element: string) =>
    [...html.matchAll(new RegExp(`<${element}[^>]*>(.*?)</${element}>`, 'gs'))]
      .map(([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`)
      .join(' ');
  const [scripts, styles] = [hashes('script'), hashes('style')];
  return {
    html,
    // To some browsers, 'self' is no WebSocket.
    policy: (host) =>
      [
        `default-src 'none'; script-src ${scripts}; style-src ${styles}; img-src data:`,
        `connect-src 'self' ws://${host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      ].join('; '),
  };
}
