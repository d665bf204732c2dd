/** Tests that the simulator finds planted bugs, except those that take too many seeds. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Plant } from './plant.ts';
import { type RunOptions, runSeed } from './run.ts';

const plantSeeds = 250;

/** @param options of the runs */
export function findsPlants(title: string, plants: readonly Plant[], options: RunOptions = {}): void {
  describe(title, () => {
    for (const plant of plants.filter(({ isRare }) => !isRare)) {
      test(`is caught within ${plantSeeds} seeds when it breaks ${plant.breaks}`, async () => {
        let isFound = false;
        for (let seed = 1; seed <= plantSeeds && !isFound; seed++) {
          const isFaulty = async (given: RunOptions) => (await runSeed(seed, given)).faults.length > 0;
          // A seed that fails without the bug has not found it.
          isFound = (await isFaulty({ ...options, plant })) && !(await isFaulty(options));
        }
        assert.ok(isFound);
      });
    }
  });
}
