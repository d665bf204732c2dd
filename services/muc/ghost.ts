/** XEP-0045 §16.1.2, ghosts: an occupant whose address bounces what the room sends has left. */

import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from './namespaces.ts';

const delivery = new Set([
  'gone',
  'item-not-found',
  'jid-malformed',
  'recipient-unavailable',
  'redirect',
  'remote-server-not-found',
  'remote-server-timeout',
  'service-unavailable',
]);

/** Does this error say that its sender could not be reached? */
export function isGone(stanza: Stanza): boolean {
  const error = stanza.child('error', NS_CLIENT);
  return error?.getChildElements().some((child) => delivery.has(child.getName())) ?? false;
}
