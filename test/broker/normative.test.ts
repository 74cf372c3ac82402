/** That the tables of normative statements leave nothing out, that the tests they name are there, and that the sources cite what exists. */

import assert from 'node:assert/strict';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, it} from 'node:test';
import {declaredTests} from '../support/declarations.ts';
import {statements as five, type Statement} from './normative.ts';
import {statements as three} from './normative-three.ts';

const tests = join(import.meta.dirname, '..');
const sources = join(tests, '..', 'src');

/** How many statements each section numbers, and those it leaves out. */
const sectionsOfFive: Readonly<Record<string, number>> = {
  ...{'1.5.4': 3, '1.5.5': 1, '1.5.7': 1, '2.1.3': 1, '2.2.1': 6, '2.2.2': 1},
  ...{'3.1.0': 2, '3.1.2': 30, '3.1.3': 12, '3.1.4': 6, '3.2.0': 2, '3.2.2': 22},
  ...{'3.3.1': 13, '3.3.2': 20, '3.3.4': 10, '3.4.2': 3, '3.5.2': 3, '3.6.1': 1, '3.6.2': 3, '3.7.2': 3},
  ...{'3.8.1': 1, '3.8.3': 5, '3.8.4': 8, '3.9.2': 2, '3.9.3': 2, '3.10.1': 1, '3.10.3': 2, '3.10.4': 6},
  ...{'3.11.2': 2, '3.11.3': 2, '3.12.4': 1, '3.14.0': 1, '3.14.1': 1, '3.14.2': 4, '3.14.4': 3},
  ...{'3.15.1': 1, '3.15.2': 3, '4.1.0': 2, '4.2.0': 1, '4.3.1': 1, '4.3.2': 5, '4.3.3': 13, '4.4.0': 2},
  ...{'4.5.0': 2, '4.6.0': 6, '4.7.0': 1, '4.7.1': 2, '4.7.2': 1, '4.7.3': 4, '4.8.2': 6, '4.9.0': 3},
  ...{'4.12.0': 7, '4.12.1': 2, '4.13.1': 1, '4.13.2': 1, '6.0.0': 4},
};
const sectionsOfThree: Readonly<Record<string, number>> = {
  ...{'1.5.3': 3, '2.2.2': 2, '2.3.1': 7, '3.1.0': 2, '3.1.2': 24, '3.1.3': 11, '3.1.4': 5, '3.2.0': 1},
  ...{'3.2.2': 6, '3.3.1': 12, '3.3.2': 3, '3.3.4': 1, '3.3.5': 2, '3.6.1': 1, '3.8.1': 1, '3.8.3': 4},
  ...{'3.8.4': 6, '3.9.3': 2, '3.10.1': 1, '3.10.3': 2, '3.10.4': 6, '3.12.4': 1, '3.14.1': 1, '3.14.4': 3},
  ...{'4.1.0': 2, '4.2.0': 1, '4.3.1': 1, '4.3.2': 2, '4.3.3': 2, '4.4.0': 1, '4.5.0': 2, '4.6.0': 6},
  ...{'4.7.1': 3, '4.7.2': 1, '4.7.3': 4, '4.8.0': 2, '6.0.0': 4, '7.0.0': 2, '7.1.1': 1, '7.1.2': 1},
};
const unused = ['MQTT-2.2.1-1'];

/** Every file below `directory` whose name ends so, by its path. */
function filesIn(directory: string, ending: string): readonly string[] {
  return readdirSync(directory, {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name));
}

const unitTests = filesIn(join(tests, 'unit', 'broker'), '.test.ts');

function fileOf(name: string): string | undefined {
  const candidates = [join(tests, 'broker', `${name}.test.ts`), join(tests, `${name}.test.ts`)];
  return candidates.find(existsSync) ?? unitTests.find((path) => path.endsWith(`/${name}.test.ts`));
}

/** Whether a name has the text in it, and not as the beginning of a longer number. */
function mentions(name: string, text: string): boolean {
  const at = name.indexOf(text);
  if (at === -1) return false;
  return !/\d$/.test(text) || !/^\d/.test(name.slice(at + text.length)) || mentions(name.slice(at + 1), text);
}

const known = new Map<string, readonly string[]>();

/** Why a proof is none; undefined where it is one. */
function flaw(proof: string): string | undefined {
  const [, file = '', text = ''] = /^(\S+) (.+)$/.exec(proof) ?? [];
  const path = fileOf(file);
  if (path === undefined) return `${proof}: there is no such file`;
  const names = known.get(path) ?? declaredTests(path);
  known.set(path, names);
  return names.some((name) => mentions(name, text)) ? undefined : `${proof}: there is no such test`;
}

for (const [title, statements, sections] of [
  ['MQTT 5', five, sectionsOfFive],
  ['MQTT 3.1.1', three, sectionsOfThree],
] as const) {
  describe(`the normative statements of ${title}`, () => {
    it('are all there, in order and once', () => {
      const numbers = Object.entries(sections)
        .flatMap(([section, count]) =>
          Array.from({length: count}, (_, index) => `MQTT-${section}-${index + 1}`),
        )
        .filter((number) => !unused.includes(number));
      assert.deepEqual(
        statements.map(([number]) => number),
        numbers,
      );
    });

    it('are each shown by a test, or need none for a reason', () => {
      const problems = statements.flatMap(([number, , ...shown]: Statement) => {
        if (shown.length === 0) return [`${number}: nothing shows it`];
        return shown.flatMap((proof) => {
          const problem = typeof proof === 'string' ? flaw(proof) : undefined;
          return problem === undefined ? [] : [`${number}: ${problem}`];
        });
      });
      assert.deepEqual(problems, []);
    });
  });
}

describe('the sources', () => {
  /** What a file cites: 'MQTT-3.1.2-3', and all of '[MQTT-3.1.2-16] to [MQTT-3.1.2-19]'. */
  const citedIn = (source: string): readonly string[] => {
    const ranges = source.matchAll(/\[MQTT-(\d+\.\d+\.\d+)-(\d+)\] to \[MQTT-\1-(\d+)\]/g);
    return [
      ...(source.match(/MQTT-\d+\.\d+\.\d+-\d+/g) ?? []),
      ...[...ranges].flatMap(([, section, first, last]) =>
        Array.from(
          {length: Number(last) - Number(first)},
          (_, index) => `MQTT-${section}-${Number(first) + index}`,
        ),
      ),
    ];
  };
  const citations = ['broker', 'protocol']
    .flatMap((room) => filesIn(join(sources, room), '.ts'))
    .map((path) => [path, citedIn(readFileSync(path, 'utf8'))] as const);

  it('cite statements that there are', () => {
    const numbers = new Set([...five, ...three].map(([number]) => number));
    const wrong = citations.flatMap(([name, cited]) =>
      cited.filter((number) => !numbers.has(number)).map((number) => `${name}: ${number}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('cite all of MQTT 5 that they keep', () => {
    const cited = new Set(citations.flatMap(([, numbers]) => numbers));
    const missing = five.filter(
      ([number, , ...shown]) => shown.some((proof) => typeof proof === 'string') && !cited.has(number),
    );
    assert.deepEqual(
      missing.map(([number, requires]) => `${number}: ${requires}`),
      [],
    );
  });
});
