/**
 * What a tenant's policy says to the node that holds a session. A router tells it with the answer to a batch, when it has changed since the node
 * was told: nodes read no policies.
 */
import { readPolicy, type TenantPolicy } from './policy/tenant-policy.ts';

export interface SessionTerms {
  /** What the account may send in the long run. */
  readonly stanzasPerSecond: number;
  readonly bytesPerSecond: number;
  /** How long the session outlives its stream if its client can be woken, ms. */
  readonly pushResumeMs: number;
}

const hourMs = 60 * 60 * 1_000;

/** A policy is not changed: a new one takes its place. Each batch asks for the terms. */
const known = new WeakMap<TenantPolicy, SessionTerms>();

export function termsOf(policy: TenantPolicy): SessionTerms {
  let terms = known.get(policy);
  if (terms === undefined) {
    terms = madeOf(policy);
    known.set(policy, terms);
  }
  return terms;
}

function madeOf({ stanzasPerSecond, kilobytesPerSecond, pushResumeHours }: TenantPolicy): SessionTerms {
  return { stanzasPerSecond, bytesPerSecond: kilobytesPerSecond * 1_024, pushResumeMs: pushResumeHours * hourMs };
}

/** What a node goes by until it is told anything. */
export const presetTerms: SessionTerms = termsOf(readPolicy(undefined));

export function isSameTerms(one: SessionTerms, other: SessionTerms): boolean {
  return (
    one.stanzasPerSecond === other.stanzasPerSecond &&
    one.bytesPerSecond === other.bytesPerSecond &&
    one.pushResumeMs === other.pushResumeMs
  );
}
