/**
 * Marks that only a server may set, because clients believe them: one list for every path from a client's stanza to other
 * clients.
 *
 * Some are never a client's to set. Others name who set them (`by`, `from`) and are stripped when they name us, however the
 * address is written; those that name other servers pass (XEP-0359 §3 rule 3). `origin-id` is the client's own and stays.
 */
import type { Element } from './element.ts';
import { Jid } from './jid.ts';
import type { ChildSpan, Stanza } from './stanza.ts';

/** Who must be protected from forged marks on this path. */
export interface Strict {
  /** Whether a mark that names this address claims to be ours. */
  readonly isOurs: (who: Jid, claim: Claim) => boolean;
  /** The stanza goes to the occupants of a room, where only the room says who they are and what was retracted. */
  readonly isRoom?: boolean;
  /** The stanza comes from another server, which may send archive results and a room's statements about its occupants. */
  readonly isFromServer?: boolean;
}

type Claim = 'by' | 'from';

interface Mark {
  readonly names: readonly string[];
  /** The attribute that names who set the mark. */
  readonly claim?: Claim;
  /** The mark is stripped only on the way to occupants of a room. */
  readonly inRooms?: true;
  /** Other servers may send it. */
  readonly ofServers?: true;
  /** The mark is stripped only if its content matches. */
  readonly has?: (element: Element) => boolean;
}

const anyName: readonly string[] = [];
const muc = 'http://jabber.org/protocol/muc';
const isModerated = (element: Element) => element.getChildElements().some((child) => child.getName() === 'moderated');
const result: Mark = { names: ['result', 'fin'], ofServers: true };
const copies: Mark = { names: ['sent', 'received'] };
const ofOccupants: Mark = { names: anyName, ofServers: true };

const marks: ReadonlyMap<string, readonly Mark[]> = new Map<string, readonly Mark[]>([
  ['urn:xmpp:sid:0', [{ names: ['stanza-id'], claim: 'by' }]], // XEP-0359 §3
  ['urn:xmpp:delay', [{ names: ['delay'], claim: 'from' }]], // XEP-0203 §6
  ['jabber:x:delay', [{ names: ['x'], claim: 'from' }]], // XEP-0091
  // XEP-0313 §7.2, and the namespaces of its older versions
  ['urn:xmpp:mam:2', [result]],
  ['urn:xmpp:mam:1', [result]],
  ['urn:xmpp:mam:0', [result]],
  ['urn:xmpp:mam:tmp', [result, { names: ['archived'], claim: 'by' }]],
  // XEP-0280 §11
  ['urn:xmpp:carbons:2', [copies]],
  ['urn:xmpp:carbons:1', [copies]],
  ['urn:xmpp:occupant-id:0', [ofOccupants]], // XEP-0421 §3.1
  ['urn:xmpp:hats:0', [ofOccupants]], // XEP-0317 §5
  ['xmpp:prosody.im/protocol/hats:1', [ofOccupants]],
  ['urn:xmpp:muc:affiliations:1', [ofOccupants]], // XEP-0463
  // XEP-0424 §4, XEP-0425 §3, also in the wrapper of its older version
  [
    'urn:xmpp:message-retract:1',
    [
      { names: ['retracted'], inRooms: true },
      { names: ['retract'], has: isModerated, ofServers: true },
    ],
  ],
  ['urn:xmpp:message-moderate:1', [ofOccupants]],
  ['urn:xmpp:message-moderate:0', [ofOccupants]],
  ['urn:xmpp:fasten:0', [{ names: ['apply-to'], has: isModerated, ofServers: true }]],
  // XEP-0033 §4: whom a server sent it for
  [
    'http://jabber.org/protocol/address',
    [
      { names: ['addresses'], inRooms: true },
      { names: ['addresses'], ofServers: true, has: (element) => element.getChildren('address').some(isOriginal) },
    ],
  ],
  // XEP-0045 §15.3. A client may send these to a room.
  [muc, [{ names: anyName, inRooms: true }]],
  [`${muc}#user`, [{ names: anyName, inRooms: true }]],
]);

function isOriginal({ attrs }: Element): boolean {
  return attrs.type === 'ofrom';
}

/** False for most stanzas: none of their children has the namespace of a mark. */
export function mayHaveMarks(stanza: Stanza): boolean {
  return stanza.children.some(({ ns }) => marks.has(ns));
}

/** Whether this child is a mark that the stanza's sender had no right to set. */
export function isForgedMark(stanza: Stanza, child: ChildSpan, strict: Strict): boolean {
  return marks.get(child.ns)?.some((mark) => isForged(stanza, child, mark, strict)) ?? false;
}

function isForged(stanza: Stanza, child: ChildSpan, mark: Mark, strict: Strict): boolean {
  const { isRoom = false, isFromServer = false } = strict;
  if (mark.names !== anyName && !mark.names.includes(child.name)) return false;
  if (mark.inRooms && !isRoom) return false;
  if (mark.ofServers && isFromServer) return false;
  if (mark.claim !== undefined) return namesUs(stanza.elementOf(child).attrs[mark.claim], mark.claim, strict);
  return mark.has?.(stanza.elementOf(child)) ?? true;
}

/**
 * In a room, a text that is not a valid address may still look like the room's own to a client that does not prepare addresses.
 */
function namesUs(text: string | undefined, claim: Claim, { isOurs, isRoom = false }: Strict): boolean {
  if (text === undefined || text.trim() === '') return false;
  const who = Jid.tryParse(text.trim());
  return who === undefined ? isRoom : isOurs(who, claim);
}
