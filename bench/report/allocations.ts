/**
 * What the main thread allocates, by function and by file, garbage included: V8 samples allocations, and counts those too that a
 * collection has removed since. What the engine, Node and packages allocate counts for the function of ours that called them.
 */
import { Session } from 'node:inspector/promises';
import { add, type CallFrame, fileOf, functionOf, isOurs, largest } from './call-frame.ts';

/** On average one sample is taken in so many bytes. */
const samplingBytes = 4096;
const functionsMax = 60;
const filesMax = 30;

interface AllocationNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly AllocationNode[];
}

/** Runs `work` and describes what it has allocated, in bytes per unit. @param units how many units of work it did */
export async function describeAllocations(units: number, unit: string, work: () => Promise<void>): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: samplingBytes,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await work();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  const [functions, files] = [new Map<string, number>(), new Map<string, number>()];
  const total = sum(profile.head, undefined, functions, files);
  const lines = (sums: ReadonlyMap<string, number>, max: number) =>
    largest(sums, max).map(([name, bytes]) => `${(bytes / units).toFixed(0).padStart(7)} bytes  ${name}`);
  return [
    `${(total / units).toFixed(0)} bytes are allocated for each ${unit}; by file:`,
    ...lines(files, filesMax),
    '',
    'by function, without its callees:',
    ...lines(functions, functionsMax),
  ];
}

/** @param caller the innermost function of ours that has called this one */
function sum(
  { callFrame, selfSize, children }: AllocationNode,
  caller: CallFrame | undefined,
  functions: Map<string, number>,
  files: Map<string, number>,
): number {
  const charged = isOurs(callFrame) ? callFrame : caller;
  add(functions, functionOf(charged ?? callFrame), selfSize);
  add(files, fileOf(charged ?? callFrame), selfSize);
  return children.reduce((total, child) => total + sum(child, charged, functions, files), selfSize);
}
