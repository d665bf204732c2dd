/**
 * The worker of rooms. It serves the subjects `m.<shard>` that it owns, keeps the rooms that have something to do in memory, and
 * hands each request to its room. What it keeps may be lost at any moment.
 */

import type { BusHandler, Serving } from '../../lib/ports/bus.ts';
import { repeat, sleep, type Timer } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { erasePartition } from '../../lib/runtime/erase.ts';
import { answering, isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import { GoneAddresses } from '../../lib/runtime/gone-addresses.ts';
import type { UnheardRequest } from '../../lib/runtime/ring-wire.ts';
import type { RoomAdminReply } from '../../lib/runtime/room-admin-wire.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import { allShards, type ShardOwner } from '../../lib/runtime/shard-owner.ts';
import { shardOf } from '../../lib/runtime/shards.ts';
import { roomsDomain } from '../../lib/runtime/tenants.ts';
import type { DoneReply, HidesRequest, RoomErasureRequest, RoomRequest } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Dependencies, RoomDependencies } from './core/dependencies.ts';
import { Exchanges } from './core/exchanges.ts';
import { fanOut } from './core/fan-out.ts';
import type { Outcome } from './core/job.ts';
import { mayKnow } from './core/known-addresses.ts';
import { Pace } from './core/pace.ts';
import { errorOf } from './core/replies.ts';
import type { RoomFeature } from './core/room-feature.ts';
import { RoomFeatureIndex } from './core/room-feature-index.ts';
import type { Background, RoomTurn } from './core/room-turn.ts';
import { features } from './features/index.ts';
import { roomLimits } from './limits.ts';
import { RoomRunner } from './room-runner.ts';
import { forgetAddresses } from './rooms/forget.ts';
import { changeHides } from './rooms/hides.ts';
import { administer } from './rooms/operator.ts';
import { destroyByOperator } from './rooms/owner.ts';
import { answerForService } from './rooms/service.ts';

export interface MucWorker {
  /** How many rooms are in memory. */
  readonly rooms: number;
  /** Takes no new requests, and waits a bounded time for those under way. */
  stop(): Promise<void>;
}

export interface WorkerOptions extends Dependencies {
  /** The shards of rooms that it serves; absent: all of them. */
  readonly shards?: ShardOwner;
  /** The features of its rooms; absent: those of features/index.ts. */
  readonly roomFeatures?: readonly RoomFeature[];
}

export async function startMucWorker(options: WorkerOptions): Promise<MucWorker> {
  const worker = new Worker(options);
  await worker.start();
  return worker;
}

class Worker implements MucWorker {
  readonly #dependencies: RoomDependencies;
  readonly #shards: ShardOwner;
  readonly #handler: BusHandler;
  readonly #servings = new Map<number, Serving>();
  /** In the order of use, the room that was used last at the end. */
  readonly #rooms = new Map<string, { readonly shard: number; readonly runner: RoomRunner }>();
  readonly #background = new Set<Promise<void>>();
  #backlog: Background[] = [];
  #changing: Promise<void> = Promise.resolve();
  #unsubscribe: () => void = () => {};
  #isStopped = false;
  #sweeper: Timer | undefined;

  constructor({ shards = allShards(), roomFeatures = features, ...dependencies }: WorkerOptions) {
    const pace = new Pace(dependencies.clock);
    this.#dependencies = { ...dependencies, pace, exchanges: new Exchanges(), features: new RoomFeatureIndex(roomFeatures) };
    this.#shards = shards;
    this.#handler = answering(dependencies.log, (payload) => this.#answer(payload));
  }

  get rooms(): number {
    return this.#rooms.size;
  }

  async start(): Promise<void> {
    this.#unsubscribe = this.#shards.onChange(() => void this.#follow());
    await this.#follow();
    if (this.#isStopped) return;
    this.#sweeper = repeat(
      this.#dependencies.clock,
      () => roomLimits.firstSweepMs,
      () => this.#sweep(),
      (error) => this.#dependencies.log.warn({ err: error }, 'could not check whether the occupants of rooms are still there'),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#sweeper?.cancel();
    this.#unsubscribe();
    await this.#follow();
    await Promise.race([this.#idle(), sleep(this.#dependencies.clock, serviceLimits.shutdownMs)]);
  }

  /** Looks for ghosts in one room after the other, because they are not urgent and the store has other things to do. */
  async #sweep(): Promise<void> {
    for (const { runner } of [...this.#rooms.values()]) if (!this.#isStopped) await runner.sweep();
  }

  async #idle(): Promise<void> {
    for (;;) {
      const running = [...this.#rooms.values()].map(({ runner }) => runner.running).filter((one) => one !== undefined);
      if (running.length + this.#background.size === 0) return;
      await Promise.all([...running, ...this.#background]);
    }
  }

  /** Serves the shards that are owned now and no others. Changes take place one after the other. */
  #follow(): Promise<void> {
    this.#changing = this.#changing
      .then(() => this.#change())
      .catch((error: unknown) => {
        this.#dependencies.log.error({ err: error }, 'could not change which shards of rooms are served');
      });
    return this.#changing;
  }

  async #change(): Promise<void> {
    const owned: ReadonlySet<number> = this.#isStopped ? new Set() : this.#shards.owned();
    for (const [shard, serving] of this.#servings) {
      if (owned.has(shard)) continue;
      this.#servings.delete(shard);
      await serving.stop();
      for (const [key, room] of this.#rooms) {
        if (room.shard !== shard) continue;
        room.runner.forget();
        // A batch that is under way is finished first. The fence stops its writes if another worker has taken the room.
        if (room.runner.running) void room.runner.running.then(() => this.#rooms.delete(key));
        else this.#rooms.delete(key);
      }
    }
    for (const shard of owned) {
      if (this.#servings.has(shard)) continue;
      this.#servings.set(shard, await this.#dependencies.bus.serve(`m.${shard}`, this.#handler));
    }
  }

  async #answer(payload: Uint8Array): Promise<Uint8Array | undefined> {
    const { header, bodies } = decodeFrame<RoomRequest | RoomErasureRequest | HidesRequest | UnheardRequest>(payload);
    if (header.kind === 'unheard') return encodeFrame(await this.#ringUnheard(header));
    if (header.kind === 'hides') return encodeFrame(await this.#hide(header));
    if (header.kind !== 'room') return encodeFrame(await this.#erase(header));
    this.#dependencies.clock.observe(header.at);
    const stanza = Stanza.parse(bodies[0]!);
    if (!stanza.from || !stanza.to) throw new Error(`a ${stanza.name} for ${header.room} has no addresses`);
    const outcome = await this.#take(header, stanza);
    return outcome === 'silent' ? undefined : encodeFrame({ ...outcome, at: this.#dependencies.clock.now() } satisfies DoneReply);
  }

  /** Tells a room what the account of an occupant has blocked. Resolves when the room has written it. */
  #hide(request: HidesRequest): Promise<DoneReply> {
    const about = Jid.parse(request.jid);
    return new Promise((resolve) => {
      const done = (outcome: Outcome) => resolve(outcome === 'silent' ? { ok: false } : outcome);
      const isTaken = this.#runner(request).push({ about, apply: (turn) => changeHides(turn, request.hides), done });
      if (!isTaken) resolve({ ok: false, error: `too many requests wait for ${request.room}` });
    });
  }

  /** @see UnheardRequest */
  async #ringUnheard(request: UnheardRequest): Promise<DoneReply> {
    try {
      await this.#runner(request).ringUnheard(Jid.parse(request.jid), request.sinceMs);
      return { ok: true };
    } catch (error) {
      if (isOperating(error)) return { ok: false, error: String(error) };
      report(this.#dependencies.log, error, 'the client of an occupant was not woken', { room: request.room });
      return { ok: true };
    }
  }

  async #take(request: RoomRequest, stanza: Stanza): Promise<Outcome> {
    if (request.room === '') return this.#serve(request, stanza);
    const runner = this.#runner(request);
    return new Promise<Outcome>((resolve) => {
      const isTaken = runner.push({ request, stanza, done: resolve });
      if (!isTaken) resolve({ ok: false, error: `too many requests wait for ${request.room}` });
      // A router may send an answer while this room waits for that router, so the router must not wait for this room in turn.
      if (stanza.type === 'error' || stanza.type === 'result') resolve({ ok: true });
    });
  }

  /** @see RoomErasureRequest */
  async #erase(request: RoomErasureRequest): Promise<DoneReply | RoomAdminReply> {
    const { kind, domain, room } = request;
    const gone = new GoneAddresses(request.addresses);
    try {
      if (kind === 'forget' && request.admin !== undefined) {
        let told: Omit<RoomAdminReply, 'ok'> = {};
        const { admin } = request;
        await this.#ask(request, (turn) => {
          told = administer(turn, admin);
          return false;
        });
        return { ok: true, ...told };
      }
      if (kind === 'forget') {
        const isLoaded = this.#rooms.get(keyOf(request))?.runner.isLoaded === true;
        if (!isLoaded && !(await mayKnow(this.#dependencies, domain, room, gone))) return { ok: true };
        while (await this.#ask(request, (turn) => forgetAddresses(turn, gone)));
        return { ok: true };
      }
      if (kind === 'destroy') {
        await this.#ask(request, (turn) => destroyByOperator(turn, request.reason));
        return { ok: true };
      }
      if (kind !== 'erase') throw new Error(`unknown kind '${kind as string}' of a request about a room`);
      // The tenant is gone, so the room tells its occupants that it ends, and forgets itself.
      if (this.#rooms.has(keyOf(request))) await this.#ask(request, () => false);
      const { store } = this.#dependencies;
      await erasePartition(store, Rows.ofRoom(store, domain, room));
      this.#rooms.delete(keyOf(request));
      return { ok: true };
    } catch (error) {
      return { ok: false, error: String(error) };
    }
  }

  /** Does something with a room in its turn. @returns what `apply` returns, when it is written. @throws {Unavailable} */
  async #ask(request: RoomErasureRequest, apply: (turn: RoomTurn) => boolean): Promise<boolean> {
    const runner = this.#runner(request);
    const about = Jid.of(request.room, roomsDomain(request.domain));
    let result = false;
    let hasFailed = false;
    const outcome = await new Promise<Outcome>((done) => {
      const job = {
        ...{ about, done },
        apply(turn: RoomTurn) {
          hasFailed = true;
          result = apply(turn);
          hasFailed = false;
        },
      };
      if (!runner.push(job)) done({ ok: false, error: 'too many requests wait for it' });
    });
    if (outcome !== 'silent' && outcome.ok && !hasFailed) return result;
    const reason = outcome === 'silent' ? 'another worker has it' : (outcome.error ?? 'see the log');
    throw new Unavailable(`${about} could not be changed: ${reason}`);
  }

  #runner({ domain, room }: Pick<RoomRequest, 'domain' | 'room'>): RoomRunner {
    const key = keyOf({ domain, room });
    const known = this.#rooms.get(key);
    if (known) {
      this.#rooms.delete(key);
      this.#rooms.set(key, known);
      return known.runner;
    }
    if (this.#rooms.size >= roomLimits.roomsCachedMax) this.#evict();
    const jid = Jid.of(room, roomsDomain(domain));
    const runner = new RoomRunner(this.#dependencies, domain, jid, (run) => this.#later(run));
    this.#rooms.set(key, { shard: shardOf(domain, room), runner });
    return runner;
  }

  /**
   * Drops the room that was idle longest. While all rooms are busy none is dropped: there are no more of them than requests,
   * which the bus bounds.
   */
  #evict(): void {
    for (const [key, { runner }] of this.#rooms) {
      if (runner.running || runner.hasMissed) continue;
      this.#rooms.delete(key);
      return;
    }
  }

  async #serve(request: RoomRequest, stanza: Stanza): Promise<DoneReply> {
    const tenant = await this.#dependencies.tenants.find(request.domain);
    if (!tenant) return { ok: true };
    const recipients = [{ jid: stanza.from!, address: request.sender }];
    try {
      const answer = await answerForService(this.#dependencies, tenant, stanza);
      if (answer) await fanOut(this.#dependencies, [{ bytes: Buffer.from(answer.toString()), recipients }]);
    } catch (error) {
      if (isOperating(error)) return { ok: false, error: String(error) };
      report(this.#dependencies.log, error, 'a request to the service of rooms failed', { stanza: stanza.name });
      const bytes = Buffer.from(errorOf(stanza, toStanzaError(error), stanza.to!.bare).toString());
      await fanOut(this.#dependencies, [{ bytes, recipients }]);
    }
    return { ok: true };
  }

  #later(run: Background): void {
    if (this.#background.size < roomLimits.queriesMax) this.#start(run);
    else if (this.#backlog.length < roomLimits.queueMax) this.#backlog.push(run);
    else this.#dependencies.log.warn('too many requests for pages of archives; one is dropped');
  }

  #start(run: Background): void {
    const running = this.#run(run).finally(() => {
      this.#background.delete(running);
      const next = this.#backlog.shift();
      if (next) this.#start(next);
    });
    this.#background.add(running);
  }

  async #run(run: Background): Promise<void> {
    try {
      await fanOut(this.#dependencies, await run());
    } catch (error) {
      report(this.#dependencies.log, error, 'a background task of a room failed');
      if (isOperating(error)) this.#dependencies.log.warn({ err: error }, 'a background task of a room failed');
    }
  }
}

function keyOf({ domain, room }: Pick<RoomRequest, 'domain' | 'room'>): string {
  return `${domain}/${room}`;
}
