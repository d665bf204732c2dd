/** Bounds of the web service. */
export const webLimits = {
  /** Uploads that one process takes at the same time. Each has a file open. */
  uploadsAtOnceMax: 200,
  /** Uploads to one tenant among them. */
  uploadsPerTenantMax: 100,
  /** Uploads from one address among them. */
  uploadsPerNetworkMax: 40,
  /** Uploads of one account among them. */
  uploadsPerAccountMax: 8,
  /** Sockets of one address (IPv6: of a /64). This machine has no such bound. A browser opens six to one origin. */
  webConnectionsPerNetworkMax: 500,
  /** An upload that sends nothing for this long is broken off, ms. */
  uploadIdleMs: 30_000,
  /** An upload that is slower than this on average is broken off, bytes per second. */
  uploadBytesPerSecondMin: 32 * 1024,
  /** How long a client may take to read that its bytes are not a request, ms. */
  refusalMs: 1_000,
  /** What is still read of a body after its request was answered, bytes: less than what a socket holds would lose the answer. */
  unreadBytesMax: 256 * 1024,
  /** How long it may take to come, ms. */
  unreadMs: 1_000,
  /** How long answers under way have when the process stops, ms. */
  webCloseMs: 2_000,
  /** Connections of what stands in front, with all requests of all people. Each has a request at a time. */
  frontConnectionsMax: 1_000,
  /** How long a connection of it may be idle, ms: longer than it keeps them itself, so that it is not the one to find them closed. */
  frontKeepAliveMs: 10 * 60 * 1_000,
  /** How long a request may take to arrive, ms. Bodies are small. */
  frontRequestMs: 30_000,
  /** How long a process that stops still answers what comes by way of an address that somebody has read before, ms. */
  frontLingerMs: 15_000,
  /** Size of a form on the page of an invite, bytes: a name and a password twice, each letter in three. */
  formBytesMax: 16 * 1024,
  /** How long a router has for an invite, ms. A new password waits for its turn. */
  linkAnswerMs: 15_000,
  /** How long a browser may keep the logo and the colours of a tenant, seconds. */
  brandSeconds: 300,
  /** POSH: how long others may believe what we say of a certificate, seconds: after a renewal it is wrong for so long. */
  poshExpiresSeconds: 60 * 60,
} as const;
