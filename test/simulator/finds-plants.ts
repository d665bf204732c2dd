/** Tests that the simulator finds planted bugs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Plant } from './plant.ts';
import { type RunOptions, runSeed } from './run.ts';

const plantSeeds = 250;

/** One of so many parts of those that are not rare: all together take longer than a file may. @param number from 1 */
export function part(plants: readonly Plant[], number: number, parts: number): readonly Plant[] {
  const common = plants.filter(({ isRare }) => !isRare);
  const size = Math.ceil(common.length / parts);
  return common.slice((number - 1) * size, number * size);
}

/** @param options of the runs */
export function findsPlants(title: string, plants: readonly Plant[], options: RunOptions = {}): void {
  describe(title, () => {
    for (const plant of plants) {
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
