/** What the clients of a run do, drawn from the seed. */
import type { SimClient } from './client.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

export interface WorkloadOptions {
  readonly world: World;
  readonly random: Random;
  readonly clients: readonly SimClient[];
  readonly rooms: readonly string[];
  /** Bare JIDs of other servers. */
  readonly strangers: readonly string[];
  readonly untilMs: number;
}

/** A run is calm, busy or stormy: how often a client loses its connection differs by ten times. */
export function scheduleWorkload(options: WorkloadOptions): void {
  const { world, random, clients, untilMs } = options;
  const pauseMs = random.pick([400, 900, 1_800]);
  const trouble = random.pick([0.02, 0.06, 0.15]);
  for (const client of clients) {
    world.after(random.between(0, 2_000), () => client.connect());
    const act = (): void => {
      if (world.nowMs > untilMs) return;
      if (random.chance(trouble)) disturb(client, options);
      else behave(client, options);
      world.after(random.between(pauseMs / 5, 2 * pauseMs), act);
    };
    world.after(random.between(1_000, 4_000), act);
    // A phone that has something else to do just then tries again.
    const sleep = (): void => {
      if (world.nowMs < untilMs && !client.sleep()) world.after(500, sleep);
    };
    if (client.isPhone && random.chance(0.8)) world.after(random.between(4_000, untilMs - 3_000), sleep);
  }
}

/** Two or three at once now and then, so that what one session publishes can be told in another order. */
export function scheduleNews({ world, random, clients, untilMs }: Omit<WorkloadOptions, 'rooms' | 'strangers'>): void {
  for (const client of clients) {
    const act = (): void => {
      if (world.nowMs > untilMs) return;
      for (let count = random.below(3) + 1; count > 0; count--) client.publishNews();
      world.after(random.between(500, 6_000), act);
    };
    world.after(random.between(2_000, 6_000), act);
  }
}

function behave(client: SimClient, { random, clients, rooms, strangers }: WorkloadOptions): void {
  const draw = random.next();
  if (draw < 0.46) {
    const others = clients.filter(({ account }) => account !== client.account);
    const isAway = random.chance(0.35) && strangers.length > 0;
    const account = isAway ? random.pick(strangers) : random.pick(others).account;
    // Several at once go into one batch.
    for (let count = random.chance(0.3) ? random.below(5) + 1 : 1; count > 0; count--) client.sendMessage(account);
  } else if (draw < 0.65) client.sendToRoom(random.pick(rooms), mentioned(clients, random));
  else if (draw < 0.7) client.sendToOccupant(random.pick(rooms), random.pick(clients.filter((other) => other !== client)).name);
  else if (draw < 0.75) client.changePresence();
  else if (draw < 0.8) client.changeBlocks();
  else if (draw < 0.84) client.changeState();
  else if (draw < 0.96) for (let count = random.below(4) + 1; count > 0; count--) client.changeSetting();
  else client.acknowledge();
}

/** Somebody who sleeps is asked for more often than others. */
function mentioned(clients: readonly SimClient[], random: Random): string | undefined {
  const asleep = clients.filter(({ isAsleep }) => isAsleep);
  if (asleep.length > 0 && random.chance(0.7)) return random.pick(asleep).account;
  return random.chance(0.4) ? random.pick(clients).account : undefined;
}

function disturb(client: SimClient, { world, random }: WorkloadOptions): void {
  const draw = random.next();
  if (draw < 0.4) client.loseConnection();
  else if (draw < 0.65) {
    client.hop();
    // … and once more, while it still resumes.
    if (random.chance(0.5)) world.after(random.between(1, 400), () => client.hop());
  } else if (draw < 0.75) client.crash();
  else if (draw < 0.85) {
    client.signOut();
    world.after(random.between(500, 8_000), () => client.signIn());
  } else if (draw < 0.93) {
    client.isDiligent = false;
    world.after(random.between(1_000, 9_000), () => {
      client.isDiligent = true;
    });
  } else {
    client.stall(true);
    world.after(random.between(500, 9_000), () => client.stall(false));
  }
}
