/** The contracts of the ports, on the store and the bus of the simulator (docs/reliability.md). */
import { systemClock } from '../lib/adapters/system-clock.ts';
import { busContract } from './contracts/bus.contract.ts';
import { setClock, storeContract } from './contracts/store.contract.ts';
import { Random } from './simulator/random.ts';
import { BusNetwork } from './simulator/sim-bus.ts';
import { SimStore } from './simulator/sim-store.ts';
import { StoreRows } from './simulator/store-rows.ts';
import { fairWeather } from './simulator/weather.ts';
import { memoryStore } from './support/stage/memory-store.ts';

storeContract('the simulated store', async () => {
  const clock = setClock();
  const store = new SimStore(new StoreRows(clock.now), async (apply) => apply());
  return { store, clock, close: () => store.close() };
});

storeContract(
  'the store of stages',
  async () => {
    const clock = setClock();
    const store = memoryStore(clock);
    return { store, clock, close: () => store.close() };
  },
  { keepsWords: true },
);

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
