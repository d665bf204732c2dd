/** What faults are made of: processes that die, stand still or are rolled, and chance. */
import type { Random } from '../simulator/random.ts';
import type { Deployment, Kind, Member } from './deployment.ts';
import { ourDomains } from './neighbourhood.ts';
import type { Person } from './person.ts';
import type { Done } from './round.ts';

export interface Scene {
  readonly deployment: Deployment;
  readonly people: readonly Person[];
  readonly random: Random;
}

export type Fault = (scene: Scene) => Promise<string | Done>;

const frozenSeconds = [2, 20] as const;

/** What an owner of streams to other servers had sent may be sent again by the next one. */
function interrupt({ interruptions }: Deployment, kind: Kind): void {
  if (kind === 'federation') interruptions.push({ hosts: ourDomains, atMs: performance.now() });
}

export async function kill({ deployment, random }: Scene, kind: Kind): Promise<string> {
  const member = random.pick(deployment.of(kind));
  interrupt(deployment, kind);
  deployment.signal(member, 'SIGKILL');
  const replacement = await deployment.add(kind);
  await deployment.ended(member);
  return `kill -9 ${member.name}, then ${replacement.name}`;
}

export async function freeze({ deployment, random }: Scene, kind: Kind): Promise<string> {
  const member = random.pick(deployment.of(kind));
  const ms = draw(random, frozenSeconds);
  interrupt(deployment, kind);
  deployment.signal(member, 'SIGSTOP');
  await pause(ms);
  deployment.signal(member, 'SIGCONT');
  return `${member.name} stopped for ${show(ms)}`;
}

/** As ECS does it: the new one is there before the old one is told to go. */
export async function roll({ deployment }: Scene, kind: Kind): Promise<string> {
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

export function draw(random: Random, [least, most]: readonly [number, number]): number {
  return random.between(least, most) * 1000;
}

export function show(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
