/** What a turn is given besides its dependencies and where its stanza comes from. */
import type { Sender } from './origin.ts';
import type { Prefetched } from './prefetch.ts';
import type { Writer } from './writers.ts';

export interface TurnOptions {
  /** The key by which nodes recognise a stanza that is delivered twice, see {@link Delivery.dedupeKey}. */
  readonly dedupeKey?: string;
  /** Rows that were read for this turn together with others. */
  readonly prefetched?: Prefetched;
  /** The writer that is noted in rows which several requests change. */
  readonly by?: Writer | undefined;
  /** The sender of the stanza, if it does not come from a batch of this router. */
  readonly sender?: Sender | undefined;
  /** A room has sent the stanza, and says itself whom it has not reached. */
  readonly leavesRinging?: boolean | undefined;
}
