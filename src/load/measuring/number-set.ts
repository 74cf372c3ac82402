/**
 * A set of whole numbers that mostly come in order, as the ranges that they make up: a million messages without a gap
 * are one range. Tells what is new, late or there already. Knows nothing of MQTT.
 */

/** What a number was to the set: the largest so far, below the largest, or in it already. */
export type Novelty = 'next' | 'late' | 'twice';

export class NumberSet {
  /** Begin and end (exclusive) of each range, ascending; ranges do not touch. */
  #bounds: number[];
  #size = 0;

  /** @param bounds begins and ends in turn, as `toJSON` gives them */
  constructor(bounds: readonly number[] = []) {
    this.#bounds = [...bounds];
    for (let at = 0; at < bounds.length; at += 2) this.#size += bounds[at + 1]! - bounds[at]!;
  }

  get size(): number {
    return this.#size;
  }

  /** How many numbers between the smallest and the largest are not in it. */
  get missing(): number {
    const [begin = 0] = this.#bounds;
    return (this.#bounds.at(-1) ?? 0) - begin - this.#size;
  }

  add(number: number): Novelty {
    const bounds = this.#bounds;
    const last = bounds.length - 1;
    if (last < 0 || number > bounds[last]!) {
      bounds.push(number, number + 1);
      this.#size++;
      return 'next';
    }
    if (number === bounds[last]) {
      bounds[last]++;
      this.#size++;
      return 'next';
    }
    return this.#insert(number) ? 'late' : 'twice';
  }

  /** Adds a number that is below the largest; false where it is there already. */
  #insert(number: number): boolean {
    const bounds = this.#bounds;
    // The first bound above the number; before it, inside a range, stand an odd number of bounds.
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bounds[middle]! > number) high = middle;
      else low = middle + 1;
    }
    if (low % 2 === 1) return false;
    const follows = low > 0 && bounds[low - 1] === number;
    const precedes = bounds[low] === number + 1;
    if (follows && precedes) bounds.splice(low - 1, 2);
    else if (follows) bounds[low - 1] = number + 1;
    else if (precedes) bounds[low] = number;
    else bounds.splice(low, 0, number, number + 1);
    this.#size++;
    return true;
  }

  /** Both sets together. What is in both is the sum of the sizes, less the size of this. */
  union(other: NumberSet): NumberSet {
    return this.#combined(other, (here, there) => here || there);
  }

  /** What is in this set and not in the other. */
  without(other: NumberSet): NumberSet {
    return this.#combined(other, (here, there) => here && !there);
  }

  #combined(other: NumberSet, isIn: (here: boolean, there: boolean) => boolean): NumberSet {
    const [mine, theirs] = [this.#bounds, other.#bounds];
    const bounds: number[] = [];
    let [here, there] = [0, 0];
    while (here < mine.length || there < theirs.length) {
      const at = Math.min(mine[here] ?? Number.POSITIVE_INFINITY, theirs[there] ?? Number.POSITIVE_INFINITY);
      if (mine[here] === at) here++;
      if (theirs[there] === at) there++;
      // An odd number of bounds behind means inside a range; the result has a bound where that changes.
      if (isIn(here % 2 === 1, there % 2 === 1) !== (bounds.length % 2 === 1)) bounds.push(at);
    }
    return new NumberSet(bounds);
  }

  toJSON(): readonly number[] {
    return this.#bounds;
  }
}
