/** Prints the loads of a cluster as a table, and reads and writes them as a file. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type Load, sumOf } from '../cluster.ts';

const figuresSchema = z.record(z.string(), z.number());
const clusterSchema = z.object({
  date: z.string(),
  loads: z.array(
    z.object({
      users: z.number(),
      window: z.number(),
      perSecond: z.number(),
      cpuMicrosEach: figuresSchema,
      callsEach: figuresSchema,
      faults: z.number(),
    }),
  ),
});

export function keepCluster(path: string, loads: readonly Load[], now: Date): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ date: now.toISOString().slice(0, 10), loads }, undefined, 2)}\n`);
}

export function readCluster(path: string): z.infer<typeof clusterSchema> {
  return clusterSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

export function clusterTable(loads: readonly Load[]): string[] {
  const services = Object.keys(loads[0]?.cpuMicrosEach ?? {});
  const head = [
    'users',
    'under way each',
    'messages a second',
    ...services.map((name) => `CPU of ${name}`),
    'requests to the store a message',
  ];
  const rows = loads.map(({ users, window, perSecond, cpuMicrosEach, callsEach }) => [
    `${users}`,
    `${window}`,
    perSecond.toFixed(0),
    ...services.map((name) => `${cpuMicrosEach[name]!.toFixed(0)} µs`),
    `${sumOf(callsEach).toFixed(2)} (${kinds(callsEach)})`,
  ]);
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}

/** Calls that are too rare to belong to messages are left out. */
function kinds(callsEach: Readonly<Record<string, number>>): string {
  return Object.entries(callsEach)
    .filter(([, count]) => count >= 0.005)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count.toFixed(2)}`)
    .join(', ');
}
