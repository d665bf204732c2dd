/** A room in a worker's memory, with what the worker knows of its `state` row. */
import type { Fence } from './fence.ts';
import type { Room } from './room.ts';

export interface LoadedRoom {
  readonly room: Room;
  readonly fence: Fence;
}
