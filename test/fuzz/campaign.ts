/** Many random connections, one after the other, and what to type to see the one that failed again. */

import {fuzzConnection} from './connection.ts';
import {fuzzTap} from './tap.ts';

/** Tells one connection, which its seed decides; gives the number of its frames. */
type Fuzz = (seed: number) => Promise<number>;

/** What can be fuzzed: the clients' way of reading, and the broker's. */
export const fuzzes: Readonly<Record<string, Fuzz>> = {tap: fuzzTap, broker: fuzzConnection};

/** Milliseconds after which a connection is taken to hang; it usually takes two. */
const patience = 20_000;

async function inTime(frames: Promise<number>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('It hangs.')), patience);
  });
  try {
    return await Promise.race([frames, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tells connections until there were so many frames; gives how many there were.
 * @throws Error with the seed of the connection that failed, and why
 */
export async function campaign(
  name: string,
  {seed, frames}: {readonly seed: number; readonly frames: number},
): Promise<number> {
  const fuzz = fuzzes[name]!;
  let told = 0;
  for (let current = seed; told < frames; current++) {
    try {
      told += await inTime(fuzz(current));
    } catch (error) {
      const again = `npm run fuzz -- ${name} --seed ${current} --frames 1`;
      throw new Error(`Seed ${current} fails. To see it again: ${again}`, {cause: error});
    }
  }
  return told;
}
