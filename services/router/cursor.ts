/**
 * The cursor: how far the account's clients have the queue (DESIGN §2). Entries after it are delivered to the next client that
 * becomes available; the read begins a little before it, because an entry with a smaller id may commit later, and leaves out what
 * the ring says was delivered.
 */
import { limits } from '../../lib/limits.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { firstIdAt, isId, timeOfId } from '../../lib/runtime/ids.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { listEntries } from './archive.ts';

export interface Cursor {
  /** The greatest id that a client has; '' when none was ever delivered. */
  readonly at: string;
  /** The greatest ids delivered, in order. */
  readonly ring: readonly string[];
}

const cursors = collection<Cursor>('cursor');

/** A client has these entries. At once. */
export async function moveCursor(account: Account, ids: readonly string[]): Promise<void> {
  const valid = ids.filter(isId);
  if (valid.length === 0) return;
  await account.update(cursors, '', (cursor) => {
    const ring = [...new Set([...(cursor?.ring ?? []), ...valid])].sort().slice(-limits.deliveredRingMax);
    return { at: ring.at(-1)!, ring };
  });
}

/** The account was just made or its client reads the archive by itself: nothing before now is to be delivered. */
export async function skipToNow(account: Account): Promise<void> {
  const at = firstIdAt(account.now.getTime());
  await account.update(cursors, '', (cursor) => (cursor && cursor.at >= at ? cursor : { at, ring: cursor?.ring ?? [] }));
}

export interface Page {
  readonly stanzas: readonly { readonly id: string; readonly xml: Buffer }[];
  /** Where the next page starts; absent at the end of the queue. */
  readonly next?: string;
}

/**
 * One page of what the account has not got yet, each stamped with XEP-0203 `delay`.
 * @param after '' for the first page
 * @param seen ids that this session has got already although the cursor does not know
 */
export async function readQueue(account: Account, after: string, seen: ReadonlySet<string>): Promise<Page> {
  const cursor = await account.get(cursors);
  const delivered = new Set(cursor?.ring);
  const from = after || catchUpStart(cursor);
  const items = await listEntries(account, { limit: limits.catchUpPageMax, after: from });
  const stanzas = items
    .filter(({ key, value }) => value.queue && value.direction === 'in' && !delivered.has(key) && !seen.has(key))
    .map(({ key, value }) => ({ id: key, xml: delayed(value.xml, key, account.domain) }));
  return items.length < limits.catchUpPageMax ? { stanzas } : { stanzas, next: items.at(-1)!.key };
}

function catchUpStart(cursor: Cursor | undefined): string {
  if (!cursor) return '0';
  const overlap = firstIdAt(timeOfId(cursor.at.padEnd(18, '0')) - limits.catchUpOverlapMs);
  // a ring that is full may have forgotten ids of the overlap: what it forgot was delivered
  const oldest = cursor.ring.length >= limits.deliveredRingMax ? cursor.ring[0]! : '';
  return oldest > overlap ? oldest : overlap;
}

function delayed(xml: string, id: string, domain: string): Buffer {
  const stanza = Stanza.parse(xml);
  const stamp = new Date(timeOfId(id)).toISOString();
  return stanza.render(stanza.attributes, {
    append: `<delay xmlns='urn:xmpp:delay' from='${domain}' stamp='${stamp}'>Offline Storage</delay>`,
  });
}
