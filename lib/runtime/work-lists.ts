/** What routers have to do later, in order of time: whoever looks first does it (services/router/later). A row says only that there is something. */
import type { Key, Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { Rows } from './rows.ts';
import { TimeLists } from './time-lists.ts';

export interface Work {
  readonly kind: 'hook' | 'announcement' | 'rosterGroup' | 'serverInfo' | 'proof';
  readonly domain: string;
  /** The webhook's, the announcement's, or that of the change of a group; of others there is one for a tenant. */
  readonly id: string;
}

const rows = collection<Work>('work', 'deployment', 'live');

export const workLists = new TimeLists<Work>(rows, 'work', runtimeLimits.workLists);

function idOf({ kind, domain, id }: Work): string {
  return `${kind} ${domain} ${id}`;
}

export function workKey(store: Store, atMs: number, work: Work): Key & { readonly value: Work } {
  const { value: _, ...key } = workLists.put(store, atMs, idOf(work), work);
  return { ...key, value: work };
}

/** Notes that it is due then. Noting it twice is the same as noting it once. */
export async function putWork(store: Store, atMs: number, work: Work, expiresAtMs?: number): Promise<void> {
  await store.batchPut([{ ...workLists.put(store, atMs, idOf(work), work), expiresAtMs }]);
}

export async function removeWork(store: Store, atMs: number, work: Work): Promise<void> {
  await workLists.remove(store, atMs, idOf(work));
}

/** What a tenant has left that is removed. */
export async function eraseWork(store: Store, domain: string, mayDelete: () => void): Promise<void> {
  const isToGo = (work: Work): boolean => work.domain === domain;
  for (const name of workLists.names) await Rows.ofDeployment(store, name).deleteAll(rows, { mayDelete, isToGo });
}
