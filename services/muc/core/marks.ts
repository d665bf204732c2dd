/**
 * What an occupant's stanza may not say to other occupants. A room gives its stanzas straight to the sessions of its own tenant, so
 * marks that name an account or a host there are stripped here, too; others pass the guards of their own server.
 */

import { isForgedMark } from '../../../lib/xmpp/server-marks.ts';
import type { ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Room } from './room.ts';

/** For the `drop` of a rendering. */
export function forgedIn({ domain, jid }: Room, stanza: Stanza): (child: ChildSpan) => boolean {
  const strict = {
    isRoom: true,
    isOurs: (who: { readonly domain: string }) => who.domain === jid.domain || who.domain === domain,
  };
  return (child) => isForgedMark(stanza, child, strict);
}
