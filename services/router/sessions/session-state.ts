/**
 * The state of a stream between two batches. The connection node carries it as opaque text, so it contains no secret. It is
 * trusted as much as the node, which is ours but faces the internet.
 */
import type { SaslState } from '../sasl/exchange.ts';

export interface SessionState {
  readonly secure: boolean;
  /** How many passwords were wrong. */
  readonly failures: number;
  /** How often a mechanism failed for another reason. */
  readonly misfits?: number;
  readonly sasl?: SaslState;
  /** The account, set by SASL. */
  readonly local?: string;
  /** {@link AccountRow.incarnation} of the account, set by SASL. */
  readonly incarnation?: string | undefined;
  /** The resource, set by bind. */
  readonly resource?: string;
}

export function parseState(text: string): SessionState {
  return text === '' ? { secure: false, failures: 0 } : (JSON.parse(text) as SessionState);
}
