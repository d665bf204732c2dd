/** Starts the services of a cell, each in a process of its own. */

import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import type { DynamoStore } from '../../../lib/adapters/dynamodb-store.ts';
import { systemClock as wall } from '../../../lib/adapters/system-clock.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { serveControl } from '../../../lib/runtime/control.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { countProgrammingErrors } from '../../../lib/runtime/faults.ts';
import { newIncarnation } from '../../../lib/runtime/ids.ts';
import { Heartbeat, type NodeKind, NodeWatch } from '../../../lib/runtime/nodes.ts';
import { ProxiedPeers } from '../../../lib/runtime/peer-addresses.ts';
import { moveRows } from '../../../lib/runtime/row-moves.ts';
import { checkSchema } from '../../../lib/runtime/row-schema.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { TicketKeys } from '../../../lib/runtime/ticket-keys.ts';
import { WatchTurn } from '../../../lib/runtime/watch-turn.ts';
import { reloadedOptions, serverOptions } from '../../connection/door/tls.ts';
import { sweepAuditLogs } from '../../router/removal/old-audit.ts';
import { resumeRemovals } from '../../router/removal/removals.ts';
import { Reaper } from '../../router/sessions/reaper.ts';
import { boshPath, webSocketPath } from '../../web/app.ts';
import { startWebServer, type WebServer } from '../../web/server.ts';
import { reasonOf, UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { tellCell } from './cell-name.ts';
import { checkPemFlags, readPemFiles } from './certificate.ts';
import { openKeys, openKeysIfAny } from './certificate-keys.ts';
import { callFigures, openCloudBus, openCloudStore } from './cloud-ports.ts';
import { componentListen } from './component-options.ts';
import { composeRouter, type Ports as RouterPorts } from './compose-router.ts';
import { type ListenOptions, type Ports, startConnectionPart } from './connection-part.ts';
import { composeConsole } from './console.ts';
import { makeStoppable } from './deploys.ts';
import { type PeerPorts, peerPortsOf } from './federation-options.ts';
import { type FederationPartOptions, openProof, startFederationPart, tellFederation } from './federation-part.ts';
import { checkFileFlags, openFiles, sweepFiles } from './files-part.ts';
import { type Addresses, addressesOf, listening, portsOf } from './listening.ts';
import { startMucPart } from './muc-part.ts';
import { tellNode } from './node-figures.ts';
import type { Serving } from './serving.ts';
import { fingerprintsOf, type RunningTls, storeTls, watchTls } from './tls-source.ts';
import { observed } from './tracing-part.ts';
import { composeWebApp } from './web-app.ts';

type Figures = () => Readonly<Record<string, number>>;

/** Size of the keys with which Node encrypts TLS session tickets, bytes. */
const ticketKeysBytes = 48;

interface CloudPorts extends Ports {
  /** Counts of the requests of this process to the store. */
  readonly figures: Figures;
}

export async function openPorts(serving: Serving): Promise<CloudPorts> {
  const { values, log, cleanup } = serving;
  const clock = new DeploymentClock(wall);
  const store = await openStore(serving, clock);
  const bus = await openCloudBus(values, log);
  cleanup.add('bus', () => bus.close());
  await startClock(serving, clock, store); // before anything is served on the bus
  const ports = await observed<Ports>({ store, bus, clock, log }, { ...serving, name: values.name });
  return { ...ports, figures: () => callFigures(store) };
}

/** Starts the deployment's clock. It must run before anything mints an id. */
export async function startClock({ log, cleanup }: Serving, clock: DeploymentClock, store: Store): Promise<void> {
  await clock.start({ store, log });
  cleanup.add('clock', () => clock.stop());
}

export async function openStore({ values, cleanup, metrics }: Serving, clock: Clock): Promise<DynamoStore> {
  const store = await openCloudStore(values, clock);
  cleanup.add('store', () => store.close());
  metrics.counter('Throttles', () => store.troubles.throttles);
  metrics.counter('StoreErrors', () => store.troubles.failures);
  metrics.counter('Faults', countProgrammingErrors);
  return store;
}

export async function serveConnection(serving: Serving): Promise<Addresses> {
  const { bind, c2sPort, c2sTlsPort, websocketPort } = serving.values;
  const ports = await openPorts(serving);
  const streams = await startStreams(
    serving,
    ports,
    { bind, c2sPort, c2sTlsPort, ...peerPorts(serving), ...componentPorts(serving) },
    ports,
  );
  const web = websocketPort === undefined ? {} : await attachWeb(serving, streams, new Hono(), { websocketPort });
  await makeStoppable(serving, ports, streams);
  return addressesOf({ ...streams.node.addresses, websocket: web.https });
}

/** Serves streams of other servers and none of clients. Its streams are not kept over a stop, so it need not drain before one. */
export async function servePeers(serving: Serving): Promise<Addresses> {
  const { bind } = serving.values;
  const peers = peerPortsOf(serving.values);
  if (peers === undefined)
    throw new UsageError('--s2s-port or --s2s-tls-port is needed, since a loopback address has none by default');
  const ports = await openPorts(serving);
  const { node } = await startStreams(
    serving,
    ports,
    { bind, ...peers, ...componentPorts(serving) },
    { figures: ports.figures, isForClients: false },
  );
  return addressesOf({ ...node.addresses });
}

export async function serveRouter(serving: Serving): Promise<Addresses> {
  const { values, cleanup, health } = serving;
  checkFileFlags(values);
  const ports = await openPorts(serving);
  await checkSchema(ports.store);
  await tellCell(ports.store, values);
  const moving = moveRows({ ...ports, by: values.name });
  cleanup.add('moves', () => moving.stop());
  const files = await openFiles(values, ports, cleanup);
  const outside = { isFederated: values.federation, hasComponents: values.components };
  const keys = await openKeysIfAny(values);
  const { cellWebUrl: webUrl, proveDomains: provesDomains, auditDays } = values;
  await route(serving, { ...ports, blobs: files?.blobs, ...outside, keys, webUrl, provesDomains, auditDays, documents: values });
  health.started();
  return {};
}

/** Starts a router that also watches all nodes, and ends the sessions of dead ones. */
export async function route(serving: Serving, ports: RouterPorts & { readonly figures?: Figures }): Promise<void> {
  const { values, log, cleanup, metrics } = serving;
  const { dependencies, router, later, deliveries } = await composeRouter(ports);
  cleanup.add('router', () => router.stop());
  metrics.gauge('BatchesInFlight', () => router.busy);
  metrics.latency('BatchLatency', router.latency);
  metrics.latency('DeliveryLatency', deliveries);
  const subject = await beat(serving, ports, 'router', () => ({ batches: router.busy, ...ports.figures?.() }));
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the list of nodes');
  const reaper = new Reaper(dependencies, { parked: programLimits.listsPerRound, features: programLimits.listsPerRound });
  cleanup.add('reaper', () => reaper.stop());
  const removals = resumeRemovals(dependencies);
  cleanup.add('removals', () => removals.stop());
  const oldAudit = sweepAuditLogs(dependencies);
  cleanup.add('audit', () => oldAudit.stop());
  later.watch();
  cleanup.add('later', () => later.stop());
  const turn = new WatchTurn({ store: ports.store, clock: wall, kind: 'router', subject });
  const watch = new NodeWatch({
    ...{ store: ports.store, clock: wall, isMyTurn: () => turn.isMine(), onError },
    onLook: (_, dead) => reaper.clean(dead),
  });
  await watch.start();
  cleanup.add('watch', () => watch.stop());
  log.debug({ name: values.name }, 'routing');
}

export async function serveMuc(serving: Serving): Promise<Addresses> {
  const { values } = serving;
  const ports = await openPorts(serving);
  await checkSchema(ports.store);
  const part = await startMucPart(ports, values.name, {
    isFederated: values.federation,
    hasComponents: values.components,
    figures: ports.figures,
  });
  serving.cleanup.add('rooms', () => part.stop());
  serving.metrics.latency('DeliveryLatency', part.deliveries);
  serving.metrics.gauge('Rooms', () => part.rooms);
  serving.health.started();
  return {};
}

/** The ports of this process to which other servers connect, if the deployment has federation. */
export function peerPorts({ values }: Serving): PeerPorts | undefined {
  return values.federation ? peerPortsOf(values) : undefined;
}

/** The port of this process for components, if the deployment has them. */
export function componentPorts({ values }: Serving): ReturnType<typeof componentListen> {
  return values.components ? componentListen(values) : {};
}

export async function serveFederation(serving: Serving): Promise<Addresses> {
  const { values, log, cleanup } = serving;
  const ports = await openPorts(serving);
  await checkSchema(ports.store);
  const tls = await startTls(values, ports.store, log);
  cleanup.add('certificate', () => tls.stop());
  await shareFederation(serving, { ...ports, tls: tls.source, proof: openProof(values.s2sCa, wall), ownAddresses: () => [] });
  serving.health.started();
  return {};
}

/** Starts an owner of streams to other servers. All processes that do so share the work. */
export async function shareFederation(
  { values, cleanup, metrics }: Serving,
  options: Omit<FederationPartOptions, 'values' | 'keys'> & { readonly figures?: Figures },
  folder?: string,
): Promise<void> {
  const keys = await openKeys(values, folder);
  const federation = await startFederationPart({ ...options, values, keys, name: values.name });
  cleanup.add('federation', () => federation.stop());
  tellFederation(metrics, federation);
}

/** Starts the heartbeat and the control subject of this process. Its row is deleted when it stops. @returns its subject */
export async function beat(
  { values, log, cleanup }: Serving,
  { store, bus }: Ports,
  kind: NodeKind,
  figures: () => Readonly<Record<string, number>>,
): Promise<string> {
  const subject = `${kind}.${values.name}.${newIncarnation(bus, wall)}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'a heartbeat was skipped');
  const heartbeat = await Heartbeat.start({ store, clock: wall, kind, name: values.name, subject, onError });
  cleanup.add('heartbeat', () => heartbeat.stop());
  const control = await serveControl(bus, subject, { log, figures });
  cleanup.add('control', () => control.stop());
  return subject;
}

export type Streams = Awaited<ReturnType<typeof startStreams>>;

interface StreamsOptions {
  /** More figures of this process for `skylark status`. */
  readonly figures?: Figures;
  /** false: no stream that could be resumed (TLS), so the keys for that stay away. */
  readonly isForClients?: boolean;
}

export async function startStreams(
  serving: Serving,
  ports: Ports,
  listen: ListenOptions,
  { figures, isForClients = true }: StreamsOptions = {},
) {
  const { values, release, log, cleanup, health, metrics } = serving;
  const tls = await startTls(values, ports.store, log);
  cleanup.add('certificate', () => tls.stop());
  if (values.ticketKeys === undefined && isForClients) {
    const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the keys of TLS tickets');
    const { store } = ports;
    const tickets = await TicketKeys.start({ store, clock: ports.clock, use: (keys) => tls.source.setTicketKeys(keys), onError });
    cleanup.add('tickets', () => tickets.stop());
  }
  const { bind, s2sPort = 0, s2sTlsPort = 0 } = listen;
  const proves = s2sPort + s2sTlsPort > 0 ? openProof(values.s2sCa, wall).proves : undefined;
  const peers = values.proxyProtocol ? new ProxiedPeers(wall) : undefined;
  const { name, reusePort, stopSeconds } = values;
  const stopMs = stopSeconds * 1_000 - programLimits.closingMs;
  /** How many nodes drain at this time; the watch for releases knows it. */
  const drains = { nodes: 1 };
  const common = { ...ports, name, tls: tls.source, listen, reusePort, peers, proves, stopMs, release, figures, cpuMs };
  const connection = await listening(bind, portsOf(listen), () => startConnectionPart({ ...common, drains: () => drains.nodes }));
  const { node } = connection;
  cleanup.add('streams', () => connection.stop());
  health.started(() => node.isDraining);
  tellNode(metrics, node, tls);
  if (peers !== undefined) metrics.counter('BadProxyHeaders', () => node.stats.badProxyHeaders);
  return { tls, node, peers, drains, isSurplus: () => connection.isSurplus() };
}

/** How long this process has used a core until now, ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Serves WebSocket streams on web servers of this process, and pages if the app has any. */
export async function attachWeb(
  { values: { bind, reusePort }, cleanup }: Serving,
  { tls, node, peers }: Streams,
  app: Hono,
  ports: { readonly httpPort: number; readonly httpsPort: number } | { readonly websocketPort: number },
): Promise<WebServer['addresses']> {
  const { httpPort, httpsPort } = 'websocketPort' in ports ? { httpsPort: ports.websocketPort } : ports;
  const web = await listening(bind, { ...ports }, () =>
    startWebServer(app, { bind, httpPort, httpsPort, webSocketPath, boshPath, tls: serverOptions(tls.source), reusePort, peers }),
  );
  cleanup.add('web', () => web.stop());
  tls.source.onReload(() => web.setTls(reloadedOptions(tls.source)));
  web.askBy(node.wish);
  for (const server of web.servers) {
    node.attachWebSocket(server, webSocketPath);
    node.attachBosh(server);
  }
  return web.addresses;
}

/** Opens the certificates that this process shows. @throws {UsageError | Refusal} */
async function startTls(values: Serving['values'], store: Ports['store'], log: Ports['log']): Promise<RunningTls> {
  const files = checkPemFlags(values);
  const given = files && readPemFiles(files);
  const ticketKeys = readTicketKeys(values.ticketKeys);
  if (values.certificates === 'store') return storeTls({ values, store, log, fallback: given, ticketKeys });
  if (given === undefined) {
    throw new UsageError(
      '--cert and --key are needed, since all processes of a cluster show the same certificate; or --certificates store',
    );
  }
  return watchTls(given, log, ticketKeys);
}

/** @throws {UsageError} when the file cannot be read or has another size */
function readTicketKeys(path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    const keys = readFileSync(path);
    if (keys.length === ticketKeysBytes) return keys;
  } catch (error) {
    throw new UsageError(`--ticket-keys: '${path}' cannot be read: ${reasonOf(error)}`);
  }
  throw new UsageError(`--ticket-keys: '${path}' is not a file of ${ticketKeysBytes} bytes`);
}

export async function serveWeb(serving: Serving): Promise<Addresses> {
  const { values, log, cleanup } = serving;
  const { bind, domain, httpPort, httpsPort } = values;
  checkFileFlags(values);
  const ports = await openPorts(serving);
  // This process holds the WebSocket streams itself, as a node without ports of its own.
  const streams = await startStreams(serving, ports, { bind }, ports);
  const tenants = new Tenants(ports.store, ports.clock);
  const files = await openFiles(values, ports, cleanup);
  if (files?.folder) {
    const sweep = sweepFiles(files.folder, ports.store, log);
    cleanup.add('files', () => sweep.stop());
  }
  const pages = {
    ...{ tenants, log, defaultDomain: domain, webSocketUrl: values.websocketUrl, ...files?.web },
    isDraining: () => streams.node.isDraining,
    fingerprintOf: fingerprintsOf(streams.tls, ports.store),
  };
  const app = composeWebApp({ ...pages, console: composeConsole({ ...serving, ...ports }) }, ports);
  const addresses = await attachWeb(serving, streams, app, { httpPort, httpsPort });
  await makeStoppable(serving, ports, streams);
  return addressesOf(addresses);
}
