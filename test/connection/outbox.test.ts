/** XEP-0198 §4: the count of what a client has, modulo 2^32, against a plain list. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Outbox } from '../../services/connection/session/outbox.ts';

const step = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), isArchived: fc.boolean() }),
  fc.record({ kind: fc.constant('wait' as const), isArchived: fc.boolean() }),
  fc.record({ kind: fc.constant('ack' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('tooMuch' as const), by: fc.integer({ min: 1, max: 1000 }) }),
  fc.record({ kind: fc.constant('shed' as const) }),
  fc.record({ kind: fc.constant('resume' as const) }),
);

test('holds exactly what was not acknowledged, in order, whatever happens and across the wrap', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.constantFrom(0, 7, 2 ** 32 - 20, 3 * 2 ** 32 - 5), (steps, start) => {
      const outbox = new Outbox(start);
      let acked = start;
      let sent: { n: number; id?: string }[] = [];
      let pending: { n: number; id?: string }[] = [];
      const names = (list: readonly { n: number }[]): string[] => list.map(({ n }) => `${n}`);
      steps.forEach((one, n) => {
        if (one.kind === 'send' || one.kind === 'wait') {
          // Nothing is sent past what waits.
          const entry = { n, id: one.isArchived ? `id${n}` : undefined };
          outbox.add({ bytes: Buffer.from(`${n}`), id: entry.id });
          pending.push(entry);
          if (one.kind === 'send') {
            outbox.markSent();
            sent = [...sent, ...pending.splice(0)];
          }
        } else if (one.kind === 'ack') {
          const count = Math.floor(one.share * sent.length);
          assert.equal(outbox.countAcked((acked + count) % 2 ** 32), count);
          const gone = sent.splice(0, count);
          assert.deepEqual(
            outbox.ack(count),
            gone.flatMap(({ id }) => id ?? []),
          );
          for (const { id } of gone) if (id !== undefined) assert.ok(!outbox.has(id));
          acked += count;
        } else if (one.kind === 'tooMuch') {
          assert.equal(outbox.countAcked((acked + sent.length + one.by) % 2 ** 32), undefined);
        } else if (one.kind === 'shed') {
          const ids = outbox.shed(({ id }) => id !== undefined);
          assert.deepEqual(
            ids,
            pending.flatMap(({ id }) => id ?? []),
          );
          pending = pending.filter(({ id }) => id === undefined);
        } else {
          outbox.rewind();
          outbox.markSent();
          sent = [...sent, ...pending.splice(0)];
        }
        assert.equal(outbox.acked, acked);
        assert.equal(outbox.size, sent.length + pending.length);
        assert.deepEqual(
          outbox.unacked.map(({ bytes }) => `${bytes}`),
          names(sent),
        );
        assert.deepEqual(
          outbox.pending.map(({ bytes }) => `${bytes}`),
          names(pending),
        );
        for (const { id } of [...sent, ...pending]) if (id !== undefined) assert.ok(outbox.has(id));
      });
    }),
    { numRuns: 200 },
  );
});
