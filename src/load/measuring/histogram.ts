/**
 * A histogram of times: log-linear, so that a bucket is at most 0.8 % wide, and exactly mergeable: two histograms have
 * the same buckets. Times are milliseconds outside, whole microseconds inside. Knows nothing of MQTT.
 */

/** Bits of a time that its bucket keeps: 2^7 buckets for each power of two. */
const precisionBits = 7;
const perPower = 2 ** precisionBits;
/** Longer times, above 71 minutes, are counted in the last bucket; the maximum stays exact. */
const largestMicroseconds = 2 ** 32 - 1;
const bucketCount = (32 - precisionBits) * perPower + perPower;

/** A histogram as JSON: only the buckets that are not empty, as number and count in turn. */
export interface HistogramData {
  readonly count: number;
  /** Milliseconds. */
  readonly minimum: number;
  readonly maximum: number;
  readonly sum: number;
  readonly buckets: readonly number[];
}

/** The bucket of a whole number of microseconds. */
function bucketOf(microseconds: number): number {
  const power = Math.max(0, 31 - Math.clz32(microseconds) - precisionBits);
  return power * perPower + (microseconds >>> power);
}

/** The middle of a bucket, in milliseconds: off by 0.4 % at most, or half a microsecond. */
function middleOf(bucket: number): number {
  if (bucket < 2 * perPower) return (bucket + 0.5) / 1000;
  const power = Math.floor(bucket / perPower) - 1;
  return ((bucket - power * perPower + 0.5) * 2 ** power) / 1000;
}

export class Histogram {
  readonly #buckets = new Float64Array(bucketCount);
  count = 0;
  /** Milliseconds. */
  maximum = 0;
  #minimum = Number.POSITIVE_INFINITY;
  #sum = 0;

  /** Counts a time of so many milliseconds; one below 0 counts as 0. */
  record(milliseconds: number): void {
    const time = Math.max(0, milliseconds);
    const bucket = bucketOf(Math.min(largestMicroseconds, Math.floor(time * 1000)));
    this.#buckets[bucket]!++;
    this.count++;
    this.#sum += time;
    if (time > this.maximum) this.maximum = time;
    if (time < this.#minimum) this.#minimum = time;
  }

  /** The mean in milliseconds; undefined where nothing was counted. */
  get mean(): number | undefined {
    return this.count === 0 ? undefined : this.#sum / this.count;
  }

  /** The time, in milliseconds, that `percent` of all times do not exceed; undefined where nothing was counted. */
  percentile(percent: number): number | undefined {
    if (this.count === 0) return undefined;
    const rank = Math.max(1, Math.ceil((percent / 100) * this.count));
    let seen = 0;
    const bucket = this.#buckets.findIndex((count) => {
      seen += count;
      return seen >= rank;
    });
    return Math.min(this.maximum, Math.max(this.#minimum, middleOf(bucket)));
  }

  /** Adds what another one has counted. */
  add({count, minimum, maximum, sum, buckets}: HistogramData): void {
    for (let at = 0; at < buckets.length; at += 2) this.#buckets[buckets[at]!]! += buckets[at + 1]!;
    this.count += count;
    this.#sum += sum;
    if (count === 0) return;
    this.maximum = Math.max(this.maximum, maximum);
    this.#minimum = Math.min(this.#minimum, minimum);
  }

  toJSON(): HistogramData {
    const buckets: number[] = [];
    for (const [bucket, count] of this.#buckets.entries()) if (count > 0) buckets.push(bucket, count);
    const minimum = this.count === 0 ? 0 : this.#minimum;
    return {count: this.count, minimum, maximum: this.maximum, sum: this.#sum, buckets};
  }

  /** The histogram that `toJSON` described. */
  static from(data: HistogramData): Histogram {
    const histogram = new Histogram();
    histogram.add(data);
    return histogram;
  }
}
