/**
 * What the subscribers of a node are to be told. It is a row before the request is answered, and stays until all of them were told; so
 * whoever dies, another router goes on where the row says.
 *
 *     example.org/p/<hash of the node>   fanOut/<id>          a message, and how far it has come
 *     example.org/p/<hash of the node>   fanOutDone/<id>      it is done: the request may still come again
 *     #pubsub-due-<number>               pubsubDue/<time> …   where a router looks that goes on
 *
 * The id is that of the request, so that a request that comes again tells nobody anew. Fan-outs of a node follow each other in the order of
 * their ids, so that what one session publishes arrives in its order.
 */
import { hash } from 'node:crypto';
import { Conflict, type Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import type { Item } from '../../../lib/runtime/rows.ts';
import { type Listed, TimeLists } from '../../../lib/runtime/time-lists.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Turns } from '../core/feature.ts';
import { pubsubLimits } from '../pep/limits.ts';
import { pubsubError } from '../pep/pubsub-error.ts';
import type { ServiceNode } from '../pep/service-node.ts';

export interface FanOut {
  /** The key of the node, which may have been deleted meanwhile. */
  readonly key: string;
  /** The message, without `to`; absent: nobody is told, and what the node has left is removed. */
  readonly xml?: string | undefined;
  /** The node was deleted: behind the last page its subscriptions go. */
  readonly isDeletion: boolean;
  /** The time of its row in the list, ms. */
  readonly dueMs: number;
  /** Behind whom the page begins that is under way; absent: with the first subscriber. */
  readonly cursor?: string | undefined;
  /** The ids of the messages of this page, so that whoever sends it again sends the same. */
  readonly ids?: readonly string[] | undefined;
  /** Until when whoever works on it has it to itself, ms by the deployment's clock. */
  readonly untilMs?: number;
}

export interface FanOutDue {
  readonly domain: string;
  readonly node: string;
  readonly id: string;
}

const fanOuts = collection<FanOut>('fanOut', 'pubsub', 'live');
/** The value has no meaning. */
const doneRows = collection<string>('fanOutDone', 'pubsub', 'live');
const dues = new TimeLists(collection<FanOutDue>('pubsubDue', 'deployment', 'live'), 'pubsub-due', pubsubLimits.fanOutLists);

/**
 * The id of a fan-out and of its message: in the order of requests, and with a hash that tells the node of a message that comes back.
 * @param count events of the request before this one
 */
export function fanOutId(node: string, requestId: string, count: number): string {
  return `${requestId}.${count}.${nodeHash(node)}`;
}

function nodeHash(node: string): string {
  return hash('sha1', node, 'base64url').slice(0, nodeHashCharacters);
}

/** Is the message one about this node? */
export function isAbout(messageId: string | undefined, node: string): boolean {
  return messageId?.endsWith(`.${nodeHash(node)}`) === true;
}

const nodeHashCharacters = 10;

export interface NewFanOut extends Pick<FanOut, 'key' | 'xml' | 'isDeletion'> {
  readonly id: string;
}

function dueOf({ domain, name }: ServiceNode, id: string): FanOutDue {
  return { domain, node: name, id };
}

function dueId({ domain, id }: FanOutDue): string {
  return `${id} ${domain}`;
}

/** Writes it at once, unless it has been. @throws {StanzaError} when it is too large */
export async function recordFanOut(
  { store, clock }: Pick<Dependencies, 'store' | 'clock'>,
  holder: ServiceNode,
  { id, key, xml, isDeletion }: NewFanOut,
): Promise<void> {
  const dueMs = clock.now() + pubsubLimits.fanOutOverdueMs;
  const row: FanOut = { key, xml, isDeletion, dueMs };
  if (Buffer.byteLength(JSON.stringify(row)) > pubsubLimits.fanOutBytesMax) {
    const text = 'this is too much for one notification';
    throw pubsubError('not-acceptable', 'payload-too-big', { text });
  }
  if (await isDone(holder, id)) return;
  // First where it is looked for: a row of the list without a fan-out does no harm.
  await store.batchPut([dues.put(store, dueMs, dueId(dueOf(holder, id)), dueOf(holder, id))]);
  try {
    await holder.rows.put(fanOuts, id, row, 'absent');
  } catch (error) {
    if (!(error instanceof Conflict)) throw error; // the request came before
  }
}

/** Were all told? A write that took effect late may have brought the fan-out back. */
export async function isDone({ rows }: ServiceNode, id: string): Promise<boolean> {
  return (await rows.get(doneRows, id)) !== undefined;
}

/** The fan-out that is next. */
export async function firstFanOut({ rows }: ServiceNode): Promise<Item<FanOut> | undefined> {
  return (await rows.list(fanOuts, { limit: 1 }))[0];
}

export async function isUnderWay({ rows }: ServiceNode, id: string): Promise<boolean> {
  return (await rows.get(fanOuts, id)) !== undefined;
}

/** @returns the row as it is now. @throws {Conflict} when somebody else works on it */
export async function changeFanOut({ rows }: ServiceNode, item: Item<FanOut>, value: FanOut): Promise<Item<FanOut>> {
  return { key: item.key, value, version: await rows.put(fanOuts, item.key, value, { version: item.version }) };
}

/** All were told. @throws {Conflict} when somebody else works on it */
export async function endFanOut(
  { store, clock }: Pick<Dependencies, 'store' | 'clock'>,
  holder: ServiceNode,
  { key: id, value, version }: Item<FanOut>,
): Promise<void> {
  const until = clock.now() + pubsubLimits.fanOutDoneMs;
  await store.batchPut([holder.rows.row(doneRows, id, '', until)]);
  await holder.rows.delete(fanOuts, id, { version });
  await dues.remove(store, value.dueMs, dueId(dueOf(holder, id)));
}

/** Those that should have been done before this time. @param turn which of the lists are read */
export function listOverdue(store: Store, beforeMs: number, turn: Turns): Promise<Listed<FanOutDue>[]> {
  return dues.before(store, beforeMs, pubsubLimits.fanOutsPerSweep, turn(dues.names));
}

export async function removeOverdue(store: Store, listed: Listed<FanOutDue>): Promise<void> {
  await dues.removeListed(store, listed);
}
