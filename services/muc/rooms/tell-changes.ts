/** Tells all occupants that the configuration has changed: XEP-0045 §10.2.1, by status codes, each in a message of its own. */
import { xml } from '../../../lib/xmpp/element.ts';
import { NS_MUC_USER } from '../core/namespaces.ts';
import type { RoomTurn } from '../core/room-turn.ts';

export function tellChanges(turn: RoomTurn, codes: readonly number[]): void {
  for (const code of codes) {
    const extension = xml('x', { xmlns: NS_MUC_USER }, xml('status', { code }));
    const from = turn.room.jid.toString();
    const message = xml('message', { from, type: 'groupchat', id: turn.dependencies.ids.mint() }, extension);
    turn.broadcast(Buffer.from(message.toString()));
  }
}
