/** For each alert: series with which it must be firing in the end, and the most similar ones with which it must not. One value a minute. */

/** A series and its values, as promtool has them: `0+5x60` begins with 0 and grows by 5, sixty times. */
type Series = Readonly<Record<string, string>>;

export interface Trial {
  readonly alert: string;
  readonly firing: Series;
  readonly quiet: readonly Series[];
}

const node = 'job="skylark",instance="n1",service="connection"';
const day = 86_400;

/** @param low how many of ten take at most so long as the threshold */
function histogram(name: string, le: string, low: number, service = 'connection'): Series {
  const of = (bound: string) => `${name}_bucket{job="skylark",instance="n1",service="${service}",le="${bound}"}`;
  return { [of(le)]: `0+${low}x60`, [of('32.768')]: '0+1000x60', [of('+Inf')]: '0+1000x60' };
}

/** Those who sign in, a minute, by result. */
function signIns(results: Readonly<Record<string, number>>): Series {
  const line = (result: string) => `skylark_sign_ins_total{${node},mechanism="PLAIN",result="${result}"}`;
  return Object.fromEntries(Object.entries(results).map(([result, each]) => [line(result), `0+${each}x60`]));
}

/** Those who want their session back, a minute, by result. */
function resumptions(results: Readonly<Record<string, number>>): Series {
  const line = (result: string) => `skylark_resumptions_total{${node},result="${result}"}`;
  return Object.fromEntries(Object.entries(results).map(([result, each]) => [line(result), `0+${each}x60`]));
}

const pushes = (sent: number, refused: number): Series => ({
  [`skylark_pushes_total{${node},result="sent"}`]: `0+${sent}x60`,
  [`skylark_pushes_total{${node},result="refused"}`]: `0+${refused}x60`,
});

/** One gauge that stays, or one total that grows by so much each minute. */
const gauge = (name: string, value: number, labels = node): Series => ({ [`${name}{${labels}}`]: `${value}x60` });
const total = (name: string, each: number, labels = node): Series => ({ [`${name}{${labels}}`]: `0+${each}x60` });
const pairs = (all: number, failing: number): Series => ({
  ...gauge('skylark_peer_pairs', all),
  ...gauge('skylark_peer_pairs_failing', failing),
});
const files = (open: number): Series => ({ ...gauge('process_open_fds', open), ...gauge('process_max_fds', 1_000) });
const router = node.replace('connection', 'router');
const other = node.replace('skylark', 'website');

export const trials: readonly Trial[] = [
  {
    alert: 'SkylarkDown',
    firing: gauge('up', 0),
    quiet: [gauge('up', 1), gauge('up', 0, other), { [`up{${node}}`]: '1x58 0 0' }],
  },
  { alert: 'SkylarkAbsent', firing: gauge('skylark_streams', 1), quiet: [gauge('skylark_faults_total', 0)] },
  {
    alert: 'SkylarkRestarts',
    firing: { [`process_start_time_seconds{${node}}`]: '100x45 200x4 300x4 400x4' },
    quiet: [
      { [`process_start_time_seconds{${node}}`]: '100x50 200x4 300x4' },
      { [`process_start_time_seconds{${other}}`]: '100x45 200x4 300x4 400x4' },
    ],
  },
  {
    alert: 'SkylarkFaults',
    firing: { [`skylark_faults_total{${node}}`]: '3x55 4x4' },
    quiet: [gauge('skylark_faults_total', 3), { [`skylark_faults_total{${node}}`]: '3x30 4x29' }],
  },
  {
    alert: 'SkylarkStreamsLost',
    firing: { [`skylark_streams{${node}}`]: '400x51 190x8' },
    quiet: [
      { [`skylark_streams{${node}}`]: '400x51 210x8' },
      { [`skylark_streams{${node}}`]: '90x51 10x8' },
      // Another node has got them.
      { [`skylark_streams{${node}}`]: '400x51 0x8', 'skylark_streams{job="skylark",instance="n2"}': '0x51 300x8' },
    ],
  },
  {
    alert: 'SkylarkAnswersSlow',
    firing: histogram('skylark_batch_seconds', '4.096', 900),
    quiet: [histogram('skylark_batch_seconds', '4.096', 995), histogram('skylark_batch_seconds', '4.096', 900, 'router')],
  },
  {
    alert: 'SkylarkDeliveriesSlow',
    firing: histogram('skylark_delivery_seconds', '0.512', 900),
    quiet: [histogram('skylark_delivery_seconds', '0.512', 995)],
  },
  {
    alert: 'SkylarkBatchesWait',
    firing: gauge('skylark_batches_in_flight', 1_001),
    quiet: [gauge('skylark_batches_in_flight', 1_000), gauge('skylark_batches_in_flight', 5_000, router)],
  },
  { alert: 'SkylarkResyncs', firing: total('skylark_resyncs_total', 21), quiet: [total('skylark_resyncs_total', 19)] },
  {
    alert: 'SkylarkSessionsGone',
    firing: resumptions({ resumed: 3, gone: 3, refused: 1 }),
    quiet: [resumptions({ resumed: 4, gone: 2, refused: 1 }), resumptions({ resumed: 1, gone: 2 })],
  },
  {
    alert: 'SkylarkSignInsFail',
    firing: signIns({ success: 7, 'temporary-auth-failure': 3 }),
    quiet: [
      signIns({ success: 9, 'temporary-auth-failure': 1 }),
      signIns({ success: 7, 'not-authorized': 3 }),
      signIns({ success: 0, 'temporary-auth-failure': 1 }),
    ],
  },
  {
    alert: 'SkylarkGuessing',
    firing: signIns({ slowed: 60 }),
    quiet: [signIns({ slowed: 40 }), signIns({ 'not-authorized': 60 })],
  },
  { alert: 'SkylarkPushesRefused', firing: pushes(10, 6), quiet: [pushes(10, 4), pushes(0, 0)] },
  {
    alert: 'SkylarkStoreFails',
    firing: total('skylark_store_failures_total', 3),
    quiet: [total('skylark_store_failures_total', 1)],
  },
  {
    alert: 'SkylarkStoreThrottles',
    firing: total('skylark_store_throttles_total', 3),
    quiet: [total('skylark_store_throttles_total', 1)],
  },
  {
    alert: 'SkylarkStoreSlow',
    firing: histogram('skylark_store_call_seconds', '0.512', 900),
    quiet: [histogram('skylark_store_call_seconds', '0.512', 995)],
  },
  {
    alert: 'SkylarkOutboxLag',
    firing: gauge('skylark_outbox_lag_seconds', 121),
    quiet: [gauge('skylark_outbox_lag_seconds', 119), gauge('skylark_outbox_age_seconds', 121)],
  },
  { alert: 'SkylarkOutboxFull', firing: gauge('skylark_outbox_rows', 50_001), quiet: [gauge('skylark_outbox_rows', 50_000)] },
  { alert: 'SkylarkPeersFail', firing: pairs(30, 16), quiet: [pairs(30, 15), pairs(20, 20)] },
  { alert: 'SkylarkPeerPairs', firing: gauge('skylark_peer_pairs', 15_001), quiet: [gauge('skylark_peer_pairs', 15_000)] },
  {
    alert: 'SkylarkProxyHeaders',
    firing: total('skylark_bad_proxy_headers_total', 66),
    quiet: [total('skylark_bad_proxy_headers_total', 54)],
  },
  {
    alert: 'SkylarkCertificateEnds',
    firing: gauge('skylark_certificate_left_seconds', 13 * day),
    quiet: [gauge('skylark_certificate_left_seconds', 15 * day), gauge('skylark_certificate_left_seconds', 2 * day)],
  },
  {
    alert: 'SkylarkCertificateAlmostOver',
    firing: gauge('skylark_certificate_left_seconds', 2 * day),
    quiet: [gauge('skylark_certificate_left_seconds', 4 * day)],
  },
  {
    alert: 'SkylarkEventLoopSlow',
    firing: gauge('nodejs_eventloop_lag_p90_seconds', 0.3),
    quiet: [gauge('nodejs_eventloop_lag_p90_seconds', 0.1), gauge('nodejs_eventloop_lag_p90_seconds', 0.3, other)],
  },
  {
    alert: 'SkylarkCpu',
    firing: total('process_cpu_seconds_total', 54),
    quiet: [total('process_cpu_seconds_total', 48), total('process_cpu_seconds_total', 54, other)],
  },
  { alert: 'SkylarkOpenFiles', firing: files(801), quiet: [files(799)] },
];

/** When promtool looks: the end of all series. */
const end = '60m';

/** The unit test of promtool, in JSON, which is YAML too. @param rules the file with the alerts */
export function unitTests(rules: string, given: readonly Trial[]): string {
  const tested = (alert: string, series: Series, isFiring: boolean) => ({
    interval: '1m',
    input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: end,
        exp_samples: isFiring ? [{ labels: '{}', value: 1 }] : [],
      },
    ],
  });
  return JSON.stringify({
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: given.flatMap(({ alert, firing, quiet }) => [
      tested(alert, firing, true),
      ...quiet.map((series) => tested(alert, series, false)),
    ]),
  });
}
