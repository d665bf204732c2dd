/**
 * Cells of a deployment: where the tenants of each are reached (docs/decisions/0019-a-tenant-lives-in-one-cell.md). Routers write the row of
 * their own cell when they start. The tables of a cell are its own, so they have one row, unless its name was changed.
 */
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';

export interface CellPlace {
  /** Where clients connect: what SRV records name. */
  readonly host: string;
  /** Where other servers connect. */
  readonly serversHost: string;
  /** The origin of the console and of the pages, such as `https://chat.example.org`, if it has been told. */
  readonly webUrl?: string | undefined;
}

export interface Cell extends CellPlace {
  readonly name: string;
}

const cells = collection<CellPlace>('cell', 'deployment');

/** Beside the tenants, whom they serve. */
const rowsOf = (store: Store) => Rows.ofDeployment(store, 'tenants');

/** Writes only what has changed. */
export async function noteCell(store: Store, { name, host, serversHost, webUrl }: Cell): Promise<void> {
  const there = (await rowsOf(store).get(cells, name))?.value;
  if (there?.host === host && there.serversHost === serversHost && there.webUrl === webUrl) return;
  await rowsOf(store).put(cells, name, { host, serversHost, ...(webUrl !== undefined && { webUrl }) });
}

/** At most {@link runtimeLimits.cellsMax}. */
export async function listCells(store: Store): Promise<readonly Cell[]> {
  const rows = await rowsOf(store).list(cells, { limit: runtimeLimits.cellsMax });
  return rows.map(({ key, value }) => ({ name: key, ...value }));
}
