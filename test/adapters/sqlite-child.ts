/** A process with a SQLite store that does what its parent says. The parent kills it, or takes its disk space away. */
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';

export type ChildOrder =
  /** Put rows `0`, `1`, … with this many concurrent writers until the end, and report each acknowledged row. */
  | { readonly kind: 'load'; readonly writers: number }
  | { readonly kind: 'put'; readonly sort: string; readonly valueBytes: number };

/** The sort key of a durable row, or the reason why it is not durable. */
export type ChildReport =
  | { readonly ready: true }
  | { readonly put: string }
  | { readonly failed: string; readonly name: string };

const report = (message: ChildReport) => process.send!(message);

process.on('SIGXFSZ', () => {}); // a write beyond the limit then fails with EFBIG instead of ending the process
const store = await openSqliteStore(process.argv[2]!, { clock: systemClock });

async function load(writers: number): Promise<void> {
  let next = 0;
  const write = async () => {
    for (;;) {
      const sort = `${next++}`;
      await store.put({ table: 'core', partition: 'load', sort, value: `value of ${sort}` }, 'absent');
      report({ put: sort });
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}

async function put(sort: string, valueBytes: number): Promise<void> {
  try {
    await store.put({ table: 'core', partition: 'disk', sort, value: sort.padEnd(valueBytes, '.') });
    report({ put: sort });
  } catch (error) {
    report({ failed: sort, name: (error as Error).name });
  }
}

process.on('message', (order: ChildOrder) => (order.kind === 'load' ? load(order.writers) : put(order.sort, order.valueBytes)));
process.on('disconnect', () => process.exit());
report({ ready: true });
