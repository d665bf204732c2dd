/** Bounds of the renewal of certificates. */
export const certificateLimits = {
  /** Certificates: a chain in PEM, bytes; three certificates take 6,000. Certificates in it; names of one, as most CAs have it. */
  certificateBytesMax: 32 * 1024,
  certificateChainMax: 10,
  certificateNamesMax: 100,
  /** Renewal: domains under way at once; the CA limits new orders to some hundred in three hours. */
  renewalsConcurrentMax: 4,
  /** Renewal: a domain whose last try failed rests this long, doubled each time, up to the cap, plus up to a tenth, milliseconds. */
  renewalPauseMs: 60 * 60 * 1000,
  renewalPauseMaxMs: 24 * 60 * 60 * 1000,
  /** Renewal: one domain, from order to certificate; no new one is begun when less than this is left of the run, milliseconds. */
  renewalDomainMs: 4 * 60 * 1000,
  /** Renewal: for a record to be at all servers of the zone, and then to be seen from here, milliseconds each; asked this often. */
  dnsSeenMs: 60_000,
  dnsPollMs: 2_000,
  /** ACME: one request, milliseconds; tries of one that the CA answers with 5xx or 429; questions for the state of an order. */
  acmeRequestTimeoutMs: 15_000,
  acmeTriesMax: 2,
  acmePollsMax: 20,
  acmePollMs: 1_000,
  acmePollMaxMs: 10_000,
  /** What a CA or KMS says about a failure, as it is kept and logged, characters. */
  failureCharactersMax: 500,
} as const;
