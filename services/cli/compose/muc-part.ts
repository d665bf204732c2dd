/** Starts a worker of rooms in a cluster, with its heartbeat. The live workers divide the shards of rooms among themselves. */
import { serveControl } from '../../../lib/runtime/control.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { IdMint, newIncarnation } from '../../../lib/runtime/ids.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { Heartbeat, NodeWatch } from '../../../lib/runtime/nodes.ts';
import { Outbox } from '../../../lib/runtime/outbox.ts';
import { sharedShards } from '../../../lib/runtime/shard-owner.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { startMucWorker } from '../../muc/worker.ts';
import type { Ports } from './connection-part.ts';
import { changedSubject, LiveWorkers } from './live-workers.ts';

/**
 * Starts the worker.
 *
 * `name` is unique among the workers. `isFederated` is true when occupants may be at other servers, and
 * `hasComponents` when they may be at components. `figures` adds to what
 * `skylark status` shows.
 */
export async function startMucPart(
  ports: Ports,
  name: string,
  {
    isFederated = false,
    hasComponents = false,
    figures,
  }: {
    readonly isFederated?: boolean;
    readonly hasComponents?: boolean;
    readonly figures?: () => Readonly<Record<string, number>>;
  } = {},
): Promise<{ readonly deliveries: Latency; readonly rooms: number; stop(): Promise<void> }> {
  const { store, bus, log } = ports;
  const clock = DeploymentClock.of(ports.clock);
  const subject = `muc.${name}.${newIncarnation(bus, clock)}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'cannot read the list of room workers');
  const heartbeat = await Heartbeat.start({ store, clock, kind: 'muc', name, subject, onError });
  const registry = new LiveWorkers('muc');
  const watch = new NodeWatch({ store, clock, kind: 'muc', onLook: (live) => registry.set(live), onError });
  await watch.start();
  const deliveries = new Latency(clock);
  const dependencies = {
    ...ports,
    clock,
    ids: new IdMint(clock),
    deliverer: new Deliverer(bus, deliveries),
    tenants: new Tenants(store, clock),
    outbox: isFederated || hasComponents ? new Outbox({ store, bus, clock }) : undefined,
    isFederated,
    worker: name,
  };
  const worker = await startMucWorker({ ...dependencies, shards: sharedShards(name, registry) });
  const listening = await bus.serve(changedSubject, () => {
    watch.look().catch(onError);
    return undefined;
  });
  bus.publish(changedSubject, new Uint8Array());
  const control = await serveControl(bus, subject, { log, figures: () => ({ rooms: worker.rooms, ...figures?.() }) });
  return {
    deliveries,
    get rooms() {
      return worker.rooms;
    },
    async stop() {
      await control.stop();
      await listening.stop();
      watch.stop();
      await worker.stop();
      await heartbeat.stop();
      bus.publish(changedSubject, new Uint8Array());
    },
  };
}
