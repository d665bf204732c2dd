/** What the tenant's own systems say of somebody who has sent a password. */
import type { SignInWay } from '../../../lib/runtime/policy/sign-in.ts';
import type { AccountRow } from '../core/accounts.ts';
import type { Attempt } from './guesses.ts';

/** Roles that a tenant's system may give: owners are made here alone. */
export const vouchedRoles = ['none', 'auditor', 'support', 'admin'] as const;
export type VouchedRole = (typeof vouchedRoles)[number];

export interface PasswordAttempt extends Attempt {
  /** As it was typed. */
  readonly password: string;
}

export interface Vouched {
  readonly way: SignInWay;
  /** The account that they are let into. */
  readonly local: string;
  /** The account whose password was compared; absent: it is made at the first sign-in. */
  readonly account?: AccountRow;
  /** Absent: it stays as it is. */
  readonly role?: VouchedRole | undefined;
  /** {@link SignedIn.untilMs} */
  readonly untilMs?: number | undefined;
}
