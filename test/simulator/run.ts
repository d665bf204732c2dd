/** One run: a seed to what went wrong. The same seed gives the same run, event by event. */
import { collection } from '../../lib/runtime/collection.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Tenants } from '../../lib/runtime/tenants.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { check, repeatedInRooms } from './checks.ts';
import { SimClient } from './client.ts';
import { Cluster } from './cluster.ts';
import { healAll, scheduleFaults } from './faults.ts';
import { History } from './history.ts';
import type { Plant } from './plants.ts';
import { Random } from './random.ts';
import { scramKeys } from './scram-client.ts';
import { Settings } from './settings.ts';
import { fairWeather } from './weather.ts';
import { Witness } from './witness.ts';
import { scheduleWorkload } from './workload.ts';
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
}

const domains = ['a.example', 'b.example'];
const addresses = ['romeo@a.example/home', 'juliet@a.example/balcony', 'juliet@a.example/tower', 'mercutio@b.example/street'];
const rooms = ['garden@conference.a.example'];
/** One client of each account blocks others. */
const blockers = ['romeo@a.example/home', 'juliet@a.example/balcony', 'mercutio@b.example/street'];
const chaosMs = 30_000;
const quietMs = 45_000;

export async function runSeed(
  seed: number,
  options: { readonly plant?: Plant; readonly isTraced?: boolean } = {},
): Promise<RunResult> {
  const { plant, isTraced } = options;
  const bounds = runtimeLimits as { catchUpOverlapMs: number };
  const overlapMs = bounds.catchUpOverlapMs;
  bounds.catchUpOverlapMs = plant?.overlapMs ?? overlapMs;
  const unhandled: string[] = [];
  const onUnhandled = (error: unknown): void => void unhandled.push(`unhandled: ${error instanceof Error ? error.stack : error}`);
  process.on('unhandledRejection', onUnhandled);
  try {
    return await run(seed, unhandled, plant, isTraced);
  } finally {
    bounds.catchUpOverlapMs = overlapMs;
    process.off('unhandledRejection', onUnhandled);
  }
}

async function run(seed: number, errors: string[], plant: Plant | undefined, isTraced: boolean | undefined): Promise<RunResult> {
  const random = new Random(seed);
  const world = new World(random.fork('world'), isTraced);
  const weather = fairWeather();
  const history = new History();
  const witness = new Witness(world);
  const settings = new Settings(world);
  const scene = random.fork('scene');
  const cluster = new Cluster({
    world,
    weather,
    plant,
    counts: { connection: 2 + scene.below(2), router: 2, muc: 2 },
    skewMsMax: scene.pick([0, 20, 300]),
    onPut: (name, row) => {
      witness.put(name, row);
      settings.put(row);
    },
    onError: (name, error) => errors.push(`error: ${name}: ${error instanceof Error ? error.stack : error}`),
  });
  cluster.network.observer = witness;
  await prepare(cluster, world);
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
      }),
  );
  scheduleWorkload({ world, random: random.fork('workload'), clients, rooms, untilMs: chaosMs });
  const trouble = { world, cluster, weather, random: random.fork('faults'), fromMs: 3_000, untilMs: chaosMs };
  scheduleFaults(trouble);
  await world.run(chaosMs);
  healAll(trouble, fairWeather());
  for (const client of clients) client.settle();
  await world.run(chaosMs + quietMs);
  const faults = [...errors, ...settings.check(), ...check({ history, clients, witness })];
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
    },
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
async function prepare(cluster: Cluster, world: World): Promise<void> {
  const store = cluster.direct();
  const clock = { now: () => world.epochMs, monotonic: () => 0, after: () => ({ cancel: () => {} }), randomBytes: Buffer.alloc };
  const tenants = new Tenants(store, clock);
  for (const domain of domains) await tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  const accounts = [...new Set(addresses.map((jid) => jid.split('/')[0]!))];
  const row = { createdAt: new Date(world.epochMs).toISOString(), scram: { 'SHA-1': scramKeys, 'SHA-256': scramKeys } };
  for (const account of accounts) {
    const at = account.indexOf('@');
    const [local, domain] = [account.slice(0, at), account.slice(at + 1)];
    await createAccount(store, domain, local, row);
    const rows = Rows.ofAccount(store, domain, local);
    for (const other of accounts) {
      if (other !== account) await rows.put(rosterItems, other, { subscription: 'both', version: 1, isListed: true });
    }
  }
}
