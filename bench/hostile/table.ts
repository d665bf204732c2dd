/** Measures several things in turns, repeatedly, each as a multiple of the cost of plain text in the same round. */
import { median } from '../modes/outcome.ts';

/** Something to measure: some bytes, and what is done with them. */
export interface Work {
  readonly bytes: number;
  readonly run: () => Promise<void> | void;
  /** How it was answered, so far. */
  readonly answers?: ReadonlySet<string>;
}

export interface Cost {
  readonly name: string;
  /** Nanoseconds of CPU for each byte. */
  readonly cost: number;
  readonly times: number;
  readonly answers: readonly string[];
}

const rounds = 5;

/** Nanoseconds of CPU for each byte. */
async function costOf({ bytes, run }: Work, bytesPerRound: number): Promise<number> {
  const times = Math.max(2, Math.ceil(bytesPerRound / bytes));
  const before = process.cpuUsage();
  for (let count = 0; count < times; count += 1) await run();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / (times * bytes);
}

/** @param works the works by name; plain text is measured before and after each round of them */
export async function compare(plain: Work, works: ReadonlyMap<string, Work>, bytesPerRound: number): Promise<readonly Cost[]> {
  const found = new Map([...works.keys()].map((name) => [name, { costs: [] as number[], times: [] as number[] }]));
  const plainCosts: number[] = [];
  await costOf(plain, bytesPerRound / 2);
  for (let round = 0; round < rounds; round += 1) {
    const texts = [await costOf(plain, bytesPerRound)];
    const costs = new Map<string, number>();
    for (const [name, work] of works) {
      if (round === 0) await work.run();
      costs.set(name, await costOf(work, bytesPerRound));
      if (costs.size % 12 === 0) texts.push(await costOf(plain, bytesPerRound));
    }
    texts.push(await costOf(plain, bytesPerRound));
    const text = median(texts);
    plainCosts.push(text);
    for (const [name, cost] of costs) {
      found.get(name)!.costs.push(cost);
      found.get(name)!.times.push(cost / text);
    }
  }
  const rows = [...found].map(([name, { costs, times }]) => {
    return { name, cost: median(costs), times: median(times), answers: [...(works.get(name)?.answers ?? [])] };
  });
  return [{ name: 'plain text', cost: median(plainCosts), times: 1, answers: [] }, ...rows];
}
