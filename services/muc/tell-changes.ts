/** That the room is not what it was: XEP-0045 §10.2.1, by status codes. */
import { xml } from '../../lib/xmpp/element.ts';
import { NS_MUC_USER } from './namespaces.ts';
import type { RoomTurn } from './room-turn.ts';

export function tellChanges(turn: RoomTurn, codes: readonly number[]): void {
  if (codes.length === 0) return;
  const statuses = codes.map((code) => xml('status', { code }));
  const message = xml(
    'message',
    { from: turn.room.jid.toString(), type: 'groupchat', id: turn.parts.ids.mint() },
    xml('x', { xmlns: NS_MUC_USER }, statuses),
  );
  turn.broadcast(Buffer.from(message.toString()));
}
