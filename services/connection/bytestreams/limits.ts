/** Bounds of the relay of bytestreams (XEP-0065). */
export const bytestreamLimits = {
  /** Connections to the relay at once. Each file takes two. */
  connectionsMax: 2_000,
  /** Connections from one address (IPv6: from a /64) at once. This machine has no such bound. */
  connectionsPerNetworkMax: 50,
  /** How long a client may take to say which bytestream it wants, ms. */
  greetingMs: 10_000,
  /** How long the first side waits for the other one and for the activation, ms. */
  activationMs: 120_000,
  /** How long nothing may pass on a bytestream before it ends, ms. */
  idleMs: 300_000,
  /** Bytestreams of one account as initiator at once. */
  perAccountMax: 8,
  /** Bytes that one bytestream passes on per second, both directions together, in the long run. */
  bytesPerSecond: 2 * 1024 * 1024,
  /** The same at once. */
  bytesBurst: 4 * 1024 * 1024,
  /** Bytes that all bytestreams of the process pass on per second. */
  allBytesPerSecond: 32 * 1024 * 1024,
  /** The same at once. */
  allBytesBurst: 64 * 1024 * 1024,
} as const;
