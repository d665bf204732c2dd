/** A planted bug: what changes in what a process sees of its ports. */
import type { Bus } from '../../lib/ports/bus.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { DeploymentClock } from '../../lib/runtime/deployment-clock.ts';
import type { StreamFeature } from '../../services/connection/core/stream-feature.ts';
import type { StoreRows } from './store-rows.ts';

export interface Plant {
  readonly name: string;
  /** The rule that it breaks. */
  readonly breaks: string;
  /** Milliseconds of `runtimeLimits.catchUpOverlapMs`, when they are other than the product's. */
  readonly overlapMs?: number;
  /** Milliseconds of `federationLimits.retryMinMs` and `retryMaxMs`, when they are other than the product's. */
  readonly pauseMs?: number;
  /** Takes hundreds of seeds to find: too long for `npm test`. */
  readonly isRare?: boolean;
  /** The stream features of connection nodes, when they are other than those of the product. */
  readonly features?: readonly StreamFeature[];
  store(kind: string, store: Store, rows: StoreRows): Store;
  bus(kind: string, bus: Bus, clock: Clock): Bus;
  /** The clock of a process, made of the one on its wall. */
  clock(wall: Clock, kind: string): DeploymentClock;
}

export const same = {
  store: (_kind: string, store: Store): Store => store,
  bus: (_kind: string, bus: Bus): Bus => bus,
  clock: (wall: Clock): DeploymentClock => new DeploymentClock(wall),
};

export const plainPlant: Plant = { ...same, name: 'none', breaks: '' };

/** A store with some methods replaced. */
export function withStore(store: Store, changed: Partial<Store>): Store {
  return {
    get: (key, options) => store.get(key, options),
    batchGet: (keys, options) => store.batchGet(keys, options),
    query: (query) => store.query(query),
    put: (row, condition) => store.put(row, condition),
    batchPut: (rows) => store.batchPut(rows),
    batchDelete: (keys) => store.batchDelete(keys),
    delete: (key, condition) => store.delete(key, condition),
    add: (key, by) => store.add(key, by),
    close: () => store.close(),
    ...changed,
  };
}

export function withBus(bus: Bus, changed: Partial<Bus>): Bus {
  return {
    serve: (subject, handler, options) => bus.serve(subject, handler, options),
    request: (subject, payload, options) => bus.request(subject, payload, options),
    publish: (subject, payload) => bus.publish(subject, payload),
    close: () => bus.close(),
    ...changed,
  };
}
