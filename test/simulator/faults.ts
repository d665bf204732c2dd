/** What goes wrong in a run, and when: all of it drawn before, from the seed. */
import type { Cluster, Slot } from './cluster.ts';
import type { PushHistory } from './push-history.ts';
import type { Random } from './random.ts';
import { fairWeather, type Weather } from './weather.ts';
import type { World } from './world.ts';

export interface FaultsOptions {
  readonly world: World;
  readonly cluster: Cluster;
  readonly weather: Weather;
  readonly history: PushHistory;
  readonly random: Random;
  readonly fromMs: number;
  readonly untilMs: number;
}

type Fault = (on: FaultsOptions) => void;

const faults: readonly { readonly weight: number; readonly fault: Fault }[] = [
  { weight: 4, fault: kill },
  { weight: 4, fault: freeze },
  { weight: 2, fault: partition },
  { weight: 2, fault: drain },
  { weight: 4, fault: badStore },
  { weight: 1, fault: storeAway },
  { weight: 4, fault: badBus },
  { weight: 1, fault: busAway },
];

const hourMs = 60 * 60 * 1000;
const steps = [hourMs, -hourMs, 24 * hourMs, -24 * hourMs];

/** A run without faults is a run too. */
export function scheduleFaults(options: FaultsOptions): void {
  const { world, random, fromMs, untilMs } = options;
  const count = random.below(9);
  const bag = faults.flatMap(({ weight, fault }) => Array.from({ length: weight }, () => fault));
  for (let index = random.below(4); index > 0; index--) {
    world.after(random.between(0, untilMs), () => stepClock(options));
  }
  for (let index = 0; index < count; index++) {
    const fault = random.pick(bag);
    world.after(random.between(fromMs, untilMs), () => fault(options));
  }
}

/** Everything works again, and what has died runs again. */
export function healAll({ world, cluster, weather }: FaultsOptions, fair: Weather): void {
  world.note('everything heals');
  Object.assign(weather.store, fair.store);
  Object.assign(weather.bus, fair.bus);
  for (const slot of cluster.slots) {
    slot.bus?.cut(false);
    slot.process?.thaw();
    cluster.start(slot);
  }
}

function pickSlot({ cluster, random }: FaultsOptions): Slot {
  return random.pick(cluster.slots);
}

/** Steps the clock of one machine, or of all as when they run on one; some restart at that moment. */
function stepClock(on: FaultsOptions): void {
  const { cluster, random } = on;
  const byMs = random.pick(steps);
  if (Math.abs(byMs) > hourMs) on.history.dayStepsMs.push(on.world.nowMs);
  for (const slot of random.chance(0.3) ? cluster.slots : [pickSlot(on)]) {
    if (random.chance(0.4)) {
      slot.process?.kill();
      on.world.after(random.between(100, 2_000), () => cluster.start(slot));
    }
    cluster.stepWall(slot, byMs);
  }
}

function kill(on: FaultsOptions): void {
  const slot = pickSlot(on);
  slot.process?.kill();
  // Sometimes a node does not come back before the others have called it dead.
  const awayMs = on.random.chance(0.3) ? on.random.between(10_000, 18_000) : on.random.between(100, 4_000);
  on.world.after(awayMs, () => on.cluster.start(slot));
}

function freeze(on: FaultsOptions): void {
  const { process } = pickSlot(on);
  if (process === undefined) return;
  process.freeze();
  const awayMs = on.random.chance(0.3) ? on.random.between(3_000, 16_000) : on.random.between(50, 1_500);
  on.world.after(awayMs, () => process.thaw());
}

function partition(on: FaultsOptions): void {
  const { bus, process } = pickSlot(on);
  if (bus === undefined || process === undefined) return;
  on.world.note('cut off', process.name);
  bus.cut(true);
  on.world.after(on.random.between(100, 8_000), () => {
    on.world.note('no longer cut off', process.name);
    bus.cut(false);
  });
}

function drain(on: FaultsOptions): void {
  on.cluster.drain(pickSlot(on));
}

function during(on: FaultsOptions, what: string, mostMs: number, begin: () => void, end: () => void): void {
  on.world.note(what);
  begin();
  on.world.after(on.random.between(200, mostMs), () => {
    on.world.note(what, 'is over');
    end();
  });
}

function badStore(on: FaultsOptions): void {
  const { random, weather } = on;
  const { store } = weather;
  const before = { ...fairWeather().store };
  delete (before as Partial<typeof before>).isAway;
  const worse = {
    slow: random.pick([0, 0.1, 0.5]),
    throttle: random.pick([0, 0.05, 0.4]),
    lostRequest: random.pick([0, 0.02, 0.1]),
    lostAnswer: random.pick([0, 0.03, 0.2]),
    lateWrite: random.pick([0, 0, 0.03]),
    partial: random.pick([0, 0.1, 0.4]),
  };
  during(
    on,
    'the store behaves badly',
    6_000,
    () => Object.assign(store, worse),
    () => Object.assign(store, before),
  );
}

function storeAway(on: FaultsOptions): void {
  const { store } = on.weather;
  during(
    on,
    'the store is away',
    8_000,
    () => {
      store.isAway = true;
    },
    () => {
      store.isAway = false;
    },
  );
}

function badBus(on: FaultsOptions): void {
  const { random, weather } = on;
  const { bus } = weather;
  const before = { ...fairWeather().bus };
  delete (before as Partial<typeof before>).isAway;
  const worse = {
    lose: random.pick([0, 0.02, 0.15]),
    duplicate: random.pick([0, 0.05, 0.3]),
    reorder: random.pick([0, 0.1, 0.5]),
    stall: random.pick([0, 0, 0.03]),
    falseRefusal: random.pick([0, 0, 0.1]),
  };
  during(
    on,
    'the bus behaves badly',
    6_000,
    () => Object.assign(bus, worse),
    () => Object.assign(bus, before),
  );
}

function busAway(on: FaultsOptions): void {
  const { bus } = on.weather;
  during(
    on,
    'the bus is away',
    5_000,
    () => {
      bus.isAway = true;
    },
    () => {
      bus.isAway = false;
    },
  );
}
