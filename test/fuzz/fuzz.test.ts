/** The fast ways of reading against mqtt-packet, and the client, with random frames: a short run of `npm run fuzz`. */

import {randomInt} from 'node:crypto';
import {test} from 'node:test';
import {campaign} from './campaign.ts';

const run = () => ({seed: randomInt(2 ** 31), frames: 20_000});

test('the publish filter takes what mqtt-packet reads, and passes on the rest unchanged', async () => {
  await campaign('filter', run());
});

test("the broker's two ways of reading frames agree, and with mqtt-packet", async () => {
  await campaign('broker', run());
});

test('the client ends in time at a server that sends anything, and succeeds only with what came', async () => {
  await campaign('session', {...run(), frames: 4000});
});

test('every way of receiving gives the same messages and answers, QoS 2 with its repeats included', async () => {
  await campaign('receiving', run());
});
