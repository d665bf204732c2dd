/** `skylark serve …` runs one service of a cell in this process, or the store or bus that a cluster on one machine uses. */
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { identify } from '../compose/deploys.ts';
import { Health, startHealth } from '../compose/health.ts';
import { beginLifetime, Cleanup, openLog, stopWithin } from '../compose/lifetime.ts';
import type { Addresses } from '../compose/listening.ts';
import { Metrics } from '../compose/metrics.ts';
import { Prometheus } from '../compose/prometheus.ts';
import type { ServeValues } from '../compose/serve-options.ts';
import type { Serving } from '../compose/serving.ts';
import { say, UsageError } from '../core/report.ts';
import { consoleOutside } from './console-outside.ts';

/** Each module is imported only when its service is asked for: an engine needs a third of the memory of a service. */
const services: Readonly<Record<string, (serving: Serving) => Promise<Addresses>>> = {
  connection: async (serving) => (await import('../compose/serve-services.ts')).serveConnection(serving),
  peers: async (serving) => (await import('../compose/serve-services.ts')).servePeers(serving),
  router: async (serving) => (await import('../compose/serve-services.ts')).serveRouter(serving),
  muc: async (serving) => (await import('../compose/serve-services.ts')).serveMuc(serving),
  federation: async (serving) => (await import('../compose/serve-services.ts')).serveFederation(serving),
  api: async (serving) => (await import('../compose/serve-api.ts')).serveApi(serving),
  web: async (serving) => (await import('../compose/serve-services.ts')).serveWeb(serving),
  all: async (serving) => (await import('../compose/serve-all.ts')).serveAll(serving),
  part: async (serving) => (await import('../compose/serve-part.ts')).servePart(serving),
  dynamodb: async (serving) => (await import('../compose/serve-engines.ts')).serveDynamo(serving),
  nats: async (serving) => (await import('../compose/serve-engines.ts')).serveNats(serving),
};

/** The services that an operator may name. `part` is left out: only `skylark start --processes` uses it. */
const named = Object.keys(services).filter((service) => service !== 'part');

export async function serve(values: ServeValues, positionals: readonly string[]): Promise<number> {
  const [service = '', ...rest] = positionals;
  const run = Object.hasOwn(services, service) ? services[service] : undefined;
  if (run === undefined || rest.length > 0) {
    throw new UsageError(`unknown service '${positionals.join(' ')}'; 'skylark serve' takes one of: ${named.join(', ')}`);
  }
  process.umask(0o077);
  const { name, release: id } = await identify(values, openLog({ service }));
  const release = id === undefined ? undefined : { service, id };
  const log = openLog({ service, name });
  const lifetime = beginLifetime(log);
  if (values.untilInputEnds) process.stdin.on('close', () => lifetime.end('input ended')).resume();
  const cleanup = new Cleanup(log);
  let failure: string | undefined;
  const fail = (reason: string) => {
    failure = reason;
    log.fatal(reason);
    lifetime.end(reason);
  };
  const health = new Health();
  const metrics = new Metrics({ clock, service, deployment: values.tablePrefix, write: say });
  // Health is served before anything else, since what follows may wait for other services.
  const prometheus = new Prometheus(metrics, service, values.metricsTenants);
  const healthAddress = await startHealth(values, health, prometheus, cleanup);
  const end = (reason: string) => lifetime.end(reason);
  const serving = {
    values: { ...values, name },
    service,
    outside: consoleOutside,
    release,
    log,
    cleanup,
    health,
    metrics,
    prometheus,
    fail,
    end,
  };
  const started = run(serving).then((found) => {
    const addresses = { ...found, ...healthAddress };
    if (values.metrics === 'emf') {
      metrics.start();
      cleanup.add('metrics', () => metrics.stop());
    }
    say(JSON.stringify({ event: 'listening', service, name, pid: process.pid, addresses }));
    log.info({ addresses }, 'started');
  });
  try {
    // While the bus is unreachable, the start waits for it without a limit, but the process can still be stopped.
    await Promise.race([started, lifetime.over]);
  } catch (error) {
    await cleanup.run();
    throw error;
  }
  log.info({ reason: await lifetime.over }, 'stopping');
  const code = await stopWithin(log, () => cleanup.run(), values.stopSeconds * 1_000);
  log.info('stopped');
  return failure === undefined ? code : 1;
}
