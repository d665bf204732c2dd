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
import { isGuest } from '../core/guests.ts';
import { after, inOrder, type Pending } from '../core/stages.ts';

/** Sends a message of a session. Each step calls the next one, and waits only if there is something to wait for. @throws {StanzaError} */
export function sendMessage(account: Account, stanza: Stanza, id: string): Pending {
  checkRoomFor(account, stanza);
  return after(runGuards('outbound', stanza, account), amendSent, account, stanza, id, undefined);
}

function amendSent(account: Account, stanza: Stanza, id: string): Pending {
  const to = stanza.to ?? account.jid; // RFC 6121 §8.1.1.1
  const attributes = stanza.addressed(account.fullJid.toString(), to.toString());
  const sealed = amend('outbound', stanza, account, id, attributes);
  return sealed instanceof Promise ? sealed.then((amended) => keepSent(account, amended, id)) : keepSent(account, sealed, id);
}

function keepSent(account: Account, sealed: Stanza, id: string): Pending {
  const keeping = inOrder(account.turn.dependencies.features.outbound.keep, sealed, account, id, undefined);
  return after(keeping, routeSent, account, sealed, id, undefined);
}

function routeSent(account: Account, sealed: Stanza, id: string): Pending {
  const { turn, tenant } = account;
  return after(turn.dependencies.route(turn, tenant, sealed, id), followSent, account, sealed, id, undefined);
}

function followSent(account: Account, sealed: Stanza, id: string): void {
  account.withSessions((sessions) => {
    const own = account.checkHeld(sessions);
    const { follow } = account.turn.dependencies.features.outbound;
    return inOrder(follow, sealed, account, { sessions, delivered: own ? [own] : [] }, id);
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
export function arriveMessage(account: Account, stanza: Stanza, id: string): Pending {
  return after(runGuards('inbound', stanza, account), checkRecipient, account, stanza, id, undefined);
}

function checkRecipient(account: Account, stanza: Stanza, id: string): Pending {
  if (account.prefetched(accounts) === undefined) throw new StanzaError('service-unavailable'); // RFC 6121 §8.5.1
  const isForOne = stanza.to!.resource !== '' && messageType(stanza) === 'normal';
  return after(isForOne ? checkResource(account, stanza) : undefined, amendArrived, account, stanza, id, undefined);
}

function amendArrived(account: Account, stanza: Stanza, id: string): Pending {
  const arrived = amend('inbound', stanza, account, id, stanza.attributes);
  if (arrived instanceof Promise) return arrived.then((amended) => keepArrived(account, stanza, id, amended));
  return keepArrived(account, stanza, id, arrived);
}

function keepArrived(account: Account, stanza: Stanza, id: string, arrived: Stanza): Pending {
  const keeping = inOrder(account.turn.dependencies.features.inbound.keep, arrived, account, id, undefined);
  return after(keeping, queueDelivery, account, stanza, id, arrived);
}

/** @param stanza as it came, for an error */
function queueDelivery(account: Account, stanza: Stanza, id: string, arrived: Stanza): void {
  const isForGuest = isGuest(account);
  const isQueued = !isForGuest && storageOf(arrived).queue;
  if (isQueued) account.turn.afterCommit(() => keepLate(account, id));
  account.withSessions((sessions): Pending => {
    const { takes } = account.turn.dependencies.features.inbound;
    const all = recipients(arrived, sessions);
    const delivered = takes.length === 0 ? all : all.filter((entry) => isTaken(takes, arrived, entry));
    if (delivered.length === 0 && (isForGuest || messageType(arrived) === 'groupchat')) {
      return account.turn.bounce(account.tenant, stanza, new StanzaError('service-unavailable')); // §8.5.2.1.1, §8.5.3.2.1
    }
    // If the parked session is not resumed, another resource may move the cursor past the message before the client is back.
    const isForParked = isQueued && arrived.to!.resource !== '' && delivered.some(isParked);
    const entryId = isQueued ? id : undefined;
    if (!isForParked) return deliver(account, arrived, sessions, delivered, id, entryId);
    return queueAgain(account, [id]).then(() => deliver(account, arrived, sessions, delivered, id, entryId));
  });
}

function deliver(
  account: Account,
  arrived: Stanza,
  sessions: readonly SessionEntry[],
  delivered: readonly SessionEntry[],
  id: string,
  entryId: string | undefined,
): Pending {
  account.deliverTo(delivered, arrived.bytes, false, entryId);
  return inOrder(account.turn.dependencies.features.inbound.follow, arrived, account, { sessions, delivered }, id);
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
  if (resource !== '') {
    for (const entry of sessions) if (entry.resource === resource) return [entry];
  }
  if (type === 'groupchat' || type === 'error') return [];
  if (type === 'headline' && resource !== '') return [];
  return sessions.filter((entry) => entry.available && entry.priority >= 0);
}
