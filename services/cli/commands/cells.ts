/** `skylark cell list`: the cells of a deployment, with their tenants. Each cell has tables of its own, so several may be named. */
import { cellList } from '../../router/operations/cells.ts';
import { tenantList } from '../../router/operations/tenants.ts';
import type { Values } from '../core/arguments.ts';
import { say, UsageError } from '../core/report.ts';
import { tableOf } from '../core/table.ts';
import type { AdminClient } from './admin-client.ts';
import { adminOf, none, withAdmin } from './admin-command.ts';
import type { cellListOptions } from './cell-options.ts';

interface Found {
  readonly name: string;
  readonly host: string;
  readonly serversHost: string;
  readonly tenants: readonly string[];
}

/** @returns 1 when a domain is a tenant of several cells: its records name only one of them */
export async function listCells(values: Values<typeof cellListOptions>, positionals: readonly string[]): Promise<number> {
  none('cell list', positionals);
  const { tablePrefixes, ...place } = values;
  if (tablePrefixes !== undefined && place.dynamodb === undefined)
    throw new UsageError('--table-prefixes needs --dynamodb: a data folder is one cell');
  const prefixes = tablePrefixes?.split(',') ?? [place.tablePrefix];
  const found: Found[] = [];
  for (const tablePrefix of prefixes)
    await withAdmin(adminOf({ ...place, tablePrefix }), async (admin) => void found.push(...(await cellsOf(admin))));
  const count = new Map<string, number>();
  for (const domain of found.flatMap(({ tenants }) => tenants)) count.set(domain, (count.get(domain) ?? 0) + 1);
  const twice = [...count].filter(([, cells]) => cells > 1).map(([domain]) => domain);
  if (values.json) for (const { tenants, ...cell } of found) say(JSON.stringify({ ...cell, tenants: tenants.length }));
  else
    say(
      ...tableOf(
        ['CELL', 'CLIENTS', 'SERVERS', 'TENANTS'],
        found.map(({ name, host, serversHost, tenants }) => [name, host, serversHost, `${tenants.length}`]),
      ),
    );
  for (const domain of twice)
    process.stderr.write(`'${domain}' is a tenant of several cells: its records name only one of them\n`);
  return twice.length === 0 ? 0 : 1;
}

/** Tenants that name no cell are those of the only one, or of none that is known. */
async function cellsOf(admin: AdminClient): Promise<Found[]> {
  const { cells } = await admin.ask(cellList, {});
  const tenants = new Map<string, string[]>(cells.map(({ name }) => [name, []]));
  for (let after: string | undefined; ; ) {
    const page = await admin.ask(tenantList, after === undefined ? {} : { after });
    for (const { domain, cell = cells.length === 1 ? cells[0]!.name : '-' } of page.tenants)
      tenants.set(cell, [...(tenants.get(cell) ?? []), domain]);
    after = page.next;
    if (after === undefined) break;
  }
  const placeOf = new Map(cells.map((cell) => [cell.name, cell]));
  return [...tenants].map(([name, domains]) => {
    const { host, serversHost } = placeOf.get(name) ?? { host: '-', serversHost: '-' };
    return { name, host, serversHost, tenants: domains };
  });
}
