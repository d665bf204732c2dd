/**
 * Directed presence (RFC 6121 §4.6): a session shows itself to somebody who is not subscribed, such as a room. The session's entry
 * lists the addresses, which hear of the end too.
 */
import { limits } from '../../../lib/limits.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza, spliceTo } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { listContacts } from '../roster/roster.ts';
import { hasFrom } from '../roster/subscription-state.ts';
import { runGuards } from '../routing/arrive.ts';
import { routeStanza } from '../routing/route.ts';
import { changeEntry } from './presence-entry.ts';
import { routeQuietly } from './presence-probe.ts';

/** A session sends presence with a `to`; also probes and errors. @throws {StanzaError} */
export async function sendDirected(account: Account, stanza: Stanza, id: string): Promise<void> {
  const to = stanza.to!;
  await runGuards('outbound', stanza, account);
  const isRoom = (await account.turn.parts.tenants.place(to.domain))?.service === 'rooms';
  if (stanza.type === undefined) await changeEntry(account, (entry) => remember(entry, to, isRoom));
  if (stanza.type === 'unavailable' || stanza.type === 'error') await changeEntry(account, (entry) => forget(entry, to));
  const bytes = stanza.render({ ...stanza.attributes, from: account.fullJid.toString(), to: to.toString() });
  await routeStanza(account.turn, account.tenant, Stanza.parse(bytes), id);
}

/** Queued. §4.6.3: to those who do not learn it from the broadcast. */
export async function endDirected(
  account: Account,
  directed: readonly string[],
  bytes: Buffer,
  options: { readonly id: string; readonly isBroadcast: boolean },
): Promise<void> {
  if (directed.length === 0) return;
  const contacts = options.isBroadcast ? await listContacts(account) : [];
  const covered = new Set(contacts.filter(({ item }) => hasFrom(item)).map(({ jid }) => jid.toString()));
  account.turn.withSessions([], async () => {
    for (const address of directed) {
      if (!covered.has(Jid.parse(address).bare.toString())) await routeQuietly(account, spliceTo(bytes, address), options.id);
    }
  });
}

/** Of a room only the last nick counts: one who changes it (XEP-0045 §7.6) is not in the room twice. */
function remember<Entry extends { readonly directed?: readonly string[] }>(entry: Entry, to: Jid, isRoom: boolean): Entry {
  const address = to.toString();
  const before = entry.directed ?? [];
  if (before.includes(address)) return entry;
  const others = isRoom ? before.filter((other) => !Jid.parse(other).bare.equals(to.bare)) : before;
  if (others.length >= limits.directedPresenceMax) {
    throw new StanzaError('resource-constraint', `presence was sent to ${limits.directedPresenceMax} addresses already`);
  }
  return { ...entry, directed: [...others, address] };
}

function forget<Entry extends { readonly directed?: readonly string[] }>(entry: Entry, to: Jid): Entry {
  const address = to.toString();
  if (!entry.directed?.includes(address)) return entry;
  return { ...entry, directed: entry.directed.filter((other) => other !== address) };
}
