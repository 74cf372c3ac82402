/**
 * `passwd -U`: a plain file of 10,000 users hashed in one go. mosquitto_passwd 2.0.11 always takes 101
 * iterations here; the yardstick at 1000 is OpenSSL's PBKDF2 for the same passwords one after another,
 * which is what mosquitto_passwd 2.1 does.
 */

import {copyFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type Bench, type BenchContext, tmq} from './bench.ts';
import {type Measurement, measure, paired, peakRatios, wallRatios} from './measure.ts';
import {atMost, type Figure} from './statistics.ts';

const users = 10_000;

/** A program on this Node that hashes the passwords one after another, and nothing else. */
const oneAfterAnother = (iterations: number) => `
const {pbkdf2Sync, randomBytes} = require('node:crypto');
for (let user = 0; user < ${users}; user++) pbkdf2Sync('password' + user, randomBytes(12), ${iterations}, 64, 'sha512');
`;

const plainFile = (count: number) =>
  Array.from({length: count}, (_, user) => `user${user}:password${user}\n`).join('');

async function upgrade(context: BenchContext): Promise<readonly Figure[]> {
  const plain = join(context.directory, 'plain');
  await writeFile(plain, plainFile(users));
  const script = join(context.directory, 'one-after-another.cjs');
  await writeFile(script, oneAfterAnother(1000));
  const file = join(context.directory, 'passwords');
  const fresh = async (invocation: Parameters<typeof measure>[0]): Promise<Measurement> => {
    await copyFile(plain, file);
    return await measure(invocation);
  };
  const pbkdf2 = (iterations: number) =>
    tmq('passwd', '-H', 'sha512-pbkdf2', '-I', String(iterations), '-U', file);
  const series = await paired(
    {
      thousand: () => fresh(pbkdf2(1000)),
      serial: () => measure({command: process.execPath, args: [script]}),
      hundred: () => fresh(pbkdf2(101)),
      mosquitto: () => fresh({command: 'mosquitto_passwd', args: ['-U', file]}),
    },
    {rounds: context.rounds(5)},
  );
  return [
    {
      label: '-U, 10,000 lines, 1000 iterations / one after another',
      unit: 'x',
      values: wallRatios(series.thousand, series.serial),
      goal: atMost(0.7),
    },
    {
      label: '-U, 10,000 lines, 101 iterations / mosquitto_passwd',
      unit: 'x',
      values: wallRatios(series.hundred, series.mosquitto),
    },
  ];
}

/**
 * mosquitto's own scheme, one round of SHA-512 a user: what is left is reading, writing and salts. Ten times
 * the users show whether memory grows with them.
 */
async function upgradeQuickly(context: BenchContext): Promise<readonly Figure[]> {
  const file = join(context.directory, 'passwords-quick');
  const upgrading = async (count: number) => {
    const plain = join(context.directory, `plain-${count}`);
    await writeFile(plain, plainFile(count));
    return async () => {
      await copyFile(plain, file);
      return await measure({...tmq('passwd', '-U', file), usage: true});
    };
  };
  const series = await paired(
    {tmq: await upgrading(users), many: await upgrading(10 * users)},
    {rounds: context.rounds(5), warmUp: 1},
  );
  return [
    {
      label: '-U, 10,000 lines, $6$: CPU',
      unit: 's',
      values: series.tmq.cpu.map((milliseconds) => milliseconds / 1000),
      goal: atMost(1),
    },
    {label: '-U, 10,000 lines, $6$: peak memory', unit: 'MB', values: series.tmq.peak},
    {
      label: '-U, $6$, peak memory: 100,000 lines / 10,000',
      unit: 'x',
      values: peakRatios(series.many, series.tmq),
      goal: atMost(1.6),
    },
  ];
}

async function add(context: BenchContext): Promise<readonly Figure[]> {
  const file = join(context.directory, 'one');
  await writeFile(file, '');
  const words = ['-b', file, 'rajan', 'password123'];
  const series = await paired(
    {
      tmq: () => measure(tmq('passwd', ...words)),
      mosquitto: () => measure({command: 'mosquitto_passwd', args: words}),
    },
    {rounds: context.rounds(11), warmUp: 2},
  );
  return [{label: '-b / mosquitto_passwd', unit: 'x', values: wallRatios(series.tmq, series.mosquitto)}];
}

export const passwd: Bench = {
  name: 'passwd',
  summary: 'a password file of 10,000 users',
  async run(context) {
    return [...(await upgrade(context)), ...(await upgradeQuickly(context)), ...(await add(context))];
  },
};
