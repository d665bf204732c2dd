/**
 * The account's archive, which is also its queue: the entries after the cursor wait for delivery.
 *
 * Rows of the table `archive`, under the account:
 *
 * - `m/<id>` is an entry;
 * - `p/<bare peer> <span>` says that messages were exchanged with the peer in this span of time, for queries by peer (decision
 *   7);
 * - `q/<id>` is a message that must not be archived (XEP-0334, XEP-0441) but must reach a user who is offline. When it has
 *   arrived, cursor.ts deletes the row.
 */
import { createHash } from 'node:crypto';
import { portLimits } from '../../../lib/ports/limits.ts';
import { isSearched, rowText } from '../../../lib/runtime/archive-search.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import { isGuest } from '../core/guests.ts';
import { routerLimits } from '../limits.ts';
import { mayArchive } from './preferences.ts';

export type Direction = 'in' | 'out';

export interface ArchiveEntry {
  /** The stanza as this account sent or received it, with `from` and `to`. */
  readonly xml: string;
  /** The full JID of the other side. */
  readonly peer: string;
  /** True if the entry must be delivered to a client of this account. */
  readonly queue: boolean;
  /** By how much the time in the id was ahead of the time of day, ms; absent if it was not ahead. */
  readonly aheadMs?: number;
}

export const entries = collection<ArchiveEntry>('m', 'account', 'archive');
/** The value has no meaning. */
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

/** A message with only such children is not worth keeping (XEP-0160 §3, XEP-0313 §5.1.1). */
function isPassing(child: { readonly name: string; readonly ns: string }): boolean {
  return passingNs.has(child.ns) || child.name === 'thread';
}

/** Is the message a result from the archive of a room? Such a message is in an archive already. */
function isHistory(stanza: Stanza): boolean {
  return stanza.hasChild('result', 'urn:xmpp:mam:2');
}

/**
 * Decides whether a message is archived and queued (XEP-0313 §5.1.1, XEP-0160 §3, XEP-0334 §4). Hints in errors are ignored.
 *
 * DEVIATION: XEP-0334 §4.2: a message with a body and `no-store` is not archived, but it is queued. Otherwise it would be lost
 * whenever a connection breaks.
 */
export function storageOf(stanza: Stanza): Storage {
  const type = messageType(stanza);
  if (type === 'groupchat' || type === 'error' || isHistory(stanza)) return nothing;
  if (!stanza.hasChild('store', hintsNs) && (type === 'headline' || stanza.children.every(isPassing))) return nothing;
  if (stanza.hasChild('no-store', hintsNs)) return stanza.hasChild('body', 'jabber:client') ? queueOnly : nothing;
  return stanza.hasChild('no-permanent-store', hintsNs) ? queueOnly : everything;
}

/** The other side of a message (XEP-0441 §2.3). */
export function peerOf(stanza: Stanza, direction: Direction): Jid {
  return (direction === 'in' ? stanza.from : stanza.to)!;
}

/** Will the stage `keep` archive the message? */
export function isArchived(account: Account, stanza: Stanza, direction: Direction): Promise<boolean> | boolean {
  return storageOf(stanza).archive && !isGuest(account) && mayArchive(account, peerOf(stanza, direction));
}

/** Queues the rows of one entry. A retry writes the same rows again. @throws {StanzaError} if the entry is too large */
export function keepEntry(account: Account, id: string, stanza: Stanza, direction: Direction, isInArchive: boolean): void {
  const peer = peerOf(stanza, direction);
  const { aheadMs } = account.turn.dependencies.clock;
  const entry: ArchiveEntry = {
    xml: stanza.bytes.toString(),
    peer: peer.toString(),
    queue: direction === 'in' && storageOf(stanza).queue,
    aheadMs: aheadMs > 0 ? aheadMs : undefined,
  };
  checkSize(entry);
  const retainMs = retainMsOf(account);
  if (isInArchive) {
    const text = isSearched(account.tenant, account.turn.dependencies.store) ? rowText(id, stanza) : undefined;
    account.put(entries, id, entry, expiry(account, retainMs), text);
    keepSpan(account, id, peer, retainMs);
  } else if (entry.queue) {
    account.put(unarchived, id, entry, expiry(account, Math.min(retainMs, routerLimits.unarchivedMs)));
  }
}

/**
 * Queues the rows of a message that another server has kept, or writes it anew. It expires as if it had come here at its time.
 * @param id has this time in it
 * @returns what is kept; undefined when it would have expired. @throws {StanzaError} if the entry is too large
 */
export function keepForeign(
  account: Account,
  id: string,
  stanza: Stanza,
  direction: Direction,
  queue: boolean,
): ArchiveEntry | undefined {
  const peer = peerOf(stanza, direction);
  const entry: ArchiveEntry = { xml: stanza.bytes.toString(), peer: peer.toString(), queue };
  checkSize(entry);
  const expiresAtMs = expiryFrom(account, timeOfId(id));
  if (expiresAtMs !== undefined && expiresAtMs <= account.now.getTime()) return undefined;
  const text = isSearched(account.tenant, account.turn.dependencies.store) ? rowText(id, stanza) : undefined;
  account.put(entries, id, entry, expiresAtMs, text);
  account.put(spansByPeer, `${peerKey(peer)} ${spanOf(id)}`, '', expiresAtMs === undefined ? undefined : expiresAtMs + spanMs);
  return entry;
}

function retainMsOf({ tenant }: Account): number {
  const { retentionDays } = tenant.policy;
  return retentionDays > 0 ? retentionDays * 86_400_000 : Number.POSITIVE_INFINITY;
}

/** When an entry expires that was accepted then; undefined: it does not. */
export function expiryFrom(account: Account, atMs: number): number | undefined {
  const retainMs = retainMsOf(account);
  return Number.isFinite(retainMs) ? atMs + retainMs : undefined;
}

/** 2^20 ms, about 17 minutes. The ids of a span have the same first six characters. */
export const spanMs = 2 ** 20;
const spanCharacters = 6;

/** The characters that all ids of a span have in common. */
export function spanOf(id: string): string {
  return id.slice(0, spanCharacters);
}

/**
 * Queues the row of a peer and a span, unless this process has written it recently. The row lives as long as the entries that it
 * leads to.
 */
function keepSpan(account: Account, id: string, peer: Jid, retainMs: number): void {
  const { turn, session } = account;
  const endMs = Math.max((Math.floor(timeOfId(id) / spanMs) + 1) * spanMs, turn.dependencies.clock.now());
  // This tells the account from a later one of the same name, which has other sessions.
  const row = session || !account.hasPrefetched(accounts) ? undefined : account.prefetched(accounts);
  // Where neither is known, as when a component sends in its name, the row is written.
  const incarnation = session?.sid ?? row?.incarnation ?? row?.createdAt ?? id;
  const known = `${account.rows.partition} ${peerKey(peer)} ${spanOf(id)} ${endMs + retainMs} ${incarnation}`;
  if (turn.dependencies.knownSpans.has(known)) return;
  account.put(spansByPeer, `${peerKey(peer)} ${spanOf(id)}`, '', Number.isFinite(retainMs) ? endMs + retainMs : undefined);
  turn.afterCommit(() => turn.dependencies.knownSpans.add(known));
}

function expiry(account: Account, retainMs: number): number | undefined {
  return Number.isFinite(retainMs) ? account.now.getTime() + retainMs : undefined;
}

/** When an entry was accepted, by the time of day. It is never later than the time in its id. */
export function acceptedAtMs(id: string, { aheadMs = 0 }: ArchiveEntry): number {
  return timeOfId(id) - aheadMs;
}

/** A row is JSON, which escapes characters that a stanza may be full of. */
function checkSize(entry: ArchiveEntry): void {
  if (entry.xml.length < portLimits.storeValueBytesMax / 8) return;
  if (Buffer.byteLength(JSON.stringify(entry)) <= portLimits.storeValueBytesMax) return;
  throw new StanzaError('policy-violation', 'the message is too large to be stored');
}

/** The peer's part of a key in {@link spansByPeer}: it contains no space and is short enough. */
export function peerKey(peer: Jid): string {
  const text = peer.bare.toString();
  if (text.length <= routerLimits.peerKeyCharactersMax) return text;
  return `#${createHash('sha256').update(text).digest('base64url')}`; // an address cannot begin with `#` and have no `@`
}
