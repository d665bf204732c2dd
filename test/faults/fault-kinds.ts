/** What is done to the deployment in one round. Each resolves when it is healed, and says what it did. */
import type { Weather } from './dynamo-gate.ts';
import { draw, type Fault, freeze, kill, pause, roll, type Scene, show } from './fault-tools.ts';
import { faultsAbroad, faultsOfProsody } from './faults-abroad.ts';
import { skipWithoutProsody } from './neighbourhood.ts';

const seconds = { natsDown: [0.5, 4], natsCut: [2, 12], weather: [4, 9], away: [2, 7] } as const;
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
  ...faultsAbroad,
  ...(skipWithoutProsody ? {} : faultsOfProsody),
};

/** Those that can be had on this machine. */
export const availableKinds: readonly string[] = Object.keys(faults);

/** @param name a kind, or `federation`: all with other servers */
export function kindsNamed(name: string): readonly string[] {
  if (name !== 'federation') return [name];
  return availableKinds.filter((kind) => Object.hasOwn(faultsAbroad, kind) || Object.hasOwn(faultsOfProsody, kind));
}

/** Here no client's stream may be dropped at all. */
export const keepsStreams: ReadonlySet<string> = new Set(['roll-routers', 'roll-muc', 'roll-federation']);

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
