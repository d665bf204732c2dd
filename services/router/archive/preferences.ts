/** What an account wants to be archived (XEP-0441), in one row. Without the row, everything is archived. */
import { collection } from '../../../lib/runtime/collection.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { setOf } from '../core/address-set.ts';
import { isInRoster } from '../roster/roster.ts';

export interface Preferences {
  readonly default: 'always' | 'never' | 'roster';
  /** Prepared JIDs, bare or full. */
  readonly always: readonly string[];
  readonly never: readonly string[];
}

export const preferences = collection<Preferences>('archive-preferences', 'account');
export const initialPreferences: Preferences = { default: 'always', always: [], never: [] };

/**
 * May a message of this peer be archived (§2.3)? The full address decides, then the bare one, then the default. Only stages of
 * features that name {@link preferences} in their `reads` may ask.
 */
export function mayArchive(account: Account, peer: Jid): Promise<boolean> | boolean {
  const { always, never, default: rule } = account.prefetched(preferences) ?? initialPreferences;
  if (always.length > 0 || never.length > 0) {
    for (const address of [peer.toString(), peer.bare.toString()]) {
      if (setOf(never).has(address)) return false;
      if (setOf(always).has(address)) return true;
    }
  }
  if (rule !== 'roster') return rule === 'always';
  return isInRoster(account, peer);
}
