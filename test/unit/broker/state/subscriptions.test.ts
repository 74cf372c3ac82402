/** Who receives a topic, and what depends on that. */

import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {openAccess} from '../../../../src/broker/access/access.ts';
import {defaultLimits} from '../../../../src/broker/config/settings.ts';
import {ForwardingRoutes} from '../../../../src/broker/forwarding/forwarding-routes.ts';
import {BoundedCache} from '../../../../src/broker/state/bounded-cache.ts';
import {createBrokerState} from '../../../../src/broker/state/broker-state.ts';
import {Subscriptions} from '../../../../src/broker/state/subscriptions.ts';

const options = {qos: 0, noLocal: false, retainAsPublished: false} as const;

describe('Subscriptions', () => {
  it('C5: finds 200,000 shared subscriptions to one filter', () => {
    const subscriptions = new Subscriptions<string>();
    for (let index = 0; index < 200_000; index++) {
      subscriptions.add({...options, subscriber: 'one', filter: `$share/${index}/t`});
    }
    assert.equal(subscriptions.receivers('t').groups.length, 200_000);
  });

  it('clears what depends on its receivers once, at the next change', () => {
    const subscriptions = new Subscriptions<string>();
    let cleared = 0;
    subscriptions.clearAtChange({clear: () => cleared++});
    subscriptions.add({...options, subscriber: 'one', filter: 't'});
    subscriptions.receiversChanged();
    assert.equal(cleared, 1);
  });
});

describe('ForwardingRoutes', () => {
  it('F15: keeps no session that has ended, even if nothing more is published', () => {
    const context = {access: openAccess, now: () => 0n, log: () => undefined};
    const state = createBrokerState(defaultLimits, context);
    const {session} = state.registry.open('publisher', true);
    const {session: subscriber} = state.registry.open('subscriber', true);
    state.registry.subscribe({...options, subscriber, filter: 't'});
    const routes = new ForwardingRoutes(session, state, 4);
    const topic = Buffer.from('t');
    routes.learn('t');
    assert.equal(routes.find(topic, 0, 1)?.topic, 't');
    state.registry.end(subscriber);
    assert.equal(routes.find(topic, 0, 1), undefined);
  });
});

describe('BoundedCache', () => {
  it('C5: forgets all rather than go over its bound, and keeps nothing larger', () => {
    const cache = new BoundedCache<string, number>(100);
    cache.set('a', 1, 60);
    cache.set('b', 2, 40);
    assert.deepEqual([cache.get('a'), cache.get('b')], [1, 2]);
    cache.set('c', 3, 1);
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [undefined, undefined, 3]);
    cache.set('d', 4, 101);
    assert.deepEqual([cache.get('c'), cache.get('d')], [undefined, undefined]);
  });
});
