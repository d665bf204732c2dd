/** Bounds on which several services must agree. */
export const serviceLimits = {
  /** Wrong passwords on one stream before it is closed (RFC 6120 §6.4.5 asks for 2 to 5). */
  saslFailuresMax: 5,
  /** Stanzas of one session in one batch to a router; the header and XML stay under `batchBytesMax`. */
  batchStanzasMax: 64,
  /** XML of one batch, bytes; one stanza alone may fill it. */
  batchBytesMax: 256 * 1024,
  /** A lost XEP-0198 session is kept this long for resumption, milliseconds. */
  resumeTimeoutMs: 300_000,
  /** Ids remembered behind the cursor, and per session against doubles. */
  deliveredRingMax: 256,
  /** Archive entries per page of catch-up. */
  catchUpPageMax: 100,
  /** A stop waits this long for batches and sockets, milliseconds. */
  shutdownMs: 10_000,
  /** A router waits this long for another router or a room's worker, milliseconds; under `connectionLimits.batchTimeoutMs`. */
  forwardTimeoutMs: 3_000,
  /** So this is the longest that any request takes, milliseconds. */
  uploadRequestMs: 60 * 60 * 1000,
  /** A batch that no router answered is sent again after this long, doubled each time, plus up to as much by chance, milliseconds. */
  batchBackoffMs: 500,
} as const;
