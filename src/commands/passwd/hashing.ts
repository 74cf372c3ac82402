/** How `passwd` hashes many passwords: several at once, on all cores, with a spinner that counts them. */

import {availableParallelism} from 'node:os';
import {setImmediate as turn} from 'node:timers/promises';
import type {Io} from '../../io/process.ts';
import {type Spinner, spinner, warn} from '../../io/terminal.ts';
import type {Hashing} from './plan.ts';

/**
 * How many passwords are hashed at once. A scheme that hashes in Node's threads gets twice as many as there are
 * threads (4 by default) or cores, so that each thread finds the next password waiting; with one for each core, the
 * cores were idle a tenth of the time. Without threads several at once gain nothing, and argon2id takes 46 MiB each.
 */
const hashedAtOnce = ({scheme}: Hashing) => (scheme.threaded ? 2 * Math.max(4, availableParallelism()) : 1);

/** Warns of a scheme that mosquitto does not read. */
export async function warnOfScheme({scheme}: Hashing, io: Io): Promise<void> {
  const {mosquittoSince: first} = scheme;
  if (first !== undefined) {
    await warn(
      io,
      `mosquitto before ${first} cannot read ${scheme.name}: it drops the entry, and the user cannot log in there.`,
    );
  }
  if (scheme.mosquitto) return;
  await warn(
    io,
    `mosquitto cannot read ${scheme.name}: the user cannot log in there, and 2.1 refuses the file.`,
  );
}

/** After this time, hashing lets the event loop handle ^C and the spinner. */
const longestTurnMilliseconds = 20;

export class Hasher implements Disposable {
  readonly #hashing: Hashing;
  readonly #io: Io;
  readonly #progress: Spinner;
  readonly #total: number;
  #done = 0;

  /** `total` is how many there will be. */
  constructor(hashing: Hashing, total: number, io: Io) {
    this.#hashing = hashing;
    this.#io = io;
    this.#total = total;
    this.#progress = spinner(io, 'Hashing passwords');
  }

  /** Hashes the password of each, in any order. @throws the signal's reason when it aborts */
  async each<Item>(
    items: Iterable<Item>,
    passwordOf: (item: Item) => Uint8Array,
    store: (item: Item, secret: string) => void,
  ): Promise<void> {
    const {scheme, iterations} = this.#hashing;
    const remaining = items[Symbol.iterator]();
    let began = performance.now();
    const work = async () => {
      for (let next = remaining.next(); !next.done; next = remaining.next()) {
        if (performance.now() - began > longestTurnMilliseconds) {
          await turn();
          began = performance.now();
        }
        this.#io.signal.throwIfAborted();
        store(next.value, await scheme.hash(passwordOf(next.value), iterations));
        this.#progress.update(`Hashing passwords: ${++this.#done} of ${this.#total}`);
      }
    };
    await Promise.all(Array.from({length: hashedAtOnce(this.#hashing)}, work));
  }

  [Symbol.dispose](): void {
    this.#progress.stop();
  }
}
