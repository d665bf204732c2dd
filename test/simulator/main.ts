/**
 * `npm run simulate -- --seeds 1000 [--from 1] [--plant no-fence] [--alone] [--visited] [--announced] [--trace]`: runs seeds one after the
 * other, and ends with 1 when one of them finds a fault; with a planted bug, when none does. `--alone` leaves other servers out, with `--visited`
 * guests come in each seed, and with `--announced` operators announce something in each.
 */
import { parseArgs } from 'node:util';
import { announcementPlants } from './announcement-plants.ts';
import { plants } from './plants.ts';
import { type RunResult, runSeed } from './run.ts';
import { visitPlants } from './visit-plants.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    plant: { type: 'string' },
    trace: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    visited: { type: 'boolean', default: false },
    announced: { type: 'boolean', default: false },
  },
});

const from = Number(values.from);
const count = Number(values.seeds);
const plant = plants.find(({ name }) => name === values.plant);
if (values.plant !== undefined && plant === undefined) {
  console.error(`--plant takes one of: ${plants.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(count) || count < 1) {
  console.error('--seeds and --from take whole numbers');
  process.exit(2);
}

/** Only then can some bugs be found. */
const isVisited = values.visited || (plant !== undefined && visitPlants.includes(plant)) || undefined;
const isAnnounced = values.announced || (plant !== undefined && announcementPlants.includes(plant)) || undefined;
const totals: Record<string, number> = {};
const failed: RunResult[] = [];
const started = performance.now();
let events = 0;
for (let seed = from; seed < from + count; seed++) {
  const result = await runSeed(seed, { plant, isTraced: values.trace, isAlone: values.alone, isVisited, isAnnounced });
  events += result.events;
  for (const [name, value] of Object.entries(result.numbers)) totals[name] = (totals[name] ?? 0) + value;
  if (values.trace) console.log(result.trace.join('\n'));
  if (result.faults.length > 0) {
    failed.push(result);
    console.log(
      `seed ${seed} failed:\n${result.faults
        .slice(0, 30)
        .map((fault) => `    ${fault}`)
        .join('\n')}`,
    );
    console.log(`    again: npm run simulate -- --seeds 1 --from ${seed} --trace${plant ? ` --plant ${plant.name}` : ''}`);
    if (plant !== undefined && !values.keep) break;
  }
  const done = seed - from + 1;
  if (done % 500 === 0) console.log(`${done} of ${count} seeds, ${failed.length} failed, ${perSeed(done)} ms each`);
}

function perSeed(done: number): string {
  return ((performance.now() - started) / done).toFixed(1);
}

console.log(
  Object.entries({ events, ...totals })
    .map(([name, value]) => `${value} ${name}`)
    .join(', '),
);
if (plant !== undefined) {
  const [first] = failed;
  console.log(
    first ? `planted ${plant.name}: found by seed ${first.seed}` : `planted ${plant.name}: not found in ${count} seeds`,
  );
  process.exitCode = first ? 0 : 1;
} else {
  console.log(`${count - failed.length} of ${count} seeds passed, ${perSeed(count)} ms each`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
