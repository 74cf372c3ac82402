/** The state of a broker without sockets, with one client that subscribes to everything at QoS 0. */

import {openAccess} from '../../src/broker/access/access.ts';
import type {PublishHandler} from '../../src/broker/client/publish-handler.ts';
import {defaultLimits} from '../../src/broker/config/settings.ts';
import {FastPublish} from '../../src/broker/forwarding/fast-publish.ts';
import {ForwardingRoutes} from '../../src/broker/forwarding/forwarding-routes.ts';
import {type BrokerState, createBrokerState} from '../../src/broker/state/broker-state.ts';
import type {Passage, SessionLink} from '../../src/broker/state/session.ts';
import type {ProtocolVersion} from '../../src/protocol/message.ts';

/** `sent` gets the frames that the subscriber receives unchanged, and their number. */
export function stateWithSubscriber(version: ProtocolVersion, sent: Passage['send']): BrokerState {
  const state = createBrokerState(defaultLimits, {access: openAccess, now: () => 0n, log: () => undefined});
  const {session: subscriber} = state.registry.open('subscriber', true);
  const passage: Passage = {
    protocolVersion: version,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    lagging: false,
    queueFull: false,
    send: sent,
  };
  const link = {passage, slow: () => undefined} satisfies Partial<SessionLink> as unknown as SessionLink;
  state.registry.join(subscriber, link, {expirySeconds: 0, username: undefined});
  const options = {qos: 0, noLocal: false, retainAsPublished: false} as const;
  state.registry.subscribe({...options, filter: '#', subscriber: subscriber});
  return state;
}

/** The subscriber takes nothing at QoS 1 and 2. */
const unused = undefined as unknown as PublishHandler;

/** The fast way of what another client publishes. */
export function publisherTo(state: BrokerState, version: ProtocolVersion): FastPublish {
  const {session} = state.registry.open('publisher', true);
  const routes = new ForwardingRoutes(session, state, version);
  return new FastPublish({session, state, routes, publishing: unused});
}
