/**
 * How fast a person, a domain or a room may go: token buckets in the memory of a worker. They are lost with it, which gives a flood
 * one more burst and nothing else.
 */
import { limits } from '../../../lib/limits.ts';
import type { Clock } from '../../../lib/ports/clock.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';

/** What a bucket holds, and what flows in per second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

export const rates = {
  message: { burst: limits.roomMessagesBurst, perSecond: limits.roomMessagesPerSecond },
  presence: { burst: limits.roomPresencesBurst, perSecond: limits.roomPresencesPerSecond },
  request: { burst: limits.roomRequestsBurst, perSecond: limits.roomRequestsPerSecond },
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

interface Bucket {
  tokens: number;
  at: number;
}

export class Pace {
  readonly #clock: Clock;
  /** The one used last stands last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes tokens when there are enough. @returns 0, or after how many seconds there will be */
  take(name: RateName, who: string, count = 1): number {
    const bucket = this.#bucket(name, who);
    if (bucket.tokens >= count) {
      bucket.tokens -= count;
      return 0;
    }
    return (count - bucket.tokens) / rates[name].perSecond;
  }

  /** As `take` without taking. */
  wait(name: RateName, who: string, count = 1): number {
    const { tokens } = this.#bucket(name, who);
    return tokens >= count ? 0 : (count - tokens) / rates[name].perSecond;
  }

  /** @throws {StanzaError} policy-violation of type wait */
  demand(name: RateName, who: string, count = 1): void {
    const seconds = this.take(name, who, count);
    if (seconds > 0) throw tooFast(seconds);
  }

  #bucket(name: RateName, who: string): Bucket {
    const { burst, perSecond } = rates[name];
    const key = `${name} ${who}`;
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(key);
    this.#buckets.delete(key);
    const bucket = known ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > limits.roomTokensMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return bucket;
  }
}

export function tooFast(seconds: number): StanzaError {
  return new StanzaError('policy-violation', `too fast; try again in ${Math.max(1, Math.ceil(seconds))} s`, { type: 'wait' });
}
