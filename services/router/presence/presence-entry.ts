/**
 * How presence changes the entry of the session that sends it. The change is made at once, and the row of all entries is bounded.
 */
import { isMintedBefore } from '../../../lib/runtime/ids.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { Dropped } from '../core/dropped.ts';
import { routerLimits } from '../limits.ts';

export interface EntryChange {
  readonly before: SessionEntry;
  readonly after: SessionEntry;
  readonly sessions: readonly SessionEntry[];
}

export interface EntryChangeOnce extends EntryChange {
  /** The same stanza has changed the entry before. */
  readonly isAgain: boolean;
}

/** Changes the entry of this session. @returns undefined if the session has ended. @throws {StanzaError} resource-constraint */
export async function changeEntry(
  account: Account,
  change: (entry: SessionEntry) => SessionEntry,
): Promise<EntryChange | undefined> {
  const sid = account.session?.sid;
  let before: SessionEntry | undefined;
  const sessions = await account.updateSessions((list) => {
    const index = list.findIndex((entry) => entry.sid === sid);
    before = list[index];
    if (!before) return list;
    const after = account.kept(before, change(before));
    if (after === before) return list;
    const next = list.with(index, after);
    if (Buffer.byteLength(JSON.stringify(next)) > routerLimits.presenceItemBytesMax) {
      throw new StanzaError('resource-constraint', 'the presence of all resources of this account is too large');
    }
    return next;
  });
  account.checkHeld(sessions);
  const after = sessions.find((entry) => entry.sid === sid);
  return before && after && { before, after, sessions };
}

/**
 * Changes the entry for a stanza that may be a retry. A retry must have the same effects as the first try, such as making the
 * session available, although the entry has changed already. So `before` is the entry as it was before the first try.
 * @throws {Dropped} if a later stanza of the session has changed the entry: this router was suspended, and another one has
 *   carried on
 */
export async function changeEntryOnce(
  account: Account,
  id: string,
  change: (entry: SessionEntry) => SessionEntry,
): Promise<EntryChangeOnce | undefined> {
  const changed = await changeEntry(account, (entry) => {
    if (entry.turned !== undefined && isMintedBefore(id, entry.turned.id)) throw new Dropped();
    const { available, priority, directed, inherited } = original(entry, id);
    const after = change(entry);
    const kept = after.directed === directed ? undefined : directed;
    return { ...after, turned: { id, available, priority, directed: kept, inherited } };
  });
  return changed && { ...changed, before: original(changed.before, id), isAgain: changed.before.turned?.id === id };
}

function original(entry: SessionEntry, id: string): SessionEntry {
  const { turned } = entry;
  if (turned?.id !== id) return entry;
  const { available, priority, directed = entry.directed, inherited } = turned;
  return { ...entry, available, priority, directed, inherited };
}
