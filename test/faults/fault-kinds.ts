/** What is done to the deployment in one round. Each resolves when it is healed, and says what it did. */
import type { Random } from '../simulator/random.ts';
import type { Deployment, Kind, Member } from './deployment.ts';
import type { Weather } from './dynamo-gate.ts';
import type { Person } from './person.ts';

export interface Scene {
  readonly deployment: Deployment;
  readonly people: readonly Person[];
  readonly random: Random;
}

type Fault = (scene: Scene) => Promise<string>;

const seconds = { frozen: [2, 20], natsDown: [0.5, 4], natsCut: [2, 12], weather: [4, 9], away: [2, 7] } as const;
const socketCuts = 3;

export const faults: Readonly<Record<string, Fault>> = {
  'kill-connection': (scene) => kill(scene, 'connection'),
  'kill-router': (scene) => kill(scene, 'router'),
  'kill-muc': (scene) => kill(scene, 'muc'),
  'freeze-connection': (scene) => freeze(scene, 'connection'),
  'freeze-router': (scene) => freeze(scene, 'router'),
  'freeze-muc': (scene) => freeze(scene, 'muc'),
  'nats-restart': restartNats,
  'nats-cut': troubleNats,
  'dynamo-throttling': (scene) => changeWeather(scene, 'throttling'),
  'dynamo-slow': (scene) => changeWeather(scene, 'slow'),
  'dynamo-losing-answers': (scene) => changeWeather(scene, 'losing answers'),
  'dynamo-away': (scene) => changeWeather(scene, 'away'),
  'cut-sockets': cutSockets,
  'roll-routers': (scene) => roll(scene, 'router'),
  'roll-muc': (scene) => roll(scene, 'muc'),
  'roll-connections': (scene) => roll(scene, 'connection'),
};

/** Here no client's stream may be dropped at all. */
export const keepsStreams: ReadonlySet<string> = new Set(['roll-routers', 'roll-muc']);

async function kill({ deployment, random }: Scene, kind: Kind): Promise<string> {
  const member = random.pick(deployment.of(kind));
  deployment.signal(member, 'SIGKILL');
  const replacement = await deployment.add(kind);
  await deployment.ended(member);
  return `kill -9 ${member.name}, then ${replacement.name}`;
}

async function freeze({ deployment, random }: Scene, kind: Kind): Promise<string> {
  const member = random.pick(deployment.of(kind));
  const ms = draw(random, seconds.frozen);
  deployment.signal(member, 'SIGSTOP');
  await pause(ms);
  deployment.signal(member, 'SIGCONT');
  return `${member.name} stopped for ${show(ms)}`;
}

async function restartNats({ deployment, random }: Scene): Promise<string> {
  const ms = draw(random, seconds.natsDown);
  await deployment.restartNats(ms);
  return `nats-server away for ${show(ms)}`;
}

async function troubleNats({ deployment, random }: Scene): Promise<string> {
  const { name } = random.pick(deployment.members);
  const trouble = random.chance(0.5) ? 'cut' : 'hang';
  const ms = draw(random, seconds.natsCut);
  deployment.nats.trouble(name, trouble);
  await pause(ms);
  deployment.nats.heal();
  return `the bus of ${name} ${trouble === 'cut' ? 'cut' : 'hung'} for ${show(ms)}`;
}

async function changeWeather({ deployment, random }: Scene, weather: Weather): Promise<string> {
  const ms = draw(random, weather === 'away' ? seconds.away : seconds.weather);
  const before = deployment.dynamo.troubled;
  deployment.dynamo.weather = weather;
  await pause(ms);
  deployment.dynamo.weather = 'fair';
  return `store ${weather} for ${show(ms)} (${deployment.dynamo.troubled - before} requests)`;
}

async function cutSockets({ people, random }: Scene): Promise<string> {
  let count = 0;
  for (let turn = 0; turn < socketCuts; turn++) {
    for (const person of people) {
      if (!person.isLive || !random.chance(0.5)) continue;
      person.link.cut();
      count++;
    }
    await pause(1_000);
  }
  return `${count} sockets cut`;
}

/** As ECS does it: the new one is there before the old one is told to go. */
async function roll({ deployment }: Scene, kind: Kind): Promise<string> {
  const stops: string[] = [];
  for (const member of deployment.of(kind)) {
    const replacement = await deployment.add(kind);
    const tookMs = await end(deployment, member);
    stops.push(`${member.name} (${show(tookMs)}) by ${replacement.name}`);
  }
  return `replaced ${stops.join(', ')}`;
}

/** A balancer sends nobody to a target that it takes away. */
function end(deployment: Deployment, member: Member): Promise<number> {
  deployment.forget(member);
  deployment.signal(member, 'SIGTERM');
  return deployment.ended(member);
}

function draw(random: Random, [least, most]: readonly [number, number]): number {
  return random.between(least, most) * 1000;
}

function show(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
