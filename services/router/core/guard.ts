/** The `guard` stage, which decides whether a stanza may pass. */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { inOrder, type Pending } from './stages.ts';

/** Guards run in the order of the features, and the first one that refuses decides. @throws {StanzaError | Dropped} */
export function runGuards(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Pending {
  const { guard } = account.turn.dependencies.features[direction];
  const reading = account.prefetch(direction);
  return reading === undefined ? inOrder(guard, stanza, account) : reading.then(() => inOrder(guard, stanza, account));
}
