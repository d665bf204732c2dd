/**
 * RFC 6121 §4: presence. The stanzas are handled in presence/presence.ts. This file handles a session that ends without
 * `unavailable` presence (§4.5.3). Left out: the time of a contact's last presence (XEP-0203) in answers to probes.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { depart } from '../presence/presence.ts';
import { unavailableFrom } from '../presence/shown-presence.ts';

export const presence: AccountFeature = {
  spec: 'RFC 6121 §4',
  version: '2011',
  title: 'Instant Messaging and Presence: presence',
  ended: leave,
};

async function leave(account: Account, entry: SessionEntry): Promise<void> {
  if (!entry.available && !entry.inherited && !entry.directed?.length) return;
  const own = await account.updateSessions((sessions) => sessions);
  const bytes = unavailableFrom(account.jid.withResource(entry.resource));
  await depart(account, entry, { bytes, id: account.turn.dependencies.ids.mint(), own });
}
