/**
 * Handles the requests of one room one after the other: what has gathered is handled together with one conditional write, then the
 * rows, then the deliveries, then the answers (DESIGN §2). Whatever goes wrong, the copy in memory is dropped and read again.
 */
import { limits } from '../../lib/limits.ts';
import type { Timer } from '../../lib/ports/clock.ts';
import { Conflict, Unavailable } from '../../lib/ports/store.ts';
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { DoneReply, RoomRequest } from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import type { Jid } from '../../lib/xmpp/jid.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { Batch } from './core/batch.ts';
import type { RoomParts } from './core/dependencies.ts';
import { fanOut } from './core/fan-out.ts';
import { NS_SID } from './core/namespaces.ts';
import { type Foreseen, foresee } from './core/prefetch.ts';
import type { Session } from './core/room.ts';
import { commitBatch, type LoadedRoom, loadRoom } from './core/room-store.ts';
import { type Background, RoomTurn } from './core/room-turn.ts';
import { heal } from './missed/heal.ts';
import { closeGaps, lookForReturned } from './missed/refill.ts';
import { sweep } from './missed/sweep.ts';
import { handleStanza } from './rooms/dispatch.ts';
import { shutDown } from './rooms/shut-down.ts';

/** A stanza, or something that the worker itself found out about an occupant. */
export type Job =
  | { readonly request: RoomRequest; readonly stanza: Stanza; readonly done: (outcome: Outcome) => void }
  | {
      readonly about: Jid;
      readonly apply: (turn: RoomTurn) => void;
      /** `mark`: it is behind; `return`: its session is back, and what it has not got is read. Both go before anything else, in this order. */
      readonly first?: 'mark' | 'return';
    };

/** 'silent': another worker wrote it and answers; if it dies before, the retry finds what it left. */
export type Outcome = DoneReply | 'silent';

const triesMax = 4;

export class RoomRunner {
  readonly #parts: RoomParts;
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
  #lookMs: number = limits.roomLookMs;
  /** A batch failed: the room is not in memory, and some of its sessions may be behind. */
  #mayOwe = false;
  /** By the monotonic clock; undefined while the room in memory was not swept. */
  #sweptAt: number | undefined;

  constructor(parts: RoomParts, domain: string, jid: Jid, background: (run: Background) => void) {
    this.#parts = parts;
    this.#domain = domain;
    this.#jid = jid;
    this.#background = background;
  }

  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** @returns false when too much waits already */
  push(job: Job): boolean {
    if (this.#waiting.length >= limits.roomQueueMax) return false;
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
      this.#lookMs = limits.roomLookMs;
      return;
    }
    this.#looking = this.#parts.clock.after(this.#lookMs, async () => {
      try {
        await this.#look();
      } catch (error) {
        this.#parts.log.info({ err: error, room: this.#jid.toString() }, 'sessions that are behind could not be looked for');
      }
      this.#looking = undefined;
      this.#lookMs = Math.min(this.#lookMs * 2, limits.roomLookMaxMs);
      this.#lookLater();
    });
  }

  async #look(): Promise<void> {
    if (this.#loaded && this.#unwritten.length === 0)
      await lookForReturned(this.#parts, this.#loaded.room, (job) => this.push(job));
    else this.push({ about: this.#jid, apply: () => {} }); // reads the room, and writes what could not be written
  }

  /** Occupants whose sessions are over leave (sweep.ts), at most once in a while. @throws {Unavailable} */
  async sweep(): Promise<void> {
    if (this.#loaded && !(await this.#parts.tenants.find(this.#domain))) this.push({ about: this.#jid, apply: () => {} });
    const now = this.#parts.clock.monotonic();
    if (!this.#loaded || (this.#sweptAt !== undefined && now - this.#sweptAt < limits.roomSweepMs)) return;
    this.#sweptAt = now;
    await sweep(this.#parts, this.#loaded.room, (job) => this.push(job));
  }

  async #run(): Promise<void> {
    // What arrives in this turn of the event loop is one batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const jobs = [...this.#unwritten.splice(0), ...this.#waiting.splice(0, limits.roomBatchMax)];
      try {
        await this.#handle(jobs);
        this.#mayOwe = false;
      } catch (error) {
        this.#loaded = undefined;
        this.#mayOwe = true;
        this.#unwritten.push(...jobs.filter((job) => firstOf(job) === 'mark'));
        this.#parts.log.warn({ err: error, room: this.#jid.toString() }, 'a batch of a room failed');
        for (const job of jobs) {
          const isMessage = 'stanza' in job && job.stanza.name === 'message';
          if (isMessage && this.#unshown.size < limits.roomHandledMax) this.#unshown.add(job.request.id);
          finish(job, { ok: false, error: String(error) });
        }
      }
    }
    this.#running = undefined;
    this.#lookLater();
  }

  /** The tenant was removed, and its rows with it: who is inside hears of it, as far as this worker knows of them. */
  async #shutDown(): Promise<void> {
    if (!this.#loaded || !this.#tenant) return;
    const nothing: Foreseen = { entries: new Map(), versions: new Map(), isTenantFull: false, owed: new Map() };
    const asker = { from: this.#jid, recipient: { jid: this.#jid } };
    const turn = new RoomTurn(this.#parts, this.#tenant, this.#loaded, asker, nothing);
    shutDown(turn);
    this.forget();
    await fanOut(this.#parts, turn.sendings);
  }

  #load(tenant: Tenant): Promise<LoadedRoom> {
    this.#sweptAt = undefined;
    return loadRoom(this.#parts.store, this.#domain, this.#jid, tenant.secret);
  }

  async #handle(jobs: readonly Job[]): Promise<void> {
    const parts = this.#parts;
    const tenant = await parts.tenants.find(this.#domain);
    if (!tenant) {
      await this.#shutDown();
      for (const job of jobs) finish(job, { ok: true }); // removed while its stanzas were under way
      return;
    }
    this.#tenant = tenant;
    let wasBeaten = false;
    for (let tries = 1; ; tries++) {
      let pass: Pass;
      let rest: readonly Job[];
      let loaded: LoadedRoom;
      try {
        const isFresh = this.#loaded === undefined;
        loaded = this.#loaded ??= await this.#load(tenant);
        const foreseen = await foresee(parts, loaded, stanzasOf(jobs), returnedOf(jobs));
        pass = new Pass(parts, tenant, loaded, wasBeaten, foreseen);
        if (isFresh) pass.showLast();
        pass.show(this.#unshown);
        rest = pass.take(jobs);
        const begun = parts.clock.monotonic();
        if (pass.batch.needsFence) await commitBatch(parts.store, loaded, pass.batch, parts.clock.now());
        // Another worker may have shown it, and later ones: what was written is looked at again.
        if (parts.clock.monotonic() - begun > limits.roomStallMs)
          throw new Unavailable('this process stood still, or the store did');
      } catch (error) {
        this.#loaded = undefined;
        // When the store failed half-way the rows may be there: nothing may overtake what stands in the archive already.
        if (!(error instanceof Conflict || error instanceof Unavailable) || tries === triesMax) throw error;
        wasBeaten ||= error instanceof Conflict;
        continue;
      }
      for (const id of pass.ids) loaded.fence.markHandled(id);
      this.#unshown.clear();
      if (pass.isPoisoned) this.#loaded = undefined;
      this.#waiting.unshift(...rest);
      const undelivered = await fanOut(parts, pass.batch.sendings);
      if (undelivered.length > 0) await heal(parts, loaded.room, undelivered, (job) => this.push(job));
      closeGaps(pass.batch.refills, undelivered, (job) => this.push(job));
      for (const job of pass.beaten) finish(job, 'silent');
      for (const job of pass.done) finish(job, { ok: true });
      for (const run of pass.batch.background) this.#background(run);
      return;
    }
  }
}

/** XEP-0359: the id that the room gave an archived message. */
function idInRoom(bytes: Buffer): string | undefined {
  return Stanza.parse(bytes).child('stanza-id', NS_SID)?.attrs.id;
}

function stanzasOf(jobs: readonly Job[]): Stanza[] {
  return jobs.flatMap((job) => ('stanza' in job ? [job.stanza] : []));
}

function returnedOf(jobs: readonly Job[]): Jid[] {
  return jobs.flatMap((job) => ('about' in job && job.first === 'return' ? [job.about] : []));
}

function firstOf(job: Job): 'mark' | 'return' | undefined {
  return 'about' in job ? job.first : undefined;
}

function finish(job: Job, outcome: Outcome): void {
  if ('done' in job) job.done(outcome);
}

/** One pass over the requests of a batch; nothing of it is outside the memory yet. */
class Pass {
  readonly batch = new Batch();
  readonly done: Job[] = [];
  readonly beaten: Job[] = [];
  readonly ids = new Set<string>();
  /** Requests whose messages are sent again. */
  readonly #shown = new Set<string>();
  /** A handler failed half-way: the room in memory is not to be trusted. */
  isPoisoned = false;
  readonly #parts: RoomParts;
  readonly #tenant: Tenant;
  readonly #loaded: LoadedRoom;
  readonly #wasBeaten: boolean;
  readonly #foreseen: Foreseen;

  constructor(parts: RoomParts, tenant: Tenant, loaded: LoadedRoom, wasBeaten: boolean, foreseen: Foreseen) {
    this.#parts = parts;
    this.#tenant = tenant;
    this.#loaded = loaded;
    this.#wasBeaten = wasBeaten;
    this.#foreseen = foreseen;
  }

  /** The last batch of the worker before, which may have written it and no more: it goes before anything new. */
  showLast(): void {
    const sinceMs = this.#parts.clock.now() - limits.roomShowAgainMs;
    for (const id of this.#loaded.fence.unfinished.keys()) this.#show(id, sinceMs);
  }

  /** Those of these requests that were written. */
  show(requests: ReadonlySet<string>): void {
    for (const id of requests) {
      this.#show(id, 0);
      if (this.#loaded.fence.unfinished.get(id)?.length) this.ids.add(id);
    }
  }

  #show(request: string, sinceMs: number): void {
    const { room, fence } = this.#loaded;
    if (this.#shown.has(request)) return;
    for (const bytes of fence.unfinished.get(request) ?? []) {
      const once = idInRoom(bytes);
      const writtenMs = once === undefined ? Number.NaN : timeOfId(once);
      if (!(writtenMs >= sinceMs)) continue;
      if (!this.#shown.has(request)) this.batch.showsAgain(request);
      this.#shown.add(request);
      // Who came later has it from the history.
      const isOwed = (session: Session) => session.after < once! && !room.behind.has(session);
      const recipients = [...room.sessions()].flatMap(({ session }) => (isOwed(session) ? session : []));
      this.batch.sendings.push({ bytes, recipients, once });
    }
  }

  /** @returns the jobs for the next batch */
  take(jobs: readonly Job[]): readonly Job[] {
    for (const [index, job] of jobs.entries()) {
      if (this.isPoisoned || this.batch.bytes > limits.roomBatchBytesMax) return jobs.slice(index);
      if ('apply' in job) this.#try(undefined, () => this.#turn(job), job.apply);
      else if (this.#takeStanza(job)) this.ids.add(job.request.id);
      else continue;
      this.done.push(job);
    }
    return [];
  }

  #isLate({ until = Number.POSITIVE_INFINITY }: RoomRequest): boolean {
    return this.#parts.clock.now() > until + limits.roomLateMs;
  }

  /** @returns false when another worker answers, or nobody waits for an answer */
  #takeStanza(job: Extract<Job, { stanza: Stanza }>): boolean {
    const { id } = job.request;
    const { fence } = this.#loaded;
    if (fence.isHandled(id) || this.ids.has(id)) return true;
    const written = fence.unfinished.get(id);
    if ((written && this.#wasBeaten) || this.#isLate(job.request)) {
      this.beaten.push(job);
      return false;
    }
    if (written?.length) this.#show(id, 0);
    this.#try(
      job.stanza,
      () => this.#turn(job),
      (turn) => {
        if (written?.length) {
          if (job.stanza.name === 'iq') turn.result(job.stanza);
        } else {
          followSession(turn, job.request);
          handleStanza(turn, job.stanza);
        }
      },
    );
    return true;
  }

  #try(stanza: Stanza | undefined, makeTurn: () => RoomTurn, handle: (turn: RoomTurn) => void): void {
    let turn = makeTurn();
    try {
      handle(turn);
      if (turn.bytes > limits.roomTurnBytesMax) {
        this.isPoisoned = true;
        throw new StanzaError('resource-constraint', 'that is too much at once');
      }
    } catch (error) {
      if (!(error instanceof StanzaError)) {
        this.isPoisoned = true;
        this.#parts.log.error({ err: error, room: this.#loaded.room.jid.toString() }, 'a request to a room failed');
      }
      turn = makeTurn();
      if (stanza) turn.bounce(stanza, error instanceof StanzaError ? error : new StanzaError('internal-server-error'));
    }
    this.batch.absorb(turn);
  }

  #turn(job: Job): RoomTurn {
    const asker =
      'apply' in job
        ? { from: job.about, recipient: { jid: job.about } }
        : {
            requestId: job.request.id,
            from: job.stanza.from!,
            recipient: { jid: job.stanza.from!, address: job.request.sender },
          };
    return new RoomTurn(this.#parts, this.#tenant, this.#loaded, asker, this.#foreseen);
  }
}

/** A session that was resumed at another node shows it with its next stanza. */
function followSession(turn: RoomTurn, { sender }: RoomRequest): void {
  const { own } = turn;
  if (!own || !sender) return;
  const known = own.session.address;
  if (known?.node === sender.node && known.sid === sender.sid) return;
  own.session.address = sender;
  turn.putSession(own.occupant, own.session);
}
