/**
 * XEP-0421: an id of an occupant that stays the same over nicks and clients, says nothing of the JID, and differs per room. A later account
 * of the same name is somebody else, and so is everybody in a later room of the same name, which has another secret.
 */
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Room } from './room.ts';

/** @param incarnation of the account; absent when it is not known, or older than incarnations, so that its ids stay as they were */
export function occupantId(room: Room, bare: Jid, incarnation?: string): string {
  return keyedDigest(room.secret, `${room.jid}`, `${bare}`, ...(incarnation ? [incarnation] : []));
}
