/**
 * Brings the index of words (XEP-0431) in line with what the tenant wants: messages that were archived before it wanted searches are added,
 * or all are taken out. It goes through the archives of accounts and then of rooms, a bounded number of messages at a time, and says how far
 * it is. A message that changes meanwhile is left to whoever changes it.
 */
import { isSearched, rowText } from '../../../lib/runtime/archive-search.ts';
import type { Collection } from '../../../lib/runtime/collection.ts';
import { accountNames, listNames, roomNames } from '../../../lib/runtime/directory.ts';
import { type Item, Rows } from '../../../lib/runtime/rows.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { entries } from './archive.ts';
import { indexLimits } from './limits.ts';

/** The last message that was looked at, in this archive; without an id, the archive is finished. */
export interface Progress {
  readonly kind: 'account' | 'room';
  readonly name: string;
  readonly id?: string | undefined;
}

interface Message {
  readonly xml: string;
  /** In a room without an archive it is kept for a short while only. */
  readonly isTransient?: boolean;
}

/** The archive of a room, whose worker declares it: here it is read only. */
const roomEntries: Collection<Message> = { name: entries.name, prefix: entries.prefix, owner: 'room', table: entries.table };

const kinds = {
  account: { names: accountNames, collection: entries as Collection<Message>, rowsOf: Rows.ofAccount },
  room: { names: roomNames, collection: roomEntries, rowsOf: Rows.ofRoom },
} as const;

/** @returns how many messages were looked at, and where to go on; undefined at the end */
export async function reindexSome(
  dependencies: Dependencies,
  tenant: Tenant,
  from: Progress | undefined,
): Promise<{ readonly count: number; readonly next: Progress | undefined }> {
  let count = 0;
  let at: Progress | undefined = from;
  while (count < indexLimits.requestMessagesMax) {
    const archive = await nextArchive(dependencies, tenant, at);
    if (archive === undefined) return { count, next: undefined };
    const page = await reindexPage(dependencies, tenant, archive);
    count += page.count;
    at = { kind: archive.kind, name: archive.name, id: page.last };
  }
  return { count, next: at };
}

/** The archive that is not finished, or the next one. */
async function nextArchive({ store }: Dependencies, { domain }: Tenant, at?: Progress): Promise<Progress | undefined> {
  if (at?.id !== undefined) return at;
  for (const kind of at?.kind === 'room' ? (['room'] as const) : (['account', 'room'] as const)) {
    const after = at?.kind === kind ? at.name : undefined;
    const [name] = await listNames(store, domain, kinds[kind].names, 1, after);
    if (name !== undefined) return { kind, name, id: '' };
  }
  return undefined;
}

/** @returns the last id, unless the archive is finished */
async function reindexPage(
  { store }: Dependencies,
  tenant: Tenant,
  { kind, name, id }: Progress,
): Promise<{ readonly count: number; readonly last: string | undefined }> {
  const { collection, rowsOf } = kinds[kind];
  const rows = rowsOf(store, tenant.domain, name);
  const limit = indexLimits.pageMax;
  const page = await rows.list(collection, { limit, after: id });
  const isWanted = isSearched(tenant, store);
  await rows.index(
    collection,
    page.map((item) => ({ key: item.key, version: item.version, text: textOf(item, isWanted) })),
  );
  return { count: page.length, last: page.length < limit ? undefined : page.at(-1)!.key };
}

function textOf({ key, value }: Item<Message>, isWanted: boolean) {
  const text = isWanted && !value.isTransient ? rowText(key, Stanza.parse(value.xml)) : undefined;
  return text ?? { text: '', atMs: 0 };
}
