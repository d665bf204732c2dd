/**
 * How fast a person, a domain or a room may go: token buckets in the memory of a worker. They are lost with it, which gives a flood
 * one more burst and nothing else.
 */
import { limits } from '../../../lib/limits.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { type Rate, RateLimit } from '../../../lib/runtime/rate-limit.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';

export const rates = {
  message: { burst: limits.roomMessagesBurst, perSecond: limits.roomMessagesPerSecond },
  presence: { burst: limits.roomPresencesBurst, perSecond: limits.roomPresencesPerSecond },
  request: { burst: limits.roomRequestsBurst, perSecond: limits.roomRequestsPerSecond },
  answer: { burst: limits.roomAnswersBurst, perSecond: limits.roomAnswersPerSecond },
  invite: { burst: limits.roomInvitesBurst, perSecond: limits.roomInvitesPerSecond },
  registration: { burst: limits.roomRegistrationsBurst, perSecond: limits.roomRegistrationsPerSecond },
  password: { burst: limits.roomPasswordsBurst, perSecond: limits.roomPasswordsPerSecond },
  domainPassword: { burst: limits.roomDomainPasswordsBurst, perSecond: limits.roomDomainPasswordsPerSecond },
  creation: { burst: limits.roomCreationsBurst, perSecond: limits.roomCreationsPerSecond },
  deliveries: { burst: limits.roomDeliveriesBurst, perSecond: limits.roomDeliveriesPerSecond },
  entry: { burst: limits.roomEntriesBurst, perSecond: limits.roomEntriesPerSecond },
  search: { burst: limits.roomSearchesBurst, perSecond: limits.roomSearchesPerSecond },
} as const satisfies Record<string, Rate>;

export type RateName = keyof typeof rates;

export class Pace {
  readonly #limits: Readonly<Record<string, RateLimit>>;

  constructor(clock: Clock) {
    this.#limits = Object.fromEntries(
      Object.entries(rates).map(([name, rate]) => [name, new RateLimit(clock, rate, limits.roomTokensMax)]),
    );
  }

  /** Takes tokens when there are enough. @returns 0, or after how many seconds there will be */
  take(name: RateName, who: string, count = 1): number {
    const bucket = this.#limits[name]!.bucket(who);
    return bucket.take(count) ? 0 : bucket.waitMs(count) / 1_000;
  }

  /** As `take` without taking. */
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
  return new StanzaError('policy-violation', `too fast; try again in ${Math.max(1, Math.ceil(seconds))} s`, { type: 'wait' });
}
