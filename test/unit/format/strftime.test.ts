/** strftime against the platform's own date(1), zone by zone; the fixed forms against known values. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {
  isoTime,
  isoTimeMicroseconds,
  localTime,
  nanosecondsText,
  strftime,
  unixTime,
} from '../../../src/format/strftime.ts';
import {run} from '../../support/spawn.ts';

const letters = 'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%'.split('');

const zones = [
  'UTC',
  'America/New_York',
  'America/St_Johns',
  'America/Caracas',
  'America/Argentina/Buenos_Aires',
  'Pacific/Marquesas',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Asia/Tokyo',
  'Europe/Berlin',
  'Europe/London',
  'Europe/Dublin',
  'Europe/Moscow',
  'Australia/Lord_Howe',
  'Australia/Adelaide',
  'Africa/Johannesburg',
];

/** Both halves of the year, both ends of it, ISO years that differ, leap days, midnight and noon, before 1970. */
const instants = [
  1795158512, 1784000000, 0, -1, 951782400, 1009843199, 1104537600, 1230768000, 1293839999, 1325376000,
  1451606399, 1609459200, 1640995199, 1709164800, 1711846799, 1711846800, 1730595600, 1735689600, 4102444799,
];

const module = new URL('../../../src/format/strftime.ts', import.meta.url);

/** Prints every conversion of every instant, one per line; NUL ends each, because %n is a newline. */
const script = `
import {localTime, strftime} from ${JSON.stringify(module.href)};
for (const instant of ${JSON.stringify(instants)}) {
  const time = localTime(BigInt(instant) * 1_000_000_000n);
  for (const letter of ${JSON.stringify(letters)}) process.stdout.write(letter + strftime(letter, time) + '\\0');
}`;

async function ours(zone: string): Promise<string[]> {
  const result = await run(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    env: {TZ: zone},
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
  });
  assert.equal(result.stderr, '');
  return result.stdout.toString().split('\0').slice(0, -1);
}

async function theirs(zone: string): Promise<string[]> {
  const format = letters.map((letter) => `${letter === '%' ? '%%' : letter}%${letter}|`).join('');
  const input = instants.map((instant) => `@${instant}\n`).join('');
  const result = await run('date', ['--file=-', `+${format}`], {env: {TZ: zone, LC_ALL: 'C'}, input});
  assert.equal(result.exitCode, 0, result.stderr);
  return result.stdout
    .toString()
    .split('|')
    .map((text) => text.replace(/^\n(?!$)/, ''))
    .slice(0, -1);
}

for (let index = 0; index < zones.length; index += 2) {
  const pair = zones.slice(index, index + 2);
  test(`every conversion agrees with date in ${pair.join(' and ')}`, async () => {
    for (const zone of pair) {
      const [actual, expected] = await Promise.all([ours(zone), theirs(zone)]);
      assert.equal(expected.length, letters.length * instants.length);
      // Abbreviations have a history that ICU does not tell; those of this century count.
      const differences = expected.flatMap((text, at) =>
        actual[at] === text ||
        (text.startsWith('Z') && (instants[Math.floor(at / letters.length)] ?? 0) < 9e8)
          ? []
          : [`${zone} @${instants[Math.floor(at / letters.length)]}: ${actual[at]} is not ${text}`],
      );
      assert.deepEqual(differences, []);
    }
  });
}

test('letters that glibc does not know stand for themselves', () => {
  const time = localTime(0n);
  for (const letter of [
    'E',
    'f',
    'i',
    'J',
    'K',
    'L',
    'o',
    'O',
    'q',
    'Q',
    'v',
    '+',
    '^',
    ' ',
    '5',
    'é',
    '😀',
  ]) {
    assert.equal(strftime(letter, time), `%${letter}`);
  }
  assert.equal(strftime('constructor', time), '%constructor');
});

test('the fixed forms', () => {
  const moment = 1_795_158_512_012_345_678n;
  assert.match(isoTime(moment), /^2026-11-\d\dT\d\d:\d\d:32[+-]\d{4}$/);
  assert.match(isoTimeMicroseconds(moment), /^2026-11-\d\dT\d\d:\d\d:32\.012345[+-]\d{4}$/);
  assert.equal(unixTime(moment), '1795158512.012345678');
  assert.equal(nanosecondsText(localTime(moment)), '012345678');
  assert.equal(isoTime(moment + 1_000_000_000n).slice(17, 19), '33');
});

test('a moment before the epoch counts its fraction forwards', () => {
  const time = localTime(-1n);
  assert.deepEqual([time.epochSeconds, time.nanoseconds], [-1, 999_999_999]);
});
