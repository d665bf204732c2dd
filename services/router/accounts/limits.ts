/** Bounds of counting the accounts that are registered in a day. */
export const dailyLimits = {
  /** Networks that are counted, those with the most: their digests fit into a row. */
  networksMax: 2_000,
  /** How long the row of a day is kept, ms: two days. */
  keepMs: 2 * 24 * 60 * 60 * 1_000,
};
