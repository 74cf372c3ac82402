/** Runs many random connections, one after the other; a failure names the command that repeats it. */

import {fuzzConnection} from './connection.ts';
import {fuzzFilter} from './publish-filter.ts';
import {fuzzReceiving} from './receiving.ts';
import {fuzzSession} from './session.ts';

/** Runs one connection, generated from its seed; resolves to the number of its frames. */
type Fuzz = (seed: number) => Promise<number>;

/** What can be fuzzed: the client's reader, the broker's, and the whole client. */
export const fuzzes: Readonly<Record<string, Fuzz>> = {
  filter: fuzzFilter,
  broker: fuzzConnection,
  session: fuzzSession,
  receiving: fuzzReceiving,
};

/** Milliseconds after which a connection is taken to hang; it usually takes two. */
const patience = 60_000;

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
 * Runs connections until there were `frames` frames; resolves to their number.
 * @throws Error with the seed of the connection that failed, and why
 */
export async function campaign(
  name: string,
  {seed, frames}: {readonly seed: number; readonly frames: number},
): Promise<number> {
  const fuzz = fuzzes[name]!;
  let done = 0;
  for (let current = seed; done < frames; current++) {
    try {
      done += await inTime(fuzz(current));
    } catch (error) {
      const again = `npm run fuzz -- ${name} --seed ${current} --frames 1`;
      throw new Error(`Seed ${current} fails. To see it again: ${again}`, {cause: error});
    }
  }
  return done;
}
