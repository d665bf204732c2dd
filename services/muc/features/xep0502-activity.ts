/**
 * XEP-0502: messages per hour over the last day, in what a public room says of itself. Whole hours are kept in a row that is written
 * when the first message of another hour comes; of the hour that runs, a new worker knows what is in the history.
 */
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT, NS_CORRECT } from '../core/namespaces.ts';
import type { Room } from '../core/room.ts';
import { type ActivityRow, activities } from '../core/room-rows.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

const hourMs = 60 * 60 * 1000;

/** §5: with a body, and no correction. */
function isCounted(stanza: Stanza): boolean {
  return stanza.hasChild('body', NS_CLIENT) && !stanza.hasChild('replace', NS_CORRECT);
}

export function countMessage(turn: RoomTurn, stanza: Stanza): void {
  if (!isCounted(stanza)) return;
  const { room } = turn;
  const hour = Math.floor(turn.now / hourMs);
  if (room.activityNow.hour !== hour) {
    const before = room.activityNow;
    room.activity = shifted(room.activity, before, hour - 1);
    room.activityNow = { hour, count: 0 };
    if (isShown(turn)) turn.put(activities, '', room.activity);
  }
  room.activityNow.count++;
}

/** The counts as they are when `hour` is over; `running` is the hour that was counted last. */
function shifted(row: ActivityRow | undefined, running: { hour: number; count: number }, hour: number): ActivityRow {
  const counts = Array.from({ length: roomLimits.activityHoursMax }, (_, index) => {
    const wanted = hour - (roomLimits.activityHoursMax - 1 - index);
    if (wanted === running.hour) return running.count;
    return row?.counts[row.counts.length - 1 - (row.hour - wanted)] ?? 0;
  });
  return { hour, counts };
}

/** §4.1 and §10: only of persistent, public rooms that everybody may enter. */
function isShown({ config }: RoomTurn): boolean {
  return config.persistent && config.public && !config.membersOnly && config.password === '' && !config.isLocked;
}

/** Messages per hour; undefined where that is nobody's business, or not known. */
export function activity(turn: RoomTurn): number | undefined {
  if (!isShown(turn)) return undefined;
  const hour = Math.floor(turn.now / hourMs);
  const { room } = turn;
  const ageHours = Math.floor((turn.now - Date.parse(turn.config.createdAt)) / hourMs);
  if (ageHours === 0) return undefined;
  const { counts } = shifted(room.activity, room.activityNow, hour - 1);
  const sum = counts.reduce((total, count) => total + count, 0);
  return Math.round((sum / Math.min(ageHours, roomLimits.activityHoursMax)) * 100) / 100;
}

/** The room was read from its rows: of the hour that ran then, the last messages are known. */
export function recallActivity(room: Room): void {
  const last = room.history.at(-1);
  if (!last) return;
  const hour = Math.floor(last.at / hourMs);
  if (room.activity && hour <= room.activity.hour) return;
  const count = room.history.filter(({ at, xml }) => Math.floor(at / hourMs) === hour && isCounted(Stanza.parse(xml))).length;
  room.activityNow = { hour, count };
}
