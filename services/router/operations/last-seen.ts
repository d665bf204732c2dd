/** When an account was last seen: its newest session signed in then; without sessions, one was last available then (XEP-0012). */
import type { SessionEntry } from '../../../lib/runtime/sessions.ts';

/** @param left what it left behind when it was last available. @returns undefined: it never was */
export function seenAt(sessions: readonly SessionEntry[], left: { readonly atMs: number } | undefined): string | undefined {
  const ms = sessions.length > 0 ? Math.max(...sessions.map(({ boundAt }) => boundAt)) : left?.atMs;
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
