/**
 * What others ask of a node over the bus: to deliver, to close a session, to write to a component; and on a subject of its own, which other
 * nodes may ask, to hand a session over, and to take a request of BOSH, whose sid is a secret as well.
 */
import type { Logger } from 'pino';
import type { Bus, Serving } from '../../../lib/ports/bus.ts';
import { sleep } from '../../../lib/ports/clock.ts';
import type { BoshRequest } from '../../../lib/runtime/bosh-wire.ts';
import type { CarryReply, CarryRequest } from '../../../lib/runtime/component-wire.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { answering } from '../../../lib/runtime/faults.ts';
import { decodeFrame, encodeFrame } from '../../../lib/runtime/frame.ts';
import { timeOfId } from '../../../lib/runtime/ids.ts';
import { handOverSubject } from '../../../lib/runtime/nodes.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type {
  CloseReply,
  CloseRequest,
  DeliverReply,
  DeliverRequest,
  HandOverRequest,
  NodeRequest,
} from '../../../lib/runtime/wire.ts';
import { StreamError, type StreamErrorCondition } from '../../../lib/xmpp/errors.ts';
import { spliceTo } from '../../../lib/xmpp/stanza.ts';
import { connectionLimits } from '../limits.ts';
import type { Session } from '../session/session.ts';
import { type Giver, handOver } from './hand-over.ts';

export interface Sessions extends Giver {
  readonly clock: DeploymentClock;
  readonly log: Logger;
  /** Sessions on their way into the store. */
  readonly parking: ReadonlyMap<string, Promise<void>>;
  /** Sessions by sid. */
  readonly held: ReadonlyMap<string, Session>;
  /** Writes what is for a component. */
  carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<CarryReply> | CarryReply;
  /** A request of BOSH that has come to another node. @returns the frame of its answer */
  passedOn(request: BoshRequest, bodies: readonly Buffer[]): Promise<Buffer>;
}

export class NodeRequests {
  readonly #node: Sessions;
  /** Answers that may be asked for again, because the first one was lost. */
  readonly #handedOver = new Map<string, Promise<Buffer>>();

  constructor(node: Sessions) {
    this.#node = node;
  }

  /** @param subject the node's own */
  async serve(bus: Bus, subject: string): Promise<Serving> {
    const handled = await bus.serve(subject, answering(this.#node.log, this.#handle));
    const handedOver = await bus
      .serve(handOverSubject(subject), answering(this.#node.log, this.#handleNode))
      .catch(async (error) => {
        await handled.stop();
        throw error;
      });
    return { stop: async () => void (await Promise.all([handled.stop(), handedOver.stop()])) };
  }

  /**
   * @throws {RangeError
   * SyntaxError} when it is not a valid request
   */
  readonly #handleNode = (payload: Uint8Array): Promise<Buffer> => {
    const { header, bodies } = decodeFrame<NodeRequest>(payload);
    if (header.kind === 'bosh') return this.#node.passedOn(header, bodies);
    if (header.kind !== 'handOver') throw new RangeError('a node may ask for sessions alone');
    return this.#handOver(header);
  };

  /**
   * @throws {RangeError
   * SyntaxError} when it is not a valid request
   */
  readonly #handle = (payload: Uint8Array): Promise<Buffer> | Buffer => {
    const { header, bodies } = decodeFrame<NodeRequest>(payload);
    switch (header.kind) {
      case 'deliver':
        return encodeFrame(this.#deliver(header, bodies));
      case 'close':
        return this.#close(header);
      case 'carry':
        return this.#carry(header, bodies);
      default:
        throw new RangeError('a request that is not for a node');
    }
  };

  async #carry(request: CarryRequest, bodies: readonly Buffer[]): Promise<Buffer> {
    return encodeFrame(await this.#node.carry(request, bodies));
  }

  #close({ sid, condition, text }: CloseRequest): Buffer {
    const session = this.#node.held.get(sid);
    const { undelivered = [], requests = [] } = session?.egress ?? {};
    const reply = encodeFrame({ undelivered } satisfies CloseReply, requests);
    session?.drop(new StreamError(condition as StreamErrorCondition, text));
    return reply;
  }

  #deliver({ items }: DeliverRequest, bodies: readonly Buffer[]): DeliverReply {
    const missing = new Set<string>();
    let away: Set<string> | undefined;
    items.forEach(({ sids, tos, id, dedupeKey }, index) => {
      const bytes = bodies[index];
      if (bytes === undefined) throw new RangeError(`item ${index} has no body`);
      this.#node.clock.observe(timeOfId(id ?? dedupeKey ?? '')); // what a client answers comes later
      for (let at = 0; at < sids.length; at++) {
        const sid = sids[at]!;
        const session = this.#node.held.get(sid);
        if (session === undefined) missing.add(sid);
        else {
          this.#give(session, tos?.[at] ? spliceTo(bytes, tos[at]!) : bytes, id, dedupeKey);
          if (session.client.isAway) away = (away ?? new Set()).add(sid);
        }
      }
    });
    return away === undefined ? { missing: [...missing] } : { missing: [...missing], away: [...away] };
  }

  /** A fault in one session must not keep the stanza from the others. */
  #give(session: Session, bytes: Buffer, id: string | undefined, dedupeKey: string | undefined): void {
    try {
      session.egress.deliver(bytes, id, dedupeKey);
    } catch (error) {
      this.#node.log.error({ err: error, sid: session.sid }, 'a delivery failed');
      session.close(new StreamError('internal-server-error'));
    }
  }

  #handOver(request: HandOverRequest): Promise<Buffer> {
    const key = `${request.id} ${request.sid} ${request.token} ${request.account}`;
    const known = this.#handedOver.get(key);
    if (known !== undefined) return known;
    const session = this.#node.held.get(request.sid);
    const answer = this.#giveAway(request);
    if (session !== undefined && this.#handedOver.size < connectionLimits.handOverRepliesMax) {
      this.#handedOver.set(key, answer);
      void answer
        .then(() => sleep(this.#node.clock, 2 * serviceLimits.forwardTimeoutMs))
        .catch(() => {})
        .finally(() => this.#handedOver.delete(key));
    }
    return answer;
  }

  async #giveAway(request: HandOverRequest): Promise<Buffer> {
    await this.#node.parking.get(request.sid);
    return handOver(this.#node.held.get(request.sid), request, this.#node);
  }
}
