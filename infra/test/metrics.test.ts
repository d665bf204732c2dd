/**
 * The metrics that alarms, the dashboard and scaling read from CloudWatch are those that processes write. Each service is started
 * as its container starts it, with engines on this machine, and its metrics are compared with the templates, service by service.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pino from 'pino';
import { createTables } from '../../lib/adapters/dynamodb-store.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../../services/cli/compose/certificate.ts';
import { startDynalite } from '../../services/cli/compose/dynalite.ts';
import { Health } from '../../services/cli/compose/health.ts';
import { Cleanup } from '../../services/cli/compose/lifetime.ts';
import { Metrics } from '../../services/cli/compose/metrics.ts';
import { Prometheus } from '../../services/cli/compose/prometheus.ts';
import { serveAll } from '../../services/cli/compose/serve-all.ts';
import { serveApi } from '../../services/cli/compose/serve-api.ts';
import { serveOptions } from '../../services/cli/compose/serve-options.ts';
import {
  serveConnection,
  serveFederation,
  serveMuc,
  servePeers,
  serveRouter,
} from '../../services/cli/compose/serve-services.ts';
import type { Serving } from '../../services/cli/compose/serving.ts';
import { readArguments } from '../../services/cli/core/arguments.ts';
import { watched } from '../../services/cli/cost/bill.ts';
import { scaleInMetric } from '../../services/scale-in/metric.ts';
import { type NatsServer, skipWithoutNats, startNats } from '../../test/adapters/nats-server.ts';
import { freePorts } from '../../test/support/free-ports.ts';
import { type Json, scratch } from './context.ts';
import { shape, shapes } from './synthesis.ts';

const services = {
  ...{ all: serveAll, connection: serveConnection, peers: servePeers },
  ...{ router: serveRouter, muc: serveMuc, federation: serveFederation, api: serveApi },
} as const;
const cellTiers = ['connection', 'peers', 'router', 'muc', 'federation', 'api'] as const;
type Service = keyof typeof services;
const tablePrefix = 'skylark-';
const log = pino({ level: 'silent' });

describe('metrics', { skip: skipWithoutNats }, () => {
  const told = new Map<string, ReadonlySet<string>>();
  let engine: Awaited<ReturnType<typeof startDynalite>> | undefined;
  let nats: NatsServer | undefined;

  before(async () => {
    const folder = join(scratch, 'metrics');
    mkdirSync(folder);
    engine = await startDynalite(folder, 0);
    nats = await startNats();
    const endpoint = `http://127.0.0.1:${engine.address.port}`;
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    await createTables({ endpoint, region: 'eu-central-1', credentials, tablePrefix, clock });
    const { files } = await keepSelfSigned(join(folder, 'tls'), 'example.org', clock);
    const variables: Record<string, string> = {
      ...{ SKYLARK_DYNAMODB: endpoint, SKYLARK_NATS: nats.url, SKYLARK_DOMAIN: 'example.org', SKYLARK_PROXY_PROTOCOL: 'true' },
      ...{ SKYLARK_CERT: files.cert, SKYLARK_KEY: files.key, SKYLARK_TABLE_PREFIX: tablePrefix },
      // The port of the CDN is tried elsewhere; with a short stop it does not linger here.
      ...{ SKYLARK_FRONT_PORT: '0', SKYLARK_FRONT_KEY: 'k'.repeat(32), SKYLARK_STOP_SECONDS: '1' },
      ...{ SKYLARK_S2S_PORT: `${(await freePorts(1))[0]}`, SKYLARK_KEY_FILE: join(folder, 'sealing.key') },
      ...Object.fromEntries(['C2S', 'C2S_TLS', 'HTTP', 'HTTPS'].map((port) => [`SKYLARK_${port}_PORT`, '0'])),
    };
    for (const name of Object.keys(services) as Service[])
      told.set(name, await namesOf(name, { ...variables, ...(name === 'all' && { SKYLARK_FEDERATION: 'true' }) }));
  });

  // A function of a cell writes its own.
  told.set('scale-in', new Set(Object.keys(JSON.parse(scaleInMetric({ why: '', next: {} }, tablePrefix, 0)) as object)));

  after(async () => {
    await nats?.stop();
    await engine?.stop();
  });

  for (const name of shapes) {
    test(`${name}: every metric that is read is written by that service, for that deployment`, () => {
      const asked = [...alarms(name), ...graphs(name), ...(name === 'cell' ? policies() : [])];
      assert.ok(asked.length >= 15, `only ${asked.length} were seen`);
      const unknown = asked.filter(
        ({ service, deployment, metric }) => deployment !== tablePrefix || !told.get(service)?.has(metric),
      );
      assert.deepEqual(unknown, []);
    });

    test(`${name}: \`skylark cost\` counts the metrics of the services, the functions and the bus`, () => {
      const tiers = name === 'small' ? ['all'] : cellTiers;
      const count = tiers.reduce((sum, tier) => sum + told.get(tier)!.size, 0);
      // The renewal and the canary, and in a cell what takes tasks away.
      const ofFunctions = 1 + 2 + (name === 'cell' ? 2 : 0);
      const ofBus = name === 'cell' ? 1 : 0;
      assert.equal(count + ofFunctions + ofBus, watched[name].metrics);
    });

    test(`${name}: each metric of streams, deliveries, resyncs, the store and certificates has an alarm or a graph`, () => {
      const tiers = name === 'small' ? ['all'] : cellTiers;
      const names = new Set(tiers.flatMap((tier) => [...told.get(tier)!]));
      const shown = new Set([...alarms(name), ...graphs(name)].map(({ metric }) => metric));
      assert.deepEqual(
        [...names].filter((one) => !shown.has(one)),
        [],
      );
    });
  }
});

async function namesOf(name: Service, variables: Record<string, string>): Promise<ReadonlySet<string>> {
  const { values } = readArguments('serve', serveOptions, [], variables);
  const cleanup = new Cleanup(log);
  const metrics = new Metrics({ clock, service: name, deployment: values.tablePrefix, write: () => {} });
  const serving: Serving = {
    ...{
      values: { ...values, name: `${name}-1` },
      service: name,
      release: undefined,
      log,
      cleanup,
      health: new Health(),
      metrics,
    },
    ...{ prometheus: new Prometheus(metrics, name), outside: {} },
    fail: (reason) => assert.fail(reason),
    end: (reason) => assert.fail(reason),
  };
  try {
    await services[name](serving);
  } finally {
    await cleanup.run();
  }
  return new Set(metrics.told);
}

interface Asked {
  readonly where: string;
  readonly metric: string;
  readonly service: string;
  readonly deployment: string;
}

function askedFor(where: string, metric: string, dimensions: readonly Json[]): Asked {
  const { Service, Deployment, ...others } = Object.fromEntries(dimensions.map(({ Name, Value }) => [Name, Value]));
  assert.deepEqual(others, {}, `${where}: a dimension that nobody writes makes it another metric`);
  return { where, metric, service: Service, deployment: Deployment };
}

/** Metrics of alarms, including those of scaling. */
function alarms(name: (typeof shapes)[number]): Asked[] {
  return shape(name)
    .resources('app', 'AWS::CloudWatch::Alarm')
    .filter(([, { Properties }]) => Properties.Namespace === 'Skylark')
    .map(([id, { Properties }]) => askedFor(id, Properties.MetricName, Properties.Dimensions));
}

function policies(): Asked[] {
  return shape('cell')
    .resources('app', 'AWS::ApplicationAutoScaling::ScalingPolicy')
    .flatMap(([id, { Properties }]) => {
      const one = Properties.TargetTrackingScalingPolicyConfiguration?.CustomizedMetricSpecification;
      if (one === undefined) return [];
      assert.equal(one.Namespace, 'Skylark');
      return [askedFor(id, one.MetricName, one.Dimensions)];
    });
}

/** `["Skylark", NAME, DIMENSION, VALUE, …, {…}]` in the text of the dashboard. */
function graphs(name: (typeof shapes)[number]): Asked[] {
  const { DashboardBody } = shape(name).only('app', 'AWS::CloudWatch::Dashboard').Properties;
  const parts: Json[] = DashboardBody['Fn::Join'][1];
  const body = JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'filled-in')).join(''));
  const shown: Json[][] = body.widgets.flatMap(({ properties }: Json) => properties.metrics);
  return shown
    .filter(([namespace]) => namespace === 'Skylark')
    .map(([, metric, ...rest]) => {
      const words = rest.filter((word) => typeof word === 'string');
      const dimensions = words.flatMap((Name, index) => (index % 2 === 0 ? [{ Name, Value: words[index + 1] }] : []));
      return askedFor('dashboard', metric, dimensions);
    });
}
