/**
 * XEP-0060 §6.1, §6.2: explicit subscriptions to an account's nodes, beside those that follow from presence (XEP-0163 §4.3).
 *
 * One row a node keeps its subscribers, each with a bare or full JID, once. Whether a subscriber may read is asked again with each
 * notification, so a subscription gives no right of its own. Left out: leases, options of a subscription, several of one JID.
 *
 * Hostile: subscribing somebody else (§6.1.3.1), without end (a bound per node), or inheriting the subscription of somebody who had the
 * name before (a subscription names the account that made it by the date on which the account was made).
 */
import { collection } from '../../../lib/runtime/collection.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { accounts } from '../core/accounts.ts';
import { routerLimits } from '../limits.ts';
import type { PepNode } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

export interface Subscriber {
  /** Bare or full. */
  readonly jid: string;
  readonly subid: string;
  /** Of an account of the same tenant: its `createdAt`. A later account of that name is not subscribed. */
  readonly createdAt?: string | undefined;
}

interface SubscribersRow {
  readonly subscribers: readonly Subscriber[];
}

export const subscriberRows = collection<SubscribersRow>('pepSubscribers', 'account', 'core', { grants: true });

export async function subscribersOf(account: Account, node: PepNode): Promise<readonly Subscriber[]> {
  return (await account.get(subscriberRows, node.key))?.subscribers ?? [];
}

/** At once; subscribing again changes nothing. @throws {StanzaError} */
export async function addSubscriber(account: Account, node: PepNode, jid: Jid): Promise<Subscriber> {
  const { domain, local } = jid;
  const isNear = domain === account.domain && local !== '';
  const createdAt = isNear ? (await account.other(jid).get(accounts))?.createdAt : undefined;
  const fresh = { jid: jid.toString(), subid: account.turn.dependencies.ids.mint(), ...(createdAt && { createdAt }) };
  const row = await account.update(subscriberRows, node.key, (value = { subscribers: [] }) => {
    const same = value.subscribers.find((one) => one.jid === fresh.jid);
    if (same && same.createdAt === fresh.createdAt) return value;
    const next = { subscribers: [...value.subscribers.filter((one) => one !== same), fresh] };
    const isTooLarge = Buffer.byteLength(JSON.stringify(next)) > routerLimits.pepRowBytesMax;
    if (isTooLarge || next.subscribers.length > routerLimits.pepSubscribersMax) {
      const text = `a node has at most ${routerLimits.pepSubscribersMax} subscribers`;
      throw pubsubError('policy-violation', 'too-many-subscriptions', { text }); // §6.1.3.10
    }
    return next;
  });
  return row!.subscribers.find((one) => one.jid === fresh.jid)!;
}

/** At once. @returns whether the JID was subscribed */
export async function removeSubscriber(account: Account, node: PepNode, jid: string): Promise<boolean> {
  let isRemoved = false;
  await account.update(subscriberRows, node.key, (value) => {
    const subscribers = value?.subscribers.filter((one) => one.jid !== jid) ?? [];
    isRemoved = subscribers.length !== (value?.subscribers.length ?? 0);
    if (!isRemoved) return value;
    return subscribers.length === 0 ? undefined : { subscribers };
  });
  return isRemoved;
}

/** Queued: the node is gone. */
export function dropSubscribers(account: Account, node: PepNode): void {
  account.delete(subscriberRows, node.key);
}

/** Those of one person: of its bare JID and of all its resources. */
export function subscribersOfPerson(subscribers: readonly Subscriber[], person: Jid): readonly Subscriber[] {
  return subscribers.filter(({ jid }) => Jid.parse(jid).bare.equals(person.bare));
}

/** Their accounts are removed. A subscription gives no right, but a later account of the name has not asked for it. */
export async function forgetSubscribers(account: Account, gone: GoneAddresses): Promise<void> {
  for (const { key, value } of await account.list(subscriberRows, { limit: routerLimits.pepNodesMax })) {
    if (!value.subscribers.some(({ jid }) => gone.has(Jid.parse(jid)))) continue;
    await account.update(subscriberRows, key, (there) => {
      const subscribers = there?.subscribers.filter(({ jid }) => !gone.has(Jid.parse(jid))) ?? [];
      return subscribers.length === 0 ? undefined : { subscribers };
    });
  }
}
