/** Bounds on what people of other servers send: each of them, and of those who write to somebody for the first time each server, too. */
import type { Clock } from '../../../lib/ports/clock.ts';
import { RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { RecentKeys } from '../../../lib/runtime/recent-keys.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';
import { subscribeRates } from './limits.ts';

/** Does this stanza make two people known to each other? */
export function isContact({ name, type }: Stanza): boolean {
  if (name === 'message') return type !== 'error' && type !== 'groupchat' && type !== 'headline';
  return name === 'presence' && type === 'subscribe';
}

export class RemoteShares {
  readonly #stanzas: RateLimit;
  readonly #firstContacts: RateLimit;
  readonly #firstContactsOfDomain: RateLimit;
  readonly #subscriptions: RateLimit;
  /** Who of ours and who of them know each other, or have met before. */
  readonly #met = new RecentKeys(routerLimits.metKeysMax);
  /** The two of them that were noted last: people say several things in a row. */
  #last: readonly [ours: Jid, theirs: Jid] | undefined;

  constructor(clock: Clock) {
    const { remoteStanzasPerSecond, remoteStanzasBurst, remoteSendersMax } = routerLimits;
    const { firstContactsPerSecond, firstContactsBurst, firstContactsOfDomainPerSecond, firstContactsOfDomainBurst } =
      routerLimits;
    this.#stanzas = new RateLimit(clock, { perSecond: remoteStanzasPerSecond, burst: remoteStanzasBurst }, remoteSendersMax);
    this.#firstContacts = new RateLimit(
      clock,
      { perSecond: firstContactsPerSecond, burst: firstContactsBurst },
      remoteSendersMax,
    );
    const ofDomain = { perSecond: firstContactsOfDomainPerSecond, burst: firstContactsOfDomainBurst };
    this.#firstContactsOfDomain = new RateLimit(clock, ofDomain, remoteSendersMax);
    this.#subscriptions = new RateLimit(clock, subscribeRates, remoteSendersMax);
  }

  /** One stanza more. */
  maySend(sender: Jid): boolean {
    return this.#stanzas.take(`${sender.bare}`);
  }

  /** One first contact more. */
  mayMeet(sender: Jid): boolean {
    return this.#firstContacts.take(`${sender.bare}`) && this.#firstContactsOfDomain.take(sender.domain);
  }

  /** One subscription more to a node (XEP-0060), of all that people of the server ask for. */
  maySubscribe(sender: Jid): boolean {
    return this.#subscriptions.take(sender.domain);
  }

  haveMet(ours: Jid, theirs: Jid): boolean {
    return this.#isLast(ours, theirs) || this.#met.has(`${ours.bare} ${theirs.bare}`);
  }

  noteMet(ours: Jid, theirs: Jid): void {
    if (this.#isLast(ours, theirs)) return;
    this.#met.add(`${ours.bare} ${theirs.bare}`);
    this.#last = [ours, theirs];
  }

  #isLast(ours: Jid, theirs: Jid): boolean {
    return this.#last !== undefined && this.#last[0] === ours && this.#last[1] === theirs;
  }
}
