/** Values by bytes: found as in a Map, also after it began anew. */

import assert from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {ByteTable} from '../../../src/format/byte-table.ts';

test('a name that was set last is found, and none that was not set', () => {
  const name = fc.uint8Array({maxLength: 3, max: 2});
  fc.assert(
    fc.property(fc.array(name, {maxLength: 60}), fc.constantFrom(1, 4, 16), (names, most) => {
      const table = new ByteTable<string>(most);
      const known = new Map<string, string>();
      for (const each of names) {
        const bytes = Uint8Array.from([9, ...each, 9]);
        const key = each.join();
        assert.equal(table.get(bytes, 1, bytes.length - 1), known.get(key));
        if (known.has(key)) continue;
        if (known.size === most) known.clear();
        table.set(bytes, 1, bytes.length - 1, key);
        known.set(key, key);
        bytes.fill(7);
      }
    }),
    {numRuns: 1000},
  );
});
