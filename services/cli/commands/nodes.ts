/** `skylark status` and `skylark drain`. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { limits } from '../../../lib/limits.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import type { Options, Values } from '../core/arguments.ts';
import { data, json } from '../core/options.ts';
import { Refusal, say, UsageError } from '../core/report.ts';
import { type AdminClient, openAdmin } from './admin-client.ts';

export const statusOptions = { json, data } satisfies Options;
export const drainOptions = { data } satisfies Options;

const pollMs = 250;

const statusSchema = z.object({
  nodes: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      subject: z.string(),
      since: z.string(),
      state: z.string(),
      figures: z.record(z.string(), z.number()),
    }),
  ),
  parked: z.number(),
});

type Status = z.infer<typeof statusSchema>;

/** By the names that they have in `figures`. */
const columns = ['streams', 'sessions', 'parked', 'rooms', 'batches'] as const;

export async function status(values: Values<typeof statusOptions>, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is one argument too many; see: skylark help status`);
  return withAdmin(values.data, async (admin) => {
    const found = await readStatus(admin);
    if (values.json) for (const node of found.nodes) say(JSON.stringify(node));
    else say(...table(found));
    if (values.json) say(JSON.stringify({ parkedInStore: found.parked }));
  });
}

function table({ nodes, parked }: Status): string[] {
  const head = ['NODE', 'KIND', 'STATE', 'SINCE', ...columns.map((name) => name.toUpperCase())];
  const rows = nodes.map(({ name, kind, state, since, figures }) => [
    name,
    kind,
    state,
    since.replace(/\.\d+Z$/, 'Z'),
    ...columns.map((column) => `${figures[column] ?? '-'}`),
  ]);
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join('  ')
      .trimEnd();
  const count = parked >= limits.storeQueryRowsMax ? `${parked} or more` : `${parked}`;
  return [line(head), ...rows.map(line), `Sessions parked in the store: ${count}`];
}

/** Ends when the node holds no session any more, or is gone. */
export async function drain(values: Values<typeof drainOptions>, positionals: readonly string[]): Promise<number> {
  const [node, ...rest] = positionals;
  if (node === undefined) throw new UsageError("'skylark drain' needs the NAME of a node; see: skylark status");
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is one argument too many; see: skylark help drain`);
  return withAdmin(values.data, async (admin) => {
    const { name, subject } = z.object({ name: z.string(), subject: z.string() }).parse(await admin.ask('node-drain', { node }));
    for (;;) {
      const found = (await readStatus(admin)).nodes.find((one) => one.subject === subject);
      if (found === undefined) throw new Refusal(`node ${name} stopped before it was empty`);
      if (found.state === 'draining' && found.figures.sessions === 0) break;
      await pause(pollMs);
    }
    say(`drained ${name}: it holds no session and takes no stream`);
  });
}

async function readStatus(admin: AdminClient): Promise<Status> {
  return statusSchema.parse(await admin.ask('status', {}));
}

async function withAdmin(folder: string, work: (admin: AdminClient) => Promise<void>): Promise<number> {
  const admin = await openAdmin(findDataFolder(folder));
  try {
    await work(admin);
    return 0;
  } finally {
    await admin.close();
  }
}
