/**
 * The passwords that wait to be checked: one at a time, each address in its turn and each of its user names in theirs,
 * and no more than a bound. A check whose client is gone is left out. Knows no file and no connection.
 */

/** Who waits. */
export interface Claimant {
  /** The host of the client: all of its clients share one turn. */
  readonly host: string;
  /** All clients of a host with this user name share one of its turns. */
  readonly username: string;
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

/** The checks of one host by user name, in the order of their turns. */
type Users = Map<string, Waiting[]>;

/**
 * Fair by host: a host that tries passwords makes only its own clients wait. And by user name within one, so that
 * behind an address translator a device with a wrong password holds up no other for long.
 */
export class PasswordQueue {
  /** By host, in the order of their turns. */
  readonly #hosts = new Map<string, Users>();
  #length = 0;
  #running = false;

  /** Checks that wait. */
  get length(): number {
    return this.#length;
  }

  /** The answer of `check`; 'busy': the client is gone, or its host has the most of too many that wait. */
  run({host, username, isWaiting}: Claimant, check: () => Promise<boolean>): Promise<boolean | 'busy'> {
    return new Promise((resolve, reject) => {
      const users: Users = this.#hosts.get(host) ?? new Map();
      this.#hosts.set(host, users);
      const own = users.get(username) ?? [];
      users.set(username, own);
      own.push({host, username, isWaiting, check, resolve, reject});
      this.#length++;
      if (this.#length > longestQueue) this.#makeRoom();
      if (!this.#running) void this.#work();
    });
  }

  /** Leaves out those that are gone; if none is, the latest of the host, and of its user name, that have the most. */
  #makeRoom(): void {
    for (const users of this.#hosts.values()) {
      for (const all of users.values()) {
        for (const gone of all.filter(({isWaiting}) => !isWaiting())) this.#leaveOut(all, gone);
      }
    }
    if (this.#length <= longestQueue) return;
    const users = largest(this.#hosts.values(), (each) => [...each.values()].flat().length);
    const longest = largest(users.values(), ({length}) => length);
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

  /** The first of the host and user name whose turn it is, which go to the end. */
  #next(): Waiting | undefined {
    for (const [host, users] of this.#hosts) {
      this.#hosts.delete(host);
      for (const [username, all] of users) {
        users.delete(username);
        const first = all.shift();
        if (first === undefined) continue;
        if (all.length > 0) users.set(username, all);
        if (users.size > 0) this.#hosts.set(host, users);
        this.#length--;
        return first;
      }
    }
    return undefined;
  }
}

/** The first of those with the largest size; there is one. */
function largest<T>(all: Iterable<T>, size: (one: T) => number): T {
  return [...all].reduce((most, one) => (size(one) > size(most) ? one : most));
}
