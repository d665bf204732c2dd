/** One attempt at a batch of a room: what its requests do to the room in memory, and what is to be written and sent for them. */

import { report, toStanzaError } from '../../lib/runtime/faults.ts';
import { timeOfId } from '../../lib/runtime/ids.ts';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { RoomRequest } from '../../lib/runtime/wire.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { Batch } from './core/batch.ts';
import type { RoomDependencies } from './core/dependencies.ts';
import type { Job, SeatJob, StanzaJob } from './core/job.ts';
import type { LoadedRoom } from './core/loaded-room.ts';
import { NS_SID } from './core/namespaces.ts';
import type { Prefetched } from './core/prefetch.ts';
import { type Asker, RoomTurn } from './core/room-turn.ts';
import type { Recipient } from './core/sending.ts';
import { roomLimits } from './limits.ts';
import { handleStanza } from './rooms/dispatch.ts';

/** XEP-0359: the id that the room gave an archived message. */
function idInRoom(bytes: Buffer): string | undefined {
  return Stanza.parse(bytes).child('stanza-id', NS_SID)?.attrs.id;
}

export interface AttemptOptions {
  readonly dependencies: RoomDependencies;
  readonly tenant: Tenant;
  readonly loaded: LoadedRoom;
  readonly prefetched: Prefetched;
  /** Another worker has written to the room since this batch was tried first. */
  readonly hasLostRace: boolean;
}

/** Nothing of it has left the memory yet. */
export class BatchAttempt {
  readonly batch = new Batch();
  readonly done: Job[] = [];
  /** Requests that another worker has written and answers, and requests for which nobody waits any more. */
  readonly lostRace: Job[] = [];
  /** Requests that are handled when the batch is written. */
  readonly ids = new Set<string>();
  /** A handler failed half-way, so the room in memory may contradict its rows. */
  isCorrupt = false;
  /** Requests whose messages are delivered again. */
  readonly #deliveredAgain = new Set<string>();
  readonly #options: AttemptOptions;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** Delivers the last batch of the worker before, which may have written it and died. It goes before anything new. */
  deliverLastBatch(): void {
    const { dependencies, loaded } = this.#options;
    const sinceMs = dependencies.clock.now() - roomLimits.showAgainMs;
    for (const id of loaded.fence.unfinished.keys()) this.#deliverAgain(id, sinceMs);
  }

  /** Delivers the messages of those requests that were written, although their batch failed. */
  deliverUnacknowledged(requests: ReadonlySet<string>): void {
    for (const id of requests) {
      this.#deliverAgain(id, 0);
      if (this.#options.loaded.fence.unfinished.get(id)?.length) this.ids.add(id);
    }
  }

  #deliverAgain(request: string, sinceMs: number): void {
    const { room, fence } = this.#options.loaded;
    if (this.#deliveredAgain.has(request)) return;
    for (const bytes of fence.unfinished.get(request) ?? []) {
      const dedupeKey = idInRoom(bytes);
      const writtenMs = dedupeKey === undefined ? Number.NaN : timeOfId(dedupeKey);
      if (!(writtenMs >= sinceMs)) continue;
      if (!this.#deliveredAgain.has(request)) this.batch.deliversAgain(request);
      this.#deliveredAgain.add(request);
      // Seats that came later have the message from the history, and those that missed a message get it from the archive.
      const seats = [...room.seats.values()].map(({ seat }) => seat);
      const isMissing = ({ jid }: Recipient) => room.missed.has(room.find(jid)!.seat);
      const inside = room.withoutHiding(
        bytes,
        seats.filter((seat) => seat.after < dedupeKey!),
      );
      const [later, recipients] = [inside.filter(isMissing), inside.filter((recipient) => !isMissing(recipient))];
      this.batch.sendings.push({ bytes, recipients, dedupeKey, later });
    }
  }

  /** @returns the jobs that are left for the next batch */
  take(jobs: readonly Job[]): readonly Job[] {
    for (const [index, job] of jobs.entries()) {
      if (this.isCorrupt || this.batch.bytes > roomLimits.batchBytesMax) return jobs.slice(index);
      if ('apply' in job) this.#takeSeatJob(job);
      else this.#takeStanza(job);
    }
    return [];
  }

  #takeSeatJob(job: SeatJob): void {
    const { dependencies, tenant, loaded, prefetched } = this.#options;
    const asker = { from: job.about, recipient: { jid: job.about } };
    const turn = new RoomTurn(dependencies, tenant, loaded, asker, prefetched);
    try {
      job.apply(turn);
      if (turn.bytes > roomLimits.turnBytesMax) this.#refuseTooLarge();
      this.batch.absorb(turn);
    } catch (error) {
      this.#noteFailure(error);
    }
    this.done.push(job);
  }

  #takeStanza(job: StanzaJob): void {
    const { dependencies, tenant, loaded, prefetched, hasLostRace } = this.#options;
    const { request, stanza } = job;
    const { deadline = Number.POSITIVE_INFINITY } = request;
    const asker = askerOf(request, stanza);
    const isHandled = loaded.fence.isHandled(request.id) || this.ids.has(request.id);
    const written = isHandled ? undefined : loaded.fence.unfinished.get(request.id);
    const isLate = dependencies.clock.now() > deadline + roomLimits.lateMs;
    if (!isHandled && ((written && hasLostRace) || isLate)) {
      this.lostRace.push(job);
      return;
    }
    if (!isHandled) {
      const turn = new RoomTurn(dependencies, tenant, loaded, asker, prefetched);
      try {
        if (written?.length) {
          this.#deliverAgain(request.id, 0);
          if (stanza.name === 'iq') turn.result(stanza);
        } else {
          handleStanza(turn, stanza);
        }
        if (turn.bytes > roomLimits.turnBytesMax) this.#refuseTooLarge();
        this.batch.absorb(turn);
      } catch (error) {
        this.#noteFailure(error);
        const answer = new RoomTurn(dependencies, tenant, loaded, asker, prefetched);
        answer.bounce(stanza, toStanzaError(error));
        this.batch.absorb(answer);
      }
    }
    this.ids.add(request.id);
    this.done.push(job);
  }

  /** A turn that writes more than a batch can hold. It has changed the room in memory, so that room is of no use any more. */
  #refuseTooLarge(): never {
    this.isCorrupt = true;
    throw new StanzaError('resource-constraint', 'this request changes too much at once');
  }

  #noteFailure(error: unknown): void {
    this.isCorrupt ||= !(error instanceof StanzaError);
    const { dependencies, loaded } = this.#options;
    report(dependencies.log, error, 'a request to a room failed', { room: loaded.room.jid.toString() });
  }
}

function askerOf({ id, sender, incarnation, hides }: RoomRequest, { from }: Stanza): Asker {
  return { requestId: id, from: from!, incarnation, recipient: { jid: from!, address: sender }, hides };
}
