/** Input as a producer gives it that uses its memory again. */

/** The bytes in chunks of these sizes, then the rest, all in the same memory: each is overwritten by the next. */
export function* chunksInOneMemory(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  const memory = Buffer.alloc(Math.max(bytes.length, 1));
  let start = 0;
  for (const size of [...sizes, bytes.length]) {
    const part = bytes.subarray(start, start + size);
    memory.fill(0x2a);
    memory.set(part);
    yield memory.subarray(0, part.length);
    start += part.length;
  }
}
