/** What others see of a session's presence. */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';

/** Has the session shown itself to others? */
export function isVisible(entry: SessionEntry): boolean {
  return entry.available && entry.presence !== undefined;
}

/** `unavailable` presence of a resource, or of an account without resources. It has no `to`. */
export function unavailableFrom(jid: Jid): Buffer {
  return Buffer.from(xml('presence', { from: jid.toString(), type: 'unavailable' }).toString());
}
