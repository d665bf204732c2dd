/**
 * The state of a stream between two batches. The connection node carries it as opaque text, so it contains no secret. It is
 * trusted as much as the node, which is ours but faces the internet.
 */
import type { SessionTerms } from '../../../lib/runtime/session-terms.ts';
import type { ScramHash } from '../core/accounts.ts';
import { routerLimits } from '../limits.ts';
import type { SaslState } from '../sasl/exchange.ts';

export interface SessionState {
  readonly secure: boolean;
  /** How many passwords were wrong. */
  readonly failures: number;
  /** How often a mechanism failed for another reason. */
  readonly misfits?: number;
  readonly sasl?: SaslState;
  /** The local part of the stream's `from`, and the hashes of that account, until it has signed in. */
  readonly from?: string | undefined;
  readonly hashes?: readonly ScramHash[] | undefined;
  /** The invite that the client has shown, and the name that it is for (XEP-0445). */
  readonly invite?: { readonly id: string; readonly invite: { readonly name?: string | undefined } } | undefined;
  /** The account, set by SASL. */
  readonly local?: string;
  /** {@link AccountRow.incarnation} of the account, set by SASL. */
  readonly incarnation?: string | undefined;
  /** Names the client for good, if it has said which one it is (XEP-0388 §2.3). */
  readonly client?: string | undefined;
  /** The resource, set by bind. */
  readonly resource?: string;
  /** What the node was told last of the tenant's policy. Absent: nothing, so it goes by the presets. */
  readonly terms?: SessionTerms;
}

/** States of bound sessions by their text: they come with each batch and hardly ever change. */
const known = new Map<string, SessionState>();

/** Do not change it: the next batch may get the same object. */
export function parseState(text: string): SessionState {
  if (text === '') return { secure: false, failures: 0 };
  const found = known.get(text);
  if (found !== undefined) return found;
  const state = Object.freeze(JSON.parse(text) as SessionState);
  if (state.resource === undefined) return state;
  if (known.size >= routerLimits.knownStatesMax) known.clear();
  known.set(text, state);
  return state;
}
