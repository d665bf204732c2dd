/** What parts of the program count while something is done. */
import type { Count } from '../../lib/runtime/counts.ts';

const read = (count: Count) => new Map(count.lines.map(({ values, total }) => [values.join(' '), total]));

/** By how much the lines of a figure grow meanwhile, by their labels. */
export async function grown(count: Count, work: () => unknown): Promise<Record<string, number>> {
  const before = read(count);
  await work();
  const grew = [...read(count)].map(([line, total]) => [line, total - (before.get(line) ?? 0)] as const);
  return Object.fromEntries(grew.filter(([, by]) => by !== 0));
}
