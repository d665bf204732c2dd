/** Addresses that a client names to a room. XEP-0045 gives affiliations to people; bans may also be for whole domains (§9.2). */
import { personOf } from '../../../lib/xmpp/address-shape.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { RoomTurn } from './room-turn.ts';

/**
 * The bare JID of a person. Rooms and occupants of this service are not people.
 * @throws {StanzaError} jid-malformed, not-acceptable
 */
export function personIn(turn: RoomTurn, text: string): Jid {
  return checkOutside(turn, personOf(Jid.parse(text)));
}

/** Somebody who can be banned: a person or a whole domain. @throws {StanzaError} jid-malformed, not-acceptable */
export function bannedIn(turn: RoomTurn, text: string): Jid {
  const jid = Jid.parse(text);
  if (jid.local !== '') return personIn(turn, text);
  // A domain with a resource names a single address, not everybody at the domain.
  if (jid.isFull) throw new StanzaError('not-acceptable', `${jid} is neither a person nor a domain`);
  return checkOutside(turn, jid);
}

function checkOutside({ room }: RoomTurn, jid: Jid): Jid {
  if (jid.domain === room.jid.domain) throw new StanzaError('not-acceptable', `${jid} is a room, not a person`);
  return jid;
}
