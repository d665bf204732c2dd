/** The simulator finds bugs that were planted (docs/reliability.md). `npm run simulate -- --seeds 3000 --plant NAME` takes the rare ones, too. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plants } from './simulator/plants.ts';
import { runSeed } from './simulator/run.ts';

const plantSeeds = 250;

describe('a cluster with a bug', () => {
  for (const plant of plants.filter(({ isRare }) => !isRare)) {
    test(`is caught within ${plantSeeds} seeds when it breaks ${plant.breaks}`, async () => {
      let isFound = false;
      for (let seed = 1; seed <= plantSeeds && !isFound; seed++) isFound = (await runSeed(seed, { plant })).faults.length > 0;
      assert.ok(isFound);
    });
  }
});
