/** Bounds of block lists. */
export const listLimits = {
  /** Entries of one list. Its row is below what a store takes. */
  listEntriesMax: 10_000,
  /** Items on one page that is asked for. */
  listPageMax: 500,
  /** How often a list is read as a whole, ms. News come in between. */
  listReadMs: 60 * 60 * 1_000,
  /** How long a router goes on with what it has read of a list, ms. */
  listKeptMs: 10_000,
  /** Lists that a router keeps. */
  listsKeptMax: 1_000,
  /** Random bytes in the id of a request, which is its secret. */
  listIdBytes: 12,
} as const;
