/** Which addresses share what one peer may have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOwnMachine, networkOf } from '../../lib/runtime/networks.ts';

for (const [address, network] of [
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
] as const) {
  test(`the address ${address} counts as ${network}`, () => {
    assert.equal(networkOf(address), network);
    assert.ok(!isOwnMachine(networkOf(address)));
  });
}

for (const address of ['::ffff:127.0.0.1', '127.8.8.8', '::1', '']) {
  test(`the address '${address}' is of this machine`, () => assert.ok(isOwnMachine(networkOf(address))));
}
