/**
 * Splits a byte stream into lines, for `pub -l`. Lines come in batches, as slices of a chunk; bytes are never
 * decoded, so NUL, CR and broken UTF-8 pass. A batch is valid until the next one is requested: the producer
 * may then reuse the chunk's memory. The incomplete last line of a chunk is therefore copied.
 */

import {TmqError} from '../errors.ts';
import {largestVariableInteger} from '../protocol/fixed-header.ts';

/** The largest Remaining Length a packet can state [MQTT 5, 1.5.5]; no payload is longer. */
export const maximumLineBytes = largestVariableInteger;

const lineFeed = 0x0a;

/** The bytes of a line whose end has not come yet, in parts, so that a long one is joined only once. */
class Rest {
  length = 0;
  #parts: Uint8Array[] = [];

  add(part: Uint8Array): void {
    this.#parts.push(Uint8Array.prototype.slice.call(part));
    this.length += part.length;
  }

  /** What was kept and `part` as one line; nothing is kept afterwards. */
  join(part: Uint8Array): Uint8Array {
    const line = Buffer.concat([...this.#parts, part], this.length + part.length);
    this.#parts = [];
    this.length = 0;
    return line;
  }
}

function tooLong(lineNumber: number, limit: number): TmqError {
  return new TmqError(
    `Line ${lineNumber} of the input is longer than ${limit} bytes, the most a message can have.`,
  );
}

/**
 * Splits at LF, which is not part of a line. Empty lines are kept, and so is a last line without LF.
 * @param limits the most bytes a line may have, and the most lines of a batch
 * @throws TmqError naming the number of the line that is longer; the lines before it come first
 */
export async function* lines(
  input: AsyncIterable<Uint8Array>,
  {
    limit = maximumLineBytes,
    mostLines = Number.POSITIVE_INFINITY,
  }: {readonly limit?: number; readonly mostLines?: number} = {},
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  const rest = new Rest();
  let count = 0;
  for await (const chunk of input) {
    let batch: Uint8Array[] = [];
    let start = 0;
    let end = chunk.indexOf(lineFeed);
    while (end !== -1 && rest.length + end - start <= limit) {
      const part = chunk.subarray(start, end);
      batch.push(rest.length === 0 ? part : rest.join(part));
      start = end + 1;
      end = chunk.indexOf(lineFeed, start);
      if (batch.length === mostLines) {
        count += mostLines;
        yield batch;
        batch = [];
      }
    }
    count += batch.length;
    if (batch.length > 0) yield batch;
    if (rest.length + (end === -1 ? chunk.length : end) - start > limit) throw tooLong(count + 1, limit);
    if (start < chunk.length) rest.add(chunk.subarray(start));
  }
  if (rest.length > 0) yield [rest.join(new Uint8Array(0))];
}
