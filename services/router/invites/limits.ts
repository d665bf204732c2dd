/** Bounds of invites, and of links by which passwords are set. */
export const inviteLimits = {
  /** Invites of one account that are not used up or over. */
  perAccountMax: 50,
  /** Invites of operators and admins in one tenant, in the same way. */
  perTenantMax: 1_000,
  /** How long somebody who has begun to use an invite may take, ms. After that, a use without an account is free again. */
  useMs: 60_000,
  /** How long an invite can still be used that was good when a stream showed it (XEP-0445 §4), ms. It is longer than a sign-in may take. */
  graceMs: 10 * 60 * 1_000,
  /** How long a link lasts by which somebody sets a new password, ms: a day. */
  resetLinkMs: 24 * 60 * 60 * 1_000,
} as const;
