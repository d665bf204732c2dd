/** Traces as a collector gets them: their ids follow from those of stanzas, and each trace has one root. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { startOtlpTracing } from '../../lib/adapters/otlp-tracing.ts';
import { traceOf } from '../../lib/adapters/trace-ids.ts';
import type { Tracing } from '../../lib/ports/tracing.ts';
import { type Collector, startCollector } from '../support/otlp-collector.ts';

let collector: Collector;

beforeEach(async () => {
  collector = await startCollector();
});
afterEach(() => collector.stop());

function start(service: string, share = 1, endpoint = collector.endpoint): Tracing {
  return startOtlpTracing({ endpoint, share, service, name: `${service}1`, version: '0.1.0' });
}

test('two processes join a trace by the id of the stanza, and the root has no parent', async () => {
  const [node, router] = [start('connection'), start('router')];
  const asking = node.begin({ name: 'ask step', side: 'asks', ids: ['id1'], isFirst: true })!;
  const answering = router.begin({
    name: 'answer step',
    side: 'answers',
    ids: ['id1'],
    attributes: { 'skylark.tenant': 'a.example' },
  })!;
  const storing = await router.within(answering, async () => {
    await Promise.resolve();
    return router.begin({ name: 'store batchPut', side: 'stores' })!;
  });
  for (const span of [storing, answering, asking]) span.end();
  await Promise.all([node.stop(), router.stop()]);
  const [ask, answer, store] = ['ask step', 'answer step', 'store batchPut'].map(
    (name) => collector.spans.find((span) => span.name === name)!,
  );
  const { traceId, rootId } = traceOf('id1');
  for (const span of [ask, answer, store]) assert.equal(span!.traceId, traceId);
  assert.deepEqual([ask!.spanId, ask!.parentId], [rootId, '']);
  assert.equal(answer!.parentId, rootId);
  assert.equal(store!.parentId, answer!.spanId);
  assert.deepEqual(answer!.attributes, { 'skylark.tenant': 'a.example' });
  assert.equal(ask!.resource['service.name'], 'skylark-connection');
  assert.equal(answer!.resource['service.instance.id'], 'router1');
  assert.ok(answer!.endNanos >= answer!.startNanos);
});

test('a batch that is tried again has no second root, and what failed says so', async () => {
  const tracing = start('connection');
  for (const error of [new RangeError('juliet@a.example is not there'), undefined])
    tracing.begin({ name: 'ask step', side: 'asks', ids: ['id1'], isFirst: true })!.end(error);
  await tracing.stop();
  assert.deepEqual(
    collector.spans.map(({ parentId, status }) => [parentId, status]),
    [
      ['', 2],
      [traceOf('id1').rootId, 0],
    ],
  );
  assert.ok(!collector.raw.includes('juliet'), 'the text of an error may name people');
});

test('no traced stanza, no span; a batch has a bounded number of them', async () => {
  const tracing = start('router');
  assert.equal(tracing.begin({ name: 'store get', side: 'stores' }), undefined);
  assert.equal(tracing.begin({ name: 'ask step', side: 'asks', ids: [] }), undefined);
  tracing.begin({ name: 'ask step', side: 'asks', ids: Array.from({ length: 64 }, (_, index) => `id${index}`) })!.end();
  await tracing.stop();
  assert.equal(collector.spans.length, 8);
});

test('of two processes with the same share each traces the same stanzas', async () => {
  const [one, other] = [start('connection', 0.1), start('router', 0.1)];
  const ids = Array.from({ length: 1_000 }, (_, index) => `id${index}`);
  const traced = (tracing: Tracing) =>
    ids.filter((id) => tracing.begin({ name: 'ask step', side: 'asks', ids: [id] }) !== undefined);
  const found = traced(one);
  assert.deepEqual(traced(other), found);
  assert.ok(found.length > 60 && found.length < 150, `${found.length} of 1,000`);
  await Promise.all([one.stop(), other.stop()]);
});

test('a collector that is away keeps nobody from working, nor from stopping', async () => {
  const tracing = start('router', 1, 'http://127.0.0.1:9/otlp');
  tracing.begin({ name: 'ask step', side: 'asks', ids: ['id1'] })!.end();
  await tracing.stop();
});
