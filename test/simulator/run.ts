/** One run: a seed to what went wrong. The same seed gives the same run, event by event. */
import { collection } from '../../lib/runtime/collection.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { federationLimits } from '../../services/federation/limits.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { Announced } from './announced.ts';
import { check, repeatedInRooms } from './checks.ts';
import { SimClient } from './client.ts';
import type { SignInKind } from './client-sign-in.ts';
import { Cluster } from './cluster.ts';
import { healAll, scheduleFaults } from './faults.ts';
import { History } from './history.ts';
import type { Plant } from './plant.ts';
import { prepareNews } from './prepare-news.ts';
import { PushServer, pushAccount } from './push-server.ts';
import { Random } from './random.ts';
import { healRemotes, scheduleRemoteFaults } from './remote/remote-faults.ts';
import { domainOf, type RemoteOptions, RemoteServer } from './remote/remote-server.ts';
import { scheduleRemoteWorkload } from './remote/remote-workload.ts';
import { scramKeys } from './scram-client.ts';
import { Settings } from './settings.ts';
import { Visits } from './visits.ts';
import { fairWeather } from './weather.ts';
import { Witness } from './witness.ts';
import { scheduleNews, scheduleWorkload } from './workload.ts';
import { World } from './world.ts';

export interface RunResult {
  readonly seed: number;
  readonly faults: readonly string[];
  /** A hash of all that happened, to compare two runs of one seed. */
  readonly hash: number;
  readonly events: number;
  readonly trace: readonly string[];
  readonly numbers: RunNumbers;
}

export interface RunNumbers {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly sessions: number;
  readonly resumed: number;
  readonly resumeFailed: number;
  readonly unconfirmed: number;
  /** Requests of which the last one counts that were confirmed. */
  readonly set: number;
  /** Times that somebody was blocked, as was confirmed. */
  readonly blocked: number;
  readonly unblocked: number;
  /** Messages of rooms that some session got twice. */
  readonly repeatedInRooms: number;
  /** Messages to other servers that were acknowledged; those of them that arrived there, that came back, that arrived twice. */
  readonly left: number;
  readonly leftTaken: number;
  readonly leftBounced: number;
  readonly leftTwice: number;
  /** Messages of other servers that we have confirmed. */
  readonly arrived: number;
  /** Streams to other servers. */
  readonly remoteStreams: number;
  /** How often a phone fell asleep, and how often one was woken. */
  readonly sleeps: number;
  readonly pushes: number;
  /** Times that somebody signed in with a token. */
  readonly tokensUsed: number;
  /** Items that were published and confirmed, and times that a client was told of one. */
  readonly published: number;
  readonly told: number;
  /** Guests who were let in. */
  readonly guests: number;
  /** Requests by BOSH that were answered. */
  readonly boshAnswers: number;
  /** Announcements of which an operator was told that they are under way. */
  readonly announced: number;
}

const domains = ['a.example', 'b.example'];
const addresses = ['romeo@a.example/home', 'juliet@a.example/balcony', 'juliet@a.example/tower', 'mercutio@b.example/street'];
const rooms = ['garden@conference.a.example'];
/** One client of each account blocks others. */
const blockers = ['romeo@a.example/home', 'juliet@a.example/balcony', 'mercutio@b.example/street'];
/** Accounts of other servers. */
const strangers = ['anna@x.example', 'bert@x.example', 'carl@y.example'];
const chaosMs = 30_000;
const quietMs = 60_000;
/** Rows of a guest that nobody has ended go later, some minutes after it came. */
const guestsEndMs = 240_000;
/** Then phones are taken out of the pocket. Until then, each must have been woken by what it has missed. */
const sleepMs = 35_000;

export interface RunOptions {
  readonly plant?: Plant | undefined;
  readonly isTraced?: boolean;
  /** Without other servers: a run takes a fifth of the time. */
  readonly isAlone?: boolean;
  /** With visits (visits.ts). Default: some seeds have them, and none with a bug. */
  readonly isVisited?: boolean | undefined;
  /** With announcements (announced.ts). Default: some seeds have them, and none with a bug. */
  readonly isAnnounced?: boolean | undefined;
}

export async function runSeed(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const { plant } = options;
  const bounds = runtimeLimits as { catchUpOverlapMs: number; outboxDueMs: number };
  const overlapMs = bounds.catchUpOverlapMs;
  bounds.catchUpOverlapMs = plant?.overlapMs ?? overlapMs;
  const { outboxDueMs } = bounds;
  bounds.outboxDueMs = 10_000;
  const pages = pubsubLimits as { pageSubscribersMax: number };
  const { pageSubscribersMax } = pages;
  pages.pageSubscribersMax = 2;
  const telling = laterLimits as { announcementPageMax: number; announcementPauseMs: number };
  const { announcementPageMax, announcementPauseMs } = telling;
  Object.assign(telling, { announcementPageMax: 2, announcementPauseMs: 1_000 });
  const pauses = federationLimits as { retryMinMs: number; retryMaxMs: number };
  const { retryMinMs, retryMaxMs } = pauses;
  if (plant?.pauseMs !== undefined) Object.assign(pauses, { retryMinMs: plant.pauseMs, retryMaxMs: plant.pauseMs });
  const unhandled: string[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(`unhandled: ${error instanceof Error ? error.stack : error}`);
  process.on('unhandledRejection', onUnhandled);
  try {
    return await run(seed, unhandled, options);
  } finally {
    bounds.catchUpOverlapMs = overlapMs;
    bounds.outboxDueMs = outboxDueMs;
    pages.pageSubscribersMax = pageSubscribersMax;
    Object.assign(telling, { announcementPageMax, announcementPauseMs });
    Object.assign(pauses, { retryMinMs, retryMaxMs });
    process.off('unhandledRejection', onUnhandled);
  }
}

async function run(seed: number, errors: string[], options: RunOptions): Promise<RunResult> {
  const { plant, isTraced, isAlone = false, isVisited = hasVisits(seed) && plant === undefined } = options;
  const { isAnnounced = hasAnnouncements(seed) && plant === undefined } = options;
  const random = new Random(seed);
  const world = new World(random.fork('world'), isTraced);
  const weather = fairWeather();
  const history = new History();
  const witness = new Witness(world, history);
  const settings = new Settings(world);
  const scene = random.fork('scene');
  const others = isAlone ? [] : strangers;
  const remotes = remotesOf(others, {
    ...{ world, random: random.fork('remotes'), history: history.remote },
    doors: () => cluster.peerDoors,
    ownerOf: (host, peer) => cluster.ownerOf(host, peer),
    // A planted bug is looked for on seeds that were found without it.
    mayBothWays: plant === undefined,
  });
  const holdSeconds = scene.chance(0.3) ? 12 : undefined;
  const pushServer = new PushServer(world, history.push);
  const cluster: Cluster = new Cluster({
    remotes,
    pushServer,
    world,
    weather,
    plant,
    counts: { connection: 2 + scene.below(2), router: 2, muc: 2, federation: isAlone ? 0 : 2 },
    skewMsMax: scene.pick([0, 20, 300]),
    isLater: isAnnounced,
    onPut: (name, row) => {
      witness.put(name, row);
      settings.put(row);
      visits?.put(row);
    },
    onError: (name, error) => errors.push(`error: ${name}: ${error instanceof Error ? error.stack : error}`),
  });
  cluster.network.observer = witness;
  const tenants = await prepare(cluster, world, holdSeconds);
  const doors = { doors: () => cluster.doors, boshDoors: () => cluster.boshDoors };
  const coming = { world, random: random.fork('visits'), rows: cluster.rows, ...doors, untilMs: chaosMs };
  const visits = isVisited ? new Visits(coming) : undefined;
  await visits?.prepare(cluster.direct(), tenants);
  const announced = isAnnounced
    ? new Announced({ world, random: random.fork('announced'), cluster, untilMs: chaosMs })
    : undefined;
  await announced?.prepare(cluster.direct(), tenants);
  if (hasNews(seed)) await prepareNews(cluster.direct(), world, history.news, accountsOf(addresses), others);
  await pushServer.prepare(cluster.direct());
  for (const slot of cluster.slots) cluster.start(slot);
  const clients = addresses.map(
    (jid) =>
      new SimClient({
        world,
        random: random.fork(jid),
        history,
        settings,
        doors: () => cluster.doors,
        jid,
        rooms: scene.chance(0.8) ? rooms : [],
        blockable: blockers.includes(jid) ? blockableBy(jid) : [],
        signIn: signInOf(seed),
        isPhone: scene.chance(0.6),
      }),
  );
  history.push.onPush = (name) => {
    const client = clients.find((one) => one.name === name);
    world.after(world.random.between(100, 3_000), () => client?.wake(true));
  };
  for (const remote of remotes) remote.start();
  scheduleWorkload({ world, random: random.fork('workload'), clients, rooms, strangers: others, untilMs: chaosMs });
  if (hasNews(seed)) scheduleNews({ world, random: random.fork('news'), clients, untilMs: chaosMs });
  visits?.schedule();
  announced?.schedule();
  scheduleRemoteWorkload({ world, random: random.fork('remote workload'), remotes, untilMs: chaosMs });
  const trouble = {
    world,
    cluster,
    weather,
    history: history.push,
    random: random.fork('faults'),
    fromMs: 3_000,
    untilMs: chaosMs,
  };
  scheduleFaults(trouble);
  if (!isAlone) scheduleRemoteFaults({ ...trouble, random: random.fork('remote faults'), remotes });
  await world.run(chaosMs);
  healAll(trouble, fairWeather());
  healRemotes(remotes);
  for (const client of clients) client.settle();
  visits?.settle();
  await world.run(chaosMs + sleepMs);
  for (const client of clients) client.wake(false);
  await world.run(chaosMs + quietMs + (isVisited ? guestsEndMs : 0));
  const faults = [
    ...errors,
    ...settings.check(),
    ...(visits?.check() ?? []),
    ...(announced?.check() ?? []),
    ...check({
      history,
      clients,
      witness,
      remotes,
      rows: cluster.rows,
      isGivenUp: holdSeconds !== undefined || cluster.hasForgotten,
    }),
  ];
  const sent = [...history.sent.values()];
  return {
    seed,
    faults,
    hash: world.hash >>> 0,
    events: world.events,
    trace: world.trace ?? [],
    numbers: {
      sent: sent.length,
      acknowledged: sent.filter(({ state }) => state === 'acknowledged').length,
      received: history.sessions.reduce((sum, { received }) => sum + received.length, 0),
      sessions: history.sessions.length,
      resumed: history.resumed,
      resumeFailed: history.resumeFailed,
      unconfirmed: witness.unconfirmed,
      set: settings.count,
      blocked: history.blocks.counts.sure,
      unblocked: history.blocks.counts.ended,
      repeatedInRooms: repeatedInRooms(history).size,
      ...countRemote(history),
      ...history.push.counts,
      tokensUsed: history.tokens.used,
      published: [...history.news.published.values()].filter(({ state }) => state === 'confirmed').length,
      told: [...history.news.heard.values()].reduce((sum, heard) => sum + heard.length, 0),
      guests: visits?.guests ?? 0,
      boshAnswers: visits?.answers ?? 0,
      announced: announced?.count ?? 0,
    },
  };
}

/** Some runs have a node that all are subscribed to. */
function hasNews(seed: number): boolean {
  return seed % 4 === 3;
}

function hasAnnouncements(seed: number): boolean {
  return seed % 4 === 2;
}

function hasVisits(seed: number): boolean {
  return seed % 4 === 1;
}

/** Some clients sign in in each of the three ways. */
function signInOf(seed: number): SignInKind {
  if (seed % 4 === 0) return 'sasl2';
  return seed % 4 === 2 ? 'token' : 'rfc6120';
}

function accountsOf(jids: readonly string[]): readonly string[] {
  return [...new Set(jids.map((jid) => jid.split('/')[0]!))];
}

/** How each of them behaves when all is well is drawn, too. */
function remotesOf(
  strangers: readonly string[],
  {
    mayBothWays,
    ...parts
  }: Pick<RemoteOptions, 'world' | 'random' | 'history' | 'doors' | 'ownerOf'> & { readonly mayBothWays: boolean },
): readonly RemoteServer[] {
  const contacts = accountsOf(addresses);
  return [...Map.groupBy(strangers, domainOf)].map(([domain, accounts]) => {
    const random = parts.random.fork(domain);
    return new RemoteServer({
      ...{ ...parts, domain, accounts, contacts, random },
      confirms: random.pick(['acks', 'acks', 'pings', 'closing']),
      isEager: random.chance(0.4),
      verifies: random.chance(0.4),
      isDirectTls: random.chance(0.5),
      isBothWays: mayBothWays && random.fork('both ways').chance(0.5),
    });
  });
}

function countRemote({ remote, sent }: History) {
  const left = [...sent.values()].filter(({ to, state }) => strangers.includes(to) && state === 'acknowledged');
  const taken = new Set(remote.taken.map(({ id }) => id));
  return {
    left: left.length,
    leftTaken: left.filter(({ id }) => taken.has(id)).length,
    leftBounced: remote.bounced.size,
    leftTwice: remote.taken.length - taken.size,
    arrived: [...remote.sent.values()].filter(({ isConfirmed }) => isConfirmed).length,
    remoteStreams: remote.counts.streams,
  };
}

/** Occupants above all, and now and then a room, a service or an account. */
function blockableBy(jid: string): readonly string[] {
  const account = jid.split('/')[0]!;
  const others = addresses.filter((other) => !other.startsWith(`${account}/`));
  const occupants = rooms.flatMap((room) => others.map((other) => `${room}/${other.replace(/@.*\//, '-')}`));
  return [
    ...occupants,
    ...occupants,
    ...occupants,
    ...rooms,
    'conference.a.example',
    ...others.map((other) => other.split('/')[0]!),
  ];
}

const rosterItems = collection<{ subscription: 'both'; version: number; isListed: boolean }>('roster', 'account');

/** Tenants, accounts, and everybody in everybody's roster. */
/** @param hold how long messages wait for other servers, s; for longer than clocks jump, unless it is given */
async function prepare(cluster: Cluster, world: World, hold = 4 * 24 * 60 * 60): Promise<Tenants> {
  const store = cluster.direct();
  const clock = { now: () => world.epochMs, monotonic: () => 0, after: () => ({ cancel: () => {} }), randomBytes: Buffer.alloc };
  const tenants = new Tenants(store, clock);
  for (const domain of domains) await tenants.add(domain, { registration: 'closed', retentionDays: 0, hold });
  const accounts = accountsOf(addresses);
  const others = [...accounts, pushAccount];
  const row = { createdAt: new Date(world.epochMs).toISOString(), scram: { 'SHA-1': scramKeys, 'SHA-256': scramKeys } };
  for (const account of others) {
    const at = account.indexOf('@');
    const [local, domain] = [account.slice(0, at), account.slice(at + 1)];
    await createAccount(store, domain, local, row);
    const rows = Rows.ofAccount(store, domain, local);
    for (const other of accounts) {
      if (other !== account) await rows.put(rosterItems, other, { subscription: 'both', version: 1, isListed: true });
    }
    for (const stranger of strangers) await rows.put(rosterItems, stranger, { subscription: 'both', version: 1, isListed: true });
  }
  return tenants;
}
