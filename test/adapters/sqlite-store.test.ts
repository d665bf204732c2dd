import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { setClock, storeContract } from '../contracts/store.contract.ts';

storeContract('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skylark-store-'));
  const clock = setClock();
  const store = await openSqliteStore(folder, { clock });
  const close = async () => {
    await store.close();
    await rm(folder, { recursive: true });
  };
  return { store, clock, close };
});
