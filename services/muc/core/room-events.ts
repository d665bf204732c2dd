/** Tells the tenant's webhooks of a room (lib/runtime/hooks.ts), with what the batch writes. */
import { eventRows, type HookEventType, hooksFor } from '../../../lib/runtime/hooks.ts';
import type { RoomTurn } from './room-turn.ts';

export function tellOfRoom(turn: RoomTurn, type: HookEventType & `room.${string}`): void {
  const { tenant, room, dependencies, now } = turn;
  if (hooksFor(tenant, type).length === 0) return;
  // Whoever loads the room next writes these rows once more.
  const event = { id: dependencies.ids.mint(), type, atMs: now, data: { room: `${room.jid}` }, mayReturn: true } as const;
  for (const row of eventRows(dependencies.store, tenant, event)) turn.write(row);
}
