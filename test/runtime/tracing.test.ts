/** Which requests on the bus, and which calls to the store, are spans of a trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { traceOf } from '../../lib/adapters/trace-ids.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import type { Span, TracedWork, Tracing } from '../../lib/ports/tracing.ts';
import { encodeFrame } from '../../lib/runtime/frame.ts';
import { tracedBus } from '../../lib/runtime/traced-bus.ts';
import { tracedStore } from '../../lib/runtime/traced-store.ts';

/** Notes what begins and ends. */
function recorder(): Tracing & { readonly begun: TracedWork[]; readonly ended: unknown[]; readonly inside: Span[] } {
  const [begun, ended, inside]: [TracedWork[], unknown[], Span[]] = [[], [], []];
  return {
    ...{ begun, ended, inside },
    begin(work) {
      begun.push(work);
      return { end: (error) => void ended.push(error) };
    },
    within(span, run) {
      inside.push(span);
      return run();
    },
    stop: async () => {},
  };
}

const stanza = (id: string) => ({ kind: 'stanza', id, body: true });
for (const [kind, header, ids, isFirst] of [
  ['step', { domain: 'a.example', items: [stanza('1'), { kind: 'delivered', ids: ['0'] }, stanza('2')] }, ['1', '2'], true],
  ['inbound', { domain: 'b.example', ids: ['1'], isFromPeer: true }, ['1'], true],
  ['inbound', { domain: 'b.example', ids: ['1'] }, ['1'], false],
  ['deliver', { items: [{ sids: ['s'], id: '1' }, { sids: ['s'], dedupeKey: '2' }, { sids: ['s'] }] }, ['1', '2'], false],
  ['room', { domain: 'a.example', room: 'hall', id: '1' }, ['1'], false],
  ['depart', { tenant: 'a.example', host: 'a.example', peer: 'x.example', key: '1' }, ['1'], false],
] as const) {
  test(`a request of kind '${kind}' ${isFirst ? 'begins the traces' : 'is in the traces'} of its stanzas`, async () => {
    const tracing = recorder();
    const bus = tracedBus(memoryBus({ clock }), tracing);
    const answer = Buffer.from('answer');
    const serving = await bus.serve('there', () => answer);
    const payload = encodeFrame({ kind, ...header });
    assert.deepEqual(Buffer.from(await bus.request('there', payload, { timeoutMs: 5_000 })), answer);
    assert.deepEqual(
      tracing.begun.map(({ name, side, ids: found, isFirst: begins }) => [name, side, found, begins]),
      [
        [`ask ${kind}`, 'asks', ids, isFirst],
        [`answer ${kind}`, 'answers', ids, false],
      ],
    );
    assert.deepEqual(tracing.ended, [undefined, undefined]);
    assert.equal(tracing.inside.length, 1);
    const tenant = 'tenant' in header ? header.tenant : 'domain' in header ? header.domain : undefined;
    assert.equal(tracing.begun[0]!.attributes?.['skylark.tenant'], tenant);
    await serving.stop();
    await bus.close();
  });
}

test('what carries no stanzas gets no span, and what is not a frame passes as it is', async () => {
  const tracing = recorder();
  const bus = tracedBus(memoryBus({ clock }), tracing);
  const got: string[] = [];
  const serving = await bus.serve('there', (payload) => {
    got.push(Buffer.from(payload).toString('latin1'));
    return payload;
  });
  for (const payload of [
    encodeFrame({ kind: 'admin', id: '1' }),
    encodeFrame({ kind: 'step', items: [] }),
    Buffer.from('no frame'),
    Buffer.alloc(0),
  ])
    await bus.request('there', payload, { timeoutMs: 5_000 });
  assert.equal(got.length, 4);
  assert.deepEqual(tracing.begun, []);
  await serving.stop();
  await bus.close();
});

test('a request that fails ends its span with what went wrong', async () => {
  const tracing = recorder();
  const bus = tracedBus(memoryBus({ clock }), tracing);
  const asking = bus.request('nowhere', encodeFrame({ kind: 'room', domain: 'a.example', id: '1' }), { timeoutMs: 5_000 });
  await assert.rejects(asking, Unavailable);
  assert.ok(tracing.ended[0] instanceof Unavailable);
  await bus.close();
});

test('calls of a store are spans, and everything else of it is as it was', async () => {
  class Rows {
    readonly #secret = 'kept';
    get keepsOrder(): boolean {
      return this.#secret === 'kept';
    }
    async get(): Promise<string> {
      return this.#secret;
    }
    async close(): Promise<void> {}
    async put(): Promise<never> {
      throw new Unavailable('away');
    }
  }
  const tracing = recorder();
  const store = tracedStore(new Rows() as unknown as Store, tracing);
  assert.equal(store.keepsOrder, true);
  assert.equal(await store.get({ table: 'core', partition: 'p', sort: 's' }, {} as never), 'kept');
  await assert.rejects(store.put({ table: 'core', partition: 'p', sort: 's', value: '' }), Unavailable);
  await store.close();
  assert.deepEqual(
    tracing.begun.map(({ name }) => name),
    ['store get', 'store put'],
  );
  assert.ok(tracing.ended[1] instanceof Unavailable);
});

test('the trace of a stanza follows from its id alone', () => {
  assert.deepEqual(traceOf('one'), traceOf('one'));
  assert.notEqual(traceOf('one').traceId, traceOf('two').traceId);
  assert.match(traceOf('one').traceId, /^[0-9a-f]{32}$/);
  assert.match(traceOf('one').rootId, /^[0-9a-f]{16}$/);
});
