/** Bounds on which several services must agree. */
export const serviceLimits = {
  /** Wrong passwords on one stream before it is closed. RFC 6120 §6.4.5 asks for 2 to 5. */
  saslFailuresMax: 5,
  /** Stanzas of one session in one batch. */
  batchStanzasMax: 64,
  /** XML of one batch, bytes. A single stanza may be larger; the batch then has no other. */
  batchBytesMax: 256 * 1024,
  /**
   * Pause before a batch that no router answered is sent again, ms. It doubles each time, and up to as much is added at random.
   */
  batchBackoffMs: 500,
  /** How long a router waits for another router or for the worker of a room, ms. A node waits longer for the router. */
  forwardTimeoutMs: 3_000,
  /** How long a component may take to answer a ping when another stream claims its domain, ms. The other one waits meanwhile. */
  componentPingMs: 4_000,
  /** How long a lost XEP-0198 session can be resumed, ms. */
  resumeTimeoutMs: 300_000,
  /** Ids of delivered entries that the cursor remembers, and that a session remembers to drop repeats. */
  deliveredRingMax: 256,
  /** Archive entries that are read together to catch up a session. */
  catchUpPageMax: 100,
  /** How long a stop waits for batches and sockets, ms. */
  shutdownMs: 10_000,
  /** The longest that one upload takes, ms. After this, no file can appear for a slot. */
  uploadRequestMs: 60 * 60 * 1000,
} as const;
