/**
 * XEP-0191 in rooms. What an occupant's account has blocked of the room is kept with the seat, so that a message to all needs no
 * read (decision 11). The account's router sends it with the presence that enters, and with each change.
 */
import type { Hides } from '../../../lib/runtime/wire.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { NS_MUC_USER } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { announce } from './announce.ts';
import { isSubjectOf, sendSubject } from './subject.ts';

/**
 * §3.4: an occupant who is unblocked is shown as it is now, or as gone if it has left meanwhile. So is the subject, if this
 * occupant has set it.
 */
export function changeHides(turn: RoomTurn, hides: Hides): void {
  const { own, room } = turn;
  if (!own) return;
  const before = own.seat.hides?.nicks ?? [];
  if (!room.hide(own.seat, hides)) return;
  turn.putSeat(own.occupant, own.seat);
  for (const nick of before) {
    if (hides.nicks.includes(nick)) continue;
    const occupant = room.withNick(nick);
    if (occupant?.nick === nick) announce(turn, { occupant, seat: occupant.seats.at(-1)! }, [own]);
    else {
      const gone = xml(
        'presence',
        { from: room.jid.withResource(nick).toString(), type: 'unavailable' },
        xml('x', { xmlns: NS_MUC_USER }, xml('item', { affiliation: 'none', role: 'none' })),
      );
      turn.send(Buffer.from(gone.toString()), [own.seat]);
    }
    if (isSubjectOf(room, nick)) sendSubject(turn, own.seat);
  }
}
