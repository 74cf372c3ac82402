/** Which requests wait for their response, in their order, and the responses that came before it was their turn. Pure. */

interface Waiting {
  /** From 1: the line of the input. */
  readonly number: number;
  /** When the request was sent, by `monotonicMilliseconds`. */
  readonly sentAt: number;
  response?: Uint8Array;
}

/** Requests by their correlation data, as text. */
export class ResponseOrder {
  sent = 0;
  answered = 0;
  /** In the order of the requests; the first one has no response. */
  readonly #waiting = new Map<string, Waiting>();

  /** The requests whose response is not passed on. */
  get size(): number {
    return this.#waiting.size;
  }

  /** The request that has waited longest for its response. */
  get oldest(): Omit<Waiting, 'response'> | undefined {
    const [first] = this.#waiting.values();
    return first;
  }

  add(key: string, sentAt: number): void {
    this.sent++;
    this.#waiting.set(key, {number: this.sent, sentAt});
  }

  /** The request that a response with this key is the first one to. */
  awaited(key: string): Omit<Waiting, 'response'> | undefined {
    const waiting = this.#waiting.get(key);
    return waiting?.response === undefined ? waiting : undefined;
  }

  /** The response to an awaited request; returns the responses whose turn it now is. */
  answer(key: string, response: Uint8Array): readonly Uint8Array[] {
    this.#waiting.get(key)!.response = response;
    this.answered++;
    const due: Uint8Array[] = [];
    for (const [each, waiting] of this.#waiting) {
      if (waiting.response === undefined) break;
      due.push(waiting.response);
      this.#waiting.delete(each);
    }
    return due;
  }
}
