/** The `guard` stage, which decides whether a stanza may pass. */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { after, inOrder, type Pending } from './stages.ts';

/** Guards run in the order of the features, and the first one that refuses decides. @throws {StanzaError | Dropped} */
export function runGuards(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Pending {
  return after(account.prefetch(direction), runPrefetched, direction, stanza, account, undefined);
}

function runPrefetched(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Pending {
  return inOrder(account.turn.dependencies.features[direction].guard, stanza, account, undefined, undefined);
}
