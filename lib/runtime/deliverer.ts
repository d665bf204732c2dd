/**
 * Hands stanzas to the nodes that hold sessions: what one turn queues for a node leaves as one bus message, the stanza once with the
 * list of its sessions. Messages to one node keep their order: the next leaves when the one before was confirmed or given up.
 */
import type { Bus } from '../ports/bus.ts';
import { ask } from './faults.ts';
import { encodeFrame } from './frame.ts';
import type { Latency } from './latency.ts';
import { runtimeLimits } from './limits.ts';
import { type DeliverItem, type DeliverRequest, deliverAnswer, nowhere, type SessionAddress } from './wire.ts';

export interface Target extends SessionAddress {
  /** Spliced into the stanza as `to`; absent when the stanza has one. */
  readonly to?: string;
}

export interface Delivery {
  readonly targets: readonly Target[];
  readonly xml: Buffer;
  /** {@link DeliverItem.id} */
  readonly id?: string;
  /** {@link DeliverItem.dedupeKey} */
  readonly dedupeKey?: string;
  readonly watcher?: DeliveryWatcher | undefined;
}

export interface DeliveryWatcher {
  /** The session has the stanza in its queue, but its client does not hear: {@link DeliverReply.away}. */
  away(sid: string): void;
}

/** Who waits for a delivery that was given without a promise. */
export interface DeliveryReceiver extends DeliveryWatcher {
  /** One part of a delivery is over. @param id of the delivery */
  confirmed(failures: readonly Failure[], id: string | undefined): void;
}

/** Sessions that did not confirm: parked or not held by their node any more, or the node did not answer in time. */
export interface Failure extends SessionAddress {
  readonly reason: 'missing' | 'silent';
}

interface Waiting {
  readonly item: DeliverItem;
  readonly xml: Buffer;
  readonly receiver: DeliveryReceiver;
}

interface Lane {
  waiting: Waiting[];
  bytes: number;
  busy: boolean;
}

export class Deliverer {
  readonly #bus: Bus;
  readonly #latency: Latency | undefined;
  readonly #lanes = new Map<string, Lane>();

  /** @param latency of messages until they were confirmed or given up */
  constructor(bus: Bus, latency?: Latency) {
    this.#bus = bus;
    this.#latency = latency;
  }

  /** Resolves when each target's node confirmed or was given up; never rejects. Order of calls = order of arrival per node. */
  deliver(delivery: Delivery): Promise<readonly Failure[]> {
    const { xml, watcher } = delivery;
    const away = (sid: string): void => watcher?.away(sid);
    const giving = partsOf(delivery).map(
      ({ node, item }) =>
        new Promise<readonly Failure[]>((confirmed) => this.#queue(node, { item, xml, receiver: { away, confirmed } })),
    );
    return Promise.all(giving).then((failures) => failures.flat());
  }

  /**
   * The same without promises, which would cost a message more than all else that a delivery is.
   * @returns how many parts the delivery has; the receiver hears of each, and perhaps before this returns
   */
  give(delivery: Delivery, receiver: DeliveryReceiver): number {
    const parts = partsOf(delivery);
    for (const { node, item } of parts) this.#queue(node, { item, xml: delivery.xml, receiver });
    return parts.length;
  }

  #queue(node: string, waiting: Waiting): void {
    if (node === nowhere) {
      waiting.receiver.confirmed(failed(node, waiting.item, 'missing'), waiting.item.id);
      return;
    }
    let lane = this.#lanes.get(node);
    if (!lane) {
      lane = { waiting: [], bytes: 0, busy: false };
      this.#lanes.set(node, lane);
    }
    if (lane.bytes + waiting.xml.length > runtimeLimits.deliveryQueueBytesMax) {
      waiting.receiver.confirmed(failed(node, waiting.item, 'silent'), waiting.item.id);
      return;
    }
    lane.waiting.push(waiting);
    lane.bytes += waiting.xml.length;
    if (lane.busy) return;
    lane.busy = true;
    setImmediate(() => void this.#drain(node, lane));
  }

  async #drain(node: string, lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      const batch = takeBatch(lane);
      const failures = await this.#send(node, batch);
      batch.forEach((waiting, index) => {
        lane.bytes -= waiting.xml.length;
        waiting.receiver.confirmed(failures[index]!, waiting.item.id);
      });
    }
    lane.busy = false;
    this.#lanes.delete(node);
  }

  async #send(node: string, batch: readonly Waiting[]): Promise<(readonly Failure[])[]> {
    const request: DeliverRequest = { kind: 'deliver', items: batch.map(({ item }) => item) };
    const payload = encodeFrame(
      request,
      batch.map(({ xml }) => xml),
    );
    const begun = this.#latency?.begin();
    try {
      const reply = await ask(this.#bus, deliverAnswer, node, payload, runtimeLimits.deliveryTimeoutMs);
      const missing = new Set(reply.take('missing'));
      for (const sid of reply.take('away') ?? none) tellAway(batch, sid);
      return batch.map(({ item }) => (missing.size === 0 ? none : failed(node, item, 'missing', missing)));
    } catch {
      // No answer in time, or a fault of the node, which has logged it. The archive and the resync mark take over from here.
      return batch.map(({ item }) => failed(node, item, 'silent'));
    } finally {
      if (begun !== undefined) this.#latency?.end(begun);
    }
  }
}

interface Part {
  readonly node: string;
  readonly item: DeliverItem;
}

/** What goes to each node, in messages that are not too long. Most stanzas go to a single session. */
function partsOf({ targets, id, dedupeKey }: Delivery): readonly Part[] {
  if (targets.length === 1) {
    const { node, sid, to } = targets[0]!;
    return [{ node, item: { sids: [sid], tos: to ? [to] : undefined, id, dedupeKey } }];
  }
  const parts: { readonly node: string; readonly item: { sids: string[]; tos: string[] } & DeliverItem }[] = [];
  const open = new Map<string, (typeof parts)[number]>();
  let part: (typeof parts)[number] | undefined;
  for (const { node, sid, to = '' } of targets) {
    if (part?.node !== node) part = open.get(node);
    if (part === undefined || part.item.sids.length === runtimeLimits.deliveryTargetsMax) {
      part = { node, item: { sids: [], tos: [], id, dedupeKey } };
      parts.push(part);
      open.set(node, part);
    }
    part.item.sids.push(sid);
    part.item.tos.push(to);
  }
  return parts;
}

function takeBatch(lane: Lane): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { xml, item } of lane.waiting) {
    bytes += xml.length + item.sids.length * 64;
    if (count > 0 && bytes > runtimeLimits.deliveryMessageBytesMax) break;
    count++;
  }
  return lane.waiting.splice(0, count);
}

const none: readonly never[] = [];

function tellAway(batch: readonly Waiting[], sid: string): void {
  for (const { item, receiver } of batch) if (item.sids.includes(sid)) receiver.away(sid);
}

/** @param which of the item's sessions; undefined: all */
function failed(node: string, { sids }: DeliverItem, reason: Failure['reason'], which?: ReadonlySet<string>): Failure[] {
  return sids.filter((sid) => which?.has(sid) ?? true).map((sid) => ({ node, sid, reason }));
}
