/** One attempt at a batch of a room: what its requests do to the room in memory, and what is to be written and sent for them. */
import { report, toStanzaError } from '../../lib/runtime/faults.ts';
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { RoomRequest } from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { Batch } from './core/batch.ts';
import type { RoomDependencies } from './core/dependencies.ts';
import type { Job } from './core/job.ts';
import { NS_SID } from './core/namespaces.ts';
import type { Foreseen } from './core/prefetch.ts';
import type { Session } from './core/room.ts';
import type { LoadedRoom } from './core/room-store.ts';
import { RoomTurn } from './core/room-turn.ts';
import { roomLimits } from './limits.ts';
import { handleStanza } from './rooms/dispatch.ts';

/** XEP-0359: the id that the room gave an archived message. */
function idInRoom(bytes: Buffer): string | undefined {
  return Stanza.parse(bytes).child('stanza-id', NS_SID)?.attrs.id;
}

/** Nothing of it is outside the memory yet. */
export class BatchAttempt {
  readonly batch = new Batch();
  readonly done: Job[] = [];
  readonly beaten: Job[] = [];
  readonly ids = new Set<string>();
  /** Requests whose messages are sent again. */
  readonly #shown = new Set<string>();
  /** A handler failed half-way: the room in memory is not to be trusted. */
  isPoisoned = false;
  readonly #dependencies: RoomDependencies;
  readonly #tenant: Tenant;
  readonly #loaded: LoadedRoom;
  readonly #wasBeaten: boolean;
  readonly #foreseen: Foreseen;

  constructor(dependencies: RoomDependencies, tenant: Tenant, loaded: LoadedRoom, wasBeaten: boolean, foreseen: Foreseen) {
    this.#dependencies = dependencies;
    this.#tenant = tenant;
    this.#loaded = loaded;
    this.#wasBeaten = wasBeaten;
    this.#foreseen = foreseen;
  }

  /** The last batch of the worker before, which may have written it and no more: it goes before anything new. */
  showLast(): void {
    const sinceMs = this.#dependencies.clock.now() - roomLimits.showAgainMs;
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
      const dedupeKey = idInRoom(bytes);
      const writtenMs = dedupeKey === undefined ? Number.NaN : timeOfId(dedupeKey);
      if (!(writtenMs >= sinceMs)) continue;
      if (!this.#shown.has(request)) this.batch.showsAgain(request);
      this.#shown.add(request);
      // Who came later has it from the history.
      const isOwed = (session: Session) => session.after < dedupeKey! && !room.behind.has(session);
      const recipients = [...room.sessions()].flatMap(({ session }) => (isOwed(session) ? session : []));
      this.batch.sendings.push({ bytes, recipients: room.withoutHiding(bytes, recipients), dedupeKey });
    }
  }

  /** @returns the jobs for the next batch */
  take(jobs: readonly Job[]): readonly Job[] {
    for (const [index, job] of jobs.entries()) {
      if (this.isPoisoned || this.batch.bytes > roomLimits.batchBytesMax) return jobs.slice(index);
      if ('apply' in job) this.#try(undefined, () => this.#turn(job), job.apply);
      else if (this.#takeStanza(job)) this.ids.add(job.request.id);
      else continue;
      this.done.push(job);
    }
    return [];
  }

  #isLate({ deadline = Number.POSITIVE_INFINITY }: RoomRequest): boolean {
    return this.#dependencies.clock.now() > deadline + roomLimits.lateMs;
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
      if (turn.bytes > roomLimits.turnBytesMax) {
        this.isPoisoned = true;
        throw new StanzaError('resource-constraint', 'that is too much at once');
      }
    } catch (error) {
      this.isPoisoned ||= !(error instanceof StanzaError);
      report(this.#dependencies.log, error, 'a request to a room failed', { room: this.#loaded.room.jid.toString() });
      turn = makeTurn();
      if (stanza) turn.bounce(stanza, toStanzaError(error));
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
            incarnation: job.request.incarnation,
            recipient: { jid: job.stanza.from!, address: job.request.sender },
            hides: job.request.hides,
          };
    return new RoomTurn(this.#dependencies, this.#tenant, this.#loaded, asker, this.#foreseen);
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
