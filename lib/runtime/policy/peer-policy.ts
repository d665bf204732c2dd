/** What a tenant's policy says of another server's domain. Lists name domains, and stand for all below them. */
import type { TenantPolicy } from './tenant-policy.ts';

/** By the list as it was read, which is the same one until the tenant is read again. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** May the tenant's people and rooms talk with this domain? */
export function allowsPeer({ federation, allow, block }: TenantPolicy, peer: string): boolean {
  if (federation === 'closed' || (block.length > 0 && covers(block, peer))) return false;
  return federation === 'open' || covers(allow, peer);
}

function covers(list: readonly string[], peer: string): boolean {
  let set = sets.get(list);
  if (set === undefined) {
    set = new Set(list);
    sets.set(list, set);
  }
  for (let at = 0; ; ) {
    if (set.has(peer.slice(at))) return true;
    const dot = peer.indexOf('.', at);
    if (dot < 0) return false;
    at = dot + 1;
  }
}
