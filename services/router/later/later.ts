/**
 * What routers do later, in the background: they send events to webhooks, tell announcements and changes of roster groups, and say of domains
 * with which others they talk. Whoever notes that there is something
 * begins at once; what it has not done after a moment, because it died or another process was at it, is done by whoever looks next.
 */
import { repeat } from '../../../lib/ports/clock.ts';
import { FairQueue, Overloaded } from '../../../lib/runtime/fair-queue.ts';
import { removeWork, type Work, workLists } from '../../../lib/runtime/work-lists.ts';
import { type Dependencies, withoutDeadline } from '../core/dependencies.ts';
import type { Later } from '../core/events.ts';
import { tellAnnouncement } from './announcements.ts';
import { lookForProof } from './domain-proofs.ts';
import { tellGroupChange } from './group-changes.ts';
import { sendWaiting } from './hooks.ts';
import { laterLimits } from './limits.ts';
import { publishServerInfo } from './server-info.ts';

export interface RunningLater extends Later {
  /** Begins to look for what others have left. */
  watch(): void;
  /** Looks for what others have left. Resolves when it is done. */
  sweep(): Promise<void>;
  /** Takes nothing new, and waits for what is under way. */
  stop(): Promise<void>;
}

/** @param given a function, because what it makes is a part of them */
export function laterOf(given: () => Dependencies): RunningLater {
  return new Running(given);
}

class Running implements RunningLater {
  readonly #given: () => Dependencies;
  /** A queue for each kind: what takes long does not stand in front of the others. */
  readonly #queues: Readonly<Record<Work['kind'], FairQueue>> = {
    hook: new FairQueue({
      atOnceMax: laterLimits.hooksAtOnceMax,
      waitingMax: laterLimits.hooksWaitingMax,
      waitingPerPathMax: laterLimits.hooksWaitingPerTenantMax,
    }),
    announcement: new FairQueue({
      atOnceMax: laterLimits.announcementsAtOnceMax,
      waitingMax: laterLimits.announcementsWaitingMax,
      waitingPerPathMax: laterLimits.announcementsWaitingPerTenantMax,
    }),
    serverInfo: new FairQueue({
      atOnceMax: laterLimits.infosAtOnceMax,
      waitingMax: laterLimits.infosWaitingMax,
      waitingPerPathMax: 1,
    }),
    proof: new FairQueue({
      atOnceMax: laterLimits.proofsAtOnceMax,
      waitingMax: laterLimits.proofsWaitingMax,
      waitingPerPathMax: 1,
    }),
    rosterGroup: new FairQueue({
      atOnceMax: laterLimits.groupChangesAtOnceMax,
      waitingMax: laterLimits.groupChangesWaitingMax,
      waitingPerPathMax: laterLimits.groupChangesWaitingMax,
    }),
  };
  /** What is being done, by what it is; who asks meanwhile has it done once more behind that. */
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #behind = new Map<string, Promise<boolean>>();
  #by: string | undefined;
  #lists = 0;
  #isStopped = false;
  #timer: ReturnType<typeof repeat> | undefined;

  constructor(given: () => Dependencies) {
    this.#given = given;
  }

  watch(): void {
    const { clock, log } = this.#dependencies;
    const onError = (error: unknown) => log.warn({ err: error }, 'cannot look for what is to be done later');
    this.#timer = repeat(
      clock,
      () => laterLimits.sweepMs,
      () => this.sweep(),
      onError,
    );
  }

  soon(work: Work, atMs: number): void {
    if (this.#isStopped || this.#timer === undefined) return; // a process that only asks leaves it to those that serve
    void this.#finish(work, atMs);
  }

  async sweep(): Promise<void> {
    const { store, clock } = this.#dependencies;
    const list = workLists.names[this.#lists++ % workLists.names.length]!;
    const due = await workLists.before(store, clock.now() - laterLimits.overdueMs, laterLimits.sweepMax, [list]);
    await Promise.all(
      due.map(async ({ value, key, list: from }) => {
        if (!this.#isStopped && (await this.#tryTo(value))) await workLists.removeListed(store, { list: from, key });
      }),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await Promise.allSettled([...this.#running.values(), ...this.#behind.values()]);
  }

  async #finish(work: Work, atMs: number): Promise<void> {
    try {
      if (await this.#tryTo(work)) await removeWork(this.#dependencies.store, atMs, work);
    } catch (error) {
      this.#dependencies.log.info({ err: error, ...work }, 'what is to be done later is left to whoever looks next');
    }
  }

  /** @returns whether it was done, so that its row may go */
  async #tryTo(work: Work): Promise<boolean> {
    try {
      return await this.#once(`${work.kind} ${work.domain} ${work.id}`, work);
    } catch (error) {
      if (error instanceof Overloaded) return false;
      this.#dependencies.log.info({ err: error, ...work }, 'what is to be done later was not done');
      return false;
    }
  }

  #once(name: string, work: Work): Promise<boolean> {
    const running = this.#running.get(name);
    if (running === undefined) return this.#start(name, work);
    const behind = this.#behind.get(name);
    if (behind !== undefined) return behind;
    const next = running
      .catch(() => false)
      .then(() => {
        this.#behind.delete(name);
        return this.#start(name, work);
      });
    this.#behind.set(name, next);
    return next;
  }

  #start(name: string, work: Work): Promise<boolean> {
    const running = this.#queues[work.kind].run([work.domain], () => this.#do(work)).finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }

  #do({ kind, domain, id }: Work): Promise<boolean> {
    const dependencies = this.#dependencies;
    this.#by ??= dependencies.clock.randomBytes(9).toString('base64url');
    const work = { domain, id, by: this.#by, isStopping: () => this.#isStopped };
    switch (kind) {
      case 'hook':
        return sendWaiting(dependencies, work);
      case 'announcement':
        return tellAnnouncement(dependencies, work);
      case 'rosterGroup':
        return tellGroupChange(dependencies, work);
      case 'proof':
        return lookForProof(dependencies, domain);
      case 'serverInfo':
        return publishServerInfo(dependencies, domain);
    }
  }

  get #dependencies(): Dependencies {
    return withoutDeadline(this.#given());
  }
}
