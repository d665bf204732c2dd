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

/** Does this error say that its sender could not be reached? */
export function isGone(stanza: Stanza): boolean {
  return hasCondition(stanza, delivery);
}

/** The same, where a client may have refused a stanza for its own reasons. */
export function isUnreachable(stanza: Stanza): boolean {
  return hasCondition(stanza, unreachable);
}

function hasCondition(stanza: Stanza, conditions: ReadonlySet<string>): boolean {
  const error = stanza.child('error', NS_CLIENT);
  return error?.getChildElements().some((child) => conditions.has(child.getName())) ?? false;
}
