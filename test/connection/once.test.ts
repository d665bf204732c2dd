/** Messages of rooms are in no archive of the account: a retry of their delivery is known by `once`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { Egress, type SessionStream } from '../../services/connection/session/egress.ts';

function egressWith(written: string[]): Egress {
  const egress = new Egress({ clogged: () => undefined, overfull: () => undefined }, []);
  egress.attach({
    isOpen: true,
    bufferedBytes: 0,
    sendStanza: (bytes: Buffer) => void written.push(bytes.toString()),
  } as unknown as SessionStream);
  return egress;
}

test('what was given once is not given again, and does not move the cursor', () => {
  const written: string[] = [];
  const egress = egressWith(written);
  for (const [xml, once] of [
    ['<a/>', 'one'],
    ['<b/>', 'two'],
    ['<a/>', 'one'],
    ['<p/>', undefined],
    ['<p/>', undefined],
    ['<b/>', 'two'],
  ] as const) {
    egress.deliver(Buffer.from(xml), undefined, once);
  }
  assert.deepEqual(written, ['<a/>', '<b/>', '<p/>', '<p/>']);
  assert.deepEqual(egress.ring.ids, []);
});

test('as many are remembered as of archived ones', () => {
  const written: string[] = [];
  const egress = egressWith(written);
  for (let count = 0; count <= serviceLimits.deliveredRingMax; count++)
    egress.deliver(Buffer.from('<a/>'), undefined, `m${count}`);
  egress.deliver(Buffer.from('<again/>'), undefined, 'm1');
  egress.deliver(Buffer.from('<forgotten/>'), undefined, 'm0');
  assert.deepEqual(written.slice(-1), ['<forgotten/>']);
  assert.equal(written.length, serviceLimits.deliveredRingMax + 2);
});
