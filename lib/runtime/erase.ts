/** Deleting all rows of a partition, in every table, whoever declared them: what nobody thought of goes, too. */
import type { Store, Table } from '../ports/store.ts';
import { runtimeLimits } from './limits.ts';
import type { Rows } from './rows.ts';

const tables: readonly Table[] = ['core', 'archive', 'live'];

/**
 * @param onPage runs before each page of rows is deleted, and may throw to stop
 * @param mayDelete runs when a page is about to be deleted, and may throw to stop
 */
export async function erasePartition(
  store: Store,
  { partition }: Rows,
  { onPage = async () => {}, mayDelete = () => {} }: { onPage?: (rows: number) => Promise<void>; mayDelete?: () => void } = {},
): Promise<void> {
  for (const table of tables) {
    for (let after: string | undefined; ; ) {
      const rows = await store.query({ table, partition, after, limit: runtimeLimits.eraseRowsMax, consistent: true });
      if (rows.length === 0) break;
      await onPage(rows.length);
      mayDelete();
      await store.batchDelete(rows.map(({ sort }) => ({ table, partition, sort })));
      after = rows.at(-1)!.sort;
    }
  }
}
