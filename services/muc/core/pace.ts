/**
 * Rate limits of people, domains and rooms: token buckets in the memory of a worker. When the worker ends they are lost, which
 * allows a flood one more burst.
 */

import type { Clock } from '../../../lib/ports/clock.ts';
import { type Rate, RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { roomLimits } from '../limits.ts';

export const rates = {
  message: { burst: roomLimits.messagesBurst, perSecond: roomLimits.messagesPerSecond },
  presence: { burst: roomLimits.presencesBurst, perSecond: roomLimits.presencesPerSecond },
  request: { burst: roomLimits.requestsBurst, perSecond: roomLimits.requestsPerSecond },
  answer: { burst: roomLimits.answersBurst, perSecond: roomLimits.answersPerSecond },
  invite: { burst: roomLimits.invitesBurst, perSecond: roomLimits.invitesPerSecond },
  registration: { burst: roomLimits.registrationsBurst, perSecond: roomLimits.registrationsPerSecond },
  password: { burst: roomLimits.passwordsBurst, perSecond: roomLimits.passwordsPerSecond },
  domainPassword: { burst: roomLimits.domainPasswordsBurst, perSecond: roomLimits.domainPasswordsPerSecond },
  creation: { burst: roomLimits.creationsBurst, perSecond: roomLimits.creationsPerSecond },
  deliveries: { burst: roomLimits.deliveriesBurst, perSecond: roomLimits.deliveriesPerSecond },
  entry: { burst: roomLimits.entriesBurst, perSecond: roomLimits.entriesPerSecond },
  search: { burst: roomLimits.searchesBurst, perSecond: roomLimits.searchesPerSecond },
} as const satisfies Record<string, Rate>;

export type RateName = keyof typeof rates;

export class Pace {
  readonly #limits: Readonly<Record<string, RateLimit>>;

  constructor(clock: Clock) {
    this.#limits = Object.fromEntries(
      Object.entries(rates).map(([name, rate]) => [name, new RateLimit(clock, rate, roomLimits.tokensMax)]),
    );
  }

  /** Takes tokens if there are enough. @returns 0, or the seconds until there are enough */
  take(name: RateName, who: string, count = 1): number {
    const bucket = this.#limits[name]!.bucket(who);
    return bucket.take(count) ? 0 : bucket.waitMs(count) / 1_000;
  }

  /** What `take` would return. It takes nothing. */
  wait(name: RateName, who: string, count = 1): number {
    return this.#limits[name]!.waitMs(who, count) / 1_000;
  }

  /** @throws {StanzaError} policy-violation of type wait */
  demand(name: RateName, who: string, count = 1): void {
    const seconds = this.take(name, who, count);
    if (seconds > 0) throw tooFast(seconds);
  }
}

export function tooFast(seconds: number): StanzaError {
  return new StanzaError('policy-violation', `too many requests; try again in ${Math.max(1, Math.ceil(seconds))} s`, {
    type: 'wait',
  });
}
