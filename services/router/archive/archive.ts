/**
 * The account's archive, which is also its queue: offline delivery is the entries after the cursor.
 *
 * Rows in `archive`, under the account: `m/<id>` the entry; `p/<bare peer> <span>` for queries by peer: in this span of time something was
 * exchanged with the peer (decision 7); `q/<id>` what must not be archived (XEP-0334, XEP-0441) but must reach an offline user; cursor.ts
 * takes those away when they have arrived.
 */
import { createHash } from 'node:crypto';
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import { routerLimits } from '../limits.ts';
import { mayArchive } from './preferences.ts';

export type Direction = 'in' | 'out';

export interface ArchiveEntry {
  /** The stanza as this account sent or got it, with `from` and `to`. */
  readonly xml: string;
  /** Full JID of the other side. */
  readonly peer: string;
  /** To be delivered to a client of this account. */
  readonly queue: boolean;
  /** By how much the time in its id was ahead of the time of day; absent: not at all. */
  readonly aheadMs?: number;
}

export const entries = collection<ArchiveEntry>('m', 'account', 'archive');
/** The value says nothing. */
export const spansByPeer = collection<string>('p', 'account', 'archive');
export const unarchived = collection<ArchiveEntry>('q', 'account', 'archive');

export interface Storage {
  readonly archive: boolean;
  readonly queue: boolean;
}

const hintsNs = 'urn:xmpp:hints';
const passingNs = new Set([
  hintsNs,
  'http://jabber.org/protocol/chatstates',
  'urn:xmpp:sid:0',
  'urn:xmpp:carbons:2',
  'urn:xmpp:delay',
]);
const nothing: Storage = { archive: false, queue: false };
const queueOnly: Storage = { archive: false, queue: true };
const everything: Storage = { archive: true, queue: true };

/** Children that alone do not make a message worth keeping (XEP-0160 §3, XEP-0313 §5.1.1). */
function isPassing(child: { readonly name: string; readonly ns: string }): boolean {
  return passingNs.has(child.ns) || child.name === 'thread';
}

/** A room's archive answers with messages; they are in an archive already. */
function isHistory(stanza: Stanza): boolean {
  return stanza.hasChild('result', 'urn:xmpp:mam:2');
}

/**
 * XEP-0313 §5.1.1, XEP-0160 §3, XEP-0334 §4: what of a message is kept. Hints within errors count for nothing.
 *
 * DEVIATION: XEP-0334 §4.2: a body with `no-store` is queued, though not archived: with the archive as the queue it would be lost
 * with every connection that breaks.
 */
export function storageOf(stanza: Stanza): Storage {
  const type = messageType(stanza);
  if (type === 'groupchat' || type === 'error' || isHistory(stanza)) return nothing;
  if (!stanza.hasChild('store', hintsNs) && (type === 'headline' || stanza.children.every(isPassing))) return nothing;
  if (stanza.hasChild('no-store', hintsNs)) return stanza.hasChild('body', 'jabber:client') ? queueOnly : nothing;
  return stanza.hasChild('no-permanent-store', hintsNs) ? queueOnly : everything;
}

/** Who an account's message was exchanged with (XEP-0441 §2.3). */
function peerOf(stanza: Stanza, direction: Direction): Jid {
  return (direction === 'in' ? stanza.from : stanza.to)!;
}

/** Will `keep` archive it? */
export function isArchived(account: Account, stanza: Stanza, direction: Direction): Promise<boolean> | boolean {
  return storageOf(stanza).archive && mayArchive(account, peerOf(stanza, direction));
}

/** Queues the rows of one entry. Writing them again under the same id changes nothing. @throws {StanzaError} when it is too large */
export function keepEntry(account: Account, id: string, stanza: Stanza, direction: Direction, isInArchive: boolean): void {
  const peer = peerOf(stanza, direction);
  const { aheadMs } = account.turn.dependencies.clock;
  const entry: ArchiveEntry = {
    xml: stanza.bytes.toString(),
    peer: peer.toString(),
    queue: direction === 'in' && storageOf(stanza).queue,
    ...(aheadMs > 0 && { aheadMs }),
  };
  checkSize(entry);
  const { retentionDays } = account.tenant.policy;
  const retainMs = retentionDays > 0 ? retentionDays * 86_400_000 : Number.POSITIVE_INFINITY;
  if (isInArchive) {
    account.put(entries, id, entry, expiry(account, retainMs));
    keepSpan(account, id, peer, retainMs);
  } else if (entry.queue) {
    account.put(unarchived, id, entry, expiry(account, Math.min(retainMs, routerLimits.unarchivedMs)));
  }
}

/** 2^20 ms, some 17 minutes: what is left of an id without four of the characters of its time. */
export const spanMs = 2 ** 20;
const spanCharacters = 6;

/** The start of the ids of one span of time. */
export function spanOf(id: string): string {
  return id.slice(0, spanCharacters);
}

/** Once for a peer and a span, as far as this process knows: the row is there as long as any entry that it is about. */
function keepSpan(account: Account, id: string, peer: Jid, retainMs: number): void {
  const { turn, session } = account;
  const endMs = Math.max((Math.floor(timeOfId(id) / spanMs) + 1) * spanMs, account.now.getTime());
  const key = `${peerKey(peer)} ${spanOf(id)}`;
  // An account of the same name that comes later has other sessions.
  const row = session ? undefined : account.prefetched(accounts);
  const incarnation = session?.sid ?? row?.incarnation ?? row?.createdAt;
  const known = `${account.rows.partition} ${key} ${endMs + retainMs} ${incarnation}`;
  if (turn.dependencies.knownSpans.has(known)) return;
  account.put(spansByPeer, key, '', Number.isFinite(retainMs) ? endMs + retainMs : undefined);
  turn.afterCommit(() => turn.dependencies.knownSpans.add(known));
}

function expiry(account: Account, retainMs: number): number | undefined {
  return Number.isFinite(retainMs) ? account.now.getTime() + retainMs : undefined;
}

/** When an entry was accepted, as people count; not later than the time in its id. */
export function acceptedAtMs(id: string, { aheadMs = 0 }: ArchiveEntry): number {
  return timeOfId(id) - aheadMs;
}

/** JSON escapes what a stanza may be full of. */
function checkSize(entry: ArchiveEntry): void {
  if (entry.xml.length < portLimits.storeValueBytesMax / 8) return;
  if (Buffer.byteLength(JSON.stringify(entry)) <= portLimits.storeValueBytesMax) return;
  throw new StanzaError('policy-violation', 'the message is too large to be kept');
}

/** In keys of {@link spansByPeer}: without the space that ends it, and short enough. */
export function peerKey(peer: Jid): string {
  const text = peer.bare.toString();
  if (text.length <= routerLimits.peerKeyCharactersMax) return text;
  return `#${createHash('sha256').update(text).digest('base64url')}`; // `#` and no `@`: nobody's address
}
