/** The `guard` stage: whether a stanza may pass. */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { inOrder, type Pending } from './stages.ts';

/** The first guard in the features' order that refuses decides. @throws {StanzaError | Dropped} */
export function runGuards(direction: 'inbound' | 'outbound', stanza: Stanza, account: Account): Pending {
  const guards = account.turn.dependencies.features.stage(direction, 'guard');
  const run = () => inOrder(guards, (guard) => guard(stanza, account));
  const loading = account.load(direction);
  return loading === undefined ? run() : loading.then(run);
}
