/** Where Skylark's time goes: V8's CPU profiles of all its threads, cut to the measured time, by function and by file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { add, type CallFrame, fileOf, functionOf, largest } from './call-frame.ts';

const intervalMicros = 250;
const functionsMax = 30;
const filesMax = 15;

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Span {
  readonly fromMicros: number;
  readonly toMicros: number;
}

export function profilingOptions(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${intervalMicros}`];
}

/** @throws when there is no profile, or none covers a measured span */
export function describeProfiles(folder: string, spans: readonly Span[]): string[] {
  const [functions, files] = [new Map<string, number>(), new Map<string, number>()];
  let total = 0;
  for (const name of readdirSync(folder)) {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile;
    for (const [id, micros] of selfTimes(profile, spans)) {
      const { callFrame } = profile.nodes[id]!;
      if (callFrame.functionName === '(idle)') continue;
      total += micros;
      add(functions, functionOf(callFrame), micros);
      add(files, callFrame.url === '' ? callFrame.functionName : fileOf(callFrame), micros);
    }
  }
  if (total === 0) throw new Error(`no profile in ${folder} covers the measurement`);
  return [
    '',
    `${(total / 1e6).toFixed(2)} s of busy time; by file:`,
    ...top(files, total, filesMax),
    '',
    'by function, without its callees:',
    ...top(functions, total, functionsMax),
  ];
}

/** File and function of each node, by its index. */
function selfTimes({ nodes, startTime, samples, timeDeltas }: Profile, spans: readonly Span[]): Map<number, number> {
  const indexById = new Map(nodes.map(({ id }, index) => [id, index]));
  const times = new Map<number, number>();
  let now = startTime;
  samples.forEach((id, index) => {
    now += timeDeltas[index]!;
    if (!spans.some(({ fromMicros, toMicros }) => now >= fromMicros && now <= toMicros)) return;
    const node = indexById.get(id)!;
    // a sample counts for the time until the next one
    times.set(node, (times.get(node) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  });
  return times;
}

function top(sums: ReadonlyMap<string, number>, total: number, max: number): string[] {
  return largest(sums, max).map(([name, micros]) => `${((100 * micros) / total).toFixed(1).padStart(5)} %  ${name}`);
}
