/** Bounds of the program: its commands, its child processes and its operators' socket. */
export const programLimits = {
  /** Files in the folder that are past their tenant's retention are looked for this long after the start, and then as often, ms. */
  uploadFirstSweepMs: 60_000,
  uploadSweepMs: 6 * 60 * 60 * 1000,
  /** Archive: rows "something was exchanged with this peer in this span of time" that a router remembers to have written. */
  knownSpansMax: 32_768,
  /** Operators' socket: one line, bytes; connections at once; to an answer, milliseconds: a tenant with all its accounts goes. */
  adminLineBytesMax: 64 * 1024,
  adminConnectionsMax: 32,
  adminTimeoutMs: 600_000,
  /** `start --processes`: a process that died young is started again after this long, then twice as long …, milliseconds. */
  processRestartMs: 500,
  processRestartMsMax: 30_000,
  /** Cluster on one machine: a process that is not ready by then counts as failed, milliseconds. */
  childStartMs: 30_000,
  /** Connections of health checks at once. */
  healthConnectionsMax: 64,
  /** A stop that has more time than `serviceLimits.shutdownMs`, at most, seconds: what ECS on Fargate waits between SIGTERM and SIGKILL. */
  stopSecondsMax: 120,
  /** ECS: what a process holds is looked at this often; a protection lasts so long, and is renewed so early, in case we cannot for a while. */
  protectionPollMs: 2_000,
  protectionMinutes: 60,
  protectionRenewMs: 15 * 60 * 1000,
  /** … a process that holds nothing is given up after this, so that the last client's coming and going is not told each time. */
  protectionEmptyMs: 60_000,
  protectionTimeoutMs: 5_000,
  /** A process that is drained, unprotected and still not stopped ends by itself. */
  drainedLingerMs: 90_000,
} as const;
