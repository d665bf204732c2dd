/**
 * Marks that only a server may set, which are stripped from what an occupant sends to others. A room hands its stanzas directly
 * to the sessions of its own tenant, so it also strips marks that name an account or a host there. Stanzas to other tenants pass
 * the guards of those tenants' routers.
 */

import { isForgedMark } from '../../../lib/xmpp/server-marks.ts';
import type { ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Room } from './room.ts';

/** @returns for each child of the stanza whether it is to be dropped when the stanza is rendered */
export function forgedIn({ domain, jid }: Room, stanza: Stanza): (child: ChildSpan) => boolean {
  const strict = {
    isRoom: true,
    isOurs: (who: { readonly domain: string }) => who.domain === jid.domain || who.domain === domain,
  };
  return (child) => isForgedMark(stanza, child, strict);
}
