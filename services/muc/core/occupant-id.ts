/**
 * XEP-0421: the id of an occupant. It stays the same whatever nicks and clients the person uses, does not reveal the JID, and
 * differs from room to room. A later account of the same name has another id, and so does everybody in a later room of the same
 * name, because that room has another secret.
 */
import { keyedDigest } from '../../../lib/runtime/secrets.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Room } from './room.ts';

/**
 * @param incarnation of the account; absent when it is not known, or when the account is older than incarnations, so that its ids
 * stay as they were
 */
export function occupantId(room: Room, bare: Jid, incarnation?: string): string {
  return keyedDigest(room.secret, `${room.jid}`, `${bare}`, ...(incarnation ? [incarnation] : []));
}
