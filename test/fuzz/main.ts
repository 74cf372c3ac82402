/**
 * `npm run fuzz -- [NAME…] [--frames N] [--seed N]`: a million random frames for each reader of frames,
 * against mqtt-packet, and for the client at a server that sends them. `npm test` does the same with fewer.
 */

import {randomInt} from 'node:crypto';
import {parseArgs} from 'node:util';
import {campaign, fuzzes} from './campaign.ts';

const {values, positionals} = parseArgs({
  allowPositionals: true,
  options: {frames: {type: 'string', default: '1000000'}, seed: {type: 'string'}},
});
const unknown = positionals.find((name) => !(name in fuzzes));
if (unknown !== undefined) {
  throw new Error(
    `There is nothing called '${unknown}' to fuzz; there are ${Object.keys(fuzzes).join(', ')}.`,
  );
}
const frames = Number(values.frames);
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
if (![frames, seed].every(Number.isSafeInteger)) throw new Error('--frames and --seed need whole numbers.');

for (const name of positionals.length > 0 ? positionals : Object.keys(fuzzes)) {
  const done = await campaign(name, {seed, frames});
  process.stdout.write(`${name}: ${done.toLocaleString('en')} frames from seed ${seed}, all as expected\n`);
}
