/** XEP-0421: an id of an occupant that stays the same over nicks and clients, says nothing of the JID, and differs per room. */
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Room } from '../core/room.ts';

export function occupantId(room: Room, bare: Jid): string {
  return keyedDigest(room.secret, `${room.jid}`, `${bare}`);
}
