/**
 * XEP-0486: MUC Avatars. The room's avatar is in the vCard (XEP-0054) that an owner sets on the room's address, and whoever can
 * ask may see it. All occupants are told of a change with status 104, and the hash is in `muc#roominfo`.
 *
 * COMPAT: clients that look for the hash in presence of the room itself (XEP-0153, as ejabberd and Prosody send it). That
 * presence goes to everybody who enters a room with an avatar, and to all when the avatar changes. Until these clients know
 * XEP-0486.
 */

import { createHash } from 'node:crypto';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, parseElement, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_VCARD_UPDATE } from '../core/namespaces.ts';
import { resultOf } from '../core/replies.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import { configs } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { configPart } from '../core/row-part.ts';
import type { Recipient } from '../core/sending.ts';
import { roomLimits } from '../limits.ts';
import { tellChanges } from '../rooms/tell-changes.ts';

const NS = 'vcard-temp';

/** The vCard as XML. */
const vcards = collection<string>('vcard', 'room');
/** SHA-1 of each photo in the room's vCard, as hex. */
const hashes = configPart<readonly string[]>('avatarHashes');

export const avatar: RoomFeature = {
  specs: [
    { spec: 'XEP-0153', version: '1.1.1', title: 'vCard-Based Avatars of rooms' },
    { spec: 'XEP-0486', version: '0.1.0', title: 'MUC Avatars' },
  ],
  disco: {
    room: () => [NS],
    service: [NS],
    roomInfo({ config }) {
      const values = hashes.of(config) ?? [];
      return values.length === 0 ? [] : [{ var: 'muc#roominfo_avatarhash', label: 'Avatar hash', type: 'text-multi', values }];
    },
  },
  iq: [
    { type: 'get', ns: NS, name: 'vCard', handle: getVcard },
    { type: 'set', ns: NS, name: 'vCard', handle: setVcard },
  ],
  entry: { beforeOwnPresence: (turn, { seat }) => sendAvatarPresence(turn, [seat]) },
  rows: [{ collection: vcards, most: 1, isOnDemand: true }],
};

/** §3.4. @throws {StanzaError} item-not-found */
function getVcard(turn: RoomTurn, iq: Stanza): void {
  const { config, rows } = turn;
  if (config.isLocked && turn.affiliation !== 'owner') throw new StanzaError('item-not-found', 'the room is not open yet');
  turn.defer(iq, async () => {
    const kept = await rows.get(vcards);
    const vcard = kept ? parseElement(kept.value) : xml('vCard', { xmlns: NS });
    return [Buffer.from(resultOf(iq, vcard).toString())];
  });
}

/** §3.2; an empty vCard takes it away. @throws {StanzaError} forbidden, policy-violation, bad-request */
function setVcard(turn: RoomTurn, iq: Stanza, vcard: Element): void {
  turn.requireRoom();
  if (turn.affiliation !== 'owner') throw new StanzaError('forbidden', 'only owners set the vCard of a room');
  const text = vcard.toString();
  if (Buffer.byteLength(text) > roomLimits.vcardBytesMax) {
    throw new StanzaError('policy-violation', `the vCard of a room has at most ${roomLimits.vcardBytesMax} bytes`);
  }
  const avatarHashes = hashesOf(vcard);
  if (vcard.getChildElements().length === 0) turn.delete(vcards);
  else turn.put(vcards, '', text);
  turn.room.config = hashes.with(turn.config, avatarHashes);
  turn.put(configs, '', turn.config);
  turn.result(iq);
  tellChanges(turn, [104]);
  const seats = [...turn.room.seats.values()].map(({ seat }) => seat);
  turn.send(avatarPresence(turn, avatarHashes[0]), seats);
}

/** One hash for each photo (§5.1), as in XEP-0153 §3.1. */
function hashesOf(vcard: Element): string[] {
  const photos = vcard.getChildren('PHOTO');
  if (photos.length > roomLimits.photosMax)
    throw new StanzaError('bad-request', `a vCard has at most ${roomLimits.photosMax} photos`);
  return photos.flatMap((photo) => {
    const text = photo.getChildText('BINVAL')?.replace(/\s+/g, '') ?? '';
    if (text === '') return [];
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new StanzaError('bad-request', 'BINVAL is not Base64');
    return [createHash('sha1').update(Buffer.from(text, 'base64')).digest('hex')];
  });
}

function sendAvatarPresence(turn: RoomTurn, recipients: readonly Recipient[]): void {
  const hash = hashes.of(turn.config)?.[0];
  if (hash !== undefined) turn.send(avatarPresence(turn, hash), recipients);
}

function avatarPresence(turn: RoomTurn, hash: string | undefined): Buffer {
  const update = xml('x', { xmlns: NS_VCARD_UPDATE }, xml('photo', {}, hash));
  return Buffer.from(xml('presence', { from: turn.room.jid.toString() }, update).toString());
}
