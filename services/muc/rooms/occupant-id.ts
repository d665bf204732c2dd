/** XEP-0421: an id of an occupant that stays the same over nicks and clients, says nothing of the JID, and differs per room. */
import { createHmac } from 'node:crypto';
import type { Jid } from '../../../lib/xmpp/jid.ts';

/** @param secret the tenant's, base64 */
export function occupantId(secret: string, room: Jid, bare: Jid): string {
  return createHmac('sha256', Buffer.from(secret, 'base64')).update(`${room}\0${bare}`).digest('base64url');
}
