/**
 * XEP-0500: MUC Slow Mode, a pause between two messages of one person who is not an admin. It holds for the account, whatever
 * nicks and clients the person has in the room.
 *
 * Nothing is stored: a worker that takes over the room knows those who have spoken among the last messages.
 */

import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_CLIENT } from '../core/namespaces.ts';
import type { Room } from '../core/room.ts';
import type { AcceptedMessage, RoomFeature, RoomMessage } from '../core/room-feature.ts';
import { roomPart } from '../core/room-part.ts';
import type { RoomTurn } from '../core/room-turn.ts';
import { configPart } from '../core/row-part.ts';
import { roomLimits } from '../limits.ts';

/** Seconds between two messages; 0 or undefined: no pause. */
const pauseSeconds = configPart<number>('slowModeSeconds');
/** When each bare JID has spoken last, the latest last. */
const spoken = roomPart(() => new Map<string, number>());
const range = { min: 0, max: roomLimits.slowModeMaxSeconds } as const;

export const slowMode: RoomFeature = {
  specs: [{ spec: 'XEP-0500', version: '0.1.1', title: 'MUC Slow Mode' }],
  disco: {
    roomInfo: ({ config }) => [
      {
        var: 'muc#roominfo_slow_mode_duration',
        type: 'text-single',
        label: 'Seconds between messages',
        values: [String(pauseSeconds.of(config) ?? 0)],
      },
    ],
  },
  configFields: [
    {
      var: 'muc#roomconfig_slow_mode_duration',
      type: 'text-single',
      label: 'Seconds between two messages of one person (0: no limit)',
      range,
      show: (config) => String(pauseSeconds.of(config) ?? 0),
      read: (field) => pauseSeconds.with({}, field.whole(range)),
    },
  ],
  message: { guard: checkPause, follow: noteSpeaker },
  load: recallSpeakers,
  forgets: {
    forget({ room }, gone) {
      const speakers = spoken.of(room);
      for (const bare of [...speakers.keys()]) if (gone.has(Jid.parse(bare))) speakers.delete(bare);
    },
  },
};

/** How long this writer has to pause, ms; 0 when slow mode is not for this message. */
function pauseMs({ stanza, isAdmin, config }: RoomMessage): number {
  const seconds = pauseSeconds.of(config) ?? 0;
  return seconds === 0 || isAdmin || !stanza.hasChild('body', NS_CLIENT) ? 0 : seconds * 1000;
}

/** @throws {StanzaError} policy-violation of type wait */
function checkPause(turn: RoomTurn, message: RoomMessage): void {
  const pause = pauseMs(message);
  if (pause === 0) return;
  const before = spoken.of(turn.room).get(turn.from.bare.toString());
  if (before === undefined || turn.now - before >= pause) return;
  const text = `this room is in slow mode: wait ${pause / 1000} s between messages`;
  throw new StanzaError('policy-violation', text, { type: 'wait' });
}

function noteSpeaker(turn: RoomTurn, message: AcceptedMessage): void {
  const pause = pauseMs(message);
  if (pause === 0) return;
  const speakers = spoken.of(turn.room);
  for (const [oldest, at] of speakers) {
    if (turn.now - at < pause && speakers.size < roomLimits.sessionsMax) break;
    speakers.delete(oldest);
  }
  note(speakers, turn.from, turn.now);
}

function recallSpeakers(room: Room): void {
  for (const { jid, at, xml } of room.history) {
    if (Stanza.parse(xml).hasChild('body', NS_CLIENT)) note(spoken.of(room), Jid.parse(jid), at);
  }
}

function note(speakers: Map<string, number>, { bare }: Jid, at: number): void {
  speakers.delete(bare.toString());
  speakers.set(bare.toString(), at);
}
