/**
 * Which account of a tenant has which look of a name (lib/xmpp/look-alike.ts): a row for each, so that whoever registers needs one read.
 * An operator may give out a name that looks like another one; the first account keeps the row then.
 */
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { directoryOf } from '../../../lib/runtime/directory.ts';
import { update } from '../../../lib/runtime/update.ts';
import { latinLook, skeleton } from '../../../lib/xmpp/look-alike.ts';
import { routerLimits } from '../limits.ts';

interface Look {
  readonly local: string;
  /** When it was claimed: the account's rows follow. */
  readonly atMs: number;
}

const looks = collection<Look>('look', 'directory');

export interface Claim {
  readonly nowMs: number;
  /** Is there an account by this name? */
  readonly isThere: (local: string) => Promise<boolean>;
}

/** Takes the look of a name for it. @returns the other name that has it already */
export async function claimLook(
  store: Store,
  domain: string,
  local: string,
  { nowMs, isThere }: Claim,
): Promise<string | undefined> {
  const look = skeleton(local);
  const rows = directoryOf(store, domain, look);
  const latin = latinLook(local);
  if (latin !== local && (await isThere(latin))) return latin; // an account from before there were looks
  const found = (await rows.get(looks, look))?.value;
  // Whoever claimed it may have died before the account was made.
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
