/**
 * The time of a deployment: one clock that all its processes share, and whose order survives whatever their clocks on the wall do
 * (decision 9). Ids, and every moment that one process writes down and another one compares, are of this clock.
 *
 * It begins at the clock on the wall, goes on by the monotonic clock, and never goes back. A row in `live` says up to where ids may have
 * been minted: each process raises it ahead of use, and whoever starts begins there. What comes from another process carries its time,
 * and a process that is behind follows it (a hybrid logical clock).
 *
 * Left out on purpose: a cure for a deployment whose first process began years ahead. It keeps its order, and its stamps are right.
 */
import type { Logger } from 'pino';
import { type Clock, repeat, type Timer } from '../ports/clock.ts';
import { Conflict, type Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { runtimeLimits } from './limits.ts';
import { pageOfNodes } from './nodes.ts';
import { type Item, Rows } from './rows.ts';

/** One row of the deployment. */
interface ClockRow {
  /** No process mints an id beyond this moment before it has raised it. */
  readonly untilMs: number;
  /** By how much the deployment's time was ahead of the writer's clock on the wall; negative: behind it. */
  readonly aheadMs: number;
  /** The most by which a stamp was ever set earlier than its id says. */
  readonly aheadMaxMs: number;
  /** The process that wrote it. */
  readonly by: string;
  /** Some process's clock on the wall is far ahead, and shows this; `atMs` is when it said so, by the deployment's time. */
  readonly claim?: { readonly toMs: number; readonly atMs: number } | undefined;
  /** When another one last said that its clock is not. */
  readonly deniedAtMs?: number | undefined;
}

const clockRows = collection<ClockRow>('clock', 'deployment', 'live');

export interface ClockStart {
  readonly store: Store;
  readonly log: Logger;
  /** No other process of the deployment can be running. */
  readonly isAlone?: boolean;
}

/** What another process said of its clock on the wall, and when we read it. */
interface Heard {
  readonly aheadMs: number;
  readonly atMs: number;
}

export class DeploymentClock implements Clock {
  readonly #wall: Clock;
  readonly #name: string;
  #rows: Rows | undefined;
  #log: Logger | undefined;
  #isAlone = false;
  /** The time was `#baseMs` when the monotonic clock showed `#sinceMs`; without a base it follows the clock on the wall. */
  #baseMs: number | undefined;
  #sinceMs = 0;
  #rate = 1;
  #lastMs = 0;
  /** By the monotonic clock. */
  #readAtMs = Number.NEGATIVE_INFINITY;
  #heard: Heard | undefined;
  /** The row's version when we began: whoever wrote it may be dead. */
  #oldVersion: string | undefined;
  /** Since when our clock on the wall has been far ahead and nobody denied it, by the monotonic clock. */
  #claimedAtMs: number | undefined;
  /** Where others may go soon. */
  #soonMs = 0;
  #stampAheadMs = 0;
  #aheadMaxMs = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  /** Before {@link DeploymentClock.start} it shows the time of `wall`, without ever going back. */
  constructor(wall: Clock) {
    this.#wall = wall;
    this.#name = wall.randomBytes(6).toString('hex');
  }

  /** The clock itself, if it is one already. */
  static of(clock: Clock): DeploymentClock {
    return clock instanceof DeploymentClock ? clock : new DeploymentClock(clock);
  }

  /** Milliseconds since the epoch by the deployment's clock; never goes back. */
  now(): number {
    const elapsedMs = this.#wall.monotonic() - this.#sinceMs;
    const now = this.#baseMs === undefined ? this.#wall.now() : this.#baseMs + elapsedMs * this.#rate;
    this.#lastMs = Math.max(this.#lastMs, Math.floor(now));
    return this.#lastMs;
  }

  monotonic(): number {
    return this.#wall.monotonic();
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#wall.after(delayMs, run);
  }

  randomBytes(length: number): Buffer {
    return this.#wall.randomBytes(length);
  }

  /** No other process is ahead of this: what is older was overtaken, or may have been. Infinity while we do not know. */
  latestMs(): number {
    const now = this.now();
    if (this.#baseMs === undefined || this.#isAlone) return now;
    const monotonicMs = this.#wall.monotonic();
    if (monotonicMs - this.#readAtMs > 2 * runtimeLimits.heartbeatMs - 1_000) return Number.POSITIVE_INFINITY;
    return Math.max(now, this.#soonMs);
  }

  /**
   * By how much the deployment's time is ahead of the time of day, as well as that can be known: people are shown so much less. 0 while
   * they differ by less than a second.
   */
  get aheadMs(): number {
    return this.#stampAheadMs;
  }

  /** No stamp is earlier than its id by more than this. */
  get aheadMaxMs(): number {
    return this.#aheadMaxMs;
  }

  /** The time of day, for people. */
  timeOfDay(): number {
    return this.now() - this.#stampAheadMs;
  }

  /** Another process has shown this time: ours is not less from now on. */
  observe(ms: number | undefined): void {
    if (ms === undefined || !(ms > this.#lastMs) || !Number.isSafeInteger(ms) || ms <= this.now()) return;
    const gapMs = ms - this.#lastMs;
    if (gapMs > runtimeLimits.clockApartMs)
      this.#log?.warn({ gapMs }, "another process is far ahead of this one's time: it follows");
    this.#set(ms);
  }

  /** Resolves when ids may be minted. @throws {Unavailable} */
  async start({ store, log, isAlone = false }: ClockStart): Promise<void> {
    this.#rows = Rows.ofDeployment(store, 'nodes');
    this.#log = log;
    this.#isAlone = isAlone;
    const found = await this.#rows.get(clockRows);
    this.#oldVersion = found?.version;
    const base = found === undefined ? this.#wall.now() : await this.#baseAfter(store, this.#rows, found);
    this.#aheadMaxMs = found?.value.aheadMaxMs ?? 0;
    this.#lastMs = 0;
    this.#set(base);
    const aheadMs = base - this.#wall.now();
    if (Math.abs(aheadMs) > runtimeLimits.clockApartMs) {
      log.warn({ aheadMs }, "the clock on the wall differs from the deployment's time, which goes on as it was");
    }
    await this.#beat();
    this.#timer = repeat(
      this.#wall,
      () => runtimeLimits.heartbeatMs,
      () => this.#beat(),
      (error) => log.warn({ err: error }, "the deployment's time could not be written: this process goes on by itself"),
    );
  }

  /** Nothing is minted any more. Whoever was alone gives back what it has not used. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    if (!this.#isAlone || this.#rows === undefined) return;
    const found = await this.#rows.get(clockRows);
    if (found === undefined || found.value.by !== this.#name) return;
    await this.#rows.put(clockRows, '', { ...found.value, untilMs: this.now() + 1 }, { version: found.version });
  }

  #set(ms: number): void {
    this.#lastMs = Math.max(this.#lastMs, ms);
    if (this.#rows === undefined) return;
    this.#baseMs = this.#lastMs;
    this.#sinceMs = this.#wall.monotonic();
  }

  /** Where the processes before us have come to. */
  async #baseAfter(store: Store, rows: Rows, { value, version }: Item<ClockRow>): Promise<number> {
    const wallMs = this.#wall.now();
    if (this.#isAlone) return Math.max(wallMs, value.untilMs);
    const reachedMs = value.untilMs - runtimeLimits.clockReserveMs;
    // Most often the clocks agree: this one shows the time that the others have reached meanwhile.
    if (wallMs >= reachedMs - 500 && wallMs <= reachedMs + runtimeLimits.catchUpOverlapMs / 2) return Math.max(wallMs, reachedMs);
    const moved = (await pageOfNodes(store, 1)).length === 0 ? undefined : await this.#seeChange(rows, version);
    return moved === undefined ? Math.max(wallMs, value.untilMs) : moved.untilMs - runtimeLimits.clockReserveMs;
  }

  /** Whoever lives writes the row within a heartbeat. */
  async #seeChange(rows: Rows, version: string): Promise<ClockRow | undefined> {
    const endMs = this.#wall.monotonic() + runtimeLimits.heartbeatMs + 1_000;
    while (this.#wall.monotonic() < endMs) {
      await new Promise<void>((resolve) => void this.#wall.after(runtimeLimits.clockPollMs, resolve));
      const found = await rows.get(clockRows);
      if (found !== undefined && found.version !== version) return found.value;
    }
    return undefined;
  }

  /** Whoever loses a race for the row reads what the other wrote: it may be said already, or deny what we said. @throws {Conflict} */
  async #beat(): Promise<void> {
    for (let tries = 1; !(await this.#tryBeat()); tries++)
      if (tries === runtimeLimits.clockTriesMax) throw new Conflict('the row of the clock');
  }

  /** @returns false when another process wrote at the same time */
  async #tryBeat(): Promise<boolean> {
    const askedAtMs = this.#wall.monotonic();
    const found = await this.#rows!.get(clockRows);
    if (this.#isStopped) return true;
    const row = found?.value;
    if (row !== undefined) {
      this.observe(row.untilMs - runtimeLimits.clockReserveMs);
      if (row.by !== this.#name && found!.version !== this.#oldVersion) this.#heard = { aheadMs: row.aheadMs, atMs: askedAtMs };
      this.#aheadMaxMs = Math.max(this.#aheadMaxMs, row.aheadMaxMs);
    }
    this.#readAtMs = askedAtMs;
    const votes = this.#vote(row);
    const jumpMs = this.#jump(votes);
    this.#steer();
    if (jumpMs === undefined && row !== undefined && votes.isSaid && this.#agrees(row)) return true;
    const aheadMs = jumpMs === undefined ? this.now() - this.#wall.now() : 0;
    const next: ClockRow = {
      untilMs: Math.max(jumpMs ?? this.now(), this.#lastMs) + runtimeLimits.clockReserveMs,
      aheadMs,
      aheadMaxMs: this.#aheadMaxMs,
      by: this.#name,
      claim: jumpMs === undefined ? votes.claim : undefined,
      deniedAtMs: votes.deniedAtMs,
    };
    try {
      await this.#rows!.put(clockRows, '', next, found === undefined ? 'absent' : { version: found.version });
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
    if (jumpMs !== undefined) {
      this.#log?.warn({ behindMs: jumpMs - this.now() }, "the clocks on the wall are ahead: the deployment's time follows");
      this.#claimedAtMs = undefined;
      this.#set(jumpMs);
    }
    return true;
  }

  /** What another one wrote a moment ago need not be written again, unless it says what is not so. */
  #agrees({ untilMs, aheadMs, aheadMaxMs, by }: ClockRow): boolean {
    const usedMs = this.now() - (untilMs - runtimeLimits.clockReserveMs);
    const isSame = Math.abs(aheadMs - (this.now() - this.#wall.now())) < runtimeLimits.clockApartMs;
    return usedMs < runtimeLimits.heartbeatMs / 2 && aheadMaxMs >= this.#aheadMaxMs && (isSame || by === this.#name);
  }

  #fresh(): Heard | undefined {
    const isOld = this.#heard === undefined || this.#wall.monotonic() - this.#heard.atMs > runtimeLimits.heartbeatDeadMs;
    return isOld ? undefined : this.#heard;
  }

  /** What the row is to say of clocks on the wall that are far ahead; old claims and denials are left out. */
  #vote(row: ClockRow | undefined) {
    const now = this.now();
    const isFresh = (atMs: number | undefined) => atMs !== undefined && now - atMs < runtimeLimits.heartbeatDeadMs;
    const wallMs = this.#wall.now();
    const isAhead = wallMs - now >= runtimeLimits.clockApartMs;
    const others = isFresh(row?.claim?.atMs) ? row!.claim : undefined;
    const denies = others !== undefined && !isAhead;
    const claim = isAhead ? { toMs: wallMs, atMs: now } : others;
    const deniedAtMs = denies ? now : isFresh(row?.deniedAtMs) ? row!.deniedAtMs : undefined;
    this.#soonMs = claim !== undefined && deniedAtMs === undefined ? claim.toMs + runtimeLimits.heartbeatDeadMs : 0;
    return { claim, deniedAtMs, isAhead, isSaid: !isAhead && !denies };
  }

  /**
   * Where to go when the clocks on the wall of all processes are far ahead: the machine has slept, or its clock was wrong when it began.
   * One process that denies it is enough, so that one clock alone moves nobody; and all have read of it before the first one goes there.
   */
  #jump({ isAhead, deniedAtMs }: { readonly isAhead: boolean; readonly deniedAtMs: number | undefined }): number | undefined {
    if (isAhead && this.#isAlone) return this.#wall.now();
    const monotonicMs = this.#wall.monotonic();
    if (!isAhead) this.#claimedAtMs = undefined;
    else if (this.#claimedAtMs === undefined || deniedAtMs !== undefined) this.#claimedAtMs = monotonicMs;
    const isTime = this.#claimedAtMs !== undefined && monotonicMs - this.#claimedAtMs >= runtimeLimits.clockJumpMs;
    return isTime ? this.#wall.now() : undefined;
  }

  /** Who is ahead of the time of day goes a little slower until that has come up, and shows people the time of day. */
  #steer(): void {
    const ownMs = this.now() - this.#wall.now();
    const aheadMs = Math.max(0, Math.min(ownMs, this.#fresh()?.aheadMs ?? ownMs));
    this.#stampAheadMs = aheadMs < 1_000 ? 0 : Math.round(aheadMs);
    this.#aheadMaxMs = Math.max(this.#aheadMaxMs, this.#stampAheadMs);
    const rate = aheadMs > runtimeLimits.clockApartMs ? runtimeLimits.clockSlowRate : 1;
    if (rate === this.#rate) return;
    this.#set(this.now());
    this.#rate = rate;
  }
}
