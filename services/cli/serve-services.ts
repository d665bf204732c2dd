/** The services of a cell, each in a process of its own. */
import { readFileSync } from 'node:fs';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { serveControl } from '../../lib/runtime/control.ts';
import { Heartbeat, type NodeKind, NodeWatch } from '../../lib/runtime/nodes.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { TicketKeys } from '../../lib/runtime/ticket-keys.ts';
import { reloadedOptions, serverOptions } from '../connection/tls.ts';
import { reapDead } from '../router/reaper.ts';
import { webSocketPath } from '../web/app.ts';
import { startWebServer } from '../web/server.ts';
import { checkPemFlags, readPemFiles } from './certificate.ts';
import { openCloudBus, openCloudStore } from './cloud-ports.ts';
import { addressesOf, type ListenOptions, type Ports, startConnectionPart } from './connection-part.ts';
import { type Addresses, addressOf, listening } from './listening.ts';
import { startMucPart } from './muc-part.ts';
import { reasonOf, UsageError } from './report.ts';
import { composeRouter } from './router-parts.ts';
import type { Serving } from './serving.ts';
import { type RunningTls, storeTls, watchTls } from './tls-source.ts';
import { composeWebApp } from './web-app.ts';

/** What Node keeps session tickets with. */
const ticketKeysBytes = 48;

async function openPorts({ values, log, undoing }: Serving): Promise<Ports> {
  const store = await openCloudStore(values);
  undoing.add('store', () => store.close());
  const bus = await openCloudBus(values.nats, values.name);
  undoing.add('bus', () => bus.close());
  return { store, bus, clock, log };
}

export async function serveConnection(serving: Serving): Promise<Addresses> {
  const { bind, c2sPort, c2sTlsPort } = serving.values;
  const { node } = await startStreams(serving, await openPorts(serving), { bind, c2sPort, c2sTlsPort });
  return addressesOf(node);
}

export async function serveRouter(serving: Serving): Promise<Addresses> {
  const { values, log, undoing } = serving;
  const ports = await openPorts(serving);
  const { parts, router } = await composeRouter(ports);
  undoing.add('router', () => router.stop());
  await beat(serving, ports, 'router', () => ({ batches: router.busy }));
  const onError = (error: unknown) => log.warn({ err: error }, 'the nodes could not be looked at');
  const watch = new NodeWatch({ store: ports.store, clock, onLook: (_, dead) => reapDead(parts, dead), onError });
  await watch.start();
  undoing.add('watch', () => watch.stop());
  log.debug({ name: values.name }, 'routing');
  return {};
}

export async function serveMuc(serving: Serving): Promise<Addresses> {
  const ports = await openPorts(serving);
  const part = await startMucPart(ports, serving.values.name);
  serving.undoing.add('rooms', () => part.stop());
  return {};
}

/** Takes the row of this process away when it stops. */
async function beat(
  { values, log, undoing }: Serving,
  { store, bus }: Ports,
  kind: NodeKind,
  figures: () => Readonly<Record<string, number>>,
): Promise<void> {
  const subject = `${kind}.${values.name}.${clock.randomBytes(4).toString('hex')}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'a heartbeat was left out');
  const heartbeat = await Heartbeat.start({ store, clock, kind, name: values.name, subject, onError });
  undoing.add('heartbeat', () => heartbeat.stop());
  const control = await serveControl(bus, subject, { figures });
  undoing.add('control', () => control.stop());
}

async function startStreams({ values, log, undoing }: Serving, ports: Ports, listen: ListenOptions) {
  const tls = await startTls(values, ports.store, log);
  undoing.add('certificate', () => tls.stop());
  if (values.ticketKeys === undefined) {
    const onError = (error: unknown) => log.warn({ err: error }, 'the keys of TLS tickets could not be looked at');
    const { store } = ports;
    const tickets = await TicketKeys.start({ store, clock, use: (keys) => tls.source.setTicketKeys(keys), onError });
    undoing.add('tickets', () => tickets.stop());
  }
  const { bind, c2sPort = 0, c2sTlsPort = 0 } = listen;
  const connection = await listening(bind, { c2sPort, c2sTlsPort }, () =>
    startConnectionPart({ ...ports, name: values.name, tls: tls.source, listen, reusePort: values.reusePort }),
  );
  undoing.add('streams', () => connection.stop());
  return { tls, node: connection.node };
}

/** @throws {UsageError | Refusal} */
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

/** @throws {UsageError} */
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
  const { values, log, undoing } = serving;
  const { bind, domain, httpPort, httpsPort } = values;
  const ports = await openPorts(serving);
  // WebSocket streams are held by this process: a node without ports of its own.
  const { tls, node } = await startStreams(serving, ports, { bind });
  const tenants = new Tenants(ports.store, clock);
  const app = composeWebApp({ tenants, log, defaultDomain: domain, isDraining: () => node.isDraining });
  const web = await listening(bind, { httpPort, httpsPort }, () =>
    startWebServer(app, { bind, httpPort, httpsPort, webSocketPath, tls: serverOptions(tls.source) }),
  );
  undoing.add('web', () => web.stop());
  tls.source.onReload(() => web.setTls(reloadedOptions(tls.source)));
  for (const server of web.servers) node.attachWebSocket(server, webSocketPath);
  return { http: addressOf(web.addresses.http), https: addressOf(web.addresses.https) };
}
