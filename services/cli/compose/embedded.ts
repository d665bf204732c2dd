/**
 * The whole service in one process. It has SQLite and a folder instead of DynamoDB and S3, and a bus in memory instead of NATS.
 * The services are the same as in a cell.
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { memoryBus } from '../../../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { Bus } from '../../../lib/ports/bus.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { countProgrammingErrors } from '../../../lib/runtime/faults.ts';
import { forgetNode, listNodes } from '../../../lib/runtime/nodes.ts';
import { moveRows } from '../../../lib/runtime/row-moves.ts';
import { checkSchema } from '../../../lib/runtime/row-schema.ts';
import { TicketKeys } from '../../../lib/runtime/ticket-keys.ts';
import { reloadedOptions, serverOptions } from '../../connection/door/tls.ts';
import type { Outside } from '../../console/core/view.ts';
import type { Federation, FederationStats } from '../../federation/federation.ts';
import { startMucWorker } from '../../muc/worker.ts';
import type { Dependencies } from '../../router/core/dependencies.ts';
import { UnderWay } from '../../router/core/under-way.ts';
import { sweepAuditLogs } from '../../router/removal/old-audit.ts';
import { resumeRemovals } from '../../router/removal/removals.ts';
import { reapNode, sweepRegularly } from '../../router/sessions/reaper.ts';
import { boshPath, webSocketPath } from '../../web/app.ts';
import { startWebServer } from '../../web/server.ts';
import { adminAddress } from './admin-address.ts';
import { serveAdmin } from './admin-socket.ts';
import { checkPemFlags, keepSelfSigned, type PemPair, readPemFiles } from './certificate.ts';
import { openKeys } from './certificate-keys.ts';
import { componentListen } from './component-options.ts';
import { composeRouter } from './compose-router.ts';
import { startConnectionPart } from './connection-part.ts';
import { composeConsole, linkPath } from './console.ts';
import { ensureDataFolder } from './data-folder.ts';
import { peerPortsOf } from './federation-options.ts';
import { openProof, startOnlyFederation, tellFederation } from './federation-part.ts';
import { filesFolderIn, openFilesFolder, ownOrigin, presetFilesUrl, sweepFiles } from './files-part.ts';
import { Health, startHealth } from './health.ts';
import { Cleanup } from './lifetime.ts';
import { type Addresses, addressesOf, listening, portsOf } from './listening.ts';
import { Metrics } from './metrics.ts';
import { tellNode } from './node-figures.ts';
import { ensureTenant } from './own-tenant.ts';
import { Prometheus } from './prometheus.ts';
import { startProxy } from './proxy-part.ts';
import { checkPorts, registrationOf, type StartValues } from './start-options.ts';
import { fingerprintsOf, storeTls, watchTls } from './tls-source.ts';
import { observed } from './tracing-part.ts';
import { composeWebApp } from './web-app.ts';

export interface Embedded {
  /** The path of the data folder, without links. */
  readonly folder: string;
  /** Where the process listens, by purpose: `c2s`, `c2sTls`, `http`, `https`. */
  readonly addresses: Addresses;
  /** Makes a link that opens the console once. */
  consoleUrl(): Promise<string>;
  /** Figures of what goes to other servers and components. Absent where there are neither. */
  readonly peers?: FederationStats | undefined;
  /** Stops the services from the outside in: streams, pages, rooms, router, bus, store. */
  stop(): Promise<void>;
}

type Extras = 'proxyPort' | 'proxyHost' | 'otlpEndpoint' | 'traceShare' | 'metricsTenants';
type EmbeddedValues = Omit<StartValues, 'processes' | 'settings' | Extras> & Partial<Pick<StartValues, Extras>>;

/** @throws {UsageError | Refusal | FolderInUse} after everything that was started has been stopped again */
export async function startEmbedded(values: EmbeddedValues, log: Logger, outside: Outside = {}): Promise<Embedded> {
  checkPorts(values);
  const pemFiles = checkPemFlags(values);
  const pem = pemFiles && readPemFiles(pemFiles);
  const folder = ensureDataFolder(values.data, log);
  const cleanup = new Cleanup(log);
  try {
    const { addresses, federation, bus, webUrl } = await startParts({ values, folder, given: pem, log, cleanup, outside });
    return {
      ...{ folder, addresses, stop: () => cleanup.run(), consoleUrl: async () => `${webUrl}${await linkPath(bus)}` },
      get peers() {
        return federation?.stats;
      },
    };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

interface Parts {
  readonly values: EmbeddedValues;
  readonly folder: string;
  readonly given: PemPair | undefined;
  readonly log: Logger;
  readonly cleanup: Cleanup;
  readonly outside: Outside;
}

async function startParts({ values, folder, given, log, cleanup, outside }: Parts): Promise<{
  readonly addresses: Addresses;
  readonly federation: Federation | undefined;
  readonly bus: Bus;
  readonly webUrl: string;
}> {
  const { domain, bind } = values;
  let isDraining = () => false;
  const clock = new DeploymentClock(systemClock);
  const rows = await openSqliteStore(folder, { clock });
  cleanup.add('store', () => rows.close());
  await clock.start({ store: rows, log, isAlone: true }); // we hold the folder's lock
  cleanup.add('clock', () => clock.stop());
  await checkSchema(rows);
  const moving = moveRows({ store: rows, clock, log, by: 'here' });
  cleanup.add('moves', () => moving.stop());
  const tls =
    values.certificates === 'store'
      ? await storeTls({ values, store: rows, log, folder, fallback: given })
      : watchTls(given ?? (await keepSelfSigned(join(folder, 'tls'), domain, systemClock)), log);
  cleanup.add('certificate', () => tls.stop());
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the keys of TLS tickets');
  const tickets = await TicketKeys.start({ store: rows, clock, use: (keys) => tls.source.setTicketKeys(keys), onError });
  cleanup.add('tickets', () => tickets.stop());
  const own = memoryBus({ clock });
  cleanup.add('bus', () => own.close());
  const { store, bus } = await observed({ store: rows, bus: own }, { values, service: 'all', name: 'here', cleanup });

  let filesUrl = values.filesUrl ?? '';
  const files = await openFilesFolder(filesFolderIn(folder), () => filesUrl, { store, clock });
  const fileSweep = sweepFiles(files.blobs, store, log);
  cleanup.add('files', () => fileSweep.stop());

  const peerPorts = peerPortsOf(values);
  const isFederated = peerPorts !== undefined;
  const ofComponents = componentListen(values);
  const hasComponents = ofComponents.componentPort !== undefined;
  const keys = await openKeys(values, folder);
  const underWay = new UnderWay();
  const proxy = await startProxy({ values, bus, clock, log, cleanup });
  const { dependencies, router, later, deliveries } = await composeRouter({
    ...{
      store,
      bus,
      clock,
      log,
      blobs: files.blobs,
      underWay,
      isFederated,
      hasComponents,
      keys,
      documents: values,
      provesDomains: values.proveDomains,
      auditDays: values.auditDays,
      proxy: proxy?.place,
    },
  });
  cleanup.add('router', () => router.stop());
  const worker = await startMucWorker({ ...dependencies, worker: 'here' });
  cleanup.add('rooms', () => worker.stop());
  await ensureTenant({ store, bus, clock, domain, registration: registrationOf(values) });
  const removals = resumeRemovals(dependencies);
  cleanup.add('removals', () => removals.stop());
  const oldAudit = sweepAuditLogs(dependencies);
  cleanup.add('audit', () => oldAudit.stop());
  later.watch();
  cleanup.add('later', () => later.stop());
  const left = await listNodes(store);
  const sweep = sweepRegularly(dependencies);
  cleanup.add('sweep', () => sweep.stop());

  const pages = {
    ...{ tenants: dependencies.tenants, log, defaultDomain: domain, webSocketUrl: values.websocketUrl, ...files.web },
    isDraining: () => isDraining(),
    fingerprintOf: fingerprintsOf(tls, store),
  };
  const metrics = new Metrics({ clock: systemClock, service: 'all', deployment: folder, write: () => {} });
  const prometheus = new Prometheus(metrics, 'all', values.metricsTenants);
  const console = composeConsole({ bus, clock, log, cleanup, prometheus, outside });
  const app = composeWebApp({ ...pages, console }, { bus, clock });
  const { httpPort, httpsPort, c2sPort, c2sTlsPort } = values;
  const web = await listening(bind, { httpPort, httpsPort }, () =>
    startWebServer(app, { bind, httpPort, httpsPort, webSocketPath, boshPath, tls: serverOptions(tls.source) }),
  );
  cleanup.add('web', () => web.stop());
  const place = {
    ...{ domain, bind, isSelfSigned: given === undefined && values.certificates !== 'store' },
    ...{ httpPort: web.addresses.http!.port, httpsPort: web.addresses.https!.port },
  };
  filesUrl ||= presetFilesUrl(place);
  const webUrl = ownOrigin(place);
  tls.source.onReload(() => web.setTls(reloadedOptions(tls.source)));
  const proof = isFederated ? openProof(values.s2sCa, clock) : undefined;
  const listen = { bind, c2sPort, c2sTlsPort, ...peerPorts, ...ofComponents };
  const connection = await listening(bind, portsOf(listen), () =>
    startConnectionPart({
      ...{ bus, store, clock, log, name: 'here', tls: tls.source, listen, proves: proof?.proves },
      figures: () => ({ rooms: worker.rooms, batches: router.busy }),
    }),
  );
  isDraining = () => connection.node.isDraining;
  tellNode(metrics, connection.node, tls);
  metrics.latency('DeliveryLatency', deliveries);
  metrics.gauge('Rooms', () => worker.rooms);
  metrics.counter('Faults', countProgrammingErrors);
  cleanup.add('streams', () => connection.stop());
  let federation: Federation | undefined;
  if (isFederated || hasComponents) {
    const ownAddresses = () => Object.values(connection.node.addresses).filter((address) => address !== undefined);
    const owner = await startOnlyFederation({ store, bus, clock, log, values, tls: tls.source, keys, proof, ownAddresses });
    cleanup.add('federation', () => owner.stop());
    federation = owner;
    tellFederation(metrics, owner);
  }
  web.askBy(connection.node.wish);
  for (const server of web.servers) {
    connection.node.attachWebSocket(server, webSocketPath);
    connection.node.attachBosh(server);
  }

  const admin = await serveAdmin(adminAddress(folder), bus, log, () => webUrl);
  cleanup.add('admin', () => admin.stop());
  const health = new Health();
  const healthAddress = await startHealth(values, health, prometheus, cleanup);
  health.started(isDraining);
  void reapLeft(dependencies, left);
  return {
    addresses: { ...addressesOf({ ...connection.node.addresses, ...web.addresses, proxy: proxy?.address }), ...healthAddress },
    federation,
    bus,
    webUrl,
  };
}

/**
 * Ends the sessions that a killed process has left. We hold the folder's lock, so every process that wrote these rows is dead. No
 * node has to be watched later, for the same reason. A watch would do harm: after the machine has slept, this process would take
 * itself for dead.
 */
async function reapLeft(dependencies: Dependencies, left: Awaited<ReturnType<typeof listNodes>>): Promise<void> {
  for (const { subject, kind } of left) {
    try {
      const sessions = kind === 'connection' ? await reapNode(dependencies, subject) : 0;
      await forgetNode(dependencies.store, subject);
      dependencies.log.info({ sessions }, 'cleaned up after a process that was killed');
    } catch (error) {
      dependencies.log.warn(
        { err: error },
        'sessions of a process that was killed could not be ended; the next start tries again',
      );
    }
  }
}
