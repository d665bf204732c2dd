/**
 * XEP-0060 §6.1, §6.2: explicit subscriptions, beside those to an account's nodes that follow from presence (XEP-0163 §4.3). There is one for
 * each address, bare or full.
 *
 * One row of an account's node holds its subscribers. Those of a node of the pubsub service are spread over several rows by a hash of the
 * person and of the node's key, which nobody outside knows, so nobody can choose the row that a subscription gets into. What waits for the
 * approval of an owner (§8.6) stands in a row of its own. Whether a subscriber may read the node is checked with each notification, so a
 * subscription gives no right of its own, except where the access model is `authorize`.
 *
 * Hostile: somebody subscribes another person (§6.1.3.1), or too often (there are bounds per node, person and foreign domain), or takes a name
 * to inherit its subscriptions (they end with the removal of the account, before the name is free again).
 */
import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { collection } from '../../../lib/runtime/collection.ts';
import type { GoneAddresses } from '../../../lib/runtime/gone-addresses.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { RowHolder } from '../core/row-holder.ts';
import { routerLimits } from '../limits.ts';
import { pubsubLimits } from './limits.ts';
import { type PepNode, siteOf } from './nodes.ts';
import { pubsubError } from './pubsub-error.ts';

export interface SubscriptionOptions {
  /** False: the subscription sleeps. */
  readonly isDelivered: boolean;
  /** When it ends, ms since the epoch; absent: never. */
  readonly endsAt?: number | undefined;
}

export const defaultOptions: SubscriptionOptions = { isDelivered: true };

export interface Subscriber {
  /** Bare or full. */
  readonly jid: string;
  readonly subid: string;
  /** Absent: {@link defaultOptions}. */
  readonly options?: SubscriptionOptions | undefined;
  /** Notifications that were refused in a row, and when the last one was, ms since the epoch. */
  readonly refused?: { readonly count: number; readonly at: number } | undefined;
}

interface SubscribersRow {
  readonly subscribers: readonly Subscriber[];
}

const shared = { grants: true, alsoOf: 'pubsub' } as const;
export const subscriberRows = collection<SubscribersRow>('pepSubscribers', 'account', 'core', shared);
export const pendingRows = collection<SubscribersRow>('pepPending', 'account', 'core', shared);

/** The key of the row that has the subscriptions of a person. */
function rowKey(holder: RowHolder, { key }: PepNode, person: Jid): string {
  if (siteOf(holder) === 'account') return key;
  const number = Number.parseInt(hash('sha1', `${key} ${person.bare}`, 'hex').slice(0, 4), 16) % pubsubLimits.subscriberRows;
  return `${key}/${numberOf(number)}`;
}

/** Leaves out what has ended. */
function live({ turn }: RowHolder, row: SubscribersRow | undefined): readonly Subscriber[] {
  const subscribers = row?.subscribers ?? [];
  if (!subscribers.some(({ options }) => options?.endsAt !== undefined)) return subscribers;
  const now = turn.dependencies.clock.timeOfDay();
  return subscribers.filter(({ options }) => (options?.endsAt ?? Number.POSITIVE_INFINITY) > now);
}

/** All subscribers of a node. At the service these may be many: {@link pageOfSubscribers}. */
export async function subscribersOf(holder: RowHolder, node: PepNode): Promise<readonly Subscriber[]> {
  if (siteOf(holder) === 'account') return live(holder, await holder.get(subscriberRows, node.key));
  const all: Subscriber[] = [];
  for await (const { value } of eachRow(holder, node, '')) all.push(...live(holder, value));
  return all;
}

/** Rows of a node at the service. @param after the number of a row, with something behind it; '' begins with the first */
async function* eachRow(holder: RowHolder, { key }: Pick<PepNode, 'key'>, after: string) {
  const limit = pubsubLimits.subscriberRowsPerRead;
  for (let last = `${key}/${after}`; ; ) {
    const rows = await holder.list(subscriberRows, { after: last, before: `${key}0`, limit }); // `0` follows `/`
    for (const row of rows) yield { number: row.key.slice(-numberCharacters), value: row.value };
    if (rows.length < limit) return;
    last = rows.at(-1)!.key;
  }
}

export interface SubscriberPage {
  readonly subscribers: readonly Subscriber[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

/**
 * Subscribers of a node at the service, in an order that subscribing and unsubscribing do not change: by row, and then by address.
 * @param cursor of the page before; '' for the first one
 */
export async function pageOfSubscribers(
  holder: RowHolder,
  node: Pick<PepNode, 'key'>,
  cursor: string,
  max: number,
): Promise<SubscriberPage> {
  const [number, last] = [cursor.slice(0, numberCharacters), cursor.slice(numberCharacters + 1)];
  const before = Number(number) - 1;
  const subscribers: Subscriber[] = [];
  let next = '';
  for await (const row of eachRow(holder, node, before >= 0 ? `${numberOf(before)}~` : '')) {
    for (const subscriber of live(holder, row.value).toSorted((one, other) => (one.jid < other.jid ? -1 : 1))) {
      if (row.number === number && subscriber.jid <= last) continue;
      if (subscribers.length === max) return { subscribers, next };
      subscribers.push(subscriber);
      next = `${row.number} ${subscriber.jid}`;
    }
  }
  return { subscribers, next: undefined };
}

const numberCharacters = 2;

function numberOf(row: number): string {
  return String(row).padStart(numberCharacters, '0');
}

/** The subscriptions of one person, of the bare JID and of any resource. */
export async function subscriptionsOf(holder: RowHolder, node: PepNode, person: Jid): Promise<readonly Subscriber[]> {
  return subscribersOfPerson(live(holder, await holder.get(subscriberRows, rowKey(holder, node, person))), person);
}

export function subscribersOfPerson(subscribers: readonly Subscriber[], person: Jid): readonly Subscriber[] {
  return subscribers.filter(({ jid }) => Jid.parse(jid).bare.equals(person.bare));
}

/** Those who wait for an owner. */
export async function pendingOf(holder: RowHolder, node: Pick<PepNode, 'key'>): Promise<readonly Subscriber[]> {
  return (await holder.get(pendingRows, node.key))?.subscribers ?? [];
}

interface Bounds {
  readonly rowMax: number;
  readonly domainMax: number;
  /** The domains of this deployment have no bound of their own. */
  readonly isForeign: boolean;
}

/** @throws {StanzaError} when there is no room for one more (§6.1.3.9) */
function checkRoom({ subscribers }: SubscribersRow, jid: Jid, { rowMax, domainMax, isForeign }: Bounds): void {
  const ofDomain = () => subscribers.filter((one) => Jid.parse(one.jid).domain === jid.domain).length;
  const isFull =
    subscribers.length >= rowMax ||
    subscribersOfPerson(subscribers, jid).length >= pubsubLimits.subscriptionsOfPersonMax ||
    (isForeign && ofDomain() >= domainMax) ||
    Buffer.byteLength(JSON.stringify(subscribers)) > routerLimits.pepRowBytesMax;
  if (!isFull) return;
  const text = 'there are too many subscriptions already';
  throw pubsubError('policy-violation', 'too-many-subscriptions', { text, type: 'wait' });
}

export interface NewSubscription {
  readonly jid: Jid;
  readonly subid: string;
  readonly options?: SubscriptionOptions | undefined;
  readonly isForeign: boolean;
}

/** Adds a subscription at once. Subscribing again changes nothing but the options. @throws {StanzaError} when there are too many */
export async function addSubscriber(
  holder: RowHolder,
  node: PepNode,
  { jid, subid, options, isForeign }: NewSubscription,
): Promise<Subscriber> {
  const isService = siteOf(holder) === 'service';
  const rowMax = isService ? pubsubLimits.subscribersPerRowMax : routerLimits.pepSubscribersMax;
  const domainMax = isService ? pubsubLimits.subscribersOfDomainPerRowMax : rowMax;
  const bounds = { rowMax, domainMax, isForeign };
  const fresh: Subscriber = { jid: jid.toString(), subid, options };
  const row = await holder.update(subscriberRows, rowKey(holder, node, jid), (value) => {
    const subscribers = live(holder, value);
    const there = subscribers.find((one) => one.jid === fresh.jid);
    const isSame = options === undefined || isDeepStrictEqual(there?.options, options);
    if (there !== undefined && isSame) return value;
    if (there !== undefined) return { subscribers: subscribers.map((one) => (one === there ? { ...there, options } : one)) };
    checkRoom({ subscribers }, jid, bounds);
    return { subscribers: [...subscribers, fresh] };
  });
  return row!.subscribers.find((one) => one.jid === fresh.jid)!;
}

/** Notes at once that somebody waits for an owner. @returns whether they have not waited before. @throws {StanzaError} */
export async function addPending(holder: RowHolder, node: PepNode, request: NewSubscription): Promise<boolean> {
  const { jid, subid, options, isForeign } = request;
  const bounds = { rowMax: pubsubLimits.pendingMax, domainMax: pubsubLimits.pendingOfDomainMax, isForeign };
  let isNew = false;
  await holder.update(pendingRows, node.key, (value = { subscribers: [] }) => {
    const there = value.subscribers.find((one) => one.jid === jid.toString());
    // The same request may come again: then its owner is told again, and nothing else has changed.
    isNew = there === undefined || there.subid === subid;
    if (there !== undefined) return value;
    checkRoom(value, jid, bounds);
    return { subscribers: [...value.subscribers, { jid: jid.toString(), subid, options }] };
  });
  return isNew;
}

/** Changes one subscription at once. @returns what it was; undefined: there is none */
export async function changeSubscriber(
  holder: RowHolder,
  node: PepNode,
  jid: string,
  change: (subscriber: Subscriber) => Subscriber | undefined,
): Promise<Subscriber | undefined> {
  return changeIn(holder, subscriberRows, rowKey(holder, node, Jid.parse(jid)), jid, change);
}

/** Ends a subscription at once. @returns what it was; undefined: the JID was not subscribed */
export function removeSubscriber(holder: RowHolder, node: PepNode, jid: string): Promise<Subscriber | undefined> {
  return changeSubscriber(holder, node, jid, () => undefined);
}

/** Takes somebody out of those who wait, at once. @returns what waited; undefined: nothing */
export function removePending(holder: RowHolder, node: PepNode, jid: string): Promise<Subscriber | undefined> {
  return changeIn(holder, pendingRows, node.key, jid, () => undefined);
}

async function changeIn(
  holder: RowHolder,
  rows: typeof subscriberRows,
  key: string,
  jid: string,
  change: (subscriber: Subscriber) => Subscriber | undefined,
): Promise<Subscriber | undefined> {
  let found: Subscriber | undefined;
  await holder.update(rows, key, (value) => {
    found = value?.subscribers.find((one) => one.jid === jid);
    if (value === undefined || found === undefined) return value;
    const next = change(found);
    if (next === found) return value;
    const subscribers = value.subscribers.flatMap((one) => (one === found ? (next ?? []) : one));
    // An empty row remembers its writers (core/writers.ts).
    return subscribers.length === 0 && holder.turn.by === undefined ? undefined : { subscribers };
  });
  return found;
}

/** Ends all subscriptions of a person at a node, and what they wait for. @returns those that have ended */
export async function removePerson(holder: RowHolder, node: PepNode, person: Jid): Promise<readonly Subscriber[]> {
  const own = await subscriptionsOf(holder, node, person);
  const waiting = subscribersOfPerson(await pendingOf(holder, node), person);
  for (const { jid } of own) await removeSubscriber(holder, node, jid);
  for (const { jid } of waiting) await removePending(holder, node, jid);
  return [...own, ...waiting];
}

/** Queues the end of all subscriptions of an account's node that was deleted. */
export function dropSubscribers(holder: RowHolder, node: PepNode): void {
  holder.delete(subscriberRows, node.key);
  holder.delete(pendingRows, node.key);
}

/** Ends the subscriptions of addresses that are removed. A later account of the same name has not asked for them. */
export async function forgetSubscribers(holder: RowHolder, gone: GoneAddresses): Promise<void> {
  const isGone = ({ jid }: Subscriber) => gone.has(Jid.parse(jid));
  for (const rows of [subscriberRows, pendingRows]) {
    for (const { key, value } of await holder.list(rows, { limit: pubsubLimits.nodesKnownMax })) {
      if (!value.subscribers.some(isGone)) continue;
      await holder.update(rows, key, (there) => {
        const subscribers = there?.subscribers.filter((one) => !isGone(one)) ?? [];
        return subscribers.length === 0 ? undefined : { subscribers };
      });
    }
  }
}
