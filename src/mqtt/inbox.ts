/**
 * Messages on their way to whoever takes them: batches, a flush after each, and only then the
 * acknowledgements. While nobody takes any, or a flush lasts, reading stops, which slows the broker down
 * instead of filling our memory. Knows links only as what acknowledges.
 */

import type {Arrival} from './link.ts';
import type {Packet} from './packet.ts';
import type {Receiver, Verdict} from './session.ts';

/**
 * QoS 2 messages that came and were not yet released, by identifier [MQTT 5, 4.3.3]; MQTT.js fills it.
 * Each connection has one; those of connections to one session share what is in it.
 */
export class IncomingMessages {
  #packets: Map<number, Packet>;
  #taken: WeakSet<Packet>;

  /** @param previous of the connection before, whose session this one may find kept */
  constructor(previous?: IncomingMessages) {
    this.#packets = previous === undefined ? new Map() : previous.#packets;
    this.#taken = previous === undefined ? new WeakSet() : previous.#taken;
  }

  /** The server began a new session. What a connection before this one still has under way is not touched. */
  forget(): void {
    this.#packets = new Map();
  }

  /** The message is in the receiver's hands: a PUBREL that comes again must not bring it again. */
  take(packet: Packet): void {
    const messageId = packet.messageId ?? 0;
    if (this.#packets.get(messageId) === packet) this.#packets.delete(messageId);
    this.#taken.add(packet);
  }

  /** Whether the message was taken before, after a PUBREL on another connection. */
  wasTaken(packet: Packet): boolean {
    return this.#taken.has(packet);
  }

  put(packet: Packet, done?: () => void): this {
    this.#packets.set(packet.messageId ?? 0, packet);
    done?.();
    return this;
  }

  get({messageId}: Packet, done: (error: Error | null, packet?: Packet) => void): this {
    const packet = this.#packets.get(messageId ?? 0);
    if (packet === undefined) done(new Error('unknown packet identifier'));
    else done(null, packet);
    return this;
  }

  del({messageId}: Packet, done?: (error: Error | null) => void): this {
    this.#packets.delete(messageId ?? 0);
    done?.(null);
    return this;
  }

  /** A link ended; the messages are for the next one. */
  close(done?: () => void): void {
    done?.();
  }
}

interface Waiting {
  readonly arrival: Arrival;
  readonly proceed: () => void;
}

interface Reception {
  readonly receiver: Receiver;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Inbox {
  /** Whether an answer is awaited that may come behind a message: then reading goes on. */
  readonly #awaitsReply: () => boolean;
  #reception: Reception | undefined;
  #state: 'closed' | 'taking' | 'flushing' | 'finished' = 'closed';
  #waiting: Waiting[] = [];
  /** Taken and not yet acknowledged. */
  #batch: Arrival[] = [];
  #flushPlanned: NodeJS.Immediate | undefined;

  constructor(awaitsReply: () => boolean) {
    this.#awaitsReply = awaitsReply;
  }

  /** Whether messages are taken now or will be after the flush. */
  get accepting(): boolean {
    return this.#state === 'taking' || this.#state === 'flushing';
  }

  /** A message came; `proceed` lets the next packet be read. */
  arrived(arrival: Arrival, proceed: () => void): void {
    if (this.#state === 'taking') {
      this.#take(arrival);
      proceed();
      return;
    }
    // After the last message: neither taken nor acknowledged, so a session keeps it for the next time.
    if (this.#state !== 'finished') this.#waiting.push({arrival, proceed});
    if (this.#state === 'finished' || this.#awaitsReply()) proceed();
  }

  /** Resolves when the receiver wants no more. @throws what the receiver throws, and what `fail` is given */
  receive(receiver: Receiver): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#reception = {receiver, resolve, reject};
      this.#state = 'taking';
      this.#takeWaiting();
    });
  }

  /** A connection found its session kept: at QoS 1, what was not taken from the one before will be sent again. */
  resumed(): void {
    const repeated = ({arrival}: Waiting) => arrival.message.qos === 1 && !arrival.link.isOpen;
    const dropped = this.#waiting.filter(repeated);
    this.#waiting = this.#waiting.filter((waiting) => !repeated(waiting));
    for (const {proceed} of dropped) proceed();
  }

  /** Nobody takes messages any more. */
  fail(error: unknown): void {
    const reception = this.#reception;
    this.#finish();
    reception?.reject(error);
  }

  #take(arrival: Arrival): void {
    let verdict: Verdict = 'more';
    try {
      if (!arrival.isRepeated()) verdict = this.#reception!.receiver.message(arrival.message);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (verdict !== 'stop') {
      arrival.take();
      this.#batch.push(arrival);
    }
    if (verdict !== 'more') void this.#flush(true);
    else this.#flushPlanned ??= setImmediate(() => void this.#flush(false));
  }

  #takeWaiting(): void {
    while (this.#state === 'taking') {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#take(next.arrival);
      next.proceed();
    }
  }

  async #flush(last: boolean): Promise<void> {
    const reception = this.#reception!;
    clearImmediate(this.#flushPlanned);
    this.#flushPlanned = undefined;
    this.#state = 'flushing';
    const batch = this.#batch;
    this.#batch = [];
    try {
      await reception.receiver.flush();
    } catch (error) {
      this.fail(error);
      return;
    }
    for (const arrival of batch) arrival.acknowledge();
    if (this.#reception !== reception) return;
    if (last) {
      this.#finish();
      reception.resolve();
    } else {
      this.#state = 'taking';
      this.#takeWaiting();
    }
  }

  #finish(): void {
    clearImmediate(this.#flushPlanned);
    this.#flushPlanned = undefined;
    this.#reception = undefined;
    this.#state = 'finished';
    this.#batch = [];
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const {proceed} of waiting) proceed();
  }
}
