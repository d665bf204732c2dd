/** XEP-0045 §16.1.2, ghosts: an occupant whose address bounces what the room sends has left. */

import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from '../core/namespaces.ts';

/** Those that §16.1.2 names. */
const unreachable = new Set([
  'gone',
  'item-not-found',
  'recipient-unavailable',
  'redirect',
  'remote-server-not-found',
  'remote-server-timeout',
]);

/** And what servers answer for an account that is not there (RFC 6121 §8.5.1). */
const delivery = new Set([...unreachable, 'jid-malformed', 'service-unavailable']);

/**
 * Does this error say that its sender could not be reached? What was said to all comes back to the nick that said it, like a private
 * message: there only errors count that no client gives of itself, because a person may block one occupant (XEP-0191) and stay.
 */
export function saysItIsGone(stanza: Stanza): boolean {
  const isToNick = stanza.name === 'message' && stanza.to!.resource !== '';
  return isToNick ? isUnreachable(stanza) : isGone(stanza);
}

function isGone(stanza: Stanza): boolean {
  return hasCondition(stanza, delivery);
}

function isUnreachable(stanza: Stanza): boolean {
  return hasCondition(stanza, unreachable);
}

function hasCondition(stanza: Stanza, conditions: ReadonlySet<string>): boolean {
  const error = stanza.child('error', NS_CLIENT);
  return error?.getChildElements().some((child) => conditions.has(child.getName())) ?? false;
}
