/**
 * Ghosts in a room where nobody speaks (XEP-0045 §16.1.2): what a session's end sends may be lost, as when the room's worker died at
 * that moment. So a worker looks now and then whether the sessions of its occupants are still there. Of other domains nothing can be
 * seen; theirs are found when something bounces (ghost.ts).
 */
import { readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Job } from '../core/job.ts';
import type { Room, Session } from '../core/room.ts';
import { roomLimits } from '../limits.ts';
import { follow, ifStillThere, leaveAsGhost } from './heal.ts';

/** The session of an occupant as its account knows it; undefined when it is over. */
export function findEntry(session: Session, entries: readonly SessionEntry[]): SessionEntry | undefined {
  const entry = entries.find(({ resource }) => resource === session.jid.resource);
  return entry && entry.boundAt <= session.joinedAt + roomLimits.sessionClockSkewMs ? entry : undefined;
}

/** Queues what is to be done. @throws {Unavailable} */
export async function sweep(dependencies: Dependencies, room: Room, push: (job: Job) => void): Promise<void> {
  const near = [...room.sessions()].map(({ session }) => session).filter(({ address }) => address !== undefined);
  for (let at = 0; at < near.length; at += roomLimits.sweepAccountsMax) {
    const page = near.slice(at, at + roomLimits.sweepAccountsMax);
    const lists = await readSessions(
      dependencies.store,
      page.map(({ jid }) => jid),
    );
    for (const [index, session] of page.entries()) {
      const entry = findEntry(session, lists[index]!);
      // The room may have changed since: only the entry that was looked at counts.
      if (!entry) push({ about: session.jid, apply: ifStillThere(session, leaveAsGhost) });
      else if (entry.node !== session.address!.node || entry.sid !== session.address!.sid) {
        push({ about: session.jid, apply: ifStillThere(session, (turn) => follow(turn, entry)) });
      }
    }
  }
}
