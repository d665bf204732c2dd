/**
 * What a router remembers of a stream between batches. The node carries it as opaque text: it holds no secret, and what the node
 * says is believed only as far as the node is (it is ours, but faces the internet).
 */
import type { SaslState } from '../sasl/exchange.ts';

export interface SessionState {
  readonly secure: boolean;
  /** Wrong passwords. */
  readonly failures: number;
  /** Failures of mechanisms that could not work. */
  readonly misfits?: number;
  readonly sasl?: SaslState;
  /** Set by SASL. */
  readonly local?: string;
  /** Likewise: {@link AccountRow.incarnation} of the account that has signed in. */
  readonly incarnation?: string | undefined;
  /** Set by bind. */
  readonly resource?: string;
}

export function parseState(text: string): SessionState {
  return text === '' ? { secure: false, failures: 0 } : (JSON.parse(text) as SessionState);
}
