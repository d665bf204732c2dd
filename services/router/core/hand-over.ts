/**
 * What the turns of a batch hand to other services after the commit. Stanzas for another tenant go to a router that acts for
 * that tenant. Stanzas for a room go to the worker of the room's shard. Requests to the same place wait for each other, because
 * two at once could overtake each other.
 */
import type { AnswerKind } from '../../../lib/runtime/answer.ts';
import { ask, checkDone } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { UnheardRequest } from '../../../lib/runtime/ring-wire.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { roomShard } from '../../../lib/runtime/shards.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import {
  type DoneReply,
  type Hides,
  type HidesRequest,
  type InboundRequest,
  inboundAnswer,
  type RoomRequest,
  roomAnswer,
  routerSubject,
} from '../../../lib/runtime/wire.ts';
import type { Dependencies } from './dependencies.ts';

type ForRoom = Omit<RoomRequest, 'deadline'>;

/** Stanzas for one domain, in order. */
interface Forward {
  readonly ids: string[];
  readonly incarnations: string[];
  readonly bodies: Buffer[];
}

/** The stanzas that one turn hands over. */
export class HandOver {
  readonly #forwards = new Map<string, Forward>();
  readonly #rooms: { readonly request: ForRoom; readonly stanza: Buffer }[] = [];

  /** @param incarnation of the sender's account; '' if it is unknown */
  forward(domain: string, stanza: Buffer, id: string, incarnation: string): void {
    const forward = forwardIn(this.#forwards, domain);
    forward.ids.push(id);
    forward.incarnations.push(incarnation);
    forward.bodies.push(stanza);
  }

  room(request: ForRoom, stanza: Buffer): void {
    this.#rooms.push({ request, stanza });
  }

  /**
   * Hands over the stanzas of several turns.
   * @returns a promise for each place, which rejects if nobody there takes the stanzas
   */
  static run(dependencies: Dependencies, all: readonly HandOver[]): Promise<void>[] {
    const together = new Map<string, Forward>();
    for (const { ids, incarnations, bodies, domain } of all.flatMap((one) => one.#listed())) {
      const forward = forwardIn(together, domain);
      forward.ids.push(...ids);
      forward.incarnations.push(...incarnations);
      forward.bodies.push(...bodies);
    }
    const lanes = Map.groupBy(
      all.flatMap((one) => one.#rooms),
      ({ request }) => roomShard(request.domain, request.room),
    );
    return [
      ...[...together].map(([domain, forward]) => forwardTo(dependencies, domain, forward)),
      ...[...lanes].map(async ([subject, lane]) => {
        for (const { request, stanza } of lane) await askRoom(dependencies, subject, request, stanza);
      }),
    ];
  }

  #listed() {
    return [...this.#forwards].map(([domain, forward]) => ({ domain, ...forward }));
  }
}

function forwardIn(forwards: Map<string, Forward>, domain: string): Forward {
  let forward = forwards.get(domain);
  if (!forward) {
    forward = { ids: [], incarnations: [], bodies: [] };
    forwards.set(domain, forward);
  }
  return forward;
}

async function forwardTo(dependencies: Dependencies, domain: string, { ids, incarnations, bodies }: Forward): Promise<void> {
  for (let at = 0; at < ids.length; at += serviceLimits.batchStanzasMax) {
    const end = at + serviceLimits.batchStanzasMax;
    // If this takes too long, the batch comes again after a pause. By then, the deadline has passed by every clock.
    const now = dependencies.clock.now();
    const deadline = now + serviceLimits.forwardTimeoutMs + serviceLimits.batchBackoffMs - runtimeLimits.clocksDifferMs;
    const known = incarnations.slice(at, end);
    const request: InboundRequest = {
      ...{ kind: 'inbound', domain, ids: ids.slice(at, end), deadline, at: now },
      incarnations: known.some((one) => one !== '') ? known : undefined,
    };
    await askOther(dependencies, inboundAnswer, routerSubject, encodeFrame(request, bodies.slice(at, end)));
  }
}

function askRoom(dependencies: Dependencies, subject: string, request: ForRoom, stanza: Buffer): Promise<void> {
  const at = dependencies.clock.now();
  const deadline = at + serviceLimits.forwardTimeoutMs;
  return askOther(dependencies, roomAnswer, subject, encodeFrame({ ...request, deadline, at } satisfies RoomRequest, [stanza]));
}

/** Tells a room at once which other occupants one of its occupants has blocked. @throws {Unavailable} */
export function tellHides(dependencies: Dependencies, tenant: Tenant, room: string, jid: string, hides: Hides): Promise<void> {
  const request: HidesRequest = { kind: 'hides', domain: tenant.domain, room, jid, hides };
  return askOther(dependencies, roomAnswer, roomShard(tenant.domain, room), encodeFrame(request));
}

/** Tells a room that the node of one of its occupants has died. @throws {Unavailable} */
export function tellUnheard(dependencies: Dependencies, request: Omit<UnheardRequest, 'kind'>): Promise<void> {
  const payload = encodeFrame({ kind: 'unheard', ...request } satisfies UnheardRequest);
  return askOther(dependencies, roomAnswer, roomShard(request.domain, request.room), payload);
}

async function askOther(
  dependencies: Dependencies,
  kind: AnswerKind<DoneReply>,
  subject: string,
  payload: Buffer,
): Promise<void> {
  const answer = await ask(dependencies.bus, kind, subject, payload, serviceLimits.forwardTimeoutMs);
  dependencies.clock.observe(answer.take('at'));
  checkDone(answer, subject);
}
