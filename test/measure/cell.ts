/**
 * The services of a cell in this process: a real connection node, router and worker of rooms on the DynamoDB adapter, with meters on
 * the store, the bus and the port for clients, and a clock that stands. On request also another server, and the owner of the streams to it,
 * with meters on the ports of servers.
 *
 * Time goes on only when nothing is under way, so what is counted does not depend on how fast the machine is.
 */
import { once } from 'node:events';
import dynalite from 'dynalite';
import { pino } from 'pino';
import { createTables, openDynamoStore } from '../../lib/adapters/dynamodb-store.ts';
import { memoryBus } from '../../lib/adapters/memory-bus.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import { Heartbeat, NodeWatch } from '../../lib/runtime/nodes.ts';
import { askRouter } from '../../services/cli/compose/admin-socket.ts';
import { composeRouter } from '../../services/cli/compose/compose-router.ts';
import { startConnectionPart } from '../../services/cli/compose/connection-part.ts';
import { startMucPart } from '../../services/cli/compose/muc-part.ts';
import { PemTls } from '../../services/connection/door/tls.ts';
import { startConnectionNode } from '../../services/connection/node.ts';
import { startMucWorker } from '../../services/muc/worker.ts';
import { certificate } from '../connection/fixture.ts';
import { ManualClock } from '../connection/manual-clock.ts';
import { ManagedClient } from '../support/managed-client.ts';
import { meterBus } from './bus-meter.ts';
import { Outside } from './outside.ts';
import { type StoreUse, startStoreMeter } from './store-meter.ts';
import { startWireMeter } from './wire-meter.ts';

export const domain = 'example.org';
const password = 'secret';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
/** Nothing has moved for this long. */
const quietMs = 9;
const quietPollMs = 3;
/** Somebody who still waits when all has been quiet for this long waits for the clock, which then goes on by a step. */
const patienceMs = 150;
const stepMs = 50;
/** After an action, for acknowledgements to be asked for, and for cursors to be written. */
const afterMs = [5_100, 600] as const;

export interface Use extends StoreUse {
  readonly wireBytesIn: number;
  readonly wireBytesOut: number;
  /** From other servers, and to them. */
  readonly peerBytesIn: number;
  readonly peerBytesOut: number;
  readonly busBytes: number;
}

export type Cell = Awaited<ReturnType<typeof openCell>>;

export interface CellOptions {
  /** Each process writes its row and looks at those of others, as it does when it is apart. */
  readonly withHeartbeats?: boolean;
  /** The domain of another server. */
  readonly peer?: string;
}

export async function openCell({ withHeartbeats = false, peer }: CellOptions = {}) {
  const engine = dynalite({ createTableMs: 0 }).listen(0, '127.0.0.1');
  await once(engine, 'listening');
  const meter = await startStoreMeter(`http://127.0.0.1:${(engine.address() as { port: number }).port}`);
  const clock = new ManualClock();
  const log = pino({ level: process.env.LOG ?? 'silent' });
  // The store's own pauses are of real time: a clock that stands would hold its tries for ever.
  const options = { endpoint: meter.endpoint, region: 'eu-central-1', credentials, tablePrefix: 'measure-' };
  await createTables({ ...options, clock: systemClock });
  const store = await openDynamoStore({ ...options, clock: { ...systemClock, now: () => clock.now() } });
  const counted = meterBus(memoryBus({ clock }));
  const { bus } = counted;
  const ports = { store, bus, clock, log, isFederated: peer !== undefined };
  const undo: (() => Promise<unknown>)[] = [];
  const { dependencies, router } = await composeRouter(ports);
  await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 365 });

  const onError = (error: unknown) => log.warn({ err: error }, 'a heartbeat failed');
  const tls = new PemTls([await certificate(domain)]);
  const listen = { bind: '127.0.0.1', c2sTlsPort: 0 };
  let node: { readonly addresses: { readonly c2sTls?: { readonly port: number }; readonly s2sTls?: { readonly port: number } } };
  if (withHeartbeats) {
    const heartbeat = await Heartbeat.start({ store, clock, kind: 'router', name: 'r1', subject: 'router.r1.1', onError });
    const watch = new NodeWatch({ store, clock, onLook: () => {}, onError });
    await watch.start();
    const muc = await startMucPart(ports, 'm1');
    const connection = await startConnectionPart({ ...ports, name: 'c1', tls, listen });
    node = connection.node;
    undo.push(
      () => connection.stop(),
      () => muc.stop(),
      async () => watch.stop(),
      () => heartbeat.stop(),
    );
  } else {
    const worker = await startMucWorker({ ...dependencies, worker: 'm1' });
    const ofServers = peer === undefined ? {} : { s2sTlsPort: 0 };
    const started = await startConnectionNode({ ...ports, node: 'c1', tls, listen: { ...listen, ...ofServers } });
    node = started;
    undo.push(
      () => started.stop(),
      () => worker.stop(),
    );
  }
  const wire = await startWireMeter(node.addresses.c2sTls!.port);
  const outside = peer === undefined ? undefined : await Outside.open(ports, peer, tls, node.addresses.s2sTls!.port);

  async function quiet(forMs = quietMs, isEnough = () => false): Promise<void> {
    const state = () => `${meter.activity} ${counted.activity} ${wire.activity} ${outside?.activity}`;
    for (let before = '', sinceMs = performance.now(); !isEnough(); ) {
      const now = state();
      if (now !== before || meter.inFlight + counted.inFlight > 0) {
        before = now;
        sinceMs = performance.now();
      } else if (performance.now() - sinceMs >= forMs) return;
      await new Promise((resolve) => void setTimeout(resolve, quietPollMs));
    }
  }

  /** Lets time go on only where the work waits for it. */
  async function during<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    while (!isDone) {
      await quiet(patienceMs, () => isDone);
      if (!isDone) await clock.advance(stepMs);
    }
    return done;
  }

  async function settle(): Promise<void> {
    await quiet();
    for (const ms of afterMs) {
      await clock.advance(ms);
      await quiet();
    }
  }

  return {
    clock,
    during,
    settle,
    quiet: () => quiet(),
    outside,
    /** What the work costs, with all that follows from it. */
    async measure(work: () => Promise<unknown>): Promise<Use> {
      await settle();
      meter.reset();
      wire.reset();
      outside?.reset();
      counted.bytes = 0;
      await during(work());
      await settle();
      const { peerBytesIn = 0, peerBytesOut = 0 } = outside ?? {};
      const { bytesIn: wireBytesIn, bytesOut: wireBytesOut } = wire;
      return { ...structuredClone(meter.use), wireBytesIn, wireBytesOut, peerBytesIn, peerBytesOut, busBytes: counted.bytes };
    },
    /** Heartbeats alone. */
    async idle(ms: number, stepMs: number): Promise<StoreUse> {
      await quiet();
      meter.reset();
      for (let passed = 0; passed < ms; passed += stepMs) {
        await clock.advance(stepMs);
        await quiet();
      }
      return structuredClone(meter.use);
    },
    async account(local: string): Promise<void> {
      const { ok, error } = await during(askRouter(bus, 'user-add', { jid: `${local}@${domain}`, password }));
      if (!ok) throw new Error(error);
    },
    signIn: (local: string, resource = 'phone') =>
      ManagedClient.signIn({ port: wire.port }, `${local}@${domain}/${resource}`, password),
    resume: (client: ManagedClient) => client.resume({ port: wire.port }),
    async close(): Promise<void> {
      wire.close();
      if (outside !== undefined) await during(outside.close());
      for (const each of undo) await during(Promise.resolve(each()));
      await during(router.stop());
      await bus.close();
      await store.close();
      meter.close();
      engine.closeAllConnections();
      engine.unref();
    },
  };
}
