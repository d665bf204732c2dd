/**
 * Handles the requests of one room one after the other. Those that have gathered are handled together: one conditional write,
 * then the rows, then the deliveries, then the answers. When anything goes wrong, the copy of the room in memory is dropped and
 * read again.
 */

import type { Timer } from '../../lib/ports/clock.ts';
import { Conflict, Unavailable } from '../../lib/ports/store.ts';
import { isOperating, report, toStanzaError } from '../../lib/runtime/faults.ts';
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import { BatchAttempt } from './batch-attempt.ts';
import type { Batch } from './core/batch.ts';
import type { RoomDependencies } from './core/dependencies.ts';
import { type FannedOut, fanOut, type SortedOut, send, sortOut, writeAndSend } from './core/fan-out.ts';
import type { Job, Outcome } from './core/job.ts';
import type { LoadedRoom } from './core/loaded-room.ts';
import { nothingPrefetched, prefetch } from './core/prefetch.ts';
import { errorOf } from './core/replies.ts';
import type { Room } from './core/room.ts';
import { commitBatch, loadRoom } from './core/room-store.ts';
import { type Background, RoomTurn } from './core/room-turn.ts';
import { roomLimits } from './limits.ts';
import { confirmMissed, findReturned } from './missed/missed.ts';
import { Bell } from './missed/ring.ts';
import { ringSince } from './missed/ring-since.ts';
import { sweep } from './missed/sweep.ts';
import { handleUndelivered } from './missed/undelivered.ts';
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
  /** Notes of missed messages whose batch failed. They must not be lost, so they go with the next batch. */
  #unwritten: Job[] = [];
  /**
   * Messages whose batch failed: they may be in the archive, although nobody was sent them. They are delivered before later ones.
   */
  readonly #unacknowledged = new Set<string>();
  #running: Promise<void> | undefined;
  /** Set while seats wait for what they missed: the time of the next look for their sessions. */
  #looking: Timer | undefined;
  #lookMs: number = roomLimits.lookMs;
  /** A batch failed, so the room is not in memory, and some of its seats may have missed a message. */
  #mayHaveMissed = false;
  readonly #bell: Bell;
  /** On the monotonic clock; undefined until the room in memory was swept. */
  #sweptAt: number | undefined;

  constructor(dependencies: RoomDependencies, domain: string, jid: Jid, background: (run: Background) => void) {
    this.#dependencies = dependencies;
    this.#domain = domain;
    this.#jid = jid;
    this.#background = background;
    this.#bell = new Bell(dependencies);
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined || this.#running !== undefined;
  }

  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** @returns false when too many jobs wait already */
  push(job: Job): boolean {
    if (this.#waiting.length >= roomLimits.queueMax) return false;
    this.#waiting.splice(this.#placeOf(job), 0, job);
    this.#running ??= this.#run();
    return true;
  }

  #placeOf({ first }: Job): number {
    if (first === undefined) return this.#waiting.length;
    if (first === 'mark') return 0;
    const place = this.#waiting.findIndex((other) => other.first !== 'mark');
    return place < 0 ? this.#waiting.length : place;
  }

  /** Another worker may write to the room from now on. */
  forget(): void {
    this.#loaded = undefined;
    this.#looking?.cancel();
    this.#looking = undefined;
    this.#mayHaveMissed = false;
  }

  /** Some seats have missed a message, or may have: the room stays in memory until they have got it. */
  get hasMissed(): boolean {
    return this.#looking !== undefined;
  }

  /** Looks soon at first, for sessions on their way from one node to another; then ever more rarely, for parked ones. */
  #lookLater(): void {
    if (this.#looking !== undefined) return;
    const hasMissed = this.#loaded === undefined ? this.#mayHaveMissed : this.#loaded.room.missed.size > 0;
    if (!hasMissed && this.#unwritten.length === 0) {
      this.#lookMs = roomLimits.lookMs;
      return;
    }
    this.#looking = this.#dependencies.clock.after(this.#lookMs, () => void this.#lookAndGoOn());
  }

  /** Never rejects. */
  async #lookAndGoOn(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#dependencies.log.info(
        { err: error, room: this.#jid.toString() },
        'cannot look for the sessions of occupants who missed a message',
      );
    }
    this.#looking = undefined;
    this.#lookMs = Math.min(this.#lookMs * 2, roomLimits.lookMaxMs);
    this.#lookLater();
  }

  async #look(): Promise<void> {
    if (this.#loaded && this.#unwritten.length === 0)
      await findReturned(this.#dependencies, this.#loaded.room, (job) => this.push(job));
    else this.push({ about: this.#jid, apply: () => {} }); // reads the room, and writes what could not be written
  }

  /** Removes occupants whose sessions are over (missed/sweep.ts), at most once in a while. @throws {Unavailable} */
  async sweep(): Promise<void> {
    if (this.#loaded && !(await this.#dependencies.tenants.find(this.#domain))) this.push({ about: this.#jid, apply: () => {} });
    const now = this.#dependencies.clock.monotonic();
    if (!this.#loaded || (this.#sweptAt !== undefined && now - this.#sweptAt < roomLimits.sweepMs)) return;
    this.#sweptAt = now;
    await sweep(this.#dependencies, this.#loaded.room, (job) => this.push(job));
  }

  /** The node of this seat has died. Resolves when its client is on the way to be woken for what the room has sent since. @throws {Unavailable} */
  async ringUnheard(jid: Jid, sinceMs: number): Promise<void> {
    let found: Room | undefined;
    const outcome = await new Promise<Outcome>((done) => {
      const apply = ({ own, room }: RoomTurn): void => {
        if (own) found = room;
      };
      if (!this.push({ about: jid, apply, done })) done({ ok: false, error: 'too many requests wait for the room' });
    });
    if (outcome === 'silent' || !outcome.ok) throw new Unavailable(`${this.#jid} could not be read`);
    if (found !== undefined) await ringSince(this.#dependencies, this.#bell, { room: found, jid, sinceMs });
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

  /** When a batch fails for good, one of its jobs is to blame: each is tried alone, and the sender of that one is told. */
  async #attempt(jobs: readonly Job[]): Promise<void> {
    try {
      await this.#handle(jobs);
      this.#mayHaveMissed = false;
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
      this.#mayHaveMissed = false;
      report(this.#dependencies.log, error, 'a request to a room failed', { room: this.#jid.toString() });
      for (const job of jobs) await this.#refuse(job, toStanzaError(error));
    }
  }

  /** The store is away. The senders of these requests are told to send them again. */
  #takeLater(jobs: readonly Job[], error: unknown): void {
    this.#mayHaveMissed = true;
    this.#unwritten.push(...jobs.filter((job) => job.first === 'mark'));
    this.#dependencies.log.warn({ err: error, room: this.#jid.toString() }, 'a batch of a room failed');
    this.#rememberUnacknowledged(jobs);
    for (const job of jobs) job.done?.({ ok: false, error: String(error) });
  }

  #rememberUnacknowledged(jobs: readonly Job[]): void {
    for (const job of jobs) {
      const isMessage = 'stanza' in job && job.stanza.name === 'message';
      if (isMessage && this.#unacknowledged.size < roomLimits.handledMax) this.#unacknowledged.add(job.request.id);
    }
  }

  async #refuse(job: Job, error: StanzaError): Promise<void> {
    if (!('stanza' in job)) {
      job.done?.({ ok: false, error: error.message });
      return;
    }
    const { stanza, request } = job;
    if (stanza.type !== 'error' && stanza.type !== 'result') {
      const bytes = Buffer.from(errorOf(stanza, error, this.#jid).toString());
      await fanOut(this.#dependencies, [{ bytes, recipients: [{ jid: stanza.from!, address: request.sender }] }]);
    }
    job.done({ ok: true });
  }

  /** The tenant was removed, and its rows with it. The occupants that this worker knows of are told. */
  async #shutDown(): Promise<void> {
    if (!this.#loaded || !this.#tenant) return;
    const asker = { from: this.#jid, recipient: { jid: this.#jid } };
    const turn = new RoomTurn(this.#dependencies, this.#tenant, this.#loaded, asker, nothingPrefetched);
    shutDown(turn);
    this.forget();
    await fanOut(this.#dependencies, turn.sendings);
  }

  async #load(tenant: Tenant): Promise<LoadedRoom> {
    this.#sweptAt = undefined;
    const loaded = await loadRoom(this.#dependencies, this.#domain, this.#jid, tenant.secret);
    this.#dependencies.clock.observe(timeOfId(loaded.fence.lastId));
    return loaded;
  }

  /** @throws what {@link #write} throws */
  async #handle(jobs: readonly Job[]): Promise<void> {
    const tenant = await this.#dependencies.tenants.find(this.#domain);
    if (!tenant) {
      await this.#shutDown();
      for (const job of jobs) job.done?.({ ok: true }); // the tenant was removed while its stanzas were under way
      return;
    }
    this.#tenant = tenant;
    const { attempt, loaded, rest, sorted } = await this.#write(tenant, jobs);
    if (attempt.isCorrupt) this.#loaded = undefined;
    this.#waiting.unshift(...rest);
    const { batch, lostRace, done } = attempt;
    const push = (job: Job) => this.push(job);
    const fannedOut = await this.#send(loaded, batch, sorted, push).catch((error: unknown) => {
      this.#loaded = undefined;
      this.#takeLater([...lostRace, ...done], error);
    });
    if (fannedOut === undefined) return;
    this.#unacknowledged.clear();
    const { undelivered } = fannedOut;
    if (batch.sentPages.length > 0) confirmMissed(batch.sentPages, undelivered, push);
    for (const job of lostRace) job.done?.('silent');
    for (const job of done) job.done?.({ ok: true });
    for (const run of batch.background) this.#background(run);
  }

  /**
   * Before anything is answered: if this fails, or the worker dies, the requests come again.
   * @throws {Unavailable} when somebody at another server, or whoever wakes a client, may not hear of it
   */
  async #send({ room }: LoadedRoom, batch: Batch, sorted: SortedOut, push: (job: Job) => void): Promise<FannedOut> {
    const dependencies = this.#dependencies;
    const { needsFence, sendings } = batch;
    const fannedOut = await (needsFence ? send(dependencies, sorted) : writeAndSend(dependencies, sendings, sorted));
    const { undelivered, unheard } = fannedOut;
    const lost = undelivered.length > 0 ? await handleUndelivered(dependencies, room, undelivered, push) : [];
    await this.#bell.ring(room, sendings, unheard, lost);
    return fannedOut;
  }

  /** Handles the jobs and writes what they change, as often as another worker or the store gets in the way. @throws */
  async #write(tenant: Tenant, jobs: readonly Job[]): Promise<Written> {
    const dependencies = this.#dependencies;
    const stanzas = jobs.flatMap((job) => ('stanza' in job ? [job.stanza] : []));
    const returned = jobs.flatMap((job) => ('about' in job && job.first === 'return' ? [job.about] : []));
    let hasLostRace = false;
    for (let tries = 1; ; tries++) {
      try {
        const isFresh = this.#loaded === undefined;
        this.#loaded ??= await this.#load(tenant);
        const loaded = this.#loaded;
        const prefetched = await prefetch(dependencies, tenant, loaded.room, stanzas, returned);
        const attempt = new BatchAttempt({ dependencies, tenant, loaded, prefetched, hasLostRace });
        if (isFresh) attempt.deliverLastBatch();
        attempt.deliverUnacknowledged(this.#unacknowledged);
        const rest = attempt.take(jobs);
        const { batch, ids } = attempt;
        const sorted = await sortOut(dependencies, batch.sendings);
        const begun = dependencies.clock.monotonic();
        if (batch.needsFence) await commitBatch(dependencies, loaded, batch.toPendingWrites(), ids, sorted.batches);
        else loaded.fence.markHandled(ids);
        // Another worker may have delivered this batch meanwhile, and later ones: what was written is looked at again.
        if (dependencies.clock.monotonic() - begun > roomLimits.stallMs)
          throw new Unavailable('this process stood still, or the store did');
        return { attempt, loaded, rest, sorted };
      } catch (error) {
        this.#loaded = undefined;
        // When the store failed half-way, the rows may be there, and nothing may overtake what is in the archive already.
        if (!isOperating(error) || tries === roomLimits.batchTriesMax) throw error;
        hasLostRace ||= error instanceof Conflict;
        // The next try may come when nobody waits for the answer any more, and would leave what is written to nobody.
        if (!hasLostRace) this.#rememberUnacknowledged(jobs);
      }
    }
  }
}

/** A batch that is written and not delivered yet. */
interface Written {
  readonly attempt: BatchAttempt;
  readonly sorted: SortedOut;
  readonly loaded: LoadedRoom;
  /** Jobs that are left for the next batch. */
  readonly rest: readonly Job[];
}
