/** Copies short runs of bytes: up to some dozens, a loop is done before a call has begun. */

/** Up to here a loop copies faster than a call. */
const shortBytes = 64;

/** Copies what stands in `from` between `start` and `end` to `at` in `to`, which is another buffer. */
export function copyBytes(
  {from, start, end}: {readonly from: Uint8Array; readonly start: number; readonly end: number},
  to: Uint8Array,
  at: number,
): void {
  if (end - start > shortBytes) to.set(from.subarray(start, end), at);
  else for (let index = start, target = at; index < end; index++, target++) to[target] = from[index]!;
}
