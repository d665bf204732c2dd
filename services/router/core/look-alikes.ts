/**
 * Names of accounts that look alike (lib/xmpp/look-alike.ts). Each look has a row that says which account has it, so a
 * registration costs one read. An operator may add a name that looks like another one; then the older account keeps the row.
 */
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { directoryOf } from '../../../lib/runtime/directory.ts';
import { update } from '../../../lib/runtime/update.ts';
import { latinLook, skeleton } from '../../../lib/xmpp/look-alike.ts';
import { routerLimits } from '../limits.ts';

interface Look {
  readonly local: string;
  /** When the look was claimed, ms since the epoch. The account's own row is written after that. */
  readonly atMs: number;
}

const looks = collection<Look>('look', 'directory');

export interface Claim {
  readonly nowMs: number;
  /** Tells whether an account has this name. */
  readonly isThere: (local: string) => Promise<boolean>;
}

/** Claims the look of a name. @returns the name of the account that has the look already, if there is one */
export async function claimLook(
  store: Store,
  domain: string,
  local: string,
  { nowMs, isThere }: Claim,
): Promise<string | undefined> {
  const look = skeleton(local);
  const rows = directoryOf(store, domain, look);
  const latin = latinLook(local);
  if (latin !== local && (await isThere(latin))) return latin; // an account that is older than the rows of looks
  const found = (await rows.get(looks, look))?.value;
  // The process that claimed the look may have died before it made the account.
  const isGone = found !== undefined && nowMs - found.atMs > routerLimits.lookClaimMs && !(await isThere(found.local));
  const claimed = await update(rows, looks, look, (there) =>
    there === undefined || (isGone && there.local === found.local) ? { local, atMs: nowMs } : there,
  );
  return claimed === undefined || claimed.local === local ? undefined : claimed.local;
}

export async function releaseLook(store: Store, domain: string, local: string): Promise<void> {
  const look = skeleton(local);
  await update(directoryOf(store, domain, look), looks, look, (there) => (there?.local === local ? undefined : there));
}
