/**
 * Checks the shape of an address that a client names. `Jid.parse` takes every shape, for places where any is fine: block items
 * (XEP-0191 §6), filters. Where a named address is given a role, such as a roster contact or a member of a room, the caller picks
 * a shape from this file, so that a domain does not become a member just because it parses.
 */
import { StanzaError } from './errors.ts';
import { Jid } from './jid.ts';

/** An address that can be in a roster (RFC 6121 §2.1.2.3): a person, a room, a gateway. @throws {StanzaError} jid-malformed */
export function contactJid(text: string): Jid {
  return Jid.parse(text).bare;
}

/** The bare JID of a person; a resource is dropped. @throws {StanzaError} jid-malformed, not-acceptable */
export function personJid(text: string): Jid {
  return personOf(Jid.parse(text));
}

/** @throws {StanzaError} not-acceptable */
export function personOf(jid: Jid): Jid {
  if (jid.local === '') throw new StanzaError('not-acceptable', `${jid} is not the address of a person`);
  return jid.bare;
}
