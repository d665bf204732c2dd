/** What goes wrong with remote servers and with DNS, drawn from the seed as the faults of the cluster are. */
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import { fairMood, type RemoteMood, type RemoteServer } from './remote-server.ts';

interface Trouble {
  readonly world: World;
  readonly random: Random;
  readonly remote: RemoteServer;
  /** When everything heals. */
  readonly healMs: number;
}

type Fault = (on: Trouble) => void;

const faults: readonly Fault[] = [
  die,
  die,
  freeze,
  freeze,
  breakStreams,
  breakStreams,
  confirmLate,
  refuse,
  reset,
  double,
  move,
  dnsLate,
];

export function scheduleRemoteFaults(on: {
  readonly world: World;
  readonly random: Random;
  readonly remotes: readonly RemoteServer[];
  readonly fromMs: number;
  readonly untilMs: number;
}): void {
  const { world, random, remotes, fromMs, untilMs } = on;
  for (let count = random.below(7); count > 0; count--) {
    const fault = random.pick(faults);
    const remote = random.pick(remotes);
    world.after(random.between(fromMs, untilMs), () => fault({ world, random, remote, healMs: untilMs }));
  }
}

/** Everything works again. */
export function healRemotes(remotes: readonly RemoteServer[]): void {
  for (const remote of remotes) {
    Object.assign(remote.mood, fairMood);
    Object.assign(remote.dns, { address: remote.address, lateMs: 0, isAway: false });
    remote.freeze(false);
    remote.start();
  }
}

function die({ world, random, remote }: Trouble): void {
  remote.die(random.chance(0.7));
  world.after(random.between(200, random.chance(0.3) ? 15_000 : 4_000), () => remote.start());
}

function freeze({ world, random, remote, healMs }: Trouble): void {
  remote.freeze(true);
  world.after(random.between(300, random.chance(0.4) ? 40_000 : 5_000), () => {
    remote.freeze(false);
    // Killed while it stood still: what its socket had taken is lost.
    if (random.chance(0.3) && world.nowMs < healMs) die({ world, random, remote, healMs });
  });
}

function breakStreams({ random, remote }: Trouble): void {
  remote.options.world.note(remote.domain, 'loses its connections');
  remote.breakAll(random.chance(0.6));
}

function during({ world, random, remote }: Trouble, mostMs: number, mood: Partial<RemoteMood>): void {
  world.note(remote.domain, 'is in a mood:', JSON.stringify(mood));
  Object.assign(remote.mood, mood);
  world.after(random.between(500, mostMs), () => Object.assign(remote.mood, fairMood));
}

function confirmLate(on: Trouble): void {
  during(on, 15_000, { confirmMs: on.random.pick([2_000, 9_000, 35_000]) });
}

/** A server that does not know its domain has nobody signed in there. */
function refuse(on: Trouble): void {
  const refuses = on.random.pick(['host-unknown', 'not-allowed'] as const);
  if (refuses === 'host-unknown') {
    on.remote.die(true);
    on.world.after(1, () => on.remote.start());
  }
  during(on, 8_000, { refuses });
  on.remote.breakAll(true);
}

function reset(on: Trouble): void {
  during(on, 8_000, { resetsAfterAuth: true });
  on.remote.breakAll(true);
}

function double(on: Trouble): void {
  during(on, 15_000, { doubles: true });
}

/** Whoever is asked in the meantime says where it was. */
function move({ world, random, remote }: Trouble): void {
  remote.die(random.chance(0.5));
  remote.address++;
  world.after(random.between(100, 2_000), () => remote.start());
  world.after(random.between(100, 9_000), () => {
    remote.dns.address = remote.address;
  });
}

function dnsLate({ world, random, remote }: Trouble): void {
  world.note('the name servers are in trouble');
  Object.assign(remote.dns, random.chance(0.5) ? { isAway: true } : { lateMs: 12_000 });
  world.after(random.between(500, 10_000), () => Object.assign(remote.dns, { isAway: false, lateMs: 0 }));
}
