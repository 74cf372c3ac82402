/** Which messages should have come to whom, and which of them did not. Pure. */

import {matches, parseSubscription} from '../../protocol/topic.ts';
import {numbered} from '../plan.ts';
import type {ClientGroup, Measurement} from './measurement.ts';
import {NumberSet} from './number-set.ts';

/** The name of a sender in a measurement. */
export function senderKey(run: string, number: number): string {
  return `${run}/${number}`;
}

/** The name of what receives: a client, or the group of a shared subscription, of which each message reaches one. */
export function receiverKey(run: string, number: number, filter: string): string {
  return filter.startsWith('$share/') ? filter : `${run}/${number}`;
}

/** Each client of the groups with its topic or filter. */
function clientsIn(groups: readonly ClientGroup[]) {
  return groups.flatMap(({run, template, first, clients}) =>
    Array.from({length: clients}, (_, index) => ({
      run,
      number: first + index,
      text: numbered(template, first + index),
    })),
  );
}

/** Keys by text, so that a topic or a filter is looked at once however many have it. */
function byText(
  pairs: readonly (readonly [text: string, key: string])[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const keys = new Map<string, Set<string>>();
  for (const [text, key] of pairs) {
    const known = keys.get(text);
    if (known === undefined) keys.set(text, new Set([key]));
    else known.add(key);
  }
  return keys;
}

/** The keys of those whose messages should come to each receiver. */
export function expectedSenders(
  publishers: readonly ClientGroup[],
  subscribers: readonly ClientGroup[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const topics = byText(clientsIn(publishers).map(({run, number, text}) => [text, senderKey(run, number)]));
  const filters = byText(
    clientsIn(subscribers).map(({run, number, text}) => [text, receiverKey(run, number, text)]),
  );
  const expected = new Map<string, Set<string>>();
  for (const [text, receivers] of filters) {
    const filter = parseSubscription(text)?.filter ?? text;
    const fitting = /[+#]/.test(filter)
      ? [...topics].filter(([topic]) => matches(filter, topic)).map(([, senders]) => senders)
      : [topics.get(filter) ?? []];
    for (const receiver of receivers) {
      const senders = expected.get(receiver) ?? new Set();
      for (const keys of fitting) for (const key of keys) senders.add(key);
      expected.set(receiver, senders);
    }
  }
  return expected;
}

/**
 * How many messages did not come: of senders that are known, those that were acknowledged (at QoS 0, sent); of others,
 * the gaps in their numbers.
 */
export function lostMessages({
  publishers,
  subscribers,
  acknowledgedNumbers,
  receivedNumbers,
}: Pick<Measurement, 'publishers' | 'subscribers' | 'acknowledgedNumbers' | 'receivedNumbers'>): number {
  const expected = expectedSenders(publishers, subscribers);
  let lost = 0;
  for (const [receiver, came] of Object.entries(receivedNumbers)) {
    const senders = expected.get(receiver) ?? new Set();
    for (const sender of senders) {
      const sent = new NumberSet(acknowledgedNumbers[sender]);
      lost += sent.without(new NumberSet(came[sender])).size;
    }
    for (const [sender, bounds] of Object.entries(came)) {
      if (acknowledgedNumbers[sender] === undefined) lost += new NumberSet(bounds).missing;
    }
  }
  return lost;
}
