/** A worker of rooms in a cluster, with its heartbeat: the live workers share the shards of rooms. */
import { serveControl } from '../../../lib/runtime/control.ts';
import { Deliverer } from '../../../lib/runtime/deliverer.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { IdMint } from '../../../lib/runtime/ids.ts';
import { Latency } from '../../../lib/runtime/latency.ts';
import { Heartbeat, type LiveNode, NodeWatch } from '../../../lib/runtime/nodes.ts';
import { sharedShards, type WorkerRegistry } from '../../../lib/runtime/shard-owner.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { startMucWorker } from '../../muc/worker.ts';
import type { Ports } from './connection-part.ts';

/** Says that a worker came or went, so that nobody needs to wait for the next look. Losing one costs 3 s. */
const changedSubject = 'ctl.workers';

/** `name` is unique among the workers; `figures`: what else this process tells about itself. */
export async function startMucPart(
  ports: Ports,
  name: string,
  figures?: () => Readonly<Record<string, number>>,
): Promise<{ readonly deliveries: Latency; stop(): Promise<void> }> {
  const { store, bus, log } = ports;
  const clock = DeploymentClock.of(ports.clock);
  const subject = `muc.${name}.${clock.randomBytes(4).toString('hex')}`;
  const onError = (error: unknown) => log.warn({ err: error }, 'the workers of rooms could not be looked at');
  const heartbeat = await Heartbeat.start({ store, clock, kind: 'muc', name, subject, onError });
  const registry = new LiveWorkers();
  const watch = new NodeWatch({ store, clock, onLook: (live) => registry.set(live), onError });
  await watch.start();
  const deliveries = new Latency(clock);
  const dependencies = {
    ...ports,
    clock,
    ids: new IdMint(clock),
    deliverer: new Deliverer(bus, deliveries),
    tenants: new Tenants(store, clock),
    worker: name,
  };
  const worker = await startMucWorker({ ...dependencies, shards: sharedShards(name, registry) });
  const listening = await bus.serve(changedSubject, () => {
    watch.look().catch(onError);
    return undefined;
  });
  bus.publish(changedSubject, new Uint8Array());
  const control = await serveControl(bus, subject, { figures: () => ({ rooms: worker.rooms, ...figures?.() }) });
  return {
    deliveries,
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

class LiveWorkers implements WorkerRegistry {
  readonly #listeners = new Set<() => void>();
  #live: readonly { readonly name: string; readonly incarnation: string }[] = [];

  live() {
    return this.#live;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  set(nodes: readonly LiveNode[]): void {
    const workers = nodes.filter(({ kind }) => kind === 'muc');
    const live = workers
      .map(({ name, subject }) => ({ name, incarnation: subject }))
      .sort((a, b) => (a.incarnation < b.incarnation ? -1 : 1));
    const isSame = live.map(({ incarnation }) => incarnation).join() === this.#live.map(({ incarnation }) => incarnation).join();
    this.#live = live;
    if (!isSame) for (const changed of this.#listeners) changed();
  }
}
