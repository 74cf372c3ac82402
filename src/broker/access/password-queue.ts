/**
 * The passwords that wait to be checked: one at a time, each address in its turn, and no more than a bound. A check
 * whose client is gone is left out. Knows no file and no connection.
 */

/** Who waits. */
export interface Claimant {
  /** The host of the client: all of its clients share one turn. */
  readonly host: string;
  /** Whether the client still waits for the answer. */
  readonly isWaiting: () => boolean;
}

interface Waiting extends Claimant {
  readonly check: () => Promise<boolean>;
  readonly resolve: (answer: boolean | 'busy') => void;
  readonly reject: (error: unknown) => void;
}

/** Checks that may wait: with mosquitto's argon2id, the last one waits for half a minute. */
const longestQueue = 256;

/** Fair by host: a host that tries passwords makes only its own clients wait. */
export class PasswordQueue {
  /** By host, in the order of their turns. */
  readonly #hosts = new Map<string, Waiting[]>();
  #length = 0;
  #running = false;

  /** Checks that wait. */
  get length(): number {
    return this.#length;
  }

  /** The answer of `check`; 'busy': the client is gone, or its host has the most of too many that wait. */
  run({host, isWaiting}: Claimant, check: () => Promise<boolean>): Promise<boolean | 'busy'> {
    return new Promise((resolve, reject) => {
      const own = this.#hosts.get(host) ?? [];
      this.#hosts.set(host, own);
      own.push({host, isWaiting, check, resolve, reject});
      this.#length++;
      if (this.#length > longestQueue) this.#makeRoom();
      if (!this.#running) void this.#work();
    });
  }

  /** Leaves out those that are gone; if none is, the latest of the host that has the most. */
  #makeRoom(): void {
    for (const all of this.#hosts.values()) {
      for (const gone of all.filter(({isWaiting}) => !isWaiting())) this.#leaveOut(all, gone);
    }
    if (this.#length <= longestQueue) return;
    let longest: Waiting[] = [];
    for (const all of this.#hosts.values()) if (all.length > longest.length) longest = all;
    this.#leaveOut(longest, longest.at(-1)!);
  }

  #leaveOut(all: Waiting[], one: Waiting): void {
    all.splice(all.indexOf(one), 1);
    this.#length--;
    one.resolve('busy');
  }

  async #work(): Promise<void> {
    this.#running = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (next.isWaiting()) await next.check().then(next.resolve, next.reject);
      else next.resolve('busy');
    }
    this.#running = false;
  }

  /** The first of the host whose turn it is, which goes to the end. */
  #next(): Waiting | undefined {
    for (const [host, all] of this.#hosts) {
      this.#hosts.delete(host);
      const first = all.shift();
      if (first === undefined) continue;
      if (all.length > 0) this.#hosts.set(host, all);
      this.#length--;
      return first;
    }
    return undefined;
  }
}
