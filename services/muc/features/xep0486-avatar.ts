/**
 * XEP-0486: the room's avatar, in the vCard (XEP-0054) that an owner sets on its address. Everybody who can ask may see it. All are
 * told of a change with 104; the hash stands in `muc#roominfo`.
 *
 * COMPAT: clients that look for the hash in presence of the room itself (XEP-0153, as ejabberd and Prosody send it): it goes to who
 * enters a room that has an avatar, and on changes. Until XEP-0486 is in the clients.
 */
import { createHash } from 'node:crypto';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_VCARD, NS_VCARD_UPDATE } from '../core/namespaces.ts';
import { configs, vcards } from '../core/room-rows.ts';
import { type RoomTurn, resultOf } from '../core/room-turn.ts';
import type { Recipient } from '../core/sending.ts';
import { roomLimits } from '../limits.ts';
import { tellChanges } from '../rooms/tell-changes.ts';

/** §3.4. @throws {StanzaError} item-not-found */
export function getVcard(turn: RoomTurn, iq: Stanza): void {
  const { config, rows } = turn;
  if (config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  turn.defer(iq, async () => {
    const kept = await rows.get(vcards);
    const vcard = kept ? parseElement(kept.value) : xml('vCard', { xmlns: NS_VCARD });
    return [Buffer.from(resultOf(iq, vcard).toString())];
  });
}

/** §3.2; an empty vCard takes it away. @throws {StanzaError} forbidden, policy-violation, bad-request */
export function setVcard(turn: RoomTurn, iq: Stanza, vcard: Element): void {
  turn.requireRoom();
  if (turn.affiliation !== 'owner') throw new StanzaError('forbidden', 'only owners set the vCard of a room');
  const text = vcard.toString();
  if (Buffer.byteLength(text) > roomLimits.vcardBytesMax) {
    throw new StanzaError('policy-violation', `the vCard of a room has at most ${roomLimits.vcardBytesMax} bytes`);
  }
  const avatarHashes = hashesOf(vcard);
  if (vcard.getChildElements().length === 0) turn.delete(vcards);
  else turn.put(vcards, '', text);
  turn.room.config = { ...turn.config, avatarHashes };
  turn.put(configs, '', turn.config);
  turn.result(iq);
  tellChanges(turn, [104]);
  const sessions = [...turn.room.sessions()].map(({ session }) => session);
  turn.send(avatarPresence(turn, avatarHashes[0]), sessions);
}

/** XEP-0153 §3.1, of each photo (§5.1). */
function hashesOf(vcard: Element): string[] {
  const photos = vcard.getChildren('PHOTO');
  if (photos.length > roomLimits.photosMax)
    throw new StanzaError('bad-request', `a vCard has at most ${roomLimits.photosMax} photos`);
  return photos.flatMap((photo) => {
    const text = photo.getChildText('BINVAL')?.replace(/\s+/g, '') ?? '';
    if (text === '') return [];
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new StanzaError('bad-request', 'BINVAL is no Base64');
    return [createHash('sha1').update(Buffer.from(text, 'base64')).digest('hex')];
  });
}

export function sendAvatarPresence(turn: RoomTurn, recipients: readonly Recipient[]): void {
  const hash = turn.config.avatarHashes?.[0];
  if (hash !== undefined) turn.send(avatarPresence(turn, hash), recipients);
}

function avatarPresence(turn: RoomTurn, hash: string | undefined): Buffer {
  const update = xml('x', { xmlns: NS_VCARD_UPDATE }, xml('photo', {}, hash));
  return Buffer.from(xml('presence', { from: turn.room.jid.toString() }, update).toString());
}
