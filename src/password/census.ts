/**
 * Counts the lines of a password file as they pass, and finds users who have several without keeping their
 * names: eight bytes a user, so that a million of them need no more than a small file does. Two names may
 * have the same number; so who is told here is counted again, by name, in a second reading.
 */

import type {NumberedUser, PasswordLine} from './file.ts';

/** A line that nobody can log in by. */
export interface Complaint {
  readonly number: number;
  readonly reason: string;
}

/** A number of 53 bits for a name. Equal names have equal ones, and others hardly ever do. */
export function nameNumber(name: string): number {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high ^ unit, 0xcc9e2d51);
    high ^= high >>> 13;
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

export class Census {
  /** All lines, of any kind. */
  lines = 0;
  /** The lines that name somebody. */
  users = 0;
  readonly complaints: Complaint[] = [];
  #numbers = new Float64Array(1024);
  #count = 0;

  /** The next lines of the file. */
  take(lines: readonly PasswordLine[]): void {
    for (const line of lines) {
      this.lines++;
      if (!('username' in line)) continue;
      this.users++;
      if (line.kind === 'malformed') this.complaints.push({number: this.lines, reason: line.reason});
      if (line.username !== '') this.#note(nameNumber(line.username));
    }
  }

  #note(number: number): void {
    if (this.#count === this.#numbers.length) {
      const larger = new Float64Array(2 * this.#count);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#count++] = number;
  }

  /** The numbers of names that may have come more than once. */
  repeated(): ReadonlySet<number> {
    const sorted = this.#numbers.subarray(0, this.#count).sort();
    const found = new Set<number>();
    for (let index = 1; index < sorted.length; index++) {
      if (sorted[index] === sorted[index - 1]) found.add(sorted[index]!);
    }
    return found;
  }
}

/** The line numbers of every user who has more than one; only names with one of these numbers are looked at. */
export class Duplicates {
  readonly #suspects: ReadonlySet<number>;
  readonly #found = new Map<string, number[]>();

  constructor(suspects: ReadonlySet<number>) {
    this.#suspects = suspects;
  }

  take({number, line: {username}}: NumberedUser): void {
    if (!this.#suspects.has(nameNumber(username))) return;
    const known = this.#found.get(username);
    if (known === undefined) this.#found.set(username, [number]);
    else known.push(number);
  }

  users(): ReadonlyMap<string, readonly number[]> {
    return new Map([...this.#found].filter(([, numbers]) => numbers.length > 1));
  }
}
