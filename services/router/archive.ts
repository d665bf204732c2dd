/**
 * The account's archive, which is also its queue (DESIGN §2): offline delivery is the entries after the cursor.
 *
 * Rows in `archive`, under the account: `m/<id>` the entry, `p/<bare peer> <id>` a keys-only second row for queries by peer.
 * What must not be archived (XEP-0334 no-store, XEP-0441 never) but must reach an offline user is an entry flagged queue-only.
 */

import { collection } from '../../lib/runtime/collection.ts';
import type { ListOptions } from '../../lib/runtime/rows.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { messageType } from './message.ts';

export interface ArchiveEntry {
  /** The stanza as this account sent or got it, with `from` and `to`. */
  readonly xml: string;
  /** Full JID of the other side. */
  readonly peer: string;
  readonly direction: 'in' | 'out';
  /** To be delivered to a client of this account. */
  readonly queue: boolean;
  /** Shown to archive queries. */
  readonly archive: boolean;
}

export const entries = collection<ArchiveEntry>('m', 'archive');
export const entriesByPeer = collection<true>('p', 'archive');

export interface Storage {
  readonly archive: boolean;
  readonly queue: boolean;
}

const hintsNs = 'urn:xmpp:hints';
const chatStatesNs = 'http://jabber.org/protocol/chatstates';
const nothing: Storage = { archive: false, queue: false };

/** Children that alone do not make a message worth keeping. */
function isPassing(child: { readonly name: string; readonly ns: string }): boolean {
  return (
    child.ns === chatStatesNs ||
    child.ns === hintsNs ||
    child.name === 'thread' ||
    child.ns === 'urn:xmpp:sid:0' ||
    child.ns === 'urn:xmpp:carbons:2'
  );
}

/** XEP-0313 §5.1 and XEP-0160 §3: what of a message is kept, and for whom. Preferences are looked at by `keep`. */
export function storageOf(stanza: Stanza): Storage {
  const type = messageType(stanza);
  if (type !== 'chat' && type !== 'normal') return nothing;
  if (stanza.hasChild('store', hintsNs)) return { archive: true, queue: true };
  if (stanza.children.every(isPassing)) return nothing;
  if (stanza.hasChild('no-permanent-store', hintsNs)) return { archive: false, queue: true };
  if (stanza.hasChild('no-store', hintsNs)) return { archive: false, queue: stanza.hasChild('body', 'jabber:client') };
  return { archive: true, queue: true };
}

/** Queues the rows of one entry. Writing them again under the same id changes nothing. */
export function keepEntry(account: Account, id: string, entry: ArchiveEntry, barePeer: string): void {
  const { retentionDays } = account.tenant.policy;
  const expiresAtMs = retentionDays > 0 ? account.now.getTime() + retentionDays * 86_400_000 : undefined;
  account.put(entries, id, entry, expiresAtMs);
  if (entry.archive) account.put(entriesByPeer, `${barePeer} ${id}`, true, expiresAtMs);
}

/** Entries in order of id, those queued for delivery or not. */
export function listEntries(account: Account, options: ListOptions) {
  return account.list(entries, options);
}
