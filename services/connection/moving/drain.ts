/**
 * Empties a node. Sessions that can be resumed are parked in the store at a bounded rate, so that their clients come back
 * elsewhere at that rate; other sessions end. Nobody is told of a parked session.
 */
import { sleep } from '../../../lib/ports/clock.ts';
import type { StreamError } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';
import type { Session } from '../session/session.ts';
import { type ParkingHost, park } from './park.ts';

export interface DrainOptions {
  readonly reason: StreamError;
  /** Monotonic; undefined: until the node is empty. The rate is raised so that all sessions get their turn in time. */
  readonly deadlineMs?: number;
  /** How many nodes of the deployment drain at this time: they share what its store takes. */
  readonly nodes?: () => number;
  /** True when the drain is no longer useful. */
  readonly isOver?: () => boolean;
}

/** Resolves when the node holds no session, or the time is over. Never rejects. */
export async function drainSessions(
  host: ParkingHost,
  held: () => readonly Session[],
  { reason, deadlineMs = Number.POSITIVE_INFINITY, nodes = () => 1, isOver = () => false }: DrainOptions,
): Promise<void> {
  const isLate = () => isOver() || host.clock.monotonic() >= deadlineMs;
  while (!isLate()) {
    const waiting = [...held()];
    if (waiting.length === 0 && host.parking.size === 0) return;
    const leftMs = Math.max(connectionLimits.drainTickMs, deadlineMs - host.clock.monotonic());
    const inTime = Number.isFinite(leftMs) ? (2_000 * waiting.length) / leftMs : 0;
    const perSecond = () =>
      Math.max(Math.min(connectionLimits.drainPerSecond, connectionLimits.drainAllPerSecond / Math.max(1, nodes())), inTime);
    await pass(host, waiting, perSecond, reason, isLate);
    if (held().length > 0 && !isLate()) await sleep(host.clock, Math.min(connectionLimits.drainRetryMs, leftMs));
  }
}

async function pass(host: ParkingHost, waiting: Session[], perSecond: () => number, reason: StreamError, isLate: () => boolean) {
  let due = 0;
  while ((waiting.length > 0 || host.parking.size > 0) && !isLate()) {
    due = Math.min(due, 1) + (perSecond() * connectionLimits.drainTickMs) / 1_000;
    for (; due >= 1 && waiting.length > 0 && host.parking.size < connectionLimits.drainConcurrentMax; due--) {
      const session = waiting.shift()!;
      if ((session.sm?.resumeMs ?? 0) > 0) void park(host, session, reason);
      else session.close(reason);
    }
    await sleep(host.clock, waiting.length > 0 ? connectionLimits.drainTickMs : connectionLimits.drainTickMs / 5);
  }
}
