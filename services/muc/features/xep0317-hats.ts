/**
 * XEP-0317: Hats, badges that the admins of a room define and give to people. The room adds them to presence, and strips those
 * that clients claim for themselves (core/marks.ts). They are kept in one row (xep0317-hat-rows.ts), and managed by ad-hoc
 * commands (xep0317-commands.ts).
 */
import { createHash } from 'node:crypto';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Occupant, Room } from '../core/room.ts';
import type { RoomFeature } from '../core/room-feature.ts';
import { hatCommands } from './xep0317-commands.ts';
import { dropWearers, type HatsRow, hatRows, hatsIn, hatsOf, recallHats } from './xep0317-hat-rows.ts';

const NS = 'urn:xmpp:hats:0';

export const hats: RoomFeature = {
  specs: [{ spec: 'XEP-0317', version: '0.3.1', title: 'Hats', note: 'Payloads inside of hats.' }],
  disco: {
    room: () => [NS],
    roomInfo({ room }) {
      const hash = hatsHash(room);
      return hash === undefined ? [] : [{ var: 'hats#hash', label: 'Hats hash', type: 'text-single', values: [hash] }];
    },
  },
  presence: { amend: hatsElement },
  commands: hatCommands,
  rows: [{ collection: hatRows, most: 1 }],
  load: (room, rows) => recallHats(room, rows.of(hatRows)[0]?.value),
  forgets: {
    grants: [{ collection: hatRows, names: (value) => Object.keys((value as HatsRow).wearers) }],
    forget: (turn, gone) => dropWearers(turn, (bare) => gone.has(Jid.parse(bare))),
  },
};

/** §3.1; undefined for somebody who wears none. */
function hatsElement(room: Room, { bare }: Occupant): Element | undefined {
  if (hatsIn(room).hats.length === 0) return undefined;
  const worn = hatsOf(room, bare.toString());
  if (worn.length === 0) return undefined;
  return xml(
    'hats',
    { xmlns: NS },
    worn.map(({ title, uri, hue }) => xml('hat', { title, uri, hue })),
  );
}

/** §2: a hash that changes with the list of hats; undefined while there are none. */
function hatsHash(room: Room): string | undefined {
  const { hats: list } = hatsIn(room);
  if (list.length === 0) return undefined;
  const text = list.map(({ uri, title, hue }) => JSON.stringify([uri, title, hue])).sort();
  return createHash('sha1').update(text.join('\n')).digest('hex');
}
