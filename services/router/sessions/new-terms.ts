/** What the node of a session has to be told of the tenant's policy. */
import { isSameTerms, presetTerms, type SessionTerms, termsOf } from '../../../lib/runtime/session-terms.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import type { StepItem } from '../../../lib/runtime/wire.ts';
import type { SessionState } from './session-state.ts';

const isMove = ({ kind }: StepItem): boolean => kind === 'moved';

/** @returns undefined when it knows. One that a session has just moved to knows nothing. */
export function newTerms(
  { resource, terms }: SessionState,
  { policy }: Tenant,
  items: readonly StepItem[],
): SessionTerms | undefined {
  if (resource === undefined) return undefined;
  const known = items.some(isMove) ? presetTerms : (terms ?? presetTerms);
  const now = termsOf(policy);
  return isSameTerms(now, known) ? undefined : now;
}
