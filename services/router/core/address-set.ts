/**
 * Lists of addresses that every stanza is checked against, such as blocklists, as sets. As long as a row does not change, the
 * store returns the same value for it, so the set of a list is made only once.
 */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** @param list must never change again */
export function setOf(list: readonly string[]): ReadonlySet<string> {
  let set = sets.get(list);
  if (set === undefined) {
    set = new Set(list);
    sets.set(list, set);
  }
  return set;
}
