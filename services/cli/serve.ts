/** `skylark serve …`: one service of a cell in this process. */
import { reloadedOptions, serverOptions } from '../connection/tls.ts';
import { webSocketPath } from '../web/app.ts';
import { startWebServer } from '../web/server.ts';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import type { Bus } from '../../lib/ports/bus.ts';
import type { Store } from '../../lib/ports/store.ts';
import { Heartbeat, type NodeKind, NodeWatch } from '../../lib/runtime/nodes.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { reapDead } from '../router/reaper.ts';
import { checkPemFlags, readPemFiles } from './certificate.ts';
import { openCloudBus, openCloudStore } from './cloud-ports.ts';
import { startConnectionPart } from './connection-part.ts';
import { startDynalite } from './dynalite.ts';
import { beginLifetime, openLog, stopWithin, Undoing } from './lifetime.ts';
import { type Addresses, addressOf, listening } from './listening.ts';
import { startMucPart } from './muc-part.ts';
import { reasonOf, say, UsageError } from './report.ts';
import { composeRouter } from './router-parts.ts';
import type { ServeValues } from './serve-options.ts';
import { watchTls } from './tls-source.ts';
import { composeWebApp } from './web-app.ts';

interface Serving {
  readonly values: ServeValues;
  readonly log: Logger;
  readonly undoing: Undoing;
}

const services: Readonly<Record<string, (serving: Serving) => Promise<Addresses>>> = {
  connection: serveConnection,
  router: serveRouter,
  muc: serveMuc,
  web: serveWeb,
  dynamodb: serveDynamo,
};

export async function serve(values: ServeValues, positionals: readonly string[]): Promise<number> {
  const [service = '', ...rest] = positionals;
  const run = Object.hasOwn(services, service) ? services[service] : undefined;
  if (run === undefined || rest.length > 0) {
    throw new UsageError(`'${positionals.join(' ')}' is no service; 'skylark serve' takes one of: ${Object.keys(services).join(', ')}`);
  }
  const { name } = values;
  const log = openLog({ service, name });
  const lifetime = beginLifetime(log);
  if (values.untilInputEnds) process.stdin.on('close', () => lifetime.end('input ended')).resume();
  const undoing = new Undoing(log);
  const started = run({ values, log, undoing }).then((addresses) => {
    say(JSON.stringify({ event: 'listening', service, name, pid: process.pid, addresses }));
    log.info({ addresses }, 'started');
  });
  try {
    // A bus that is away holds up the start for ever, but not the end.
    await Promise.race([started, lifetime.over]);
  } catch (error) {
    await undoing.run();
    throw error;
  }
  log.info({ reason: await lifetime.over }, 'stopping');
  const code = await stopWithin(log, () => undoing.run());
  log.info('stopped');
  return code;
}

async function openPorts({ values, log, undoing }: Serving): Promise<{ store: Store; bus: Bus; clock: typeof clock; log: Logger }> {
  const store = await openCloudStore(values);
  undoing.add('store', () => store.close());
  const bus = await openCloudBus(values, values.name);
  undoing.add('bus', () => bus.close());
  return { store, bus, clock, log };
}

async function serveConnection(serving: Serving): Promise<Addresses> {
  const { bind, c2sPort, c2sTlsPort } = serving.values;
  const node = await startStreams(serving, { bind, c2sPort, c2sTlsPort });
  return node.addresses;
}

async function serveRouter(serving: Serving): Promise<Addresses> {
  const { values, log, undoing } = serving;
  const ports = await openPorts(serving);
  const { parts, router } = await composeRouter(ports);
  undoing.add('router', () => router.stop());
  await beat(serving, ports.store, 'router');
  const onError = (error: unknown) => log.warn({ err: error }, 'the nodes could not be looked at');
  const watch = new NodeWatch({ store: ports.store, clock, onLook: (_, dead) => reapDead(parts, dead), onError });
  await watch.start();
  undoing.add('watch', () => watch.stop());
  log.debug({ name: values.name }, 'routing');
  return {};
}

async function serveMuc(serving: Serving): Promise<Addresses> {
  const ports = await openPorts(serving);
  const part = await startMucPart(ports, serving.values.name);
  serving.undoing.add('rooms', () => part.stop());
  return {};
}

async function serveDynamo({ values, undoing }: Serving): Promise<Addresses> {
  const { port, data } = values;
  const engine = await listening('127.0.0.1', { port }, () => startDynalite(data, port));
  undoing.add('dynalite', () => engine.stop());
  return { dynamodb: addressOf(engine.address) };
}

/** Takes the row of this process away when it stops. */
async function beat({ values, log, undoing }: Serving, store: Store, kind: NodeKind): Promise<void> {
  const subject = `${kind}.${values.name}.${clock.randomBytes(4).toString('hex')}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'a heartbeat was left out');
  const heartbeat = await Heartbeat.start({ store, clock, kind, name: values.name, subject, onError });
  undoing.add('heartbeat', () => heartbeat.stop());
}
