/**
 * The command line as bytes. Node decodes it as UTF-8 and puts U+FFFD where it cannot, so a topic or a
 * message would silently become another one. Where the system shows the bytes (Linux), that is found out.
 */

import {readFileSync} from 'node:fs';

const replacement = '\uFFFD';

/**
 * The place of the first of these words that was not valid UTF-8, from 0; they are the last ones of the
 * process. Call it before the process takes another title. Undefined also where the system does not tell.
 */
export function findMalformedArgument(argv: readonly string[]): number | undefined {
  const candidates = argv.flatMap((word, index) => (word.includes(replacement) ? [index] : []));
  if (candidates.length === 0) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync('/proc/self/cmdline');
  } catch {
    return undefined;
  }
  // Every word ends with NUL; as latin1, each byte is one character.
  const words = bytes.toString('latin1').split('\0').slice(0, -1).slice(-argv.length);
  return candidates.find((index) => words[index] !== Buffer.from(argv[index]!).toString('latin1'));
}
