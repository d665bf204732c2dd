/** Lists of which each message needs several, and most of which are empty or have one or two items. */

export const nothing: readonly never[] = [];

/** Adds to a list that may not be there yet, or be empty. An array that grows by `push` has room for 17 items at once. @returns the list */
export function added<Item>(list: Item[] | undefined, item: Item): Item[] {
  if (list === undefined || list.length === 0) return [item];
  if (list.length === 1) return [list[0]!, item];
  list.push(item);
  return list;
}

/** Joins the lists of all owners. Usually there is one, and its list is not copied. */
export function joined<Owner, Item>(
  owners: readonly Owner[],
  list: (owner: Owner) => readonly Item[] | undefined,
): readonly Item[] {
  return owners.length === 1 ? (list(owners[0]!) ?? nothing) : owners.flatMap((owner) => list(owner) ?? nothing);
}
