/**
 * Ghosts in a room where nobody speaks (XEP-0045 §16.1.2). What is sent when a session ends may be lost, for example when the
 * room's worker dies at that moment. So a worker looks now and then whether the sessions of its occupants are still there. It
 * cannot look at sessions of other domains; their ghosts are found when something bounces (rooms/ghost.ts).
 */
import { readSessions } from '../../../lib/runtime/sessions.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Job } from '../core/job.ts';
import type { Room } from '../core/room.ts';
import { roomLimits } from '../limits.ts';
import { findEntry, followJob, ghostJob } from './seat-jobs.ts';

/** Queues what is to be done. @throws {Unavailable} */
export async function sweep(dependencies: Dependencies, room: Room, push: (job: Job) => void): Promise<void> {
  const near = [...room.seats.values()].map(({ seat }) => seat).filter(({ address }) => address !== undefined);
  for (let at = 0; at < near.length; at += roomLimits.sweepAccountsMax) {
    const page = near.slice(at, at + roomLimits.sweepAccountsMax);
    const lists = await readSessions(
      dependencies.store,
      page.map(({ jid }) => jid),
    );
    for (const [index, seat] of page.entries()) {
      const entry = findEntry(seat, lists[index]!);
      if (!entry) push(ghostJob(seat));
      else if (entry.node !== seat.address!.node || entry.sid !== seat.address!.sid) push(followJob(seat, entry));
    }
  }
}
