/** The parts of a broker without sockets, with one client that subscribes to everything at QoS 0. */

import {openAccess} from '../../src/broker/access/access.ts';
import type {Publishing} from '../../src/broker/client/publish-handler.ts';
import {defaultLimits} from '../../src/broker/config/settings.ts';
import {FastPublish} from '../../src/broker/forwarding/fast-publish.ts';
import {Passages} from '../../src/broker/forwarding/forwarding-routes.ts';
import {assembleParts, type BrokerParts} from '../../src/broker/state/broker-state.ts';
import type {Passage, SessionLink} from '../../src/broker/state/session.ts';
import type {ProtocolVersion} from '../../src/protocol/message.ts';

/** `sent` is told the frames that the subscriber gets as they came, and how many they are. */
export function partsWithSubscriber(version: ProtocolVersion, sent: Passage['send']): BrokerParts {
  const parts = assembleParts(defaultLimits, {access: openAccess, now: () => 0n, log: () => undefined});
  const {session: subscriber} = parts.registry.open('subscriber', true);
  const passage: Passage = {
    protocolVersion: version,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    lagging: false,
    queuesUp: false,
    send: sent,
  };
  const link = {passage, slow: () => undefined} satisfies Partial<SessionLink> as unknown as SessionLink;
  parts.registry.join(subscriber, link, {expirySeconds: 0, username: undefined});
  const options = {qos: 0, noLocal: false, retainAsPublished: false} as const;
  parts.registry.subscribe({...options, filter: '#', member: subscriber});
  return parts;
}

/** The subscriber takes nothing at QoS 1 and 2. */
const unused = undefined as unknown as Publishing;

/** The fast way of what another client publishes. */
export function publisherTo(parts: BrokerParts, version: ProtocolVersion): FastPublish {
  const {session} = parts.registry.open('publisher', true);
  const passages = new Passages(session, parts, version);
  return new FastPublish({session, parts, passages, publishing: unused});
}
