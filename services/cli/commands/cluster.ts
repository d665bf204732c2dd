/** `skylark cluster` starts the processes of a cell on this machine, prints where they listen, and stops them in order. */
import type { Logger } from 'pino';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { adminAddress } from '../compose/admin-address.ts';
import { serveAdmin } from '../compose/admin-socket.ts';
import { openCloudBus, openCloudStore } from '../compose/cloud-ports.ts';
import { type ClusterBackends, prepareBackends } from '../compose/cluster-backends.ts';
import type { ClusterValues } from '../compose/cluster-options.ts';
import { checkPortsFree, planCluster } from '../compose/cluster-plan.ts';
import { ClusterReport } from '../compose/cluster-report.ts';
import { checkFileFlags, ownOrigin } from '../compose/files-part.ts';
import { beginLifetime, Cleanup, openLog, stopWithin } from '../compose/lifetime.ts';
import { ensureTenant } from '../compose/own-tenant.ts';
import { checkPorts, registrationOf } from '../compose/start-options.ts';
import { Supervisor } from '../compose/supervisor.ts';
import { UsageError } from '../core/report.ts';

/** How long a stop may take, ms. Groups of processes stop one after another, and each may take as long as one process. */
const stopMs = 4 * serviceLimits.shutdownMs;

export async function cluster(values: ClusterValues, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help cluster`);
  checkPorts(values);
  checkFileFlags(values);
  process.umask(0o077);
  const log = openLog({ service: 'cluster' });
  const lifetime = beginLifetime(log);
  const cleanup = new Cleanup(log);
  const report = new ClusterReport(values.json);
  const supervisor = new Supervisor(cleanup, {
    started: (child) => report.started(child),
    died(child, ending) {
      report.died(child, ending);
      log.error({ service: child.service, name: child.name, ...ending }, 'a process died; none takes its place');
    },
  });
  try {
    await Promise.race([startAll(values, log, cleanup, supervisor, report), lifetime.over]);
  } catch (error) {
    supervisor.expectEnds();
    await cleanup.run();
    throw error;
  }
  log.info({ reason: await lifetime.over }, 'stopping');
  supervisor.expectEnds();
  const code = await stopWithin(log, () => cleanup.run(), stopMs);
  log.info('stopped');
  return code;
}

/** Starts what others depend on first. Cleanup runs in reverse, so the processes that clients connect to stop first. */
async function startAll(values: ClusterValues, log: Logger, cleanup: Cleanup, supervisor: Supervisor, report: ClusterReport) {
  await checkPortsFree(values);
  const backends = await prepareBackends(values, log, cleanup, supervisor);
  const plan = planCluster(values, backends);
  await supervisor.start(plan.inner);
  let webUrl: string | undefined;
  await serveOperators(values, backends, log, cleanup, () => webUrl);
  const outer = await supervisor.start(plan.outer);
  const web = outer.find(({ service }) => service === 'web');
  const { http, https } = web?.addresses ?? {};
  const { domain, bind } = values;
  const { isSelfSigned } = backends;
  if (http && https) webUrl = ownOrigin({ domain, bind, isSelfSigned, httpPort: http.port, httpsPort: https.port });
  report.ready(values, backends, web);
  log.info({ domain: values.domain, nats: backends.nats, dynamodb: backends.dynamodb }, 'started');
}

async function serveOperators(
  values: ClusterValues,
  backends: ClusterBackends,
  log: Logger,
  cleanup: Cleanup,
  webUrl: () => string | undefined,
): Promise<void> {
  const { domain } = values;
  const bus = await openCloudBus({ nats: backends.nats, natsAccess: backends.access?.cluster, name: 'cluster' }, log);
  cleanup.add('bus', () => bus.close());
  const store = await openCloudStore({ ...values, dynamodb: backends.dynamodb });
  try {
    await ensureTenant({ store, bus, clock, domain, registration: registrationOf(values) });
  } finally {
    await store.close();
  }
  const admin = await serveAdmin(adminAddress(backends.folder), bus, log, webUrl);
  cleanup.add('admin', () => admin.stop());
}
