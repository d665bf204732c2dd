/** CPU and memory of a process and its children, as the system counts them (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

export interface Usage {
  /** User and system time, microseconds. */
  readonly cpuMicros: number;
  readonly residentBytes: number;
}

/** Clock ticks per second of /proc; 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

export function usageOf(pid: number): Usage {
  let [cpuMicros, residentBytes] = [0, 0];
  for (const each of [pid, ...descendants(pid)]) {
    try {
      const fields = statOf(each);
      cpuMicros += ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
      const status = readFileSync(`/proc/${each}/status`, 'utf8');
      residentBytes += Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
    } catch {
      // it ended between the listing and the reading
    }
  }
  return { cpuMicros, residentBytes };
}

/** The fields of /proc/pid/stat behind the command's name. */
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
      // gone
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
