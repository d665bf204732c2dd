/** Messages of rooms are in no archive of the account: a retry of their delivery is known by `once`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstIdAt } from '../../lib/runtime/ids.ts';
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

test('entries that were given of late are not given again when the archive is read from a mark before them', () => {
  const written: string[] = [];
  const egress = egressWith(written);
  const time = firstIdAt(1_800_000_000_000);
  const entries = Array.from({ length: 4 * serviceLimits.deliveredRingMax }, (_, number) => ({
    id: `${time}${`${number}`.padStart(18 - time.length, '0')}`,
    bytes: Buffer.from(`<m${number}/>`),
  }));
  const [lost, ...others] = entries;
  for (const { id, bytes } of others) egress.deliver(bytes, id);
  egress.resync(lost!.id, 'mark');
  egress.takePage();
  egress.catchUp.page(entries, { queue: undefined, next: undefined });
  assert.deepEqual(
    written,
    [...others, lost!].map(({ bytes }) => `${bytes}`),
  );
});
