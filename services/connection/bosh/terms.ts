/** What a client and this service agree on when a session begins (XEP-0124 §7). */
import { connectionLimits } from '../limits.ts';
import type { BoshBody } from './body.ts';

export interface Agreed {
  /** How long a request waits for something to answer, seconds. */
  readonly wait: number;
  /** Requests that wait at once. Without any the client polls (§11). */
  readonly hold: number;
  /** Requests that the client may have under way: one more than wait, so that it can always speak. */
  readonly requests: number;
  /** How long a client may be without a request, seconds. */
  readonly inactivity: number;
  readonly version: string | undefined;
  /** The client says what it has received (§8.2). */
  readonly hasAcks: boolean;
  /** The client has not said its version: it understands statuses of HTTP alone. */
  readonly isLegacy: boolean;
}

const major = 1;
const minor = 11;

export function agree({ wait, hold, ack, version }: BoshBody): Agreed {
  const { boshWaitSecondsMax, boshHoldMax, boshInactivitySeconds } = connectionLimits;
  const held = Math.min(hold ?? 1, boshHoldMax);
  return {
    wait: Math.min(wait ?? boshWaitSecondsMax, boshWaitSecondsMax),
    hold: held,
    requests: Math.max(2, held + 1),
    inactivity: boshInactivitySeconds,
    version: version === undefined ? undefined : lower(version),
    hasAcks: ack === 1,
    isLegacy: version === undefined,
  };
}

/** §7.1: the numbers of a version are compared one by one. */
function lower(theirs: string): string {
  const [, first, second] = /^([0-9]{1,4})\.([0-9]{1,4})$/.exec(theirs) ?? [];
  const isLower = first !== undefined && (Number(first) < major || (Number(first) === major && Number(second) < minor));
  return isLower ? theirs : `${major}.${minor}`;
}
