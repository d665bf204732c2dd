/** Bounds of the web service. */
export const webLimits = {
  /** Uploads that one process takes at once; each has a file open. Of these, those of one tenant, of one address and of one account. */
  uploadsAtOnceMax: 200,
  uploadsPerTenantMax: 100,
  uploadsPerNetworkMax: 40,
  uploadsPerAccountMax: 8,
  /** Web: sockets of one address at a process (IPv6: of a /64), not of this machine: a browser opens six to an origin. */
  webConnectionsPerNetworkMax: 500,
  /** An upload that sends nothing for this long is broken off, milliseconds; so is one that is slower than this on the whole. */
  uploadIdleMs: 30_000,
  uploadBytesPerSecondMin: 32 * 1024,
  /** Web: answers under way when the process stops have this long, milliseconds. */
  webCloseMs: 2_000,
  /** POSH: how long others may believe what we say of a certificate, seconds: after a renewal it is wrong for so long. */
  poshExpiresSeconds: 60 * 60,
} as const;
