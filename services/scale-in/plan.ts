/**
 * What one look at the connection tasks leads to: nothing, a task that is asked to go, or a lower number for ECS. Nothing is asked for or
 * written here (scale-in.ts).
 *
 * A task that holds streams is protected, so ECS stops none of them when the number falls. So a task is first asked to drain. When it
 * holds nothing it gives its protection up, and only then the number falls by one: ECS finds one task that it may stop.
 */
import type { LiveNode } from '../../lib/runtime/nodes.ts';
import { scaleInLimits } from './limits.ts';

/** How ECS sees the service. */
export interface TaskCounts {
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
  readonly isDeploying: boolean;
}

/** What is remembered from one look to the next. */
export interface Remembered {
  /** Since when there has been a task too many, at every look. Wall clock, ms. */
  readonly surplusSinceMs?: number;
  readonly leaving?: Leaving;
}

/** The task that goes. */
export interface Leaving {
  readonly subject: string;
  readonly name: string;
  readonly sinceMs: number;
  /** How many tasks were wanted when it was chosen. */
  readonly desired: number;
  /** Since when it has held nothing. */
  readonly emptySinceMs?: number;
  /** ECS has been told that one less is wanted. */
  readonly isLowered?: true;
}

export interface Look {
  readonly nowMs: number;
  readonly service: TaskCounts;
  /** The processes of the service by their heartbeats. */
  readonly nodes: readonly LiveNode[];
}

export interface Bounds {
  readonly tasksMin: number;
  readonly streamsPerTask: number;
  /** How long there must be a task too many before one goes, ms. */
  readonly surplusMs: number;
}

/** A step, why, and what is to be remembered. */
export interface Plan {
  readonly why: string;
  readonly next: Remembered;
  /** Ask this one to let go. */
  readonly drain?: string;
  /** Tell ECS that so many are wanted. */
  readonly lowerTo?: number;
  /** A task that was asked to go has been there for too long. */
  readonly isStuck?: true;
}

export function plan(before: Remembered, look: Look, bounds: Bounds): Plan {
  return before.leaving === undefined ? choose(before, look, bounds) : seeOff(before.leaving, look, bounds);
}

function choose({ surplusSinceMs }: Remembered, { nowMs, service, nodes }: Look, { tasksMin, ...bounds }: Bounds): Plan {
  const { desired, running, pending, isDeploying } = service;
  const none = (why: string): Plan => ({ why, next: {} });
  if (isDeploying) return none('a deployment is under way');
  if (running !== desired || pending > 0) return none(`${running} of ${desired} tasks run`);
  if (nodes.length !== desired) return none(`${nodes.length} of ${desired} tasks tell that they live`);
  if (nodes.some(({ load }) => load === undefined)) return none('a task does not tell what it holds');
  if (desired <= tasksMin) return none(`${desired} tasks are the least`);
  const { fillShare, cpuPercentMax } = scaleInLimits;
  const stay = desired - 1;
  const [held, cpuPercent] = [heldBy(nodes), nodes.reduce((sum, { load }) => sum + load!.cpuPercent, 0)];
  if (held > stay * bounds.streamsPerTask * fillShare) return none(`${held} streams are too many for ${stay} tasks`);
  if (cpuPercent > stay * cpuPercentMax * fillShare) return none(`${cpuPercent} % of a core is too much for ${stay} tasks`);
  const sinceMs = surplusSinceMs ?? nowMs;
  if (nowMs - sinceMs < bounds.surplusMs)
    return { why: `${stay} tasks would do since ${seconds(nowMs - sinceMs)}`, next: { surplusSinceMs: sinceMs } };
  const [least] = nodes.toSorted((a, b) => a.load!.held - b.load!.held || (a.startedAt < b.startedAt ? -1 : 1));
  const { subject, name } = least!;
  const leaving = { subject, name, sinceMs: nowMs, desired };
  return { why: `${name} goes, which holds ${least!.load!.held}`, next: { leaving }, drain: subject };
}

function seeOff(leaving: Leaving, { nowMs, service, nodes }: Look, { streamsPerTask }: Bounds): Plan {
  const { subject, name, desired, sinceMs, isLowered } = leaving;
  const node = nodes.find((one) => one.subject === subject);
  if (node === undefined) return { why: `${name} has gone`, next: {} };
  const isStuck = nowMs - sinceMs > scaleInLimits.stuckMs;
  const wait = (why: string, more: Partial<Plan> = {}): Plan => ({
    why: `${name} ${why}`,
    next: { leaving },
    ...(isStuck && { isStuck }),
    ...more,
  });
  if (isLowered) return wait('is drained, and ECS has not stopped it yet');
  // The answer of ECS may have been lost.
  if (service.desired === desired - 1)
    return wait('is not wanted any more', { next: { leaving: { ...leaving, isLowered: true } } });
  if (service.desired !== desired) return { why: `${service.desired} tasks are wanted now, not ${desired}`, next: {} };
  if (service.isDeploying) return wait('waits for a deployment');
  if (!node.isSurplus) return wait('is asked again', { drain: subject });
  const held = node.load?.held;
  if (held !== 0) {
    const { emptySinceMs: _, ...full } = leaving;
    return wait(`still holds ${held ?? 'what it does not tell'}`, { next: { leaving: full } });
  }
  const emptySinceMs = leaving.emptySinceMs ?? nowMs;
  if (nowMs - emptySinceMs < scaleInLimits.emptyMs)
    return wait('holds nothing now', { next: { leaving: { ...leaving, emptySinceMs } } });
  const stay = desired - 1;
  // It ends by itself after a while, and ECS starts another in its place.
  if (heldBy(nodes) > stay * streamsPerTask) return { why: `${stay} tasks would not do any more`, next: {} };
  return wait('is drained', { lowerTo: stay, next: { leaving: { ...leaving, isLowered: true } } });
}

function heldBy(nodes: readonly LiveNode[]): number {
  return nodes.reduce((sum, { load }) => sum + (load?.held ?? 0), 0);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
