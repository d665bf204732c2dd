/**
 * A slice of the simulator (docs/reliability.md): the ports' contracts on the simulated store and bus, some seeds, that a seed replays
 * exactly, and that bugs which were planted are found. `npm run simulate -- --seeds 10000` does more of it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { systemClock } from '../lib/adapters/system-clock.ts';
import { busContract } from './contracts/bus.contract.ts';
import { setClock, storeContract } from './contracts/store.contract.ts';
import { plants } from './simulator/plants.ts';
import { Random } from './simulator/random.ts';
import { runSeed } from './simulator/run.ts';
import { BusNetwork } from './simulator/sim-bus.ts';
import { SimStore } from './simulator/sim-store.ts';
import { StoreRows } from './simulator/store-rows.ts';
import { fairWeather } from './simulator/weather.ts';

storeContract('the simulated store', async () => {
  const clock = setClock();
  const store = new SimStore(new StoreRows(clock.now), async (apply) => apply());
  return { store, clock, close: () => store.close() };
});

busContract('the simulated bus', async () => {
  const clock = {
    ...systemClock,
    after(delayMs: number, run: () => void) {
      const timer = setTimeout(run, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  };
  const weather = fairWeather();
  weather.bus.latencyMs = 0;
  const schedule = (_delayMs: number, _process: unknown, _kind: string, run: () => void) => setImmediate(run);
  const network = new BusNetwork({ nowMs: 0, schedule }, new Random(1), weather);
  return { join: async () => network.join(clock), close: async () => {} };
});

const seeds = 30;
const plantSeeds = 250;

describe('a cluster whose parts fail', () => {
  test(`keeps its promises, seeds 1 to ${seeds}`, async () => {
    const totals = { sent: 0, acknowledged: 0, resumed: 0, unconfirmed: 0 };
    for (let seed = 1; seed <= seeds; seed++) {
      const { faults, numbers } = await runSeed(seed);
      assert.deepEqual(faults, [], `again: npm run simulate -- --seeds 1 --from ${seed} --trace`);
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += numbers[name];
    }
    // Seeds in which nothing happens would pass as well.
    assert.ok(totals.sent > seeds * 50 && totals.resumed > seeds && totals.unconfirmed > seeds, JSON.stringify(totals));
    assert.ok(totals.acknowledged > totals.sent * 0.8, JSON.stringify(totals));
  });

  test('does the same in two runs of one seed, event by event, and something else in another', async () => {
    const [first, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)];
    assert.deepEqual(again, first);
    assert.notEqual(other.hash, first.hash);
  });

  for (const plant of plants.filter(({ isRare }) => !isRare)) {
    test(`is caught within ${plantSeeds} seeds when it breaks ${plant.breaks}`, async () => {
      let isFound = false;
      for (let seed = 1; seed <= plantSeeds && !isFound; seed++) isFound = (await runSeed(seed, { plant })).faults.length > 0;
      assert.ok(isFound);
    });
  }
});
