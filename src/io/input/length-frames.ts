/**
 * Messages that each follow their length, four bytes with the highest first: for payloads that may hold any byte, NUL
 * and LF too. Batches as those of lines.ts: places in a chunk, valid until the next batch is requested.
 */

import {ExitCode, TmqError} from '../../errors.ts';
import {type LineLimits, type LineSpans, maximumLineBytes, Rest} from './lines.ts';

/** The bytes of a length. */
const lengthBytes = 4;

/**
 * The payload of each frame.
 * @throws TmqError 3 where a length is beyond the limit, or the input ends within a frame; those before it come first
 */
export async function* lengthFrames(
  input: AsyncIterable<Uint8Array>,
  {limit = maximumLineBytes, mostLines = Number.POSITIVE_INFINITY}: LineLimits = {},
): AsyncGenerator<LineSpans, void, undefined> {
  /** What has come of a length, or of a payload. */
  const rest = new Rest();
  /** The length of the payload that comes next; undefined while the length itself comes. */
  let length: number | undefined;
  let count = 0;
  for await (const chunk of input) {
    let spans: number[] = [];
    let start = 0;
    for (;;) {
      const end = start + (length ?? lengthBytes) - rest.length;
      if (end > chunk.length) break;
      const isCut = rest.length > 0;
      const bytes = isCut ? rest.join(chunk.subarray(start, end)) : chunk;
      const begin = isCut ? 0 : start;
      start = end;
      if (length === undefined) {
        length = new DataView(bytes.buffer, bytes.byteOffset + begin, lengthBytes).getUint32(0);
        if (length <= limit) continue;
        if (spans.length > 0) yield {bytes: chunk, spans};
        throw tooLong(count + 1, length, limit);
      }
      if (isCut) yield {bytes, spans: [0, length]};
      else spans.push(begin, end);
      length = undefined;
      count++;
      if (spans.length === mostLines * 2) {
        yield {bytes: chunk, spans};
        spans = [];
      }
    }
    if (spans.length > 0) yield {bytes: chunk, spans};
    if (start < chunk.length) rest.add(chunk.subarray(start));
  }
  if (rest.length === 0 && length === undefined) return;
  throw new TmqError(`The input ends within message ${count + 1}.`, ExitCode.invalid);
}

function tooLong(number: number, length: number, limit: number): TmqError {
  return new TmqError(
    `Message ${number} of the input has ${length} bytes, and a message has at most ${limit}. Does each follow its length of four bytes?`,
    ExitCode.invalid,
  );
}
