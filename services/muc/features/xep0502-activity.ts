/**
 * XEP-0502: MUC Activity Indicator, the messages per hour of the last day, which a public room shows in its information. Whole
 * hours are kept in a row, which is written when the first message of another hour comes. For the hour that runs, a new worker
 * counts what is in the history.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT, NS_CORRECT } from '../core/namespaces.ts';
import type { Room } from '../core/room.ts';
import type { AcceptedMessage, LoadedRows, RoomFeature } from '../core/room-feature.ts';
import { roomPart } from '../core/room-part.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { roomLimits } from '../limits.ts';

const NS = 'urn:xmpp:muc-activity';
const hourMs = 60 * 60 * 1000;

/** Messages in whole hours, the latest hour last; `hour` is the number of that one since 1970. */
interface ActivityRow {
  readonly hour: number;
  readonly counts: readonly number[];
}

const activities = collection<ActivityRow>('activity', 'room', 'live');
/** The whole hours that were counted, and the count of the hour that runs. */
const counted = roomPart(() => ({ row: undefined as ActivityRow | undefined, running: { hour: 0, count: 0 } }));

export const activity: RoomFeature = {
  specs: [
    {
      spec: 'XEP-0502',
      version: '0.1.0',
      title: 'MUC Activity Indicator',
      note: 'The hour that runs is not kept over a worker’s end.',
    },
  ],
  disco: {
    roomInfo(turn) {
      const rate = messagesPerHour(turn);
      return rate === undefined ? [] : [{ var: `{${NS}}message-activity`, label: 'Messages per hour', values: [String(rate)] }];
    },
  },
  message: { follow: countMessage },
  rows: [{ collection: activities, most: 1 }],
  load: recall,
};

/** §5: a message counts when it has a body and is not a correction. */
function isCounted(stanza: Stanza): boolean {
  return stanza.hasChild('body', NS_CLIENT) && !stanza.hasChild('replace', NS_CORRECT);
}

function countMessage(turn: RoomTurn, { stanza }: AcceptedMessage): void {
  if (!isCounted(stanza)) return;
  const counts = counted.of(turn.room);
  const hour = Math.floor(turn.now / hourMs);
  if (counts.running.hour !== hour) {
    counts.row = shifted(counts.row, counts.running, hour - 1);
    counts.running = { hour, count: 0 };
    if (isShown(turn)) turn.put(activities, '', counts.row);
  }
  counts.running.count++;
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

/** §4.1 and §10: only persistent, public rooms that everybody may enter show it. */
function isShown({ config }: RoomTurn): boolean {
  return config.persistent && config.public && !config.membersOnly && config.password === '' && !config.isLocked;
}

/** undefined in a room that does not show it, and in the first hour of a room. */
function messagesPerHour(turn: RoomTurn): number | undefined {
  if (!isShown(turn)) return undefined;
  const hour = Math.floor(turn.now / hourMs);
  const ageHours = Math.floor((turn.now - Date.parse(turn.config.createdAt)) / hourMs);
  if (ageHours === 0) return undefined;
  const { row, running } = counted.of(turn.room);
  const { counts } = shifted(row, running, hour - 1);
  const sum = counts.reduce((total, count) => total + count, 0);
  return Math.round((sum / Math.min(ageHours, roomLimits.activityHoursMax)) * 100) / 100;
}

function recall(room: Room, rows: LoadedRows): void {
  const counts = counted.of(room);
  counts.row = rows.of(activities)[0]?.value;
  const last = room.history.at(-1);
  if (!last) return;
  const hour = Math.floor(last.at / hourMs);
  if (counts.row && hour <= counts.row.hour) return;
  const count = room.history.filter(({ at, xml }) => Math.floor(at / hourMs) === hour && isCounted(Stanza.parse(xml))).length;
  counts.running = { hour, count };
}
