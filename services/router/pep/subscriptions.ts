/**
 * XEP-0060 §6.1, §6.2: explicit subscriptions to an account's nodes, beside those that follow from presence (XEP-0163 §4.3).
 *
 * One row per node holds its subscribers, each a bare or full JID. Whether a subscriber may read the node is checked with each
 * notification, so a subscription gives no right of its own. Left out: leases, options, and several subscriptions of one JID.
 *
 * Hostile: somebody subscribes another person (§6.1.3.1), or too often (there is a bound per node), or takes a name to inherit
 * its subscriptions (they end with the removal of the account, before the name is free again).
 */
import { collection } from '../../../lib/runtime/collection.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import type { PepNode } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

export interface Subscriber {
  /** Bare or full. */
  readonly jid: string;
  readonly subid: string;
}

interface SubscribersRow {
  readonly subscribers: readonly Subscriber[];
}

export const subscriberRows = collection<SubscribersRow>('pepSubscribers', 'account', 'core', { grants: true });

export async function subscribersOf(account: Account, node: PepNode): Promise<readonly Subscriber[]> {
  return (await account.get(subscriberRows, node.key))?.subscribers ?? [];
}

/** Adds a subscription at once. Subscribing again changes nothing. @throws {StanzaError} when there are too many */
export async function addSubscriber(account: Account, node: PepNode, jid: Jid): Promise<Subscriber> {
  const fresh = { jid: jid.toString(), subid: account.turn.dependencies.ids.mint() };
  const row = await account.update(subscriberRows, node.key, (value = { subscribers: [] }) => {
    if (value.subscribers.some((one) => one.jid === fresh.jid)) return value;
    const next = { subscribers: [...value.subscribers, fresh] };
    const isTooLarge = Buffer.byteLength(JSON.stringify(next)) > routerLimits.pepRowBytesMax;
    if (isTooLarge || next.subscribers.length > routerLimits.pepSubscribersMax) {
      const text = `a node has at most ${routerLimits.pepSubscribersMax} subscribers`;
      throw pubsubError('policy-violation', 'too-many-subscriptions', { text }); // §6.1.3.10
    }
    return next;
  });
  return row!.subscribers.find((one) => one.jid === fresh.jid)!;
}

/** Ends a subscription at once. @returns whether the JID was subscribed */
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

/** Queues the end of all subscriptions of a node that was deleted. */
export function dropSubscribers(account: Account, node: PepNode): void {
  account.delete(subscriberRows, node.key);
}

/** The subscriptions of one person, of the bare JID and of any resource. */
export function subscribersOfPerson(subscribers: readonly Subscriber[], person: Jid): readonly Subscriber[] {
  return subscribers.filter(({ jid }) => Jid.parse(jid).bare.equals(person.bare));
}

/** Ends the subscriptions of accounts that are removed. A later account of the same name has not asked for them. */
export async function forgetSubscribers(account: Account, gone: GoneAddresses): Promise<void> {
  for (const { key, value } of await account.list(subscriberRows, { limit: routerLimits.pepNodesMax })) {
    if (!value.subscribers.some(({ jid }) => gone.has(Jid.parse(jid)))) continue;
    await account.update(subscriberRows, key, (there) => {
      const subscribers = there?.subscribers.filter(({ jid }) => !gone.has(Jid.parse(jid))) ?? [];
      return subscribers.length === 0 ? undefined : { subscribers };
    });
  }
}
