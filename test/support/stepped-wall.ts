/**
 * Sets the clock on the wall of processes that a test starts, before they start and while they run. What makes time go on within a process
 * stays as it is, as when somebody sets the machine's clock. Import it first:
 *
 *     const wall = steppedWall();
 *     wall.set(hourMs);
 *
 * This file is also what those processes load before the program: it reads by how much their clock is ahead from a file, by the name of the
 * process (`--name`) or else for all.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hourMs = 60 * 60 * 1000;
export const dayMs = 24 * hourMs;

const variable = 'SKYLARK_TEST_WALL';
/** Within this time a running process has the new offset. */
const lookMs = 20;

type Offsets = Readonly<Record<string, number>>;

export interface SteppedWall {
  /** @param ofProcesses by name; the others are ahead by `aheadMs` */
  set(aheadMs: number, ofProcesses?: Offsets): Promise<void>;
  remove(): void;
}

/** For all processes that this one starts from now on. */
export function steppedWall(): SteppedWall {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-wall-'));
  const path = join(folder, 'ahead.json');
  const write = (offsets: Offsets) => writeFileSync(path, JSON.stringify(offsets));
  write({ '': 0 });
  process.env[variable] = path;
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${import.meta.url}`;
  return {
    async set(aheadMs, ofProcesses = {}) {
      write({ '': aheadMs, ...ofProcesses });
      await new Promise((resolve) => void setTimeout(resolve, 5 * lookMs));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function stepWall(path: string): void {
  const name = process.argv[process.argv.indexOf('--name') + 1] ?? '';
  const now = Date.now.bind(Date);
  let aheadMs = 0;
  const look = () => {
    try {
      const offsets = JSON.parse(readFileSync(path, 'utf8')) as Offsets;
      aheadMs = (process.argv.includes('--name') ? offsets[name] : undefined) ?? offsets[''] ?? 0;
    } catch {
      // it is being written, or the test is over
    }
  };
  look();
  setInterval(look, lookMs).unref();
  Date.now = () => now() + aheadMs;
}

if (process.env[variable] !== undefined) stepWall(process.env[variable]);
