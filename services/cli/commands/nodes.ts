/** `skylark status` lists the processes of a deployment; `skylark drain` empties a connection node, `skylark undrain` fills it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { z } from 'zod';
import { portLimits } from '../../../lib/ports/limits.ts';
import { nodeDrain, nodeUndrain, status as statusOperation } from '../../router/operations/nodes.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import type { Values } from '../core/arguments.ts';
import { Refusal, say, UsageError } from '../core/report.ts';
import { tableOf } from '../core/table.ts';
import { programLimits } from '../limits.ts';
import { type AdminClient, openAdmin } from './admin-client.ts';
import { one } from './admin-command.ts';
import type { drainOptions, statusOptions } from './node-options.ts';

type Status = z.output<typeof statusOperation.output>;

/** The figures that the table shows, by their names in `figures`. */
const columns = ['streams', 'sessions', 'parked', 'rooms', 'batches'] as const;

export async function status(values: Values<typeof statusOptions>, positionals: readonly string[]): Promise<number> {
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' is an unexpected argument; see: skylark help status`);
  return withAdmin(values.data, async (admin) => {
    const found = await admin.ask(statusOperation, {});
    if (values.json) for (const node of found.nodes) say(JSON.stringify(node));
    else say(...table(found));
    if (values.json) say(JSON.stringify({ parkedInStore: found.parked }));
  });
}

function table({ nodes, parked }: Status): string[] {
  const hasReleases = nodes.some(({ release }) => release !== undefined);
  const head = [
    'NODE',
    'KIND',
    'STATE',
    'SINCE',
    ...(hasReleases ? ['RELEASE'] : []),
    ...columns.map((name) => name.toUpperCase()),
  ];
  const rows = nodes.map(({ name, kind, state, since, release, figures }) => [
    name,
    kind,
    state,
    since.replace(/\.\d+Z$/, 'Z'),
    ...(hasReleases ? [release ?? '-'] : []),
    ...columns.map((column) => `${figures[column] ?? '-'}`),
  ]);
  const count = parked >= portLimits.storeQueryRowsMax ? `${parked} or more` : `${parked}`;
  return [...tableOf(head, rows), `Sessions parked in the store: ${count}`];
}

/** Waits until the node holds no session. @throws {Refusal} when the node stops before that */
export async function drain(values: Values<typeof drainOptions>, positionals: readonly string[]): Promise<number> {
  const node = one('drain', 'NODE', positionals);
  return withAdmin(values.data, async (admin) => {
    const { name, subject } = await admin.ask(nodeDrain, { node });
    for (;;) {
      const found = (await admin.ask(statusOperation, {})).nodes.find((one) => one.subject === subject);
      if (found === undefined) throw new Refusal(`node ${name} stopped before it was empty`);
      if (found.state === 'draining' && found.figures.sessions === 0) break;
      await pause(programLimits.drainPollMs);
    }
    say(`drained ${name}: it holds no session and takes no stream`);
  });
}

export async function undrain(values: Values<typeof drainOptions>, positionals: readonly string[]): Promise<number> {
  const node = one('undrain', 'NODE', positionals);
  return withAdmin(values.data, async (admin) => {
    const { name } = await admin.ask(nodeUndrain, { node });
    say(`${name} takes streams again`);
  });
}

export async function withAdmin(folder: string, work: (admin: AdminClient) => Promise<void>): Promise<number> {
  const admin = await openAdmin(findDataFolder(folder));
  try {
    await work(admin);
    return 0;
  } finally {
    await admin.close();
  }
}
