/**
 * What waits for other servers. A batch of stanzas from one of our domains to one of theirs (a pair) is a row before anybody is told that
 * it was taken, and stays until the other server has confirmed it (docs/decisions/0014-outbox.md).
 *
 *     example.org/s/<shard>   out/<host> <peer> <id>~<digest>     the stanzas, in the order of these keys
 *     #s2s-<shard>            due/<tenant> <host> <peer>          a pair with something in its outbox
 *     #s2s-<shard>            missed/<tenant> <host> <peer>       the pair's owner did not hear of some batch
 *
 * Whoever writes a batch also writes which pair it belongs to, so that a new owner of the shard finds everything without a scan. That row
 * is good for `runtimeLimits.outboxDueMs`, so a pair that is busy costs one such write a minute and process, and not one with each batch. The
 * owner deletes it when the outbox is empty and the row is older than twice that: nobody relies on it any more.
 *
 * A batch that its owner did not hear of is marked before its sender is told anything. The owner looks for the mark before it takes the
 * next batch of the pair, so that nothing overtakes what it did not hear of.
 */
import { hash } from 'node:crypto';
import type { Bus } from '../ports/bus.ts';
import type { Put, Store } from '../ports/store.ts';
import { type Collection, collection } from './collection.ts';
import type { DeploymentClock } from './deployment-clock.ts';
import { ask, checkDone, isOperating } from './faults.ts';
import { encodeFrame } from './frame.ts';
import { runtimeLimits } from './limits.ts';
import { NewPairs } from './new-pairs.ts';
import { type DepartRequest, pairAnswer } from './pair-wire.ts';
import { type Item, Rows } from './rows.ts';
import { serviceLimits } from './service-limits.ts';
import { shardOf } from './shards.ts';
import { shardCount } from './wire.ts';

/** One of our domains and one of another server's. */
export interface PairName {
  /** Whose rows these are. */
  readonly tenant: string;
  /** Ours: the tenant's domain, or that of its rooms or files. */
  readonly host: string;
  readonly peer: string;
}

/** A stanza with `from`, and with `to` unless `tos` names those whom it is for. */
export interface OutboxItem {
  readonly xml: string;
  readonly tos?: readonly string[];
}

/** One batch. */
export interface OutboxRow {
  /** When it was written, by the deployment's clock. */
  readonly at: number;
  readonly items: readonly OutboxItem[];
}

export interface DueRow {
  /** When it was written, by the deployment's clock. */
  readonly at: number;
}

const outbox = collection<OutboxRow>('out', 'outbox', 'live');
const due = collection<DueRow>('due', 'deployment', 'live');
const missed = collection<DueRow>('missed', 'deployment', 'live');

/** What somebody has to send to another server. */
export interface Departure extends PairName {
  /** As minted at ingress, so that a retry writes the same row. */
  readonly id: string;
  readonly xml: Buffer;
  readonly tos?: readonly string[] | undefined;
}

/** Stanzas of a pair that are written and handed over together. */
export interface OutboxBatch {
  readonly pair: PairName;
  /** In the row. */
  readonly key: string;
  /** When it is written, by the deployment's clock. */
  readonly at: number;
  /** What the row is made of when it is written: as text it would be kept, too, until it is handed over. */
  readonly departures: readonly Departure[];
}

/** The pair of what goes to a component: no other pair has the same domain twice. */
export function componentPair(component: string): Pick<PairName, 'host' | 'peer'> {
  return { host: component, peer: component };
}

export function isOfComponent({ host, peer }: Pick<PairName, 'host' | 'peer'>): boolean {
  return host === peer;
}

export function pairShard({ host, peer }: Pick<PairName, 'host' | 'peer'>): number {
  return shardOf(host, peer);
}

/** The bus subject that the pair's owner serves. */
export function pairSubject(pair: Pick<PairName, 'host' | 'peer'>): string {
  return `s2s.${pairShard(pair)}`;
}

/** The writing side. */
export class Outbox {
  readonly #store: Store;
  readonly #bus: Bus;
  readonly #clock: DeploymentClock;
  readonly newPairs: NewPairs;
  /** Pairs whose row is known to be there, until when by the monotonic clock. */
  readonly #due = new Map<string, number>();

  constructor({ store, bus, clock }: { readonly store: Store; readonly bus: Bus; readonly clock: DeploymentClock }) {
    this.#store = store;
    this.#bus = bus;
    this.#clock = clock;
    this.newPairs = new NewPairs(clock);
  }

  /** @returns one batch for each pair, or more where that would be too much for a row; in order */
  batches(departures: readonly Departure[]): OutboxBatch[] {
    const at = this.#clock.now();
    const batches: OutboxBatch[] = [];
    for (const all of lanesOf(departures)) {
      for (let start = 0; start < all.length; ) {
        const end = endOfBatch(all, start);
        batches.push(batchOf(all.slice(start, end), at));
        start = end;
      }
    }
    return batches;
  }

  /** One stanza in a row of its own, under its id. @param hasParts the same stanza is in other rows, for other people */
  batch(departure: Departure, hasParts: boolean): OutboxBatch {
    return batchOf([departure], this.#clock.now(), hasParts);
  }

  /** The rows of the batches, and those of their pairs. Call `written` when they are. */
  puts(batches: readonly OutboxBatch[]): Put[] {
    const puts: Put[] = [];
    for (const batch of batches) {
      const { pair, key, at } = batch;
      puts.push(outboxOf(this.#store, pair).row(outbox, `${pair.host} ${pair.peer} ${key}`, rowOf(batch)));
      const name = dueKey(pair);
      if ((this.#due.get(name) ?? 0) > this.#clock.monotonic()) continue;
      puts.push(dueOf(this.#store, pairShard(pair)).row(due, name, { at }));
    }
    return puts;
  }

  /** Only now may later batches rely on the rows of the pairs: what was not answered may not be there. */
  written(batches: readonly OutboxBatch[]): void {
    const now = this.#clock.monotonic();
    const ageMs = (at: number) => Math.max(0, this.#clock.now() - at);
    for (const { pair, at } of batches) {
      const name = dueKey(pair);
      if ((this.#due.get(name) ?? 0) > now) continue;
      if (this.#due.size >= runtimeLimits.outboxDuePairsMax) this.#due.clear();
      this.#due.set(name, now + runtimeLimits.outboxDueMs - ageMs(at));
    }
  }

  /**
   * Tells the owners of the pairs what was written, for each pair in order. An owner that does not hear of it finds it by a mark.
   * @throws {Unavailable} when not even the mark can be written
   */
  async handOver(batches: readonly OutboxBatch[]): Promise<void> {
    await Promise.all(
      [...Map.groupBy(batches, ({ pair }) => dueKey(pair)).values()].map(async (lane) => {
        for (const batch of lane) await this.#tell(batch);
      }),
    );
  }

  async #tell({ pair, key, at, departures }: OutboxBatch): Promise<void> {
    const subject = pairSubject(pair);
    const tos = departures.some((one) => one.tos !== undefined) ? departures.map((one) => one.tos ?? []) : undefined;
    const request: DepartRequest = { kind: 'depart', ...pair, key, written: at, tos, at: this.#clock.now() };
    const bodies = departures.map(({ xml }) => xml);
    const payload = encodeFrame(request, bodies);
    try {
      const answer = await ask(this.#bus, pairAnswer, subject, payload, serviceLimits.forwardTimeoutMs);
      this.#clock.observe(answer.take('at'));
      checkDone(answer, subject);
    } catch (error) {
      if (!isOperating(error)) throw error;
      await dueOf(this.#store, pairShard(pair)).put(missed, dueKey(pair), { at: this.#clock.now() });
    }
  }
}

/** By pair. What somebody sends at once mostly goes one way. */
function lanesOf(departures: readonly Departure[]): Iterable<readonly Departure[]> {
  const [first] = departures;
  const isSame = ({ host, peer }: Departure) => host === first!.host && peer === first!.peer;
  return departures.every(isSame) ? [departures] : Map.groupBy(departures, ({ host, peer }) => `${host} ${peer}`).values();
}

/** By the sum of their bytes, and one at least. */
function endOfBatch(all: readonly Departure[], start: number): number {
  let end = start;
  for (let bytes = 0; end < all.length && end - start < serviceLimits.batchStanzasMax; end++) {
    const { xml, tos = [] } = all[end]!;
    bytes += xml.length + tos.reduce((sum, to) => sum + to.length + 3, 0);
    if (bytes > runtimeLimits.outboxRowBytesMax && end > start) break;
  }
  return end;
}

/**
 * The digest tells apart what one ingress makes for the same pair at different times.
 * @param isForThese for others it would be another batch
 */
function batchOf(departures: readonly Departure[], at: number, isForThese = true): OutboxBatch {
  const [{ tenant, host, peer, id }] = departures as [Departure];
  return { pair: { tenant, host, peer }, key: `${id}~${digestOf(departures, isForThese)}`, at, departures };
}

function rowOf({ at, departures }: OutboxBatch): OutboxRow {
  return { at, items: departures.map(({ xml, tos }): OutboxItem => ({ xml: xml.toString(), tos })) };
}

function digestOf(departures: readonly Departure[], isForThese: boolean): string {
  const parts = departures.flatMap(({ xml, tos }) => (tos === undefined || !isForThese ? [xml] : [xml, Buffer.from(tos.join())]));
  return hash('sha1', parts.length === 1 ? parts[0]! : Buffer.concat(parts), 'base64url').slice(0, 8);
}

function dueKey({ tenant, host, peer }: PairName): string {
  return `${tenant} ${host} ${peer}`;
}

function outboxOf(store: Store, pair: PairName): Rows {
  return Rows.ofOutbox(store, pair.tenant, pairShard(pair));
}

function dueOf(store: Store, shard: number): Rows {
  return Rows.ofDeployment(store, `s2s-${shard}`);
}

export interface DuePair {
  readonly pair: PairName;
  readonly row: DueRow;
  readonly version: string;
}

/** For the owner of a shard: the pairs with something due. */
export function duePairs(store: Store, shard: number): AsyncGenerator<DuePair> {
  return pairsIn(due, store, shard);
}

/** The pairs with a batch that their owner did not hear of. */
export function missedPairs(store: Store, shard: number): AsyncGenerator<DuePair> {
  return pairsIn(missed, store, shard);
}

async function* pairsIn(rows: Collection<DueRow>, store: Store, shard: number): AsyncGenerator<DuePair> {
  for (let after: string | undefined; ; ) {
    const page = await dueOf(store, shard).list(rows, { limit: runtimeLimits.outboxPageMax, after });
    for (const { key, value: row, version } of page) {
      const [tenant, host, peer] = key.split(' ') as [string, string, string];
      yield { pair: { tenant, host, peer }, row, version };
    }
    if (page.length < runtimeLimits.outboxPageMax) return;
    after = page.at(-1)!.key;
  }
}

/** Nothing waits for the pair: its row goes, unless it was written again. @throws {Conflict} */
export async function endDue(store: Store, { pair, version }: DuePair): Promise<void> {
  await dueOf(store, pairShard(pair)).delete(due, dueKey(pair), { version });
}

/** Did the owner of the pair not hear of some batch? @returns the version of the mark */
export async function findMissed(store: Store, pair: PairName): Promise<string | undefined> {
  return (await dueOf(store, pairShard(pair)).get(missed, dueKey(pair)))?.version;
}

/** The owner has looked. @throws {Conflict} when it was written again meanwhile */
export async function clearMissed(store: Store, pair: PairName, version: string): Promise<void> {
  await dueOf(store, pairShard(pair)).delete(missed, dueKey(pair), { version });
}

/** A page of a pair's rows in order. @param after a key of a batch */
export async function readOutbox(store: Store, pair: PairName, after: string): Promise<Item<OutboxRow>[]> {
  const prefix = `${pair.host} ${pair.peer} `;
  const items = await outboxOf(store, pair).list(outbox, {
    limit: runtimeLimits.outboxPageMax,
    after: prefix + after,
    before: `${prefix}\u{7f}`,
  });
  return items.map((item) => ({ ...item, key: item.key.slice(prefix.length) }));
}

/** All of a pair's rows in order. @throws {Unavailable} */
export async function* allOfOutbox(store: Store, pair: PairName): AsyncGenerator<Item<OutboxRow>> {
  for (let after = ''; ; ) {
    const page = await readOutbox(store, pair, after);
    yield* page;
    if (page.length < runtimeLimits.outboxPageMax) return;
    after = page.at(-1)!.key;
  }
}

/** After a throw any of them may be gone. @throws {Unavailable} */
export function deleteFromOutbox(store: Store, pair: PairName, keys: readonly string[]): Promise<void> {
  const names = keys.map((key) => `${pair.host} ${pair.peer} ${key}`);
  return outboxOf(store, pair).deleteMany(outbox, names);
}

/** A tenant's rows outside of its partitions. @param mayDelete runs before each page of rows is deleted, and may throw to stop */
export async function eraseDue(store: Store, tenant: string, mayDelete: () => void): Promise<void> {
  for (let shard = 0; shard < shardCount; shard++) {
    const rows = dueOf(store, shard);
    for (const kind of [due, missed]) await rows.deleteAll(kind, { after: `${tenant} `, before: `${tenant}!`, mayDelete });
  }
}
