/** Computes the use of store, network and CPU in a month from the habits of users. */
import type { Habits } from './cost-options.ts';
import { action, actionFor, add, combine, cpu, type Micros, nothing, type Service, type Use } from './measured.ts';

export const hoursMonth = 730;
export const daysMonth = hoursMonth / 24;
const secondsDay = 86_400;
/** How many messages waited in the measured sign-in. */
const waitingMeasured = 20;
/** Bytes an hour in each direction that keep a stream alive: a small request and its answer every 5 minutes, with TLS. */
const keepAliveBytesHour = 12 * 120;

export interface Load {
  /** What all users together use in a month. */
  readonly month: Use;
  readonly streamsMean: number;
  readonly streamsPeak: number;
  /** Streams that begin in a second, on average. */
  readonly connectionsPerSecond: number;
  /** Busy cores of each service, on average. */
  readonly cores: Micros;
  readonly filesMonth: number;
  readonly filesGbMonth: number;
  readonly peak: number;
}

/** What one user does in a day, and how many times. */
function dayOf(habits: Habits): readonly (readonly [use: Use, times: number])[] {
  const { contacts, occupants, messages, pages, roomMessages } = habits;
  const away = habits.away / 100;
  const much = action(`sign-in, ${waitingMeasured} messages wait`);
  const waits = combine(much, action('sign-in, nothing waits'), (a, b) => Math.max(0, a - b) / waitingMeasured);
  const roomShare = messages + roomMessages === 0 ? 0 : roomMessages / (messages + roomMessages);
  return [
    [actionFor('sign-in', contacts, 'contacts'), habits.signIns],
    [actionFor('sign-out', contacts, 'contacts'), habits.signIns],
    [actionFor('presence', contacts, 'contacts'), habits.presence],
    [action('stream resumed'), habits.resumptions],
    [action('message, recipient online'), messages * (1 - away)],
    [action('message, recipient offline'), messages * away],
    [waits, messages * away],
    [action('message to another server'), habits.outside],
    [action('message from another server'), habits.outside],
    [action('chat state'), habits.chatStates],
    [actionFor('room message', occupants, 'occupants'), roomMessages],
    [actionFor('enter a room', occupants, 'occupants'), habits.roomEntries],
    [actionFor('leave a room', occupants, 'occupants'), habits.roomEntries],
    [action('archive page of 20'), pages * (1 - roomShare)],
    [action('room archive page of 20'), pages * roomShare],
  ];
}

/**
 * CPU time that one user's day costs each service, microseconds. Sign-ins, messages and deliveries in rooms were measured; the
 * rest is estimated from them. For a connection node, resuming a stream costs as much as a sign-in, a chat state or an archive
 * page as much as a message, and a delivery of presence as much as a delivery in a room. For a router, each call to the store in
 * another action costs as much as each call of a message. A message to another server, or from one, costs both as much as one that stays.
 */
function microsOf(habits: Habits): Micros {
  const { signInMicros, messageMicros, roomDeliveryMicros } = cpu;
  const { signIns, resumptions, chatStates, presence, contacts, roomMessages, roomEntries, occupants, pages } = habits;
  const messages = habits.messages + 2 * habits.outside;
  const microsPerCall = messageMicros.router / action('message, recipient online').calls;
  const byCalls = (use: Use, times: number) => use.calls * times * microsPerCall;
  const toRooms = (roomMessages + 2 * roomEntries) * occupants;
  const toContacts = (presence + 2 * signIns) * contacts * (habits.online / 24);
  const texts = messages + chatStates;
  return {
    connection:
      (signIns + resumptions) * signInMicros.connection +
      (texts + pages) * messageMicros.connection +
      (toRooms + toContacts) * roomDeliveryMicros.connection,
    router:
      signIns * signInMicros.router +
      messages * messageMicros.router +
      byCalls(action('chat state'), chatStates) +
      byCalls(action('stream resumed'), resumptions) +
      byCalls(actionFor('presence', contacts, 'contacts'), presence) +
      byCalls(actionFor('sign-out', contacts, 'contacts'), signIns) +
      byCalls(action('archive page of 20'), pages) +
      toRooms * roomDeliveryMicros.router,
    muc: toRooms * roomDeliveryMicros.muc,
  };
}

export function loadOf(habits: Habits): Load {
  const { users, online, peak, filesMb, fileMb, signIns, resumptions } = habits;
  const keepAlive = online * keepAliveBytesHour;
  const day = dayOf(habits).reduce((sum, [use, times]) => add(sum, use, times), {
    ...nothing,
    wireBytesIn: keepAlive,
    wireBytesOut: keepAlive,
  });
  const micros = microsOf(habits);
  const cores = (service: Service) => (micros[service] * users) / 1e6 / secondsDay;
  const streamsMean = (users * online) / 24;
  return {
    month: add(nothing, day, users * daysMonth),
    streamsMean,
    streamsPeak: Math.min(users, streamsMean * peak),
    connectionsPerSecond: (users * (signIns + resumptions)) / secondsDay,
    cores: { connection: cores('connection'), router: cores('router'), muc: cores('muc') },
    filesMonth: (users * daysMonth * filesMb) / fileMb,
    filesGbMonth: (users * daysMonth * filesMb) / 1_000,
    peak,
  };
}
