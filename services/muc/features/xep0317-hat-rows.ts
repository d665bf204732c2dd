/** XEP-0317: the hats of a room and who wears them, in one row; and how that changes. */

import { collection } from '../../../lib/runtime/collection.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Room } from '../core/room.ts';
import { roomPart } from '../core/room-part.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';
import { announce } from '../rooms/announce.ts';
import { tellChanges } from '../rooms/tell-changes.ts';

/** A badge that a room defines. */
export interface Hat {
  readonly uri: string;
  readonly title: string;
  /** Degrees (XEP-0392), as the admin wrote them. */
  readonly hue?: string;
}

/** All hats of a room, and for each bare JID the URIs of the hats that it wears. */
export interface HatsRow {
  readonly hats: readonly Hat[];
  readonly wearers: Readonly<Record<string, readonly string[]>>;
}

export const hatRows = collection<HatsRow>('hats', 'room', 'core', { grants: true });
const kept = roomPart((): { row: HatsRow } => ({ row: { hats: [], wearers: {} } }));

export function hatsIn(room: Room): HatsRow {
  return kept.of(room).row;
}

/** The row as it was read. */
export function recallHats(room: Room, row: HatsRow | undefined): void {
  if (row) kept.of(room).row = row;
}

export function hatsOf(room: Room, bare: string): Hat[] {
  const { hats, wearers } = hatsIn(room);
  const worn = Object.hasOwn(wearers, bare) ? wearers[bare]! : [];
  return hats.filter(({ uri }) => worn.includes(uri));
}

/** §3.2: makes a hat, or changes the hat with this URI. @throws {StanzaError} resource-constraint */
export function createHat(turn: RoomTurn, hat: Hat): void {
  const { hats, wearers } = hatsIn(turn.room);
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
  const { hats, wearers } = hatsIn(turn.room);
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
  const { hats, wearers } = hatsIn(turn.room);
  const bare = jid.bare.toString();
  const worn = hatsOf(turn.room, bare).map((hat) => hat.uri);
  if (worn.includes(uri)) return;
  if (worn.length >= roomLimits.hatsPerPersonMax) {
    throw new StanzaError('resource-constraint', `one person can wear at most ${roomLimits.hatsPerPersonMax} hats`);
  }
  keep(turn, { hats, wearers: { ...wearers, [bare]: [...worn, uri] } });
  show(turn, bare);
}

/** §3.6. @throws {StanzaError} item-not-found */
export function unassignHat(turn: RoomTurn, jid: Jid, uri: string): void {
  requireHat(turn, uri);
  const { hats, wearers } = hatsIn(turn.room);
  const bare = jid.bare.toString();
  const worn = hatsOf(turn.room, bare).map((hat) => hat.uri);
  if (!worn.includes(uri)) throw new StanzaError('item-not-found', `${bare} does not wear this hat`);
  const left = new Map(Object.entries(wearers));
  setWorn(
    left,
    bare,
    worn.filter((other) => other !== uri),
  );
  keep(turn, { hats, wearers: Object.fromEntries(left) });
  show(turn, bare);
}

/** Takes the hats from addresses that are gone. */
export function dropWearers(turn: RoomTurn, isGone: (bare: string) => boolean): void {
  const { hats, wearers } = hatsIn(turn.room);
  const left = Object.entries(wearers).filter(([bare]) => !isGone(bare));
  if (left.length < Object.keys(wearers).length) keep(turn, { hats, wearers: Object.fromEntries(left) });
}

function setWorn(wearers: Map<string, readonly string[]>, bare: string, worn: readonly string[]): void {
  if (worn.length === 0) wearers.delete(bare);
  else wearers.set(bare, worn);
}

function requireHat({ room }: RoomTurn, uri: string): void {
  if (!hatsIn(room).hats.some((hat) => hat.uri === uri)) throw new StanzaError('item-not-found', 'the room has no such hat');
}

function keep(turn: RoomTurn, row: HatsRow): void {
  if (Buffer.byteLength(JSON.stringify(row)) > roomLimits.hatsBytesMax) {
    throw new StanzaError('resource-constraint', 'the hats of this room take too much space');
  }
  kept.of(turn.room).row = row;
  turn.put(hatRows, '', row);
}

/** Sends everybody the presence of this person's occupants, with the hats as they are now. */
function show(turn: RoomTurn, bare: string): void {
  for (const occupant of turn.room.occupants.values()) {
    if (occupant.bare.toString() === bare) announce(turn, { occupant, seat: occupant.seats.at(-1)! });
  }
}
