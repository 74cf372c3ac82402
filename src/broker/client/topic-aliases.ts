/** The topic aliases of one connection, which end with it [MQTT-3.3.2-7]: the client's, and the broker's. */

import {aliasInvalid, protocolError} from '../../protocol/packet-violation.ts';
import type {DecodedPublish, PublishForm} from '../wire/publish-packet.ts';

/** Topics of one connection that have an alias from the broker at once. */
const mostAssigned = 256;
/** UTF-16 units of a topic; longer ones get no alias, for each connection keeps its topics. */
const longestAssigned = 1024;

/** The aliases that a client sets. */
export class ReceivedAliases {
  readonly #maximum: number;
  #topics: Map<number, string> | undefined;

  /** `maximum` is the Topic Alias Maximum of CONNACK. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The topic of a PUBLISH: its own, or that of its alias [MQTT-3.3.2-12]. @throws PacketViolation */
  topic({topic, topicAlias}: DecodedPublish): string {
    if (topicAlias === undefined) return topic;
    // [MQTT-3.3.2-9], [MQTT-3.2.2-17], [MQTT-3.2.2-18]
    if (topicAlias > this.#maximum) {
      throw aliasInvalid('MQTT-3.3.2-9', `The topic alias ${topicAlias} is over the maximum.`);
    }
    if (topic !== '') {
      this.#topics ??= new Map();
      this.#topics.set(topicAlias, topic);
      return topic;
    }
    const known = this.#topics?.get(topicAlias);
    if (known === undefined) {
      throw protocolError('3.3.4', `The topic alias ${topicAlias} stands for no topic yet.`);
    }
    return known;
  }
}

/** The aliases that the broker sets: they stand for the topics used last. */
export class AssignedAliases {
  readonly #maximum: number;
  /** The topic used last is the last. */
  #aliases: Map<string, number> | undefined;
  /** An alias that stands for no topic any more. */
  #free: number | undefined;

  /** `maximum` is the Topic Alias Maximum of CONNECT [MQTT-3.1.2-26]. */
  constructor(maximum: number) {
    this.#maximum = Math.min(maximum, mostAssigned);
  }

  /** Adds an alias to a PUBLISH: the first one of a topic has both, later ones only the alias [MQTT-3.3.2-11]. */
  apply(form: PublishForm, topic: string): PublishForm {
    if (topic.length > longestAssigned) return form;
    this.#aliases ??= new Map();
    const known = this.#aliases.get(topic);
    const topicAlias = known ?? this.#unused(this.#aliases);
    if (known !== undefined) this.#aliases.delete(topic);
    this.#aliases.set(topic, topicAlias);
    return known === undefined ? {...form, topicAlias} : {...form, topic: '', topicAlias};
  }

  /** An alias for another topic: one that is free, or else that of the topic not used for longest. */
  #unused(aliases: Map<string, number>): number {
    const free = this.#free;
    this.#free = undefined;
    if (free !== undefined) return free;
    if (aliases.size < this.#maximum) return aliases.size + 1;
    const [topic, topicAlias] = aliases.entries().next().value!;
    aliases.delete(topic);
    return topicAlias;
  }

  /** The PUBLISH that would have set the alias of this topic was not sent. */
  revoke(topic: string): void {
    this.#free = this.#aliases?.get(topic);
    this.#aliases?.delete(topic);
  }
}
