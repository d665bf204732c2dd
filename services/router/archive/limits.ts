/** How much the index of words (XEP-0431) is given at once. */
export const indexLimits = {
  /** Older messages that are added together. */
  pageMax: 100,
  /** Older messages that one request of an operator looks at, about. */
  requestMessagesMax: 1_000,
} as const;

/** How much of an archive is looked through for a message that is taken back (XEP-0424). */
export const retractionLimits = {
  /** Messages that are looked at, from the last one on. People take back what they wrote a moment ago. */
  entriesMax: 1_000,
} as const;
