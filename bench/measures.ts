/** The list of measures, each with its main figure and the greatest share of the better peer's figure that is acceptable. */
import type { Client } from './generator/client.ts';
import { disperse, gather } from './generator/crowd.ts';
import type { Account, Endpoint } from './generator/endpoint.ts';
import { chat } from './modes/chat.ts';
import { churn } from './modes/churn.ts';
import { idle } from './modes/idle.ts';
import { archive } from './modes/mam.ts';
import { manyRooms, room } from './modes/muc.ts';
import type { Outcome } from './modes/outcome.ts';
import { presence } from './modes/presence.ts';
import { arriving, leaving } from './modes/s2s.ts';
import { storm } from './modes/s2s-storm.ts';
import { type SignInServer, signIn } from './modes/signin.ts';
import type { Outside } from './outside/outside.ts';
import { Cannot, type Server } from './servers/server.ts';
import type { BetweenServers, Mode, Settings } from './settings.ts';

export type MeasuredServer = SignInServer & Pick<Server, 'name' | 'peerPort'> & { readonly outside?: Outside | undefined };

export interface Measure {
  readonly id: string;
  readonly title: string;
  /** The figure that is compared, and its unit. */
  readonly figure: 'cpuMicrosEach' | 'rssKilobytesEach';
  /** The figure should be at most this share of the better peer's. */
  readonly target?: number;
  /** Or it should be at most this, microseconds. */
  readonly microsMax?: number;
  /** Whether peers keep an archive. */
  readonly archive: boolean;
  /** Whether the server must be freshly started. */
  readonly isFresh: boolean;
  /** Once is enough for memory, which hardly varies and takes minutes to measure. */
  readonly roundsMax?: number;
  run(server: MeasuredServer, endpoint: Endpoint, round: number): Promise<Outcome>;
}

/** Users with contacts and users with archives are used for nothing else. */
const readers = 20;

function block(server: MeasuredServer, from: 'mam' | 'presence' | 'rest', circleUsers: number): readonly Account[] {
  const { accounts } = server;
  const [first, second] = [readers * 2, readers * 2 + circleUsers];
  if (from === 'mam') return accounts.slice(0, first);
  return from === 'presence' ? accounts.slice(first, second) : accounts.slice(second);
}

/** The number of accounts that a server needs for these measures. */
export function accountsFor(settings: Settings): number {
  const { users, streams, signIns, occupants, rooms } = settings;
  const wanted = settings.modes.flatMap((mode) => {
    if (mode === 'idle') return [streams];
    if (mode === 'muc') return [Math.max(...occupants, rooms.count * rooms.occupants)];
    if (mode === 's2s-storm') return [stormUsers(settings)];
    return mode === 'signin' ? [Math.min(signIns, 1_000)] : [users ?? 500];
  });
  return readers * 2 + circleUsersOf(settings) + Math.max(500, ...wanted);
}

function circleUsersOf({ circle, users, modes }: Settings): number {
  return modes.length === 1 && modes[0] === 'presence' && users !== undefined ? users : circle * 2;
}

export function measuresOf(settings: Settings): Measure[] {
  return settings.modes.flatMap((mode) => makers[mode](settings));
}

const plain = { figure: 'cpuMicrosEach', archive: false, isFresh: false } as const;

type Make = (settings: Settings) => Measure[];

const makers: Readonly<Record<Mode, Make>> = {
  signin: (settings) => [
    {
      ...plain,
      id: 'signin',
      title: `${over(settings)} sign-in with SCRAM`,
      target: 1.1,
      run: (server, endpoint) => signIn(rested(server, settings), endpoint, settings.signIns, false),
    },
    ...(settings.transport === 'tcp'
      ? []
      : [
          {
            ...plain,
            id: 'signin-ticket',
            title: 'the same with a TLS session ticket',
            run: (server: MeasuredServer, endpoint: Endpoint) =>
              signIn(rested(server, settings), endpoint, settings.signIns, true),
          },
        ]),
  ],
  idle: (settings) => [
    {
      ...plain,
      id: 'idle',
      title: `memory of an idle ${over(settings)} stream, ${settings.streams} of them`,
      figure: 'rssKilobytesEach',
      target: 0.9,
      isFresh: true,
      roundsMax: 1,
      run: (server, endpoint) => idle(rested(server, settings), endpoint, settings),
    },
  ],
  chat: (settings) =>
    settings.rates.flatMap((rate) =>
      settings.archives.map((isArchived) => ({
        ...plain,
        id: `chat${rate === undefined ? '' : '-open'}${isArchived ? '-archive' : ''}${settings.sm || isArchived ? '-sm' : ''}`,
        title: `1:1 message over ${over(settings)}${isArchived ? ', archived before the ack' : ''}${loopOf(rate)}`,
        target: chatTarget(settings, rate, isArchived),
        archive: isArchived,
        run: (server, endpoint) => {
          const sm = settings.sm || isArchived; // acks need XEP-0198
          const accounts = block(server, 'rest', circleUsersOf(settings));
          return together(server, endpoint, accounts, settings.users ?? 500, sm, (clients) =>
            chat(clients, server.pid, { ...settings, rate, sm }),
          );
        },
      })),
    ),
  muc: (settings) => [
    ...settings.occupants.map(
      (size): Measure => ({
        ...plain,
        id: `muc-${size}`,
        title: `delivery in a room of ${size}`,
        target: 0.3,
        run: (server, endpoint, round) =>
          inRooms(server, endpoint, settings, { name: `${size}-${round}`, clients: size + 2 }, room),
      }),
    ),
    manyRoomsOf(settings),
  ],
  presence: (settings) => [
    {
      ...plain,
      id: 'presence',
      title: `presence to a contact (${settings.circle - 1} each)`,
      target: 1 / 4,
      run: (server, endpoint) => {
        const users = circleUsersOf(settings);
        return together(server, endpoint, block(server, 'presence', users), users, settings.sm, (clients) =>
          presence(clients, server.pid, settings),
        );
      },
    },
  ],
  mam: (settings) => {
    const filled = new Set<MeasuredServer>();
    return [
      {
        ...plain,
        id: 'mam',
        title: `archived message returned, pages of ${settings.page}`,
        target: 0.15,
        archive: true,
        run: (server, endpoint) => {
          const options = { messages: settings.messages, page: settings.page, times: settings.times };
          return together(server, endpoint, block(server, 'mam', 0), readers * 2, settings.sm, async (clients) => {
            const outcome = await archive(clients, server.pid, options, filled.has(server));
            filled.add(server);
            return outcome;
          });
        },
      },
    ];
  },
  churn: (settings) => [
    {
      ...plain,
      id: 'churn',
      title: `stream cut, written to and resumed over ${over(settings)}`,
      run: (server, endpoint) =>
        together(server, endpoint, block(server, 'rest', circleUsersOf(settings)), settings.users ?? 100, true, (clients) =>
          churn(clients, server.pid, server.pace, settings.times),
        ),
    },
  ],
  s2s: (settings) => settings.archives.flatMap((isArchived) => betweenServers(settings, isArchived)),
  's2s-storm': (settings) => [
    {
      ...plain,
      id: 's2s-storm',
      title: `message to a living server while ${settings.dead} others are dead`,
      isFresh: true,
      run(server, endpoint) {
        const { outside } = federating(server);
        const users = senders(settings);
        const accounts = block(server, 'rest', circleUsersOf(settings));
        const options = { ...settings, rate: settings.rate ?? 200, deadDomains: settings.dead };
        return together(server, endpoint, accounts, stormUsers(settings), true, (clients) =>
          storm(clients.slice(0, users), clients.slice(users), outside, server.pid, options),
        );
      },
    },
  ],
};

/** The share of the figure of the better peer: without an archive, or with one. */
function chatTarget({ sm }: Settings, rate: number | undefined, isArchived: boolean): number {
  if (isArchived) return 0.25;
  if (rate !== undefined) return 1;
  return sm ? 0.4 : 0.6;
}

function manyRoomsOf(settings: Settings): Measure {
  const { count, occupants } = settings.rooms;
  return {
    ...plain,
    id: `muc-${count}x${occupants}`,
    title: `delivery in ${count} rooms of ${occupants}`,
    target: 0.4,
    run: (server, endpoint, round) =>
      inRooms(
        server,
        endpoint,
        settings,
        { name: `${count}x${occupants}-${round}`, clients: count * occupants },
        (clients, pid, options) => manyRooms(clients, pid, { ...options, rooms: count }),
      ),
  };
}

function inRooms(
  server: MeasuredServer,
  endpoint: Endpoint,
  settings: Settings,
  { name, clients: count }: { readonly name: string; readonly clients: number },
  run: typeof room,
): Promise<Outcome> {
  const address = `bench-${name}@conference.${endpoint.domain}`;
  const { seconds, window, sm } = settings;
  return together(server, endpoint, block(server, 'rest', circleUsersOf(settings)), count, sm, (clients) =>
    run(clients, server.pid, { address, seconds, window }),
  );
}

/** Each of them writes to as many dead domains as the others. */
const stormSenders = 100;

function senders({ users, pairs }: Settings): number {
  return users ?? pairs;
}

function stormUsers(settings: Settings): number {
  return senders(settings) + stormSenders;
}

/** @throws {Cannot} */
function federating({ name, outside, peerPort }: MeasuredServer): { readonly outside: Outside; readonly peerPort: number } {
  if (outside === undefined || peerPort === undefined) throw new Cannot(`${name} does not talk to other servers here`);
  return { outside, peerPort };
}

/** Both ways. The sender's stream has XEP-0198, and so has the other server's, where the measured one offers it. */
function betweenServers(settings: Settings, archive: boolean): Measure[] {
  const { pairs, burst } = settings;
  const kind = `${pairs} pairs, bursts of ${burst}${archive ? ', archived' : ''}`;
  const suffix = archive ? '-archive' : '';
  const withClients = (server: MeasuredServer, endpoint: Endpoint, work: (clients: readonly Client[]) => Promise<Outcome>) =>
    together(server, endpoint, block(server, 'rest', circleUsersOf(settings)), senders(settings), true, work);
  const measures: Readonly<Record<BetweenServers, Measure>> = {
    leaving: {
      ...plain,
      id: `s2s-leaving${suffix}`,
      title: `message to another server (${kind})`,
      microsMax: 60,
      archive,
      run: (server, endpoint) => {
        const { outside } = federating(server);
        return withClients(server, endpoint, (clients) => leaving(clients, outside, server.pid, settings));
      },
    },
    arriving: {
      ...plain,
      id: `s2s-arriving${suffix}`,
      title: `message from another server (${kind})`,
      microsMax: 50,
      archive,
      run: (server, endpoint) => {
        const { outside, peerPort } = federating(server);
        return withClients(server, endpoint, (clients) => arriving(clients, outside, { pid: server.pid, peerPort }, settings));
      },
    },
  };
  return settings.ways.map((way) => measures[way]);
}

function over({ transport }: Settings): string {
  return { tls: 'TLS', starttls: 'STARTTLS', tcp: 'TCP' }[transport];
}

function loopOf(rate: number | undefined): string {
  return rate === undefined ? '' : `, ${rate} a second`;
}

function rested(server: MeasuredServer, settings: Settings): MeasuredServer {
  return { ...server, accounts: block(server, 'rest', circleUsersOf(settings)) };
}

async function together(
  server: MeasuredServer,
  endpoint: Endpoint,
  accounts: readonly Account[],
  count: number,
  sm: boolean,
  work: (clients: readonly Client[]) => Promise<Outcome>,
): Promise<Outcome> {
  const clients = await gather(endpoint, accounts, count, server.pace, { sm });
  try {
    return await work(clients);
  } finally {
    for (const client of clients) client.onLost = undefined;
    await disperse(clients);
  }
}
