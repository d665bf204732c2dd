/** The figures for Prometheus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { Latency } from '../../lib/runtime/latency.ts';
import { storeCalls } from '../../lib/runtime/measured-store.ts';
import { Health, serveHealth } from '../../services/cli/compose/health.ts';
import { Metrics } from '../../services/cli/compose/metrics.ts';
import { Prometheus } from '../../services/cli/compose/prometheus.ts';
import { signIns } from '../../services/router/sasl/exchange.ts';
import { ManualClock } from '../connection/manual-clock.ts';

function begin() {
  const clock = new ManualClock();
  const told: string[] = [];
  const metrics = new Metrics({ clock, service: 'all', deployment: '', write: (line) => void told.push(line) });
  return { clock, told, metrics, prometheus: new Prometheus(metrics, 'all') };
}

/** Lines of a metric, without those of the process and of Node. */
async function linesOf(prometheus: Prometheus, name: string): Promise<string[]> {
  return (await prometheus.text()).split('\n').filter((line) => line.startsWith(`skylark_${name}`));
}

test('a gauge has its value in base units, and no line while there is nothing to report', async () => {
  const { metrics, prometheus } = begin();
  let age: number | undefined = 1_500;
  metrics.gauge('OutboxAge', () => age);
  metrics.gauge('CertificateDaysLeft', () => 2);
  assert.deepEqual(await linesOf(prometheus, 'outbox_age'), ['skylark_outbox_age_seconds{service="all"} 1.5']);
  assert.deepEqual(await linesOf(prometheus, 'certificate'), ['skylark_certificate_left_seconds{service="all"} 172800']);
  age = undefined;
  assert.deepEqual(await linesOf(prometheus, 'outbox_age'), []);
});

test('a gauge by labels has a line for each, of this moment; CloudWatch gets their sum', async () => {
  const { metrics, prometheus, told } = begin();
  let all = [
    { labels: { transport: 'tls' }, value: 2 },
    { labels: { transport: 'bosh' }, value: 3 },
  ];
  metrics.gauges('Connections', ['transport'], () => all);
  assert.deepEqual(await linesOf(prometheus, 'streams'), [
    'skylark_streams{transport="tls",service="all"} 2',
    'skylark_streams{transport="bosh",service="all"} 3',
  ]);
  metrics.tell();
  assert.equal((JSON.parse(told[0]!) as { Connections: number }).Connections, 5);
  all = all.slice(1);
  assert.deepEqual(await linesOf(prometheus, 'streams'), ['skylark_streams{transport="bosh",service="all"} 3']);
});

test('a counter has its total, whatever CloudWatch was told', async () => {
  const { metrics, prometheus } = begin();
  let total = 5;
  metrics.counter('Resyncs', () => total);
  metrics.tell();
  assert.deepEqual(await linesOf(prometheus, 'resyncs'), ['skylark_resyncs_total{service="all"} 5']);
  total = 7;
  assert.deepEqual(await linesOf(prometheus, 'resyncs'), ['skylark_resyncs_total{service="all"} 7']);
});

test('a latency is a histogram of all since the beginning, whatever CloudWatch was told', async () => {
  const { clock, metrics, prometheus } = begin();
  const latency = new Latency(clock);
  metrics.latency('BatchLatency', latency);
  for (const ms of [0, 3, 3, 200_000]) {
    const begun = latency.begin();
    await clock.advance(ms);
    latency.end(begun);
    latency.take(0.99);
  }
  const lines = await linesOf(prometheus, 'batch_seconds');
  const valueAt = (label: string) => lines.find((line) => line.includes(label))?.split(' ')[1];
  assert.deepEqual(['le="0.001"', 'le="0.002"', 'le="0.004"', 'le="32.768"', 'le="+Inf"', '_sum', '_count'].map(valueAt), [
    '1',
    '1',
    '3',
    '3',
    '4',
    '200.006',
    '4',
  ]);
});

test('what is timed by labels is a histogram for each set of them', async () => {
  const { prometheus } = begin();
  for (const ms of [1, 3]) storeCalls.of('get', 'done').add(ms);
  storeCalls.of('put', 'conflict').add(5);
  const lines = await linesOf(prometheus, 'store_call_seconds');
  for (const line of [
    'skylark_store_call_seconds_bucket{operation="get",result="done",le="0.001",service="all"} 1',
    'skylark_store_call_seconds_bucket{operation="get",result="done",le="0.004",service="all"} 2',
    'skylark_store_call_seconds_sum{operation="get",result="done",service="all"} 0.004',
    'skylark_store_call_seconds_count{operation="put",result="conflict",service="all"} 1',
  ])
    assert.ok(lines.includes(line), `${line}\n${lines.join('\n')}`);
});

test('a total that a part of the program keeps has a line for each set of labels', async () => {
  const { prometheus } = begin();
  assert.deepEqual(await linesOf(prometheus, 'sign_ins'), []);
  signIns.add('a.example', 1, 'PLAIN', 'success');
  signIns.add('a.example', 2, 'PLAIN', 'not-authorized');
  signIns.add('a.example', 1, 'PLAIN', 'success');
  assert.deepEqual(await linesOf(prometheus, 'sign_ins'), [
    'skylark_sign_ins_total{mechanism="PLAIN",result="success",tenant="a.example",service="all"} 2',
    'skylark_sign_ins_total{mechanism="PLAIN",result="not-authorized",tenant="a.example",service="all"} 2',
  ]);
  const plain = new Prometheus(
    new Metrics({ clock: new ManualClock(), service: 'all', deployment: '', write: () => {} }),
    'all',
    0,
  );
  signIns.add('b.example', 1, 'PLAIN', 'success');
  assert.deepEqual(
    await linesOf(plain, 'sign_ins'),
    [
      'skylark_sign_ins_total{mechanism="PLAIN",result="success",service="all"} 3',
      'skylark_sign_ins_total{mechanism="PLAIN",result="not-authorized",service="all"} 2',
    ],
    'without labels of tenants',
  );
  assert.equal((await prometheus.values()).get('skylark_sign_ins_total'), 5);
});

test('the page is served beside the health checks, with the figures of Node', async (t) => {
  const { metrics, prometheus } = begin();
  metrics.gauge('Connections', () => 3);
  const server = await serveHealth('127.0.0.1', 0, new Health(), prometheus);
  t.after(() => server.stop());
  const response = await fetch(`http://127.0.0.1:${server.address.port}/metrics`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  assert.match(text, /^# HELP skylark_streams Open streams, by who is at the other end and by transport$/m);
  assert.match(text, /^# TYPE skylark_streams gauge$/m);
  assert.match(text, /^skylark_streams\{service="all"\} 3$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds\{service="all"\} /m);
  assert.equal((await fetch(`http://127.0.0.1:${server.address.port}/metrics`, { method: 'POST' })).status, 405);
});

test('an event loop that has nothing to do is not late, and one that was held up is late by that', async () => {
  const { prometheus } = begin();
  const late = async (what: string) => (await prometheus.values()).get(`nodejs_eventloop_lag_${what}_seconds`)!;
  await late('mean');
  await setTimeout(1_000);
  const idle = await late('p50');
  assert.ok(idle < 0.08, `${idle} s`);
  // Node begins to measure with its next look.
  await setTimeout(250);
  const until = performance.now() + 600;
  while (performance.now() < until);
  await setTimeout(200);
  const held = await late('max');
  assert.ok(held > 0.4, `${held} s`);
});

test('a figure that cannot be read spoils one answer, not the process', async (t) => {
  const { metrics, prometheus } = begin();
  let isBroken = true;
  metrics.gauge('Connections', () => {
    if (isBroken) throw new Error('not now');
    return 1;
  });
  const server = await serveHealth('127.0.0.1', 0, new Health(), prometheus);
  t.after(() => server.stop());
  const status = async () => (await fetch(`http://127.0.0.1:${server.address.port}/metrics`)).status;
  assert.equal(await status(), 500);
  isBroken = false;
  assert.equal(await status(), 200);
});
