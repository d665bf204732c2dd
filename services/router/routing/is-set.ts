/** Which stanzas overwrite what others have written. */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { isSubscriptionType } from '../roster/subscription-state.ts';

/**
 * True when only the last such stanza matters, because it overwrites rows. A query of an archive is an iq of type `set` and
 * writes nothing.
 */
export function isSet(stanza: Stanza): boolean {
  const { name, type } = stanza;
  if (name === 'presence') return isSubscriptionType(type);
  return name === 'iq' && type === 'set' && !stanza.hasChild('query', 'urn:xmpp:mam:2');
}
