/**
 * Messages: RFC 6121 §5 and the delivery rules of §8.5.
 *
 * A message to a bare JID goes to every available resource with a non-negative priority. A message to a full JID goes to that
 * resource; if the resource is not there, the type of the message decides. If nobody is there, the message waits in the archive,
 * which is also the queue (archive/archive.ts). Messages that are not kept, such as chat states, are lost then.
 */
import { isParked, readSessions, type SessionEntry } from '../../../lib/runtime/sessions.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { storageOf } from '../archive/archive.ts';
import { keepLate, queueAgain } from '../archive/cursor.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import { amend } from '../core/amend.ts';
import type { Stages } from '../core/feature.ts';
import { runGuards } from '../core/guard.ts';
import { inOrder, type Pending } from '../core/stages.ts';

/** Sends a message of a session. @throws {StanzaError} */
export async function sendMessage(account: Account, stanza: Stanza, id: string): Promise<void> {
  const { features, route } = account.turn.dependencies;
  checkRoomFor(account, stanza);
  const to = stanza.to ?? account.jid; // RFC 6121 §8.1.1.1
  const guarding = runGuards('outbound', stanza, account);
  if (guarding !== undefined) await guarding;
  const attributes = { ...stanza.attributes, from: account.fullJid.toString(), to: to.toString() };
  const amending = amend('outbound', stanza, account, id, attributes);
  const sealed = amending instanceof Promise ? await amending : amending;
  const keeping = inOrder(features.outbound.keep, sealed, account, id);
  if (keeping !== undefined) await keeping;
  const routing = route(account.turn, account.tenant, sealed, id);
  if (routing !== undefined) await routing;
  account.turn.withSessions([account], ([sessions]) => {
    const own = account.checkHeld(sessions!);
    return inOrder(features.outbound.follow, sealed, account, { sessions: sessions!, delivered: own ? [own] : [] }, id);
  });
}

/** @throws {StanzaError} resource-constraint of type `wait` if the account has sent too much today, or the disk is nearly full */
function checkRoomFor(account: Account, stanza: Stanza): void {
  const { shares, store } = account.turn.dependencies;
  shares.keptMessages.charge(account, stanza.bytes.length);
  if (store.isShort !== true) return;
  const { archive, queue } = storageOf(stanza);
  const isOfRoom = messageType(stanza) === 'groupchat';
  if (archive || queue || isOfRoom)
    throw new StanzaError('resource-constraint', 'the server cannot store messages now; try again later');
}

/** Handles a message that arrives at an account. @throws {StanzaError | Dropped} */
export async function arriveMessage(account: Account, stanza: Stanza, id: string): Promise<void> {
  const { features } = account.turn.dependencies;
  const guarding = runGuards('inbound', stanza, account);
  if (guarding !== undefined) await guarding;
  if (account.prefetched(accounts) === undefined) throw new StanzaError('service-unavailable'); // RFC 6121 §8.5.1
  if (stanza.to!.resource !== '' && messageType(stanza) === 'normal') await checkResource(account, stanza);
  const amending = amend('inbound', stanza, account, id, stanza.attributes);
  const arrived = amending instanceof Promise ? await amending : amending;
  const keeping = inOrder(features.inbound.keep, arrived, account, id);
  if (keeping !== undefined) await keeping;
  const isQueued = storageOf(arrived).queue;
  if (isQueued) account.turn.afterCommit(() => keepLate(account, id));
  account.withSessions((sessions): Pending => {
    const delivered = recipients(arrived, sessions).filter((entry) => isTaken(features.inbound.takes, arrived, entry));
    if (delivered.length === 0 && messageType(arrived) === 'groupchat') {
      return account.turn.bounce(account.tenant, stanza, new StanzaError('service-unavailable')); // §8.5.2.1.1, §8.5.3.2.1
    }
    const deliver = () => {
      account.deliverTo(delivered, arrived.bytes, false, isQueued ? id : undefined);
      return inOrder(features.inbound.follow, arrived, account, { sessions, delivered }, id);
    };
    // If the parked session is not resumed, another resource may move the cursor past the message before the client is back.
    const isForParked = isQueued && stanza.to!.resource !== '' && delivered.some(isParked);
    return isForParked ? queueAgain(account, [id]).then(deliver) : deliver();
  });
}

/** §8.5.3.2.1: a `normal` message to a resource that is not there is refused before it is kept. */
async function checkResource(account: Account, stanza: Stanza): Promise<void> {
  const { resource } = stanza.to!;
  const [sessions] = await readSessions(account.turn.dependencies.store, [account]);
  if (!sessions!.some((entry) => entry.resource === resource)) throw new StanzaError('service-unavailable');
}

function isTaken(takes: readonly NonNullable<Stages['takes']>[], stanza: Stanza, entry: SessionEntry): boolean {
  for (const stage of takes) if (!stage(stanza, entry)) return false;
  return true;
}

/**
 * RFC 6121 §8.5.2 and §8.5.3. A `normal` message whose resource went away after the check is in the queue already, so it is
 * delivered like one of type `chat`.
 */
function recipients(stanza: Stanza, sessions: readonly SessionEntry[]): readonly SessionEntry[] {
  const { resource } = stanza.to!;
  const type = messageType(stanza);
  const exact = resource === '' ? undefined : sessions.find((entry) => entry.resource === resource);
  if (exact) return [exact];
  if (type === 'groupchat' || type === 'error') return [];
  if (type === 'headline' && resource !== '') return [];
  return sessions.filter((entry) => entry.available && entry.priority >= 0);
}
