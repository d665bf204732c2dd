/** Bounds of what operators ask for. */
export const operationLimits = {
  /** Characters of the name of a key. */
  apiKeyNameCharactersMax: 100,
  /** How long a key may be valid, days, if it expires at all. */
  apiKeyDaysMax: 3_650,
  /** How long the old secret of a key may be good beside the new one, hours. */
  apiKeyOverlapHoursMax: 30 * 24,
  /** What an entry of the audit log keeps of one value, bytes. A change of the whole policy, before and after, fits into a row. */
  auditValueBytesMax: 1_000,
} as const;
