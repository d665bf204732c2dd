/** A cell tells its name in its tables, so that tenants are added to it, and `skylark dns` knows where it is. */
import type { Store } from '../../../lib/ports/store.ts';
import { noteCell } from '../../../lib/runtime/cells.ts';
import { UsageError } from '../core/report.ts';
import type { ServeValues } from './serve-options.ts';

type CellValues = Pick<ServeValues, 'cell' | 'cellHost' | 'cellServersHost'> & Partial<Pick<ServeValues, 'cellWebUrl'>>;

/** @throws {UsageError} when only a part is given */
export async function tellCell(store: Store, { cell, cellHost, cellServersHost, cellWebUrl }: CellValues): Promise<void> {
  const given = [cell, cellHost, cellServersHost, cellWebUrl];
  if (given.every((one) => one === undefined)) return;
  if (cell === undefined || cellHost === undefined || cellServersHost === undefined)
    throw new UsageError('--cell, --cell-host and --cell-servers-host need each other');
  await noteCell(store, { name: cell, host: cellHost, serversHost: cellServersHost, webUrl: cellWebUrl });
}
