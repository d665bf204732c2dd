/**
 * All services in one process on DynamoDB, with a bus in memory instead of NATS: the small form of a deployment. Only one such
 * process runs at a time. A new one starts after the old one has stopped, and clients resume their sessions there.
 */

import { memoryBus } from '../../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { type LiveNode, NodeWatch } from '../../../lib/runtime/nodes.ts';
import { moveRows } from '../../../lib/runtime/row-moves.ts';
import { checkSchema } from '../../../lib/runtime/row-schema.ts';
import { startMucWorker } from '../../muc/worker.ts';
import { sweepAuditLogs } from '../../router/removal/old-audit.ts';
import { resumeRemovals } from '../../router/removal/removals.ts';
import { Reaper } from '../../router/sessions/reaper.ts';
import { programLimits } from '../limits.ts';
import { tellCell } from './cell-name.ts';
import { openKeys, openKeysIfAny } from './certificate-keys.ts';
import { ensureTables } from './cloud-ports.ts';
import { composeRouter } from './compose-router.ts';
import { composeConsole } from './console.ts';
import { openProof, startOnlyFederation, tellFederation } from './federation-part.ts';
import { checkFileFlags, openFiles, sweepFiles } from './files-part.ts';
import { startFrontPart } from './front-part.ts';
import { type Addresses, addressesOf } from './listening.ts';
import { ensureTenant } from './own-tenant.ts';
import { attachWeb, componentPorts, openStore, peerPorts, startClock, startStreams } from './serve-services.ts';
import type { Serving } from './serving.ts';
import { registrationOf } from './start-options.ts';
import { fingerprintsOf } from './tls-source.ts';
import { observed } from './tracing-part.ts';
import { composeWebApp } from './web-app.ts';

export async function serveAll(serving: Serving): Promise<Addresses> {
  const { values, log, cleanup, metrics } = serving;
  const { domain, bind, c2sPort, c2sTlsPort, httpPort, httpsPort } = values;
  checkFileFlags(values);
  const clock = new DeploymentClock(systemClock);
  const store = await openStore(serving, clock);
  await ensureTables(values);
  await startClock(serving, clock, store);
  await checkSchema(store);
  const moving = moveRows({ store, clock, log, by: values.name });
  cleanup.add('moves', () => moving.stop());
  await tellCell(store, values);
  const bus = memoryBus({ clock });
  cleanup.add('bus', () => bus.close());
  const ports = await observed({ store, bus, clock, log }, { ...serving, name: values.name });
  const files = await openFiles(values, ports, cleanup);
  if (files?.folder) {
    const sweep = sweepFiles(files.folder, store, log);
    cleanup.add('files', () => sweep.stop());
  }

  const { dependencies, router, later, deliveries } = await composeRouter({
    ...ports,
    blobs: files?.blobs,
    isFederated: values.federation,
    hasComponents: values.components,
    keys: await openKeysIfAny(values),
    webUrl: values.cellWebUrl,
    documents: values,
    provesDomains: values.proveDomains,
    auditDays: values.auditDays,
  });
  cleanup.add('router', () => router.stop());
  metrics.latency('DeliveryLatency', deliveries);
  const worker = await startMucWorker({ ...dependencies, worker: values.name });
  cleanup.add('rooms', () => worker.stop());
  metrics.gauge('Rooms', () => worker.rooms);
  await ensureTenant({ ...ports, domain, registration: registrationOf(values) });
  const removals = resumeRemovals(dependencies);
  cleanup.add('removals', () => removals.stop());
  const oldAudit = sweepAuditLogs(dependencies);
  cleanup.add('audit', () => oldAudit.stop());
  later.watch();
  cleanup.add('later', () => later.stop());

  const figures = () => ({ rooms: worker.rooms, batches: router.busy });
  const streams = await startStreams(
    serving,
    ports,
    { bind, c2sPort, c2sTlsPort, ...peerPorts(serving), ...componentPorts(serving) },
    { figures },
  );
  if (values.federation || values.components) {
    const ownAddresses = () => Object.values(streams.node.addresses).filter((address) => address !== undefined);
    const [keys, proof] = [await openKeys(values), values.federation ? openProof(values.s2sCa, clock) : undefined];
    const federation = await startOnlyFederation({ ...ports, values, tls: streams.tls.source, keys, proof, ownAddresses });
    cleanup.add('federation', () => federation.stop());
    tellFederation(metrics, federation);
  }
  const pages = {
    ...{ tenants: dependencies.tenants, log, defaultDomain: domain, webSocketUrl: values.websocketUrl, ...files?.web },
    isDraining: () => streams.node.isDraining,
    fingerprintOf: fingerprintsOf(streams.tls, ports.store),
  };
  const app = composeWebApp({ ...pages, console: composeConsole({ ...serving, ...ports }) }, ports);
  const web = await attachWeb(serving, streams, app, { httpPort, httpsPort });
  // Its successor starts when it has ended, so nothing else could be asked meanwhile: it need not linger.
  const front = values.frontPort === undefined ? {} : await startFrontPart(serving, app, { lingerMs: 0 });

  const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the list of nodes');
  const { subject } = streams.node;
  // Only the processes before this one are reaped. When the store was slow, this process would also take itself for dead.
  const others = (nodes: readonly LiveNode[]) => nodes.filter((node) => node.subject !== subject);
  const reaper = new Reaper(dependencies, { parked: programLimits.listsPerRound, features: programLimits.listsPerRound });
  cleanup.add('reaper', () => reaper.stop());
  const watch = new NodeWatch({ store, clock, onLook: (_, dead) => reaper.clean(others(dead)), onError });
  await watch.start();
  cleanup.add('watch', () => watch.stop());
  return addressesOf({ ...streams.node.addresses, ...web, ...front });
}
