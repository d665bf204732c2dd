/** What a node asks the owner of a pair of domains (services/federation): which knows tenants, their secrets, and how to reach the peer. */
import type { Bus } from '../../../lib/ports/bus.ts';
import { ask, isOperating } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { pairSubject } from '../../../lib/runtime/outbox.ts';
import {
  type HostRequest,
  hostAnswer,
  type PongRequest,
  type ProvenNotice,
  type ProveRequest,
  type VerifyReply,
  type VerifyRequest,
  verifyAnswer,
} from '../../../lib/runtime/pair-wire.ts';
import type { Domains } from '../../../lib/s2s/arrivals.ts';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { connectionLimits } from '../limits.ts';

export type Verified = Pick<VerifyReply, 'isValid' | 'condition'>;

export interface Hosts {
  /** The tenant that the host belongs to; undefined: it is not served here. */
  readonly tenant: string | undefined;
  /** The peer's domain is one of ours, so nobody outside can be it. */
  readonly isPeerOurs: boolean;
  /** The tenant's policy does not allow the peer. */
  readonly isForbidden: boolean;
  /** The tenant's policy wants a certificate: dialback does not do. */
  readonly needsCertificate: boolean;
}

export function forbidden({ host, peer }: Domains): StreamError {
  return new StreamError('policy-violation', `${host} does not talk with ${peer}`);
}

export class OwnerLink {
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** @throws {Unavailable} */
  async hosts({ host, peer }: Domains): Promise<Hosts> {
    const request: HostRequest = { kind: 'host', host, peer };
    const { ownerAnswerMs } = connectionLimits;
    const answer = await ask(this.#bus, hostAnswer, pairSubject({ host, peer }), encodeFrame(request), ownerAnswerMs);
    return {
      tenant: answer.take('tenant'),
      isPeerOurs: answer.take('isPeerOurs') === true,
      isForbidden: answer.take('isForbidden') === true,
      needsCertificate: answer.take('needsCertificate') === true,
    };
  }

  /** Has the peer said this key on a stream to us (XEP-0220 §2.1.3)? @throws {Unavailable} */
  verify(domains: Domains, streamId: string, key: string): Promise<Verified> {
    return this.#ask({ kind: 'verify', ...pairOf(domains), streamId }, Buffer.from(key), connectionLimits.verifyMs);
  }

  /** Is it a key that we have said to the peer? @throws {Unavailable} */
  check(domains: Domains, streamId: string, key: string): Promise<Verified> {
    return this.#ask({ kind: 'check', ...pairOf(domains), streamId }, Buffer.from(key), connectionLimits.ownerAnswerMs);
  }

  /** Does the domain say over HTTPS that this certificate (DER) is its own? */
  async proves({ host, peer }: Domains, certificate: Buffer): Promise<boolean> {
    const request: ProveRequest = { kind: 'prove', host, peer };
    try {
      const { isValid } = await this.#ask(request, certificate, connectionLimits.ownerAnswerMs);
      return isValid === true;
    } catch (error) {
      if (!isOperating(error)) throw error;
      return false; // what does not prove it now may do so on the next stream
    }
  }

  pong({ host, peer }: Domains, id: string): void {
    const request: PongRequest = { kind: 'pong', host, peer, id };
    this.#bus.publish(pairSubject({ host, peer }), encodeFrame(request));
  }

  /** Its server is there. What waits for it need not wait until it is tried again. */
  proven({ host, peer }: Domains): void {
    const notice: ProvenNotice = { kind: 'proven', host, peer };
    this.#bus.publish(pairSubject({ host, peer }), encodeFrame(notice));
  }

  async #ask(request: VerifyRequest | ProveRequest, body: Buffer, ms: number): Promise<Verified> {
    const answer = await ask(this.#bus, verifyAnswer, pairSubject(request), encodeFrame(request, [body]), ms);
    return { isValid: answer.take('isValid'), condition: answer.take('condition') };
  }
}

/** Only the names: callers know more of a peer. */
function pairOf({ host, peer }: Domains): Domains {
  return { host, peer };
}
