/**
 * Handles the requests of one room one after the other: what has gathered is handled together with one conditional write, then the
 * rows, then the deliveries, then the answers. Whatever goes wrong, the copy in memory is dropped and read again.
 */
import type { Timer } from '../../lib/ports/clock.ts';
import { Conflict, Unavailable } from '../../lib/ports/store.ts';
import { isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import { BatchAttempt } from './batch-attempt.ts';
import type { RoomDependencies } from './core/dependencies.ts';
import { fanOut } from './core/fan-out.ts';
import { finish, firstOf, type Job } from './core/job.ts';
import { type Foreseen, foresee } from './core/prefetch.ts';
import { commitBatch, type LoadedRoom, loadRoom } from './core/room-store.ts';
import { type Background, errorOf, RoomTurn } from './core/room-turn.ts';
import { roomLimits } from './limits.ts';
import { heal } from './missed/heal.ts';
import { closeGaps, lookForReturned } from './missed/refill.ts';
import { sweep } from './missed/sweep.ts';
import { shutDown } from './rooms/shut-down.ts';

export class RoomRunner {
  readonly #dependencies: RoomDependencies;
  readonly #domain: string;
  readonly #jid: Jid;
  readonly #background: (run: Background) => void;
  #loaded: LoadedRoom | undefined;
  /** As it was with the last batch. */
  #tenant: Tenant | undefined;
  #waiting: Job[] = [];
  /** That somebody is behind must not be forgotten: it goes with the next batch. */
  #unwritten: Job[] = [];
  /** Messages whose batch failed, so that nobody has seen them, although they may stand in the archive: they go before later ones. */
  readonly #unshown = new Set<string>();
  #running: Promise<void> | undefined;
  /** Set while sessions are behind: when to look for them again. */
  #looking: Timer | undefined;
  #lookMs: number = roomLimits.lookMs;
  /** A batch failed: the room is not in memory, and some of its sessions may be behind. */
  #mayOwe = false;
  /** By the monotonic clock; undefined while the room in memory was not swept. */
  #sweptAt: number | undefined;

  constructor(dependencies: RoomDependencies, domain: string, jid: Jid, background: (run: Background) => void) {
    this.#dependencies = dependencies;
    this.#domain = domain;
    this.#jid = jid;
    this.#background = background;
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined || this.#running !== undefined;
  }

  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** @returns false when too much waits already */
  push(job: Job): boolean {
    if (this.#waiting.length >= roomLimits.queueMax) return false;
    this.#waiting.splice(this.#placeOf(job), 0, job);
    this.#running ??= this.#run();
    return true;
  }

  #placeOf(job: Job): number {
    const first = firstOf(job);
    if (first === undefined) return this.#waiting.length;
    if (first === 'mark') return 0;
    const place = this.#waiting.findIndex((other) => firstOf(other) !== 'mark');
    return place < 0 ? this.#waiting.length : place;
  }

  /** Another worker may write to the room from now on. */
  forget(): void {
    this.#loaded = undefined;
    this.#looking?.cancel();
    this.#looking = undefined;
    this.#mayOwe = false;
  }

  /** Some occupants wait, or may wait, for what they have not got: the room is to stay in memory. */
  get isOwing(): boolean {
    return this.#looking !== undefined;
  }

  /** Soon at first, for a session on its way from one node to another; then ever more rarely, for one in the store. */
  #lookLater(): void {
    if (this.#looking !== undefined) return;
    const isOwing = this.#loaded === undefined ? this.#mayOwe : this.#loaded.room.behind.size > 0;
    if (!isOwing && this.#unwritten.length === 0) {
      this.#lookMs = roomLimits.lookMs;
      return;
    }
    this.#looking = this.#dependencies.clock.after(this.#lookMs, async () => {
      try {
        await this.#look();
      } catch (error) {
        this.#dependencies.log.info(
          { err: error, room: this.#jid.toString() },
          'sessions that are behind could not be looked for',
        );
      }
      this.#looking = undefined;
      this.#lookMs = Math.min(this.#lookMs * 2, roomLimits.lookMaxMs);
      this.#lookLater();
    });
  }

  async #look(): Promise<void> {
    if (this.#loaded && this.#unwritten.length === 0)
      await lookForReturned(this.#dependencies, this.#loaded.room, (job) => this.push(job));
    else this.push({ about: this.#jid, apply: () => {} }); // reads the room, and writes what could not be written
  }

  /** Occupants whose sessions are over leave (sweep.ts), at most once in a while. @throws {Unavailable} */
  async sweep(): Promise<void> {
    if (this.#loaded && !(await this.#dependencies.tenants.find(this.#domain))) this.push({ about: this.#jid, apply: () => {} });
    const now = this.#dependencies.clock.monotonic();
    if (!this.#loaded || (this.#sweptAt !== undefined && now - this.#sweptAt < roomLimits.sweepMs)) return;
    this.#sweptAt = now;
    await sweep(this.#dependencies, this.#loaded.room, (job) => this.push(job));
  }

  async #run(): Promise<void> {
    // What arrives in this turn of the event loop is one batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const jobs = [...this.#unwritten.splice(0), ...this.#waiting.splice(0, roomLimits.batchMax)];
      await this.#attempt(jobs);
    }
    this.#running = undefined;
    this.#lookLater();
  }

  /** What fails for good fails for one job: each is done again by itself, and whoever sent that one is told. */
  async #attempt(jobs: readonly Job[]): Promise<void> {
    try {
      await this.#handle(jobs);
      this.#mayOwe = false;
    } catch (error) {
      this.#loaded = undefined;
      if (isOperating(error)) {
        this.#takeLater(jobs, error);
        return;
      }
      if (jobs.length > 1) {
        for (const job of jobs) await this.#attempt([job]);
        return;
      }
      this.#mayOwe = false;
      report(this.#dependencies.log, error, 'a request to a room failed', { room: this.#jid.toString() });
      for (const job of jobs) await this.#refuse(job, toStanzaError(error));
    }
  }

  /** The store is away: those who sent these are told to come again. */
  #takeLater(jobs: readonly Job[], error: unknown): void {
    this.#mayOwe = true;
    this.#unwritten.push(...jobs.filter((job) => firstOf(job) === 'mark'));
    this.#dependencies.log.warn({ err: error, room: this.#jid.toString() }, 'a batch of a room failed');
    for (const job of jobs) {
      const isMessage = 'stanza' in job && job.stanza.name === 'message';
      if (isMessage && this.#unshown.size < roomLimits.handledMax) this.#unshown.add(job.request.id);
      finish(job, { ok: false, error: String(error) });
    }
  }

  async #refuse(job: Job, error: StanzaError): Promise<void> {
    if (!('stanza' in job)) {
      finish(job, { ok: false, error: error.message });
      return;
    }
    const { stanza, request } = job;
    if (stanza.type !== 'error' && stanza.type !== 'result') {
      const bytes = Buffer.from(errorOf(stanza, error, this.#jid).toString());
      await fanOut(this.#dependencies, [{ bytes, recipients: [{ jid: stanza.from!, address: request.sender }] }]);
    }
    finish(job, { ok: true });
  }

  /** The tenant was removed, and its rows with it: who is inside hears of it, as far as this worker knows of them. */
  async #shutDown(): Promise<void> {
    if (!this.#loaded || !this.#tenant) return;
    const nothing: Foreseen = {
      entries: new Map(),
      versions: new Map(),
      isTenantFull: false,
      fullMakers: new Set(),
      owed: new Map(),
    };
    const asker = { from: this.#jid, recipient: { jid: this.#jid } };
    const turn = new RoomTurn(this.#dependencies, this.#tenant, this.#loaded, asker, nothing);
    shutDown(turn);
    this.forget();
    await fanOut(this.#dependencies, turn.sendings);
  }

  async #load(tenant: Tenant): Promise<LoadedRoom> {
    this.#sweptAt = undefined;
    const loaded = await loadRoom(this.#dependencies.store, this.#domain, this.#jid, tenant.secret);
    this.#dependencies.clock.observe(timeOfId(loaded.fence.lastId));
    return loaded;
  }

  async #handle(jobs: readonly Job[]): Promise<void> {
    const dependencies = this.#dependencies;
    const tenant = await dependencies.tenants.find(this.#domain);
    if (!tenant) {
      await this.#shutDown();
      for (const job of jobs) finish(job, { ok: true }); // removed while its stanzas were under way
      return;
    }
    this.#tenant = tenant;
    let wasBeaten = false;
    for (let tries = 1; ; tries++) {
      let pass: BatchAttempt;
      let rest: readonly Job[];
      let loaded: LoadedRoom;
      try {
        const isFresh = this.#loaded === undefined;
        loaded = this.#loaded ??= await this.#load(tenant);
        const foreseen = await foresee(dependencies, loaded, stanzasOf(jobs), returnedOf(jobs));
        pass = new BatchAttempt(dependencies, tenant, loaded, wasBeaten, foreseen);
        if (isFresh) pass.showLast();
        pass.show(this.#unshown);
        rest = pass.take(jobs);
        const begun = dependencies.clock.monotonic();
        if (pass.batch.needsFence) await commitBatch(dependencies.store, loaded, pass.batch, dependencies.clock.now());
        // Another worker may have shown it, and later ones: what was written is looked at again.
        if (dependencies.clock.monotonic() - begun > roomLimits.stallMs)
          throw new Unavailable('this process stood still, or the store did');
      } catch (error) {
        this.#loaded = undefined;
        // When the store failed half-way the rows may be there: nothing may overtake what stands in the archive already.
        if (!isOperating(error) || tries === roomLimits.batchTriesMax) throw error;
        wasBeaten ||= error instanceof Conflict;
        continue;
      }
      for (const id of pass.ids) loaded.fence.markHandled(id);
      this.#unshown.clear();
      if (pass.isPoisoned) this.#loaded = undefined;
      this.#waiting.unshift(...rest);
      const undelivered = await fanOut(dependencies, pass.batch.sendings);
      if (undelivered.length > 0) await heal(dependencies, loaded.room, undelivered, (job) => this.push(job));
      closeGaps(pass.batch.refills, undelivered, (job) => this.push(job));
      for (const job of pass.beaten) finish(job, 'silent');
      for (const job of pass.done) finish(job, { ok: true });
      for (const run of pass.batch.background) this.#background(run);
      return;
    }
  }
}

function stanzasOf(jobs: readonly Job[]): Stanza[] {
  return jobs.flatMap((job) => ('stanza' in job ? [job.stanza] : []));
}

function returnedOf(jobs: readonly Job[]): Jid[] {
  return jobs.flatMap((job) => ('about' in job && job.first === 'return' ? [job.about] : []));
}
