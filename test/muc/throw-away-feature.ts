/** A throw-away feature of rooms in one file: a bell that occupants ring, and a curfew that its owner sets. */
import { collection } from '../../lib/runtime/collection.ts';
import { xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import type { RoomFeature } from '../../services/muc/core/room-feature.ts';
import { roomPart } from '../../services/muc/core/room-part.ts';
import type { RoomTurn } from '../../services/muc/core/room-turn.ts';
import { affiliationPart, configPart } from '../../services/muc/core/row-part.ts';

export const bellNs = 'urn:example:bell';

const curfew = configPart<boolean>('bellCurfew');
const since = affiliationPart<string>('bellSince');
const bells = collection<Readonly<Record<string, number>>>('bell', 'room', 'core', { grants: true });
const rings = roomPart(() => ({ byRinger: {} as Readonly<Record<string, number>> }));

const totalOf = (byRinger: Readonly<Record<string, number>>) => Object.values(byRinger).reduce((sum, count) => sum + count, 0);
const rungIn = ({ room }: Pick<RoomTurn, 'room'>) =>
  xml('rung', { xmlns: bellNs, all: String(totalOf(rings.of(room).byRinger)) });

function keep(turn: RoomTurn, byRinger: Readonly<Record<string, number>>): void {
  rings.of(turn.room).byRinger = byRinger;
  turn.put(bells, '', byRinger);
}

function ring(turn: RoomTurn): void {
  const { byRinger } = rings.of(turn.room);
  const ringer = turn.from.bare.toString();
  keep(turn, { ...byRinger, [ringer]: (byRinger[ringer] ?? 0) + 1 });
}

export const throwAway: RoomFeature = {
  specs: [{ spec: 'XEP-9999', version: '0.0.1', title: 'A bell, for a test' }],
  disco: {
    room: () => [bellNs],
    roomIdentity: [{ category: 'conference', type: 'bell' }],
    roomInfo: ({ room }) => [{ var: 'bell#rung', values: [String(totalOf(rings.of(room).byRinger))] }],
    service: [bellNs],
  },
  configFields: [
    {
      var: 'muc#roomconfig_bell_curfew',
      type: 'boolean',
      label: 'Nobody new comes in, and nobody says hush',
      show: (config) => (curfew.of(config) ? '1' : '0'),
      read: (field) => curfew.with({}, field.flag()),
    },
  ],
  entry: {
    guard({ config }) {
      if (curfew.of(config)) throw new StanzaError('not-allowed', 'there is a curfew');
    },
    beforePresence: (turn, { seat }) =>
      turn.send(Buffer.from(xml('message', { from: `${turn.room.jid}` }, rungIn(turn)).toString()), [seat]),
    beforeOwnPresence: (turn, { seat }) =>
      turn.send(Buffer.from(xml('presence', { from: `${turn.room.jid}` }, rungIn(turn)).toString()), [seat]),
    amend: rungIn,
  },
  presence: { amend: (room) => rungIn({ room }) },
  message: {
    guard({ config: _ }, { stanza, config }) {
      if (curfew.of(config) && stanza.body === 'hush') throw new StanzaError('not-allowed', 'there is a curfew');
    },
    amend: (turn, _message, amendment) => amendment.append.push(rungIn(turn)),
    follow: (turn) => ring(turn),
  },
  iq: [{ type: 'get', ns: bellNs, name: 'ring', handle: (turn, iq) => turn.result(iq, rungIn(turn)) }],
  occupantIq: [
    {
      type: 'get',
      ns: bellNs,
      name: 'ring',
      handle(turn, iq, _asker, target) {
        if (target.nick === 'Juliet') turn.result(iq, rungIn(turn));
        return target.nick === 'Juliet';
      },
    },
  ],
  serviceIq: [{ type: 'get', ns: bellNs, name: 'ring', handle: async () => xml('silence', { xmlns: bellNs }) }],
  commands: [
    {
      node: `${bellNs}#muffle`,
      name: 'Muffle the bell',
      formType: bellNs,
      isAllowed: (turn) => turn.isAdmin,
      run: (turn) => void keep(turn, {}),
    },
  ],
  affiliation: {
    amend(_turn, jid, amendment) {
      if (amendment.affiliated) amendment.affiliated = since.with(amendment.affiliated, 'now');
      amendment.append.push(xml('tolled', { xmlns: bellNs, for: jid }));
    },
    followAbsent(turn, jid) {
      turn.broadcast(
        Buffer.from(xml('message', { from: `${turn.room.jid}` }, xml('tolled', { xmlns: bellNs, for: jid })).toString()),
      );
    },
  },
  rows: [{ collection: bells, most: 1 }],
  load(room, rows) {
    rings.of(room).byRinger = rows.of(bells)[0]?.value ?? {};
  },
  forgets: {
    grants: [{ collection: bells, names: (value) => Object.keys(value as object) }],
    forget(turn, gone) {
      const left = Object.entries(rings.of(turn.room).byRinger).filter(([name]) => !gone.has(Jid.parse(name)));
      keep(turn, Object.fromEntries(left));
    },
  },
};
