/**
 * Which shape of address is meant where a client names one. `Jid.parse` takes all shapes: it is for block items (XEP-0191 §6), filters
 * and whatever else may be anything. Where somebody becomes something by being named, the place says which shapes it takes, so that a
 * domain does not become a member because it parses.
 */
import { StanzaError } from './errors.ts';
import { Jid } from './jid.ts';

/** RFC 6121 §2.1.2.3: whoever can be in a roster: a person, a room, a gateway. @throws {StanzaError} jid-malformed */
export function contactJid(text: string): Jid {
  return Jid.parse(text).bare;
}

/** The bare JID of a person; of a full one the resource is left out. @throws {StanzaError} jid-malformed, not-acceptable */
export function personJid(text: string): Jid {
  return personOf(Jid.parse(text));
}

/** @throws {StanzaError} not-acceptable */
export function personOf(jid: Jid): Jid {
  if (jid.local === '') throw new StanzaError('not-acceptable', `${jid} is not the address of a person`);
  return jid.bare;
}
