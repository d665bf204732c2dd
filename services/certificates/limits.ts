/** Bounds of the renewal of certificates. */
export const certificateLimits = {
  /** Domains that are renewed at the same time. A CA allows some hundred new orders in three hours. */
  renewalsConcurrentMax: 4,
  /** Pause after the first failed try for a domain, ms. It doubles each time, and up to a tenth is added at random. */
  renewalPauseMs: 60 * 60 * 1000,
  /** Longest pause between two tries for a domain, ms. */
  renewalPauseMaxMs: 24 * 60 * 60 * 1000,
  /** How long one domain may take from order to certificate, ms. No domain is begun when less than this is left of the run. */
  renewalDomainMs: 4 * 60 * 1000,
  /** How long a new record may take to be visible from here, once all servers of the zone have it, ms. */
  dnsSeenMs: 60_000,
  /** How often DNS is asked for the new record, ms. */
  dnsPollMs: 2_000,
  /** How long one request to the CA may take, ms. */
  acmeRequestTimeoutMs: 15_000,
  /** Tries of a request that the CA answers with 5xx or 429. */
  acmeTriesMax: 2,
  /** How many times the state of an order is asked for. */
  acmePollsMax: 20,
  /** Pause before the state of an order is asked for again, ms. It grows up to `acmePollMaxMs`. */
  acmePollMs: 1_000,
  /** Longest pause before the state of an order is asked for again, ms. */
  acmePollMaxMs: 10_000,
  /** How much of what a CA or KMS says about a failure is stored and logged, characters. */
  failureCharactersMax: 500,
  /** Interval of a timer that keeps the Lambda function alive, ms. Timers of the clock do not. */
  keepAwakeMs: 60_000,
} as const;
