/** The topic aliases a server has given on one connection [MQTT 5, 3.3.2.3.4]. Knows no stream. */

import type {Packet} from './packet.ts';

export class AliasTable {
  readonly #topics = new Map<number, string>();

  /** Puts the topic into a PUBLISH that only has its alias, before anybody else looks at it. */
  resolve(packet: Packet): void {
    const alias = packet.properties?.topicAlias;
    if (typeof alias !== 'number') return;
    if (packet.topic === '') packet.topic = this.#topics.get(alias) ?? '';
    else this.#topics.set(alias, packet.topic!);
  }
}
