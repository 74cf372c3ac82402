/** The fast ways of reading against mqtt-packet, with random frames: a short run of `npm run fuzz`. */

import {randomInt} from 'node:crypto';
import {test} from 'node:test';
import {campaign} from './campaign.ts';

const run = () => ({seed: randomInt(2 ** 31), frames: 60_000});

test('what the tap takes is what mqtt-packet reads, and the rest goes on as it came', async () => {
  await campaign('tap', run());
});

test("the broker's two ways of reading frames agree, and with mqtt-packet", async () => {
  await campaign('broker', run());
});
