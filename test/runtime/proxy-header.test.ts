/** The header of the PROXY protocol, version 2: what it says, at whatever byte it is cut, and everything that is none. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { readProxyHeader } from '../../lib/runtime/proxy-header.ts';
import { field, isSameAddress, localHeader, proxyHeader, rawHeader } from '../support/proxy-header.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const ends = (address: fc.Arbitrary<string>) => fc.record({ from: address, fromPort: port, to: address, toPort: port });
const anyEnds = fc.oneof(ends(fc.ipV4()), ends(fc.ipV6()));
const fields = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 })), { maxLength: 5 })
  .map((all) => Buffer.concat(all.map(([type, value]) => field(type, value))));

test('names the client, whatever fields follow the addresses and whatever the client has sent', () => {
  fc.assert(
    fc.property(anyEnds, fields, fc.uint8Array({ maxLength: 100 }), (given, tail, sent) => {
      const header = proxyHeader(given, tail);
      const read = readProxyHeader(Buffer.concat([header, sent]));
      assert.equal(read?.bytes, header.length);
      assert.equal(read.isLocal, false);
      assert.ok(isSameAddress(read.address!, given.from), `${read.address} is not ${given.from}`);
    }),
  );
});

test('is awaited as long as it is not whole, at whatever byte it is cut', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(anyEnds, fields).map(([given, tail]) => proxyHeader(given, tail)),
        fields.map(localHeader),
      ),
      (header) => {
        for (let length = 0; length < header.length; length++) {
          assert.equal(readProxyHeader(header.subarray(0, length)), undefined, `${length} of ${header.length} bytes`);
        }
        assert.ok(readProxyHeader(header));
      },
    ),
    { numRuns: 30 },
  );
});

test('LOCAL names nobody, whatever it says of addresses', () => {
  const addresses = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2]);
  for (const header of [
    localHeader(),
    localHeader(field(0xea, Buffer.from('vpce'))),
    rawHeader(0x20, 0x11, addresses),
    rawHeader(0x20, 0xff, addresses),
  ]) {
    assert.deepEqual(readProxyHeader(header), { bytes: header.length, isLocal: true });
  }
});

test('of an unknown family names nobody', () => {
  assert.deepEqual(readProxyHeader(rawHeader(0x21, 0x00, Buffer.alloc(3))), { bytes: 19, isLocal: false });
});

test('may have fields up to a bound', () => {
  const room = runtimeLimits.proxyHeaderBytesMax - 16 - 12;
  const given = { from: '192.0.2.1', fromPort: 1, to: '192.0.2.2', toPort: 2 };
  assert.equal(readProxyHeader(proxyHeader(given, Buffer.alloc(room)))?.address, '192.0.2.1');
  assert.throws(() => readProxyHeader(proxyHeader(given, Buffer.alloc(room + 1)).subarray(0, 16)), /too many/);
});

describe('is refused, at the first byte that shows it:', () => {
  const whole = proxyHeader({ from: '192.0.2.1', fromPort: 1, to: '192.0.2.2', toPort: 2 });
  const block = whole.subarray(16);
  for (const [what, bytes] of [
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n').subarray(0, 1)],
    ['a stream', Buffer.from('<stream:stream').subarray(0, 1)],
    ['a TLS handshake', Buffer.from([0x16, 0x03, 0x01])],
    ['a signature with a wrong byte', Buffer.from('\r\n\r\n\0\r\nQUIT\r')],
    ['version 1 in binary', rawHeader(0x11, 0x11, block).subarray(0, 13)],
    ['version 3', rawHeader(0x31, 0x11, block).subarray(0, 13)],
    ['an unknown command', rawHeader(0x22, 0x11, block).subarray(0, 13)],
    ['UDP', rawHeader(0x21, 0x12, block).subarray(0, 16)],
    ['a UNIX socket', rawHeader(0x21, 0x31, Buffer.alloc(216)).subarray(0, 16)],
    ['an unknown family', rawHeader(0x21, 0x41, block).subarray(0, 16)],
    ['less than the addresses', rawHeader(0x21, 0x11, block, 11).subarray(0, 16)],
    ['IPv6 with room for IPv4', rawHeader(0x21, 0x21, block).subarray(0, 16)],
    ['65,535 bytes', rawHeader(0x21, 0x11, block, 65_535).subarray(0, 16)],
    ['65,535 bytes that are LOCAL', rawHeader(0x20, 0x00, Buffer.alloc(0), 65_535)],
  ] as const) {
    test(what, () => assert.throws(() => readProxyHeader(bytes), RangeError));
  }

  test('any other beginning', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 40 }), (bytes) => {
        if (whole.subarray(0, 12).equals(bytes.subarray(0, 12))) return;
        assert.throws(() => readProxyHeader(Buffer.from(bytes)), RangeError);
      }),
    );
  });
});
