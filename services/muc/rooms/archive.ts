/** Which messages of a room are kept (XEP-0313 §5.1.2, XEP-0334). Each is kept once, under the id that it was sent with. */

import { isSearched } from '../../../lib/runtime/archive-search.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Affiliation, Role } from '../core/affiliation.ts';
import type { RoomConfig } from '../core/config.ts';
import { NS_CLIENT, NS_HINTS, NS_SID } from '../core/namespaces.ts';
import { type Archived, messages } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

const dayMs = 24 * 60 * 60 * 1000;
const chatStates = 'http://jabber.org/protocol/chatstates';

/** Messages with nothing but chat states are not kept; markers, reactions, corrections and encrypted messages are. */
export function isWorthKeeping(stanza: Stanza): boolean {
  if (stanza.hasChild('no-store', NS_HINTS) || stanza.hasChild('no-permanent-store', NS_HINTS)) return false;
  if (stanza.hasChild('store', NS_HINTS)) return true;
  return stanza.children.some(({ name, ns }) => {
    if (ns === NS_CLIENT) return name === 'body' || name === 'subject';
    return ns !== NS_HINTS && ns !== chatStates && ns !== NS_SID;
  });
}

/** A message as it is sent to all, with the role and affiliation of its writer. */
export interface ToArchive {
  readonly id: string;
  readonly bytes: Buffer;
  readonly role: Role;
  readonly affiliation: Affiliation;
  readonly isSubject?: boolean;
}

/**
 * Puts a message into the archive. A room without an archive still keeps a history for new occupants (§7.2.13), for about as long
 * as a conversation lasts, unless its owner has set the history to nothing.
 */
export function archive(turn: RoomTurn, config: RoomConfig, { id, bytes, role, affiliation, isSubject }: ToArchive): void {
  if (!config.archive && config.historyLength === 0) return;
  const entry: Archived = {
    xml: bytes.toString(),
    at: timeOfId(id), // the time that `start` and `end` of a query are compared with
    aheadMs: turn.dependencies.clock.aheadMs || undefined,
    request: turn.requestId ?? id,
    jid: turn.from.toString(),
    role,
    affiliation,
    isOpen: config.whois === 'anyone' || undefined,
    subject: isSubject || undefined,
    isTransient: !config.archive || undefined,
  };
  const isToBeFound = config.archive && isSearched(turn.tenant, turn.dependencies.store);
  turn.put(messages, id, entry, expiryOf(turn, entry), isToBeFound ? { isSearched: true } : undefined);
  turn.room.remember(id, entry);
}

/** Puts another text, which is not searched, in the place of a message; it expires when the message would have. */
export function rewrite(turn: RoomTurn, id: string, entry: Archived): void {
  turn.put(messages, id, entry, expiryOf(turn, entry));
  turn.setEntry(id, entry);
}

function expiryOf({ tenant }: RoomTurn, { at, isTransient }: Archived): number | undefined {
  const lifeMs = isTransient ? roomLimits.transientMs : tenant.policy.roomRetentionDays * dayMs;
  return lifeMs === 0 ? undefined : at + lifeMs;
}
