/** CPU and memory of a process and its children as Linux counts them: all threads, Erlang's helpers, child processes. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time in microseconds, including children that have ended. */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  /** Like RSS, but pages that several processes map are divided among them. */
  readonly pssBytes: number;
}

/** Clock ticks per second of /proc; 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

export function usageOf(pid: number): Usage {
  let [cpuMicros, rssBytes, pssBytes] = [0, 0, 0];
  for (const each of [pid, ...descendants(pid)]) {
    try {
      const memory = readFileSync(`/proc/${each}/smaps_rollup`, 'utf8');
      cpuMicros += cpuMicrosOf(each);
      rssBytes += kilobytes(memory, 'Rss');
      pssBytes += kilobytes(memory, 'Pss');
    } catch (error) {
      // it ended after it was listed; only the server itself must not do that
      if (each === pid) throw error;
    }
  }
  return { cpuMicros, rssBytes, pssBytes };
}

/** Cheaper than {@link usageOf}: counting the memory of a large process takes milliseconds. */
export function cpuOf(pid: number): number {
  let micros = cpuMicrosOf(pid);
  for (const each of descendants(pid)) {
    try {
      micros += cpuMicrosOf(each);
    } catch {
      // it ended, and its parent has its time
    }
  }
  return micros;
}

/** utime, stime, cutime, cstime: proc(5). */
function cpuMicrosOf(pid: number): number {
  const ticks = statOf(pid).slice(11, 15);
  return (ticks.reduce((sum, each) => sum + Number(each), 0) * 1e6) / ticksPerSecond;
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024;
}

/** The fields of /proc/pid/stat after the command's name. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(statOf(Number(name))[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // the process has ended
    }
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}
