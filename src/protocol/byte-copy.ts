/** Bytes of one kind as another, and copies of short runs. */

/**
 * Up to here a loop copies faster than `subarray` and `set`: measured with Node 20, 16 ns against 38 at 16 bytes,
 * 30 against 39 at 24, 52 against 39 at 32.
 */
const shortBytes = 24;

/** Copies `source` from `start` to `end` to `at` in `target`, another buffer; returns the index behind it there. */
export function copyBytes(
  source: Uint8Array,
  target: Uint8Array,
  at: number,
  start = 0,
  end: number = source.length,
): number {
  const count = end - start;
  if (count > shortBytes) target.set(count === source.length ? source : source.subarray(start, end), at);
  else for (let index = 0; index < count; index++) target[at + index] = source[start + index]!;
  return at + count;
}

/** A view of bytes with Buffer's conversions. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
