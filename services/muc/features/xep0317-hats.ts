/**
 * XEP-0317: hats, which a room's admins define and give to people; the room stamps them into presence, and strips those that clients
 * claim for themselves. Kept in one row with everybody who wears one. `xep0317-commands.ts` manages them.
 */
import { createHash } from 'node:crypto';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { NS_HATS } from '../core/namespaces.ts';
import type { Room } from '../core/room.ts';
import { type Hat, type HatsRow, hatRows } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { announce } from '../rooms/announce.ts';
import { tellChanges } from '../rooms/tell-changes.ts';

export function hatsOf(room: Room, bare: string): Hat[] {
  const { hats, wearers } = room.hats;
  const worn = Object.hasOwn(wearers, bare) ? wearers[bare]! : [];
  return hats.filter(({ uri }) => worn.includes(uri));
}

/** §3.1; undefined for a bare head. */
export function hatsElement(room: Room, bare: Jid): Element | undefined {
  if (room.hats.hats.length === 0) return undefined;
  const hats = hatsOf(room, bare.toString());
  if (hats.length === 0) return undefined;
  return xml(
    'hats',
    { xmlns: NS_HATS },
    hats.map(({ title, uri, hue }) => xml('hat', { title, uri, hue })),
  );
}

/** §2: changes with the list of hats; undefined while there are none. */
export function hatsHash({ hats: { hats } }: Room): string | undefined {
  if (hats.length === 0) return undefined;
  const text = hats.map(({ uri, title, hue }) => JSON.stringify([uri, title, hue])).sort();
  return createHash('sha1').update(text.join('\n')).digest('hex');
}

/** §3.2: makes a hat, or changes the one with this URI. @throws {StanzaError} resource-constraint */
export function createHat(turn: RoomTurn, hat: Hat): void {
  const { hats, wearers } = turn.room.hats;
  const index = hats.findIndex(({ uri }) => uri === hat.uri);
  if (index < 0 && hats.length >= roomLimits.hatsMax) {
    throw new StanzaError('resource-constraint', `a room has at most ${roomLimits.hatsMax} hats`);
  }
  keep(turn, { hats: index < 0 ? [...hats, hat] : hats.with(index, hat), wearers });
  tellChanges(turn, [104]);
  for (const [bare, worn] of Object.entries(wearers)) if (worn.includes(hat.uri)) show(turn, bare);
}

/** §3.3. @throws {StanzaError} item-not-found */
export function destroyHat(turn: RoomTurn, uri: string): void {
  requireHat(turn, uri);
  const { hats, wearers } = turn.room.hats;
  const bereft = Object.entries(wearers).filter(([, worn]) => worn.includes(uri));
  const left = new Map(Object.entries(wearers));
  for (const [bare, worn] of bereft)
    setWorn(
      left,
      bare,
      worn.filter((other) => other !== uri),
    );
  keep(turn, { hats: hats.filter((hat) => hat.uri !== uri), wearers: Object.fromEntries(left) });
  tellChanges(turn, [104]);
  for (const [bare] of bereft) show(turn, bare);
}

/** §3.5. @throws {StanzaError} item-not-found, resource-constraint */
export function assignHat(turn: RoomTurn, jid: Jid, uri: string): void {
  requireHat(turn, uri);
  const { hats, wearers } = turn.room.hats;
  const bare = jid.bare.toString();
  const worn = hatsOf(turn.room, bare).map((hat) => hat.uri);
  if (worn.includes(uri)) return;
  if (worn.length >= roomLimits.hatsPerPersonMax) {
    throw new StanzaError('resource-constraint', `nobody wears more than ${roomLimits.hatsPerPersonMax} hats`);
  }
  keep(turn, { hats, wearers: { ...wearers, [bare]: [...worn, uri] } });
  show(turn, bare);
}

/** §3.6. @throws {StanzaError} item-not-found */
export function unassignHat(turn: RoomTurn, jid: Jid, uri: string): void {
  requireHat(turn, uri);
  const { hats, wearers } = turn.room.hats;
  const bare = jid.bare.toString();
  const worn = hatsOf(turn.room, bare).map((hat) => hat.uri);
  if (!worn.includes(uri)) throw new StanzaError('item-not-found', `${bare} does not wear it`);
  const left = new Map(Object.entries(wearers));
  setWorn(
    left,
    bare,
    worn.filter((other) => other !== uri),
  );
  keep(turn, { hats, wearers: Object.fromEntries(left) });
  show(turn, bare);
}

/** Those whose addresses are gone wear none any more. */
export function dropWearers(turn: RoomTurn, isGone: (bare: string) => boolean): void {
  const { hats, wearers } = turn.room.hats;
  const left = Object.entries(wearers).filter(([bare]) => !isGone(bare));
  if (left.length < Object.keys(wearers).length) keep(turn, { hats, wearers: Object.fromEntries(left) });
}

function setWorn(wearers: Map<string, readonly string[]>, bare: string, worn: readonly string[]): void {
  if (worn.length === 0) wearers.delete(bare);
  else wearers.set(bare, worn);
}

function requireHat({ room }: RoomTurn, uri: string): void {
  if (!room.hats.hats.some((hat) => hat.uri === uri)) throw new StanzaError('item-not-found', 'the room has no such hat');
}

function keep(turn: RoomTurn, row: HatsRow): void {
  if (Buffer.byteLength(JSON.stringify(row)) > roomLimits.hatsBytesMax) {
    throw new StanzaError('resource-constraint', 'the room has no place for more hats');
  }
  turn.room.hats = row;
  turn.put(hatRows, '', row);
}

/** To all who are inside: presence with the hats as they are now. */
function show(turn: RoomTurn, bare: string): void {
  for (const occupant of turn.room.occupants.values()) {
    if (occupant.bare.toString() === bare) announce(turn, { occupant, session: occupant.sessions.at(-1)! });
  }
}
