/**
 * RFC 6121 §3: subscription stanzas that are sent and that arrive, by the tables of Appendix A (roster/subscription-state.ts).
 *
 * The contact's row is changed at once, and everything else is queued. Both sides of a stanza see the same ingress id, and a row
 * remembers which id changed it last. So a retry has the same effects, although the state has changed already.
 */
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from '../core/account.ts';
import { forgedFrom, forgedTo } from '../core/amend.ts';
import type { Drop } from '../core/feature.ts';
import { runGuards } from '../core/guard.ts';
import type { Pending } from '../core/stages.ts';
import { routerLimits } from '../limits.ts';
import {
  findOwnContact,
  findOwnContacts,
  interested,
  listOwnContacts,
  pushContactTo,
  type RosterItem,
} from '../roster/roster.ts';
import { type Change, changeContact } from '../roster/roster-change.ts';
import {
  arriveSubscriptionStep,
  hasFrom,
  hasTo,
  isSubscriptionType,
  type SubscriptionState,
  type SubscriptionType,
  sendSubscriptionStep,
  type Transition,
} from '../roster/subscription-state.ts';
import { sendCurrentPresence, sendUnavailable } from './presence-probe.ts';

/** Sends a subscription stanza of a session. @throws {StanzaError} */
export async function sendSubscription(account: Account, stanza: Stanza, id: string): Promise<void> {
  const contact = stanza.to!.bare;
  if (contact.equals(account.jid))
    throw new StanzaError('not-allowed', 'an account sees its own presence without a subscription');
  await runGuards('outbound', stanza, account);
  const type = subscriptionType(stanza);
  const change = await changeContact(account, contact, `${id} out ${type}`, (item) => {
    const { state } = sendSubscriptionStep(type, item);
    const isListed = item.isListed || type === 'subscribe' || hasFrom(state) || state.isApproved === true;
    return changed(item, { ...state, isListed, request: state.isPending ? item.request : undefined });
  });
  const { state, passes } = sendSubscriptionStep(type, change.before);
  const sealed = seal(stanza, account.jid, contact, forgedFrom(account, stanza));
  account.withSessions(async (sessions) => {
    // §3.2.2: this is sent while the contact is still subscribed
    if (hasFrom(change.before) && !hasFrom(state)) sendUnavailable(account, sessions, contact, id);
    if (passes) account.post(sealed, id, 'bounce'); // the contact's domain may be unknown
    push(account, sessions, contact, change);
    if (!hasFrom(change.before) && hasFrom(state)) await grant(account, contact, sessions, id);
  });
}

/** Handles a subscription stanza that arrives. @throws {StanzaError | Dropped} */
export async function arriveSubscription(account: Account, stanza: Stanza, id: string): Promise<void> {
  const contact = stanza.from!.bare;
  const type = subscriptionType(stanza);
  const [exists] = await Promise.all([type !== 'subscribe' || account.exists(), runGuards('inbound', stanza, account)]);
  if (!exists) return answerFor(account, 'unsubscribed', contact, id);
  const sealed = seal(stanza, contact, account.jid, forgedTo(account, stanza));
  const approval = type === 'subscribe' ? await approvalOf(account, stanza) : undefined;
  const isApproved = approval !== undefined;
  const check = type === 'subscribe' && !isApproved ? await checkOf(account, stanza) : undefined;
  const step = (item: SubscriptionState) => (isApproved ? approvedStep(item) : arriveSubscriptionStep(type, item));
  const change = await changeContact(account, contact, `${id} in ${type}`, (item) => {
    const { state, passes } = step(item);
    const request = state.isPending ? (passes ? kept(sealed) : item.request) : undefined;
    return changed(item, { ...state, isListed: isApproved || item.isListed, request });
  });
  await approval?.();
  const { state, passes, isGranted } = step(change.before);
  account.withSessions(async (sessions) => {
    if (check !== undefined && state.isPending) await check(passes);
    else if (passes && type === 'subscribe') await ask(account, sessions, sealed.bytes);
    else if (passes) account.deliverTo(sessions.filter(interested.of), sealed.bytes, false);
    push(account, sessions, contact, change);
    if (!hasTo(change.before) && hasTo(state)) await tellSubscribed(account, contact, sessions);
    if (isGranted) answerFor(account, 'subscribed', contact, id);
    if (isApproved && state.isAsked) answerFor(account, 'subscribe', contact, id);
    if (isGranted) await grant(account, contact, sessions, id);
    if (hasFrom(change.before) && !hasFrom(state)) sendUnavailable(account, sessions, contact, id); // §3.3.3
  });
}

async function ask(account: Account, sessions: readonly SessionEntry[], request: Buffer): Promise<void> {
  account.deliverTo(
    sessions.filter(({ available }) => available),
    request,
    false,
  );
  for (const asked of account.turn.dependencies.features.of('asked')) await asked(account, sessions);
}

async function checkOf(account: Account, request: Stanza): Promise<((isNew: boolean) => Pending) | undefined> {
  for (const checks of account.turn.dependencies.features.of('checks')) {
    const check = await checks(account, request);
    if (check !== undefined) return check;
  }
  return undefined;
}

/** Asks the account about a request that was checked first, unless it has been answered meanwhile. */
export async function offerRequest(account: Account, contact: Jid): Promise<void> {
  const { isPending, request } = await findOwnContact(account, contact);
  if (isPending && request !== undefined) account.withSessions((sessions) => ask(account, sessions, Buffer.from(request)));
}

export interface Approval {
  /** Is the contact asked for the same? */
  readonly asksBack: boolean;
  /** For a contact that is not in the roster. */
  readonly name?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** Approves a request that waits for an answer, for the account. @param by names the cause; it is the same for a retry */
export async function approveRequest(account: Account, contact: Jid, by: string, approval: Approval): Promise<void> {
  const id = account.turn.dependencies.ids.mint();
  const asksBack = (item: SubscriptionState) => approval.asksBack && !hasTo(item);
  const change = await changeContact(account, contact, by, (item) => {
    if (!item.isPending) return item;
    const { name = approval.name, groups = approval.groups } = item;
    return { ...item, ...approvedStep(item).state, isAsked: asksBack(item), isListed: true, request: undefined, name, groups };
  });
  if (!change.before.isPending) return;
  account.withSessions(async (sessions) => {
    push(account, sessions, contact, change);
    answerFor(account, 'subscribed', contact, id);
    if (asksBack(change.before)) answerFor(account, 'subscribe', contact, id);
    await grant(account, contact, sessions, id);
  });
}

/** Takes a subscription away from a contact. @returns how the two stood before; undefined when the contact had none */
export async function revokeSubscription(account: Account, contact: Jid, by: string): Promise<SubscriptionState | undefined> {
  const id = account.turn.dependencies.ids.mint();
  const change = await changeContact(account, contact, by, (item) =>
    hasFrom(item) ? changed(item, { ...item, ...sendSubscriptionStep('unsubscribed', item).state }) : item,
  );
  if (!hasFrom(change.before)) return undefined;
  account.withSessions((sessions) => {
    sendUnavailable(account, sessions, contact, id);
    answerFor(account, 'unsubscribed', contact, id);
    push(account, sessions, contact, change);
  });
  return change.before;
}

async function approvalOf(account: Account, request: Stanza): Promise<(() => Promise<void>) | undefined> {
  for (const approves of account.turn.dependencies.features.of('approves')) {
    const approval = await approves(account, request);
    if (approval !== undefined) return approval;
  }
  return undefined;
}

/** XEP-0379 §3.5: the request is granted, and the account asks for the same. */
function approvedStep(before: SubscriptionState): Transition {
  const subscription = hasTo(before) ? 'both' : 'from';
  const state = { ...before, subscription, isPending: false, isAsked: !hasTo(before) } as const;
  return { state, passes: false, isGranted: true };
}

/**
 * Queues the end of all subscriptions between two people on both sides, because the contact leaves the roster or the account ends
 * (§2.5.2).
 */
export function cancelSubscriptions(account: Account, contact: Jid, before: SubscriptionState, id: string): void {
  account.withSessions((sessions) => {
    if (hasTo(before) || before.isAsked) answerFor(account, 'unsubscribe', contact, id);
    if (hasFrom(before)) sendUnavailable(account, sessions, contact, id);
    if (hasFrom(before) || before.isPending) answerFor(account, 'unsubscribed', contact, id);
  });
}

/** Ends all subscriptions of an account that is removed (XEP-0077 §3.2). */
export async function cancelAllSubscriptions(account: Account): Promise<void> {
  const id = account.turn.dependencies.ids.mint();
  for (const { jid, item } of await listOwnContacts(account)) cancelSubscriptions(account, jid, item, id);
}

/**
 * Ends everything between this account and addresses that are removed, also what only this side knows, such as a pre-approval.
 */
export async function forgetContacts(account: Account, gone: GoneAddresses): Promise<void> {
  const contacts = gone.few ? await findOwnContacts(account, gone.few) : await listOwnContacts(account);
  for (const { jid } of contacts) if (gone.has(jid)) await forgetContact(account, jid);
}

async function forgetContact(account: Account, contact: Jid): Promise<void> {
  const id = account.turn.dependencies.ids.mint();
  const change = await changeContact(account, contact, `${id} gone`, (item) =>
    changed(item, { ...item, subscription: 'none', isAsked: false, isPending: false, isApproved: false, request: undefined }),
  );
  const { before } = change;
  if (!hasTo(before) && !hasFrom(before) && !before.isAsked && !before.isPending && !before.isApproved) return;
  account.withSessions((sessions) => {
    const takers = sessions.filter((entry) => interested.of(entry));
    const tell = (type: SubscriptionType) => {
      const stanza = xml('presence', { type, from: contact.toString(), to: account.jid.toString() });
      account.deliverTo(takers, Buffer.from(stanza.toString()), false);
    };
    if (hasFrom(before) || before.isPending) tell('unsubscribe');
    if (hasTo(before) || before.isAsked) tell('unsubscribed');
    push(account, sessions, contact, change);
  });
}

function subscriptionType({ type }: Stanza): SubscriptionType {
  if (!isSubscriptionType(type)) throw new Error(`'${type}' is not a subscription type`);
  return type;
}

/** @returns the same object if nothing has changed */
function changed(item: RosterItem, next: Omit<RosterItem, 'version'>): RosterItem {
  const isSame =
    item.subscription === next.subscription &&
    item.isListed === next.isListed &&
    (['isAsked', 'isPending', 'isApproved'] as const).every((flag) => (item[flag] ?? false) === (next[flag] ?? false));
  return isSame ? item : { ...item, ...next };
}

/** Subscriptions are between bare JIDs (§3.1.2, §3.1.3). */
function seal(stanza: Stanza, from: Jid, to: Jid, drop: Drop): Stanza {
  return Stanza.parse(stanza.render({ ...stanza.attributes, from: from.toString(), to: to.toString() }, { drop }));
}

/**
 * What is kept of a request until it is answered: the whole stanza (§3.1.3), or only its opening tag if the stanza is too large.
 */
function kept(stanza: Stanza): string {
  const { bytes } = stanza;
  const isShort = bytes.length <= routerLimits.rosterRequestBytesMax;
  return (isShort ? bytes : stanza.render(stanza.attributes, { drop: () => true })).toString();
}

function push(account: Account, sessions: readonly SessionEntry[], contact: Jid, { before, after, isVisible }: Change): void {
  if (isVisible && (after.isListed || before.isListed)) pushContactTo(account, sessions, { jid: contact, item: after });
}

/** §3.1.5. */
async function grant(account: Account, contact: Jid, sessions: readonly SessionEntry[], id: string): Promise<void> {
  sendCurrentPresence(account, sessions, contact, id);
  for (const granted of account.turn.dependencies.features.of('granted')) await granted(account, contact);
}

async function tellSubscribed(account: Account, contact: Jid, sessions: readonly SessionEntry[]): Promise<void> {
  for (const subscribed of account.turn.dependencies.features.of('subscribed')) await subscribed(account, contact, sessions);
}

function answerFor(account: Account, type: SubscriptionType, contact: Jid, id: string): void {
  const stanza = xml('presence', { type, from: account.jid.toString(), to: contact.toString() });
  account.post(Buffer.from(stanza.toString()), id);
}
