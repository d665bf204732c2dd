/** Keys of dialback (XEP-0220, XEP-0185): made from a secret of the tenant, so that any process knows any key again. */
import type { PairName } from '../../../lib/runtime/outbox.ts';

export interface Dialback {
  /** What we say on a stream to the peer. @throws {Unavailable} */
  keyFor(pair: PairName, streamId: string): Promise<string>;
  /** Have we given this key to the peer for a stream of this id? @throws {Unavailable} */
  isOurs(pair: PairName, streamId: string, key: string): Promise<boolean>;
}
