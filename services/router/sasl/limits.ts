/** Bounds of guests (RFC 4505). How many there may be is the tenant's policy. */
export const guestLimits = {
  /** Length of what a client says of itself, characters (RFC 4505 §2). */
  traceCharactersMax: 255,
  /** Guests that are read at once, those among them that have ended a moment ago. It is what a store gives at once. */
  guestRowsMax: 1_000,
  /** How long a guest may be without a session, ms: longer than a stream that has not signed in may last. */
  guestUnboundMs: 60_000,
  /** How often each router looks for guests that are left, ms. */
  guestSweepMs: 30_000,
};

/** Bounds of asking the systems of tenants about passwords and tokens. */
export const outsideLimits = {
  /** One question to a webhook or an LDAP server, from dialling to its end, ms. It is below the time in which a batch is answered. */
  outsideMs: 4_000,
  /** What an LDAP server may send for one question, bytes: its certificates and a few short answers. */
  ldapAnswerBytesMax: 128 * 1024,
  /** Entries that a search is answered with: one more than is right. */
  ldapEntriesMax: 2,
  /** The answer to StartTLS, bytes. */
  startTlsBytesMax: 1_024,
  /** Size of the answer of a webhook, bytes: a name, a role, a time. */
  webhookAnswerBytesMax: 8 * 1024,
  /** Size of the answer about a token, bytes: servers list roles and groups in it. */
  introspectionAnswerBytesMax: 64 * 1024,
  /** How long an answer about a token that is active is used, ms: so long may a token live that was revoked. */
  introspectionKeepMs: 60_000,
  /** Answers that a router keeps, the last that it got. What is kept of each has some 200 bytes. */
  introspectionsMax: 10_000,
};

/** Bounds of signing in with tokens of tenants' own systems, and of the accounts that appear by it. */
export const jwtLimits = {
  /** Random bytes that tell an account from the next one of its name: enough that no two ever get the same. */
  incarnationBytes: 9,
  /** Length of a token, characters. It fits into an element before sign-in, in base64; most have less than 2,000. */
  jwtCharactersMax: 7_000,
  /** How long a token is good that an app's own server gets, seconds: unless it says, and at most. */
  mintedSeconds: 300,
  mintedSecondsMax: 3_600,
  /** Random bytes that tell such a token from the next one. */
  mintedIdBytes: 12,
  /** How far the clock of another system may be off, seconds. */
  jwtToleranceSeconds: 30,
  /** Size of a set of public keys, bytes. */
  jwksBytesMax: 64 * 1024,
  /** Keys of one set. */
  jwksKeysMax: 100,
  /** How long a set is used before it is got again, ms: 5 minutes. */
  jwksKeepMs: 5 * 60 * 1_000,
  /** Shortest pause between two tries to get a set, ms. */
  jwksPauseMs: 30_000,
  /** How long a set is used that cannot be got again, ms: a day. */
  jwksStaleMs: 24 * 60 * 60 * 1_000,
  /** Sets that a router keeps, the last that it got. */
  jwksSetsMax: 1_000,
};
