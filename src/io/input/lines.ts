/**
 * Splits a byte stream into lines, for `pub -l`, or into what another byte ends, for -0. Lines come in batches, as
 * places in a chunk; bytes are never decoded, so NUL, CR and broken UTF-8 pass. A batch is valid until the next one is
 * requested: the producer may then reuse the chunk's memory. The incomplete last line of a chunk is therefore copied.
 */

import {TmqError} from '../../errors.ts';
import {largestVariableInteger} from '../../protocol/fixed-header.ts';

/** The largest Remaining Length a packet can state [MQTT 5, 1.5.5]; no payload is longer. */
export const maximumLineBytes = largestVariableInteger;

const lineFeed = 0x0a;

/** The bytes of what is not yet complete, in parts, so that a long one is joined only once. */
export class Rest {
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

/** Of the batches, and of the lines in them. */
export interface LineLimits {
  /** The most bytes of a line. */
  readonly limit?: number;
  /** The most lines of a batch. */
  readonly mostLines?: number;
}

/** Lines within bytes: where each begins, and where it ends, one after the other. Valid until the next is requested. */
export interface LineSpans {
  readonly bytes: Uint8Array;
  readonly spans: readonly number[];
}

/**
 * Splits at LF, or at another byte, which is not part of a line. Empty lines are kept, and so is a last line without
 * its end.
 * @throws TmqError naming the number of the line that is longer; the lines before it come first
 */
export async function* lineSpans(
  input: AsyncIterable<Uint8Array>,
  {limit = maximumLineBytes, mostLines = Number.POSITIVE_INFINITY}: LineLimits = {},
  separator: number = lineFeed,
): AsyncGenerator<LineSpans, void, undefined> {
  const rest = new Rest();
  let count = 0;
  for await (const bytes of input) {
    let spans: number[] = [];
    let start = 0;
    let end = bytes.indexOf(separator);
    if (rest.length > 0 && end !== -1 && rest.length + end <= limit) {
      const line = rest.join(bytes.subarray(0, end));
      count++;
      yield {bytes: line, spans: [0, line.length]};
      start = end + 1;
      end = bytes.indexOf(separator, start);
    }
    while (rest.length === 0 && end !== -1 && end - start <= limit) {
      spans.push(start, end);
      start = end + 1;
      end = bytes.indexOf(separator, start);
      if (spans.length === mostLines * 2) {
        count += mostLines;
        yield {bytes, spans};
        spans = [];
      }
    }
    count += spans.length / 2;
    if (spans.length > 0) yield {bytes, spans};
    if (rest.length + (end === -1 ? bytes.length : end) - start > limit) throw tooLong(count + 1, limit);
    if (start < bytes.length) rest.add(bytes.subarray(start));
  }
  if (rest.length === 0) return;
  const line = rest.join(new Uint8Array(0));
  yield {bytes: line, spans: [0, line.length]};
}

/** Each line as a view of the chunk that it stands in. @throws as lineSpans */
export async function* lines(
  input: AsyncIterable<Uint8Array>,
  limits?: LineLimits,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  yield* views(lineSpans(input, limits));
}

/** The same for lines that were found. */
export async function* views(
  lines: AsyncIterable<LineSpans>,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  for await (const {bytes, spans} of lines) {
    const found: Uint8Array[] = [];
    for (let index = 0; index < spans.length; index += 2) {
      found.push(bytes.subarray(spans[index], spans[index + 1]));
    }
    yield found;
  }
}
