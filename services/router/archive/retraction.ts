/**
 * Tombstones in an account's archive (XEP-0424 §4): what somebody has taken back is replaced by who sent it, when, and which message took it
 * back. It is looked for among the last messages with the peer, by the `id` of its sender.
 *
 * A person may take back what came from the same account (§5), an occupant of a room what came from the same nick: all occupants have the bare
 * JID of the room. The tombstone does not wait for somebody who is away; the message that took it back does.
 *
 * Hostile: ids that were never sent. A search ends at a bound, and everybody may cause so many in the archive of somebody.
 */
import { Conflict } from '../../../lib/ports/store.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { readSessions } from '../../../lib/runtime/sessions.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { type ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { type ArchiveEntry, acceptedAtMs, type Direction, entries, expiryFrom, peerOf } from './archive.ts';
import { lastWith } from './archive-query.ts';
import { retractionLimits } from './limits.ts';

export const NS_RETRACT = 'urn:xmpp:message-retract:1';
const NS_SID = 'urn:xmpp:sid:0';
const NS_OCCUPANT_ID = 'urn:xmpp:occupant-id:0';
const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';

/** Puts a tombstone in the place of the message that this one takes back, if it is found. */
export async function bury(account: Account, retraction: Stanza, direction: Direction): Promise<void> {
  const named = retraction.child('retract', NS_RETRACT)?.attrs.id as string | undefined;
  const { id, from } = retraction;
  if (!named || !id || named === id) return;
  const { shares } = account.turn.dependencies;
  if (!shares.retractions.take(`${account.jid} ${from!.bare}`)) return;
  const peer = peerOf(retraction, direction);
  const isOfRoom = await comesFromRoom(account, retraction, peer);
  let looked = 0;
  for await (const round of lastWith(account, peer.bare)) {
    for (const item of round) {
      if (++looked > retractionLimits.entriesMax) return;
      if (!Jid.parse(item.value.peer).bare.equals(peer.bare)) continue;
      const stanza = Stanza.parse(item.value.xml);
      if (stanza.id !== named || !isTheSame(stanza, item, retraction, peer, isOfRoom)) continue;
      if (!stanza.hasChild('retracted', NS_RETRACT)) await replace(account, item, stanza, id);
      return;
    }
  }
}

/** Is the peer an occupant of a room, rather than a client of an account? */
async function comesFromRoom(account: Account, stanza: Stanza, peer: Jid): Promise<boolean> {
  if (stanza.hasChild('x', NS_MUC_USER) || stanza.hasChild('occupant-id', NS_OCCUPANT_ID)) return true;
  const hosted = await account.hosted(peer.domain);
  if (hosted !== undefined) return hosted === 'rooms';
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  return sessions!.some(({ directed = [] }) => directed.some((jid) => Jid.tryParse(jid)?.bare.equals(peer.bare)));
}

function isTheSame(stanza: Stanza, { value }: Item<ArchiveEntry>, retraction: Stanza, peer: Jid, isOfRoom: boolean): boolean {
  if (!stanza.from!.bare.equals(retraction.from!.bare)) return false;
  return !isOfRoom || (Jid.parse(value.peer).equals(peer) && occupantOf(stanza) === occupantOf(retraction));
}

function occupantOf(stanza: Stanza): string | undefined {
  return stanza.child('occupant-id', NS_OCCUPANT_ID)?.attrs.id;
}

/** Whoever has changed or deleted the entry meanwhile was earlier. */
async function replace(account: Account, { key, value, version }: Item<ArchiveEntry>, stanza: Stanza, by: string): Promise<void> {
  const stamp = new Date(account.turn.dependencies.clock.timeOfDay()).toISOString();
  const isLeft = (child: ChildSpan) =>
    child.ns === NS_OCCUPANT_ID ||
    (child.name === 'stanza-id' && child.ns === NS_SID && stanza.elementOf(child).attrs.by === `${account.jid}`);
  const bytes = stanza.render(stanza.attributes, {
    drop: (child) => !isLeft(child),
    append: xml('retracted', { xmlns: NS_RETRACT, id: by, stamp }).toString(),
  });
  const tombstone: ArchiveEntry = { ...value, xml: bytes.toString(), queue: false };
  try {
    await account.rows.put(entries, key, tombstone, { version }, expiryFrom(account, acceptedAtMs(key, value)));
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
}
