/**
 * The owner of streams to other servers: serves the subjects `s2s.<shard>` that it owns, and keeps their pairs of domains. What it holds can
 * be lost at any moment, because what waits is in the outbox.
 */

import { sleep, type Timer } from '../../lib/ports/clock.ts';
import { Conflict, Unavailable } from '../../lib/ports/store.ts';
import { answering } from '../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import {
  clearMissed,
  componentPair,
  type DuePair,
  duePairs,
  endDue,
  findMissed,
  isOfComponent,
  missedPairs,
  type PairName,
  pairShard,
  readOutbox,
} from '../../lib/runtime/outbox.ts';
import type {
  DepartRequest,
  HostReply,
  HostRequest,
  PairRequest,
  ProvenNotice,
  RetryReply,
  RetryRequest,
  VerifyReply,
} from '../../lib/runtime/pair-wire.ts';
import { allowsPeer } from '../../lib/runtime/policy/peer-policy.ts';
import { RecentKeys } from '../../lib/runtime/recent-keys.ts';
import type { DoneReply } from '../../lib/runtime/wire.ts';
import type { StanzaErrorCondition } from '../../lib/xmpp/errors.ts';
import { Components } from './components.ts';
import type { Dependencies } from './core/dependencies.ts';
import { Gate } from './core/gate.ts';
import type { WayEvents } from './core/way.ts';
import { Forbidden, NoSuchDomain } from './finding/errors.ts';
import { federationLimits } from './limits.ts';
import { ComponentDoor } from './pairs/component-door.ts';
import { Connector } from './pairs/connector.ts';
import { Pair } from './pairs/pair.ts';
import { reportPairs } from './pairs/report.ts';
import { Rounds } from './rounds.ts';
import { type OwnedShard, Shards, type Sharing } from './shards.ts';
import type { ComponentStream } from './streams/component-stream.ts';
import type { OutgoingStream } from './streams/outgoing.ts';

export interface FederationStats {
  /** Pairs with something waiting, or a stream. */
  readonly pairs: number;
  readonly streams: number;
  /** Pairs with something waiting whose last try to reach the other server has failed. */
  readonly failing: number;
  /** Rows of the outbox. */
  readonly waiting: number;
  /** Age of the oldest of them, ms. */
  readonly oldestMs: number;
  /** Age of the oldest of those for servers that are connected, ms. */
  readonly lagMs: number;
}

export interface Federation {
  readonly stats: FederationStats;
  /** Takes nothing new, and waits a moment for confirmations. */
  stop(): Promise<void>;
}

/** @param sharing absent: this process is the only owner there ever is */
export async function startFederation(dependencies: Omit<Dependencies, 'holdsLease'>, sharing?: Sharing): Promise<Federation> {
  const owner = new Owner(dependencies, sharing);
  await owner.start();
  return owner;
}

class Owner implements Federation {
  readonly #dependencies: Dependencies;
  readonly #shards: Shards;
  readonly #gate: Gate;
  readonly #settled = new RecentKeys(federationLimits.confirmedKeysMax);
  readonly #pairs = new Map<string, Pair>();
  readonly #components: Components;
  readonly #rounds: Rounds;
  #looking: Timer | undefined;
  #isStopped = false;
  #policyReads = 0;

  constructor(dependencies: Omit<Dependencies, 'holdsLease'>, sharing: Sharing | undefined) {
    this.#gate = new Gate(dependencies.clock);
    this.#dependencies = { ...dependencies, holdsLease: () => this.#shards.holdsLease };
    const handler = answering(dependencies.log, (payload) => this.#answer(payload));
    this.#shards = new Shards(this.#dependencies, sharing, {
      handler,
      read: (shard, isOurs) => this.#read(shard, isOurs),
      leave: (shard) => this.#leave(shard),
    });
    this.#components = new Components(this.#dependencies, (name) => this.#pair(name).way);
    this.#rounds = new Rounds({
      clock: dependencies.clock,
      pairs: () => this.#pairs.values(),
      begin: () => this.#shards.tick(),
      look: (pair, now) => this.#tick(pair, now),
    });
  }

  get stats(): FederationStats {
    const { pairs, streams, failing, oldestAt, lateAt } = this.#rounds.figures;
    const waiting = this.#gate.waitingRows;
    const now = this.#dependencies.clock.now();
    return { pairs, streams, waiting, failing, oldestMs: Math.max(0, now - oldestAt), lagMs: Math.max(0, now - lateAt) };
  }

  async start(): Promise<void> {
    await this.#shards.start();
    this.#rounds.start();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#rounds.stop();
    this.#looking?.cancel();
    await this.#shards.stop();
  }

  /** The pairs of the shard, without a trace. */
  async #leave(shard: number): Promise<void> {
    const pairs = [...this.#pairs].filter(([, { name }]) => pairShard(name) === shard);
    await Promise.all(pairs.map(([, pair]) => pair.stop()));
    for (const [key, pair] of pairs) if (this.#pairs.get(key) === pair) this.#pairs.delete(key);
  }

  /** What was written before, for all of its pairs; until the shard is another's. */
  async #read(shard: number, isOurs: () => boolean): Promise<void> {
    for (;;) {
      try {
        for await (const { pair } of duePairs(this.#dependencies.store, shard)) {
          if (!isOurs()) return;
          await this.#pair(pair).load('takeover', (key) => this.#isSettled(pair, key));
        }
        return;
      } catch (error) {
        if (!isOurs()) return;
        this.#dependencies.log.warn({ err: error, shard }, 'cannot read the outbox');
        await sleep(this.#dependencies.clock, federationLimits.storeRetryMs);
      }
    }
  }

  async #answer(payload: Uint8Array): Promise<Uint8Array | undefined> {
    const { header, bodies } = decodeFrame<PairRequest>(payload);
    switch (header.kind) {
      case 'depart':
        return encodeFrame(await this.#depart(header, bodies));
      case 'host':
        return encodeFrame(await this.#host(header));
      case 'verify':
        return encodeFrame(await this.#verify(header, header.streamId, bodies[0]!.toString()));
      case 'check':
        return encodeFrame(await this.#check(header, header.streamId, bodies[0]!.toString()));
      case 'prove':
        return encodeFrame({ isValid: await this.#dependencies.proves(header.peer, bodies) } satisfies VerifyReply);
      case 'pairs':
        return encodeFrame(reportPairs(this.#pairs.values(), header, this.#dependencies.clock.now()));
      case 'retry':
        return encodeFrame(this.#retry(header));
      case 'pong':
        this.#pairs.get(keyOf(header))?.pong(header.id);
        return undefined;
      case 'proven':
        this.#proven(header);
        return undefined;
      default:
        return this.#components.answer(header, bodies, this.#shards.ownership(pairShard(componentPair(header.component))));
    }
  }

  /** Its server is there: what waits for it is tried at once. */
  #proven(name: ProvenNotice): void {
    const pair = this.#pairs.get(keyOf(name));
    if (pair !== undefined && pair.waiting > 0) pair.retry();
  }

  #retry({ shard, tenant, peer }: RetryRequest): RetryReply {
    const all = [...this.#pairs.values()].filter(({ name }) => name.tenant === tenant && name.peer === peer);
    const pairs = all.filter(({ name }) => pairShard(name) === shard);
    for (const pair of pairs) pair.retry();
    return { hosts: pairs.map(({ name }) => name.host) };
  }

  async #depart(request: DepartRequest, bodies: readonly Buffer[]): Promise<DoneReply> {
    const { clock } = this.#dependencies;
    clock.observe(request.at);
    const shard = this.#shards.ownership(pairShard(request));
    if (await shard?.whenRead()) {
      const tenant = await this.#dependencies.tenants.find(request.tenant);
      if (shard?.holds) await this.#findMissed(request);
      // From here to the answer nothing waits: whoever owns the pair next has not read its rows yet.
      if (shard?.holds) {
        const pair = this.#pair(request);
        if (tenant !== undefined) pair.follow(tenant.policy);
        if (this.#isSettled(request, request.key)) pair.dropRepeated(request.key);
        else pair.take(request.key, request.written, bodies, request.tos ?? []);
        return { ok: true, at: clock.now() };
      }
    }
    return { ok: false, error: 'another process owns it', at: clock.now() };
  }

  /** What was written before, and did not get here. @throws {Unavailable} */
  async #findMissed({ tenant, host, peer }: PairName): Promise<void> {
    const { store } = this.#dependencies;
    const name = { tenant, host, peer };
    const version = await findMissed(store, name);
    if (version !== undefined) await this.#loadMissed(name, version);
  }

  async #loadMissed(name: PairName, version: string): Promise<void> {
    await this.#pair(name).load('missed', (key) => this.#isSettled(name, key));
    try {
      await clearMissed(this.#dependencies.store, name, version);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // something else was missed, and is looked for next
    }
  }

  async #host({ host, peer }: HostRequest): Promise<HostReply> {
    const { tenants } = this.#dependencies;
    const [ours, theirs] = await Promise.all([tenants.place(host), tenants.place(peer)]);
    const isPeerOurs = theirs !== undefined;
    if (ours === undefined) return { isPeerOurs };
    const { domain: tenant, policy } = ours.tenant;
    // A header need not say who opens the stream.
    const isForbidden = peer === '' ? policy.federation === 'closed' : !allowsPeer(policy, peer);
    return { tenant, isPeerOurs, isForbidden, needsCertificate: policy.proof === 'certificate' };
  }

  /** @returns undefined when the host is not served here, or its tenant does not use dialback with this peer */
  async #dialback({ host, peer }: Pick<PairName, 'host' | 'peer'>): Promise<PairName | undefined> {
    const tenant = (await this.#dependencies.tenants.place(host))?.tenant;
    const mayBe = tenant !== undefined && tenant.policy.proof !== 'certificate' && allowsPeer(tenant.policy, peer);
    return mayBe ? { tenant: tenant.domain, host, peer } : undefined;
  }

  async #verify(request: Pick<PairName, 'host' | 'peer'>, streamId: string, key: string): Promise<VerifyReply> {
    const name = await this.#dialback(request);
    if (name === undefined) return { isValid: false, condition: 'item-not-found' };
    try {
      const { isValid, condition } = await this.#pair(name).way.verify(streamId, key);
      return { isValid, condition: condition as StanzaErrorCondition };
    } catch (error) {
      this.#dependencies.log.info(
        { ...name, reason: (error as Error).message },
        'cannot ask for the verification of a dialback key',
      );
      const isNowhere = error instanceof NoSuchDomain || error instanceof Forbidden;
      return { isValid: false, condition: isNowhere ? 'remote-server-not-found' : 'remote-server-timeout' };
    }
  }

  async #check(request: Pick<PairName, 'host' | 'peer'>, streamId: string, key: string): Promise<VerifyReply> {
    const name = await this.#dialback(request);
    if (name === undefined) return { isValid: false, condition: 'item-not-found' };
    return { isValid: await this.#dependencies.dialback.isOurs(name, streamId, key) };
  }

  /** @throws {Unavailable} when there are too many: rows wait for a later look */
  #pair(name: PairName): Pair {
    const { tenant, host, peer } = name;
    const key = keyOf(name);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      if (this.#pairs.size >= federationLimits.pairsMax) this.#forgetIdle(federationLimits.confirmMs);
      if (this.#pairs.size >= federationLimits.pairsMax) throw new Unavailable('too many pairs of domains are in use');
      const own = { tenant, host, peer };
      const onSettled = (settled: string) => this.#settled.add(`${key} ${settled}`);
      const wayOf = (events: WayEvents<OutgoingStream | ComponentStream>) =>
        isOfComponent(own)
          ? new ComponentDoor(this.#dependencies, tenant, events)
          : new Connector(this.#dependencies, this.#gate, own, events);
      pair = new Pair(this.#dependencies, this.#gate, own, wayOf, onSettled);
      this.#pairs.set(key, pair);
    }
    return pair;
  }

  #isSettled(name: PairName, key: string): boolean {
    return this.#settled.has(`${keyOf(name)} ${key}`);
  }

  /** @returns false when the pair was forgotten since the round began */
  #tick(pair: Pair, now: number): boolean {
    if (this.#pairs.get(keyOf(pair.name)) !== pair) return false;
    if (pair.waiting > 0 || pair.carrier !== undefined) this.#followPolicy(pair);
    pair.tick(now);
    return true;
  }

  /** A tenant that is read meanwhile is for the next time; so is one beyond the bound, and then all are looked at in turn. */
  #followPolicy(pair: Pair): void {
    if (this.#policyReads >= federationLimits.policyReadsMax) return;
    const found = this.#dependencies.tenants.find(pair.name.tenant);
    if (!(found instanceof Promise)) {
      if (found !== undefined) pair.follow(found.policy);
      return;
    }
    this.#policyReads++;
    found
      .then((tenant) => tenant && pair.follow(tenant.policy))
      .catch(() => {}) // the store is away, which is told by whoever needs it more
      .finally(() => this.#policyReads--);
  }

  #forgetIdle(quietMs: number): void {
    for (const [key, pair] of this.#pairs) if (pair.isIdle(quietMs)) this.#pairs.delete(key);
  }

  #lookLater(): void {
    if (this.#isStopped) return;
    this.#looking = this.#dependencies.clock.after(federationLimits.lookMs, () => void this.#lookAndGoOn());
  }

  /** Never rejects. */
  async #lookAndGoOn(): Promise<void> {
    // Rows that nobody has told of come to light until then, and the pair knows what was written later.
    this.#forgetIdle(2 * runtimeLimits.outboxDueMs + 2 * federationLimits.lookMs);
    try {
      await this.#lookAtTenants();
      await this.#shards.look();
      for (const shard of this.#shards.all()) if (await shard.whenRead()) await this.#look(shard);
    } catch (error) {
      this.#dependencies.log.warn({ err: error }, 'cannot look for due rows of the outbox');
    }
    this.#lookLater();
  }

  /** All pairs follow the policies of their tenants. Those of tenants that are gone go; their rows are erased by whoever removes the tenant. */
  async #lookAtTenants(): Promise<void> {
    for (const [key, pair] of [...this.#pairs]) {
      const tenant = await this.#dependencies.tenants.find(pair.name.tenant);
      if (tenant !== undefined) {
        pair.follow(tenant.policy);
        continue;
      }
      this.#pairs.delete(key);
      await pair.stop(false);
    }
  }

  async #look(shard: OwnedShard): Promise<void> {
    const { store, clock } = this.#dependencies;
    for await (const { pair, version } of missedPairs(store, shard.number)) {
      if (!shard.holds) return;
      await this.#loadMissed(pair, version);
    }
    for await (const due of duePairs(store, shard.number)) {
      if (!shard.holds) return;
      try {
        if (clock.now() - due.row.at > 2 * runtimeLimits.outboxDueMs) await this.#endDue(due);
      } catch (error) {
        if (!(error instanceof Conflict)) throw error; // somebody has just written to it
      }
    }
  }

  async #endDue(due: DuePair): Promise<void> {
    const { store } = this.#dependencies;
    const rows = await readOutbox(store, due.pair, '');
    if (rows.length === 0) return endDue(store, due);
    const isUnknown = rows.some(({ key }) => !this.#pair(due.pair).has(key));
    if (isUnknown) await this.#pair(due.pair).load('late', (key) => this.#isSettled(due.pair, key));
  }
}

function keyOf({ host, peer }: Pick<PairName, 'host' | 'peer'>): string {
  return `${host} ${peer}`;
}
