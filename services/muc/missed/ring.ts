/**
 * Messages that did not reach the client of an occupant may have to wake it (XEP-0357). Its router knows whether it can be woken, and for
 * what (XEP-0492). Asked are the routers about: sessions that did not get the message, sessions that get it later from the archive,
 * and sessions that have it, and whose node says that the client does not hear.
 *
 * A room may have thousands of these and a message a second, so what a router has said of one is remembered for a moment.
 */
import { ask, checkDone, isOperating, report } from '../../../lib/runtime/faults.ts';
import { encodeFrame } from '../../../lib/runtime/frame.ts';
import { type RingRequest, type RingTarget, type RingWish, ringAnswer } from '../../../lib/runtime/ring-wire.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { routerSubject } from '../../../lib/runtime/wire.ts';
import { mentions } from '../../../lib/xmpp/mentions.ts';
import { messageType } from '../../../lib/xmpp/message-type.ts';
import { isEncrypted, rings } from '../../../lib/xmpp/rings.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Dependencies } from '../core/dependencies.ts';
import type { Unheard } from '../core/fan-out.ts';
import { NS_DELAY } from '../core/namespaces.ts';
import type { OccupantSeat, Room, Seat } from '../core/room.ts';
import type { Sending } from '../core/sending.ts';
import { roomLimits } from '../limits.ts';

/** What one client has not heard. */
interface Missing extends OccupantSeat {
  readonly messages: Stanza[];
}

interface KnownWish {
  readonly wish: RingWish;
  /** On the monotonic clock. */
  readonly untilMs: number;
}

export class Bell {
  readonly #dependencies: Dependencies;
  readonly #wishes = new WeakMap<Seat, KnownWish>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Resolves when the clients that are to be woken are on the way to be.
   * @param unheard what sessions have, and clients do not hear. @param lost what sessions did not get
   * @throws {Unavailable} when it is to be tried again
   */
  async ring(room: Room, sendings: readonly Sending[], unheard: readonly Unheard[], lost: readonly Unheard[]): Promise<void> {
    const waiting = sendings.flatMap((sending) => (sending.later ?? []).map((recipient) => ({ recipient, sending })));
    if (waiting.length + unheard.length + lost.length === 0) return;
    // A page of what a session has missed is tried again and again, and each of its messages has rung before.
    const first = lost.filter(({ sending }) => sending.isLate !== true);
    const missing = this.#missing(room, [...waiting, ...unheard, ...first]);
    if (missing.length === 0) return;
    const requests = await this.#requests(missing);
    const isPrivate = room.config?.membersOnly === true ? true : undefined;
    for (let at = 0; at < requests.length; at += roomLimits.ringRequestsMax) {
      await Promise.all(
        requests.slice(at, at + roomLimits.ringRequestsMax).map(([domain, part]) => this.#ask(domain, part, isPrivate)),
      );
    }
  }

  #missing(room: Room, unheard: readonly Unheard[]): Missing[] {
    const parsed = new Map<Sending, Stanza | undefined>();
    const bySeat = new Map<Seat, Missing>();
    for (const { recipient, sending } of unheard) {
      if (!parsed.has(sending)) parsed.set(sending, ringing(sending));
      const message = parsed.get(sending);
      const found = message && room.find(recipient.jid);
      if (found === undefined || !this.#mayWake(room, found, message!)) continue;
      const known = bySeat.get(found.seat);
      if (known === undefined) bySeat.set(found.seat, { ...found, messages: [message!] });
      else if (!known.messages.includes(message!)) known.messages.push(message!);
    }
    return [...bySeat.values()];
  }

  /** As far as is known here. */
  #mayWake({ jid }: Room, { occupant, seat }: OccupantSeat, message: Stanza): boolean {
    const isForAll = messageType(message) === 'groupchat';
    if (isForAll && message.from?.resource === occupant.nick) return false;
    const known = this.#wishes.get(seat);
    if (known === undefined || known.untilMs < this.#dependencies.clock.monotonic()) return true;
    if (known.wish !== 'on-mention' || !isForAll) return known.wish !== 'never';
    const addresses = [occupant.bare.toString(), `${jid}/${occupant.nick}`];
    return isEncrypted(message) || mentions(message, { nick: occupant.nick, addresses });
  }

  /** By the domain of the tenant. People at other servers are woken by those. */
  async #requests(missing: readonly Missing[]): Promise<(readonly [domain: string, part: readonly Missing[]])[]> {
    const byDomain = Map.groupBy(missing, ({ occupant }) => occupant.bare.domain);
    const requests: (readonly [string, readonly Missing[]])[] = [];
    for (const [domain, all] of byDomain) {
      const place = await this.#dependencies.tenants.place(domain);
      if (place?.service !== 'accounts') continue;
      for (let at = 0; at < all.length; at += roomLimits.ringTargetsMax)
        requests.push([place.tenant.domain, all.slice(at, at + roomLimits.ringTargetsMax)]);
    }
    return requests;
  }

  async #ask(domain: string, part: readonly Missing[], isPrivate: true | undefined): Promise<void> {
    const { bus, clock, log } = this.#dependencies;
    const messages = [...new Set(part.flatMap((one) => one.messages))];
    const targets = part.map(({ occupant, seat, messages: own }): RingTarget => {
      return { to: seat.jid.toString(), nick: occupant.nick, messages: own.map((message) => messages.indexOf(message)) };
    });
    const request: RingRequest = { kind: 'ring', domain, isPrivate, targets, at: clock.now() };
    const bodies = messages.map(({ bytes }) => bytes);
    try {
      const answer = await ask(bus, ringAnswer, routerSubject, encodeFrame(request, bodies), serviceLimits.forwardTimeoutMs);
      clock.observe(answer.take('at'));
      checkDone(answer, routerSubject);
      const untilMs = clock.monotonic() + roomLimits.ringWishMs;
      for (const [index, wish] of (answer.take('wishes') ?? []).entries()) this.#wishes.set(part[index]!.seat, { wish, untilMs });
    } catch (error) {
      if (isOperating(error)) throw error;
      // The messages have arrived where they could: their senders are not to be told of this.
      report(log, error, 'could not ask for the clients of occupants to be woken', { domain });
    }
  }
}

/** @returns undefined for what does not ring, such as the history of a room that somebody enters */
function ringing({ bytes, isLate }: Sending): Stanza | undefined {
  const stanza = Stanza.parse(bytes);
  if (stanza.name !== 'message' || !rings(stanza)) return undefined;
  return isLate !== true && stanza.hasChild('delay', NS_DELAY) ? undefined : stanza;
}
