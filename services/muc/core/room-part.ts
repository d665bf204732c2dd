/**
 * What a feature remembers of a room while the room is in memory. Only the feature knows the shape of its part. A part ends when
 * the room is dissolved, and with the worker. What must outlive those is kept in rows that the feature declares.
 */
import type { Room } from './room.ts';

export interface RoomPart<Value> {
  /** The part of this room; made when it is asked for first. */
  of(room: Room): Value;
}

export function roomPart<Value extends object>(make: () => Value): RoomPart<Value> {
  const byRoom = new WeakMap<object, Value>();
  return {
    of({ parts }) {
      const known = byRoom.get(parts);
      if (known) return known;
      const made = make();
      byRoom.set(parts, made);
      return made;
    },
  };
}
