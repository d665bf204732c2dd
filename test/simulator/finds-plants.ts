/** Tests that the simulator finds planted bugs, except those that take too many seeds. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Plant } from './plant.ts';
import { runSeed } from './run.ts';

const plantSeeds = 250;

export function findsPlants(title: string, plants: readonly Plant[]): void {
  describe(title, () => {
    for (const plant of plants.filter(({ isRare }) => !isRare)) {
      test(`is caught within ${plantSeeds} seeds when it breaks ${plant.breaks}`, async () => {
        let isFound = false;
        for (let seed = 1; seed <= plantSeeds && !isFound; seed++) isFound = (await runSeed(seed, { plant })).faults.length > 0;
        assert.ok(isFound);
      });
    }
  });
}
