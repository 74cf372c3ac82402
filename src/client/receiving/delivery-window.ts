/**
 * The messages that a receiver has and has not acknowledged. The receiver acknowledges in any order; PUBACK and PUBREC
 * leave in the order in which the messages came [MQTT-4.6.0-2]. A message that the broker sends again is recognised, and
 * not given to the receiver twice. Knows neither streams nor who asks for messages.
 *
 * | an entry is …  | its connection | then                                                                   |
 * |----------------|----------------|------------------------------------------------------------------------|
 * | in work        | is open        | those behind it wait for it                                            |
 * | in work        | was lost       | no other waits for it; the broker may send it again: it moves behind    |
 * | done           | is open        | acknowledged as soon as all before it are                              |
 * | done           | was lost       | remembered: acknowledged when the broker sends it again                |
 */

import type {Message} from '../../protocol/message.ts';
import type {KeptMessage} from '../connection/events.ts';
import type {DeliveryReceiver, ReceiveDecision} from '../types.ts';

interface Entry {
  /** As the message came last. */
  kept: KeptMessage;
  isDone: boolean;
}

/** Whether the broker has sent the same message again: the identifier alone may stand for another one by now. */
function isSame(one: Message, other: Message): boolean {
  return (
    one.messageId === other.messageId &&
    one.qos === other.qos &&
    one.topic === other.topic &&
    Buffer.compare(one.payload, other.payload) === 0
  );
}

export class DeliveryWindow {
  readonly #receiver: DeliveryReceiver;
  /** Called when there is room again. */
  readonly #onRoom: () => void;
  /** In the order in which they came last. */
  readonly #entries = new Set<Entry>();
  /**
   * Messages that are done and that the broker may send again, by packet identifier: their acknowledgement was not
   * sent, or at QoS 1 may not have arrived. No more than the window has room for.
   */
  readonly #done = new Map<number, Message>();

  constructor(receiver: DeliveryReceiver, onRoom: () => void) {
    this.#receiver = receiver;
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.#entries.size >= this.#receiver.window;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Whether the message is one that came before. It then needs nothing but its acknowledgement. */
  recognises(kept: KeptMessage): boolean {
    const {message, isDuplicate} = kept;
    const {qos, messageId = 0} = message;
    if (qos === 0) return false;
    // Without DUP it is another message.
    if (!isDuplicate) this.#done.delete(messageId);
    const known = this.#done.get(messageId);
    if (kept.isRepeated || (known !== undefined && isSame(known, message))) {
      this.#done.delete(messageId);
      this.#entries.add({kept, isDone: true});
      this.acknowledge();
      return true;
    }
    if (!isDuplicate) return false;
    for (const entry of this.#entries) {
      if (!isSame(entry.kept.message, message)) continue;
      // On the same connection it keeps its place.
      if (!entry.kept.connection.isOpen) {
        this.#entries.delete(entry);
        this.#entries.add(entry);
      }
      entry.kept = kept;
      this.acknowledge();
      return true;
    }
    return false;
  }

  /** Gives a message to the receiver. @throws what the receiver throws */
  give(kept: KeptMessage): ReceiveDecision {
    const entry: Entry = {kept, isDone: false};
    this.#entries.add(entry);
    const end = (isDone: boolean) => {
      if (!this.#entries.has(entry)) return;
      entry.isDone = isDone;
      if (!isDone || kept.message.qos === 0) this.#entries.delete(entry);
      this.acknowledge();
      this.#onRoom();
    };
    const decision = this.#receiver.delivered({
      message: kept.message,
      acknowledge: () => end(true),
      abandon: () => end(false),
    });
    if (decision === 'stop') this.#entries.delete(entry);
    return decision;
  }

  /** The session began anew: the broker sends nothing again. */
  forget(): void {
    this.acknowledge();
    this.#done.clear();
  }

  /** Acknowledges what is done, up to the first message that is not, and remembers what was on a lost connection. */
  acknowledge(): void {
    for (const entry of this.#entries) {
      const {kept, isDone} = entry;
      const {isOpen} = kept.connection;
      if (isOpen && !isDone) return;
      if (!isDone) continue;
      this.#entries.delete(entry);
      if (!isOpen || kept.message.qos === 1) this.#remember(kept.message);
      if (!isOpen) continue;
      kept.take();
      kept.acknowledge();
    }
  }

  #remember(message: Message): void {
    const {messageId = 0} = message;
    this.#done.delete(messageId);
    this.#done.set(messageId, message);
    const [oldest] = this.#done.keys();
    if (this.#done.size > this.#receiver.window) this.#done.delete(oldest!);
  }
}
