/**
 * Messages: RFC 6121 §5 and the delivery rules of §8.5.
 *
 * To a bare JID: every available resource of non-negative priority. To a full JID: that resource, else as to the bare JID.
 * Nobody there: the archive is the queue (services/router/archive.ts).
 */
import type { SessionEntry } from '../../lib/runtime/sessions.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import { amend } from './amend.ts';
import { storageOf } from './archive.ts';
import { runGuards } from './arrive.ts';
import { bounce, routeStanza } from './route.ts';

const types = new Set(['normal', 'chat', 'groupchat', 'headline', 'error']);

/** RFC 6121 §5.2.2: an unknown type is treated as normal. */
export function messageType(stanza: Stanza): string {
  const type = stanza.type ?? 'normal';
  return types.has(type) ? type : 'normal';
}

/** A session sends a message. @throws {StanzaError} */
export async function sendMessage(account: Account, stanza: Stanza, id: string): Promise<void> {
  const to = stanza.to ?? account.jid; // RFC 6121 §8.1.1.1
  await runGuards('outbound', stanza, account);
  const sealed = amend('outbound', stanza, account, id, {
    ...stanza.attributes,
    from: account.fullJid.toString(),
    to: to.toString(),
  });
  for (const keep of account.turn.parts.features.stage('outbound', 'keep')) await keep(sealed, account, id);
  await routeStanza(account.turn, account.tenant, sealed, id);
  const followers = account.turn.parts.features.stage('outbound', 'follow');
  account.withSessions((sessions) => {
    const delivered = sessions.filter((entry) => entry.sid === account.session?.sid);
    if (account.session && delivered.length === 0) account.turn.origin?.lost();
    for (const follow of followers) follow(sealed, account, { sessions, delivered }, id);
  });
}

/** A message arrives at an account. @throws {StanzaError | Dropped} */
export async function arriveMessage(account: Account, stanza: Stanza, id: string): Promise<void> {
  const [exists] = await Promise.all([account.exists(), runGuards('inbound', stanza, account)]);
  if (!exists) throw new StanzaError('service-unavailable'); // RFC 6121 §8.5.1
  const arrived = amend('inbound', stanza, account, id, stanza.attributes);
  const { features } = account.turn.parts;
  for (const keep of features.stage('inbound', 'keep')) await keep(arrived, account, id);
  const isQueued = storageOf(arrived).queue;
  account.withSessions(async (sessions) => {
    const delivered = recipients(arrived, sessions);
    if (delivered.length === 0 && refusesWhenAway(arrived)) {
      return bounce(account.turn, account.tenant, stanza, new StanzaError('service-unavailable'));
    }
    account.deliverTo(delivered, arrived.bytes, false, isQueued ? id : undefined);
    for (const follow of features.stage('inbound', 'follow')) follow(arrived, account, { sessions, delivered }, id);
  });
}

/** RFC 6121 §8.5.2 and §8.5.3. */
export function recipients(stanza: Stanza, sessions: readonly SessionEntry[]): readonly SessionEntry[] {
  const { resource } = stanza.to!;
  const type = messageType(stanza);
  const exact = resource === '' ? undefined : sessions.find((entry) => entry.resource === resource);
  if (exact) return [exact];
  if (type === 'groupchat' || type === 'error') return [];
  if (type === 'headline' && resource !== '') return [];
  return sessions.filter((entry) => entry.available && entry.priority >= 0);
}

/** Nobody is there and nothing was kept for later: does the sender hear of it? */
function refusesWhenAway(stanza: Stanza): boolean {
  return messageType(stanza) === 'groupchat'; // §8.5.2.1.1, §8.5.3.2.1
}
