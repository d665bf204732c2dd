/**
 * Presence that is sent and presence that arrives (RFC 6121 §3, §4, and §8.5 on delivery).
 *
 * Presence without `to` changes the session's entry and is then broadcast. Presence with `to` is a subscription
 * (subscription.ts), a probe (presence-probe.ts) or directed presence, depending on its type.
 */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import type { StepReply } from '../../../lib/runtime/wire.ts';
import { StanzaError, StreamError } from '../../../lib/xmpp/errors.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { amendPresence, forgedFrom, forgedTo } from '../core/amend.ts';
import { runGuards } from '../core/guard.ts';
import { routerLimits } from '../limits.ts';
import { isSubscriptionType } from '../roster/subscription-state.ts';
import { type Broadcast, broadcast, broadcastInitial, tellLater } from './presence-broadcast.ts';
import { endDirected, sendDirected } from './presence-directed.ts';
import { changeEntryOnce } from './presence-entry.ts';
import { arriveProbe } from './presence-probe.ts';
import { arriveSubscription, sendSubscription } from './subscription.ts';

export interface Sent {
  /** The new state of {@link StepReply.queue}. */
  readonly queue?: StepReply['queue'];
}

/**
 * Sends presence of a session.
 * @param isInitial true: the client has not had an answer to any presence yet.
 * @throws {StanzaError}
 */
export async function sendPresence(account: Account, stanza: Stanza, id: string, isInitial: boolean): Promise<Sent> {
  const { type, to } = stanza;
  const isPlain = type === undefined || type === 'unavailable';
  if (!isPlain && type !== 'probe' && type !== 'error' && !isSubscriptionType(type)) {
    throw new StanzaError('bad-request', `unknown presence type '${type}'`); // §4.7.1
  }
  if (to) {
    if (isSubscriptionType(type)) await sendSubscription(account, stanza, id);
    else await sendDirected(account, stanza, id);
    return {};
  }
  if (!isPlain) throw new StanzaError('bad-request', `presence of type '${type}' needs a 'to'`);
  if (type === undefined) return announce(account, stanza, id, isInitial);
  await withdraw(account, stanza, id);
  return { queue: 'closed' };
}

/** Handles presence that arrives at an account. @throws {StanzaError | Dropped} */
export async function arrivePresence(account: Account, stanza: Stanza, id: string): Promise<void> {
  const { type } = stanza;
  if (isSubscriptionType(type)) return arriveSubscription(account, stanza, id);
  if (type === 'probe') return arriveProbe(account, stanza, id);
  if (type !== undefined && type !== 'unavailable' && type !== 'error') {
    throw new StanzaError('bad-request', `unknown presence type '${type}'`);
  }
  await runGuards('inbound', stanza, account);
  const { resource } = stanza.to!;
  const isForged = forgedTo(account, stanza);
  const bytes = stanza.children.some(isForged) ? stanza.render(stanza.attributes, { drop: isForged }) : stanza.bytes;
  account.withSessions((sessions) => {
    // §8.5.2.1.2, §8.5.3.1: to all available resources, or to the one that is named if it is connected
    const takers = sessions.filter((entry) => (resource === '' ? entry.available : entry.resource === resource));
    account.deliverTo(takers, bytes, false);
  });
  for (const shown of account.turn.dependencies.features.of('shown')) await shown(account, stanza);
}

/** §4.2 and §4.4. */
async function announce(account: Account, stanza: Stanza, id: string, isInitial: boolean): Promise<Sent> {
  const priority = readPriority(stanza);
  sealed(account, stanza); // checks its size: what features add does not count
  const begun = isInitial ? await begin(account) : [];
  let bytes = stanza.bytes;
  const change = await changeEntryOnce(account, id, (before) => {
    const entry = noted(
      account,
      stanza,
      begun.reduce((now, note) => note(now), before),
    );
    ({ bytes } = amendPresence(stanza, account, entry, attributesOf(account, stanza)));
    return { ...entry, available: true, priority, presence: bytes.toString(), inherited: undefined };
  });
  // The session's node was taken for dead, or another session has taken its resource.
  if (!change) throw new StreamError('reset', 'the session has ended');
  const { after, sessions, isAgain } = change;
  const before = isInitial ? { ...change.before, available: false } : change.before;
  const news = { from: account.fullJid, bytes, id, own: sessions };
  if (before.available) await broadcast(account, news);
  else await broadcastInitial(account, news, after);
  if (isAgain) tellLater(account, after);
  for (const announced of account.turn.dependencies.features.of('announced')) await announced(account, stanza, before, after);
  if (priority < 0) return { queue: 'closed' };
  return { queue: before.available && before.priority >= 0 ? 'open' : 'opened' };
}

/** What features note in the entry of a session with its first presence. */
async function begin(account: Account): Promise<readonly ((entry: SessionEntry) => SessionEntry)[]> {
  const beginning = account.turn.dependencies.features.of('appearance').map((appearance) => appearance.begin(account));
  return Promise.all(beginning);
}

function noted(account: Account, stanza: Stanza, entry: SessionEntry): SessionEntry {
  return account.turn.dependencies.features.of('appearance').reduce((now, appearance) => appearance.note(now, stanza), entry);
}

/** §4.5.1. */
async function withdraw(account: Account, stanza: Stanza, id: string): Promise<void> {
  const bytes = sealed(account, stanza);
  const change = await changeEntryOnce(account, id, (entry) => ({
    ...entry,
    available: false,
    priority: 0,
    presence: undefined,
    directed: undefined,
    inherited: undefined,
  }));
  if (!change) return;
  await depart(account, change.before, { bytes, id, own: change.sessions, leaving: change.after });
  if (change.isAgain) tellLater(account, change.after);
}

/** Queues what others learn when a session becomes unavailable, whether it says so or not (§4.5.2, §4.5.3). */
export async function depart(account: Account, entry: SessionEntry, news: Omit<Broadcast, 'from'>): Promise<void> {
  const { bytes, id } = news;
  const from = account.jid.withResource(entry.resource);
  const isKnown = entry.available || entry.inherited !== undefined;
  if (isKnown) await broadcast(account, { ...news, from });
  await endDirected(account, entry.directed ?? [], bytes, { id, isBroadcast: isKnown });
  if (!isKnown) return;
  const presence = Stanza.parse(bytes);
  for (const departed of account.turn.dependencies.features.of('departed')) await departed(account, presence);
}

/** The presence as it is kept and shown to others. @throws {StanzaError} if it is too large */
function sealed(account: Account, stanza: Stanza): Buffer {
  const bytes = stanza.render(attributesOf(account, stanza), { drop: forgedFrom(account, stanza) });
  if (bytes.length > routerLimits.presenceBytesMax) {
    throw new StanzaError('policy-violation', `presence may have at most ${routerLimits.presenceBytesMax} bytes`);
  }
  return bytes;
}

function attributesOf(account: Account, stanza: Stanza) {
  return { ...stanza.attributes, from: account.fullJid.toString(), to: undefined };
}

/** §4.7.2.3: `xs:byte`, and at most one element. */
function readPriority(stanza: Stanza): number {
  const found = stanza.children.filter(({ name, ns }) => name === 'priority' && ns === 'jabber:client');
  if (found.length === 0) return 0;
  const text = stanza.elementOf(found[0]!).getText().trim();
  const priority = /^[+-]?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (found.length === 1 && priority >= -128 && priority <= 127) return priority;
  throw new StanzaError('bad-request', `the priority '${text.slice(0, 20)}' is not an integer from -128 to 127`);
}
