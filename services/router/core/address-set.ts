/**
 * Lists of addresses that every stanza is checked against, such as blocklists. A store gives out the same value of a row for as long as it
 * does not change, so a set of it is made once.
 */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** The list must not change any more. */
export function setOf(list: readonly string[]): ReadonlySet<string> {
  let set = sets.get(list);
  if (set === undefined) {
    set = new Set(list);
    sets.set(list, set);
  }
  return set;
}
