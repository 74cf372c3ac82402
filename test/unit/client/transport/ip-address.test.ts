import assert from 'node:assert/strict';
import net from 'node:net';
import {test} from 'node:test';
import fc from 'fast-check';

// Before anything of ours can have taken its place.
const {isIP: ofNode} = net;
const {addressFamily, hastenAddressChecks} = await import('../../../../src/client/transport/ip-address.ts');

const texts = fc.oneof(
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.ipV6().map((address) => `${address}%eth0`),
  fc.domain(),
  fc.string(),
  fc.string({unit: fc.constantFrom('0', '1', 'a', 'f', '.', ':', '%', '[', ']'), maxLength: 20}),
);

test('an address is what Node takes for one', () => {
  fc.assert(
    fc.property(texts, (text) => {
      assert.equal(addressFamily(text), ofNode(text), text);
    }),
    {numRuns: 5000},
  );
  for (const odd of ['', '::', '::1', '1.2.3.4', '::ffff:1.2.3.4', '1.2.3.4.5', '256.1.1.1', 'fe80::1%lo']) {
    assert.equal(addressFamily(odd), ofNode(odd), odd);
  }
});

test('Node says the same when it is hastened', () => {
  hastenAddressChecks();
  assert.deepEqual(
    ['127.0.0.1', '::1', 'localhost', '', undefined].map((text) => net.isIP(text as string)),
    [4, 6, 0, 0, 0],
  );
});
