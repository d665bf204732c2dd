/** How much the index of words (XEP-0431) is given at once. */
export const indexLimits = {
  /** Older messages that are added together. */
  pageMax: 100,
  /** Older messages that one request of an operator looks at, about. */
  requestMessagesMax: 1_000,
} as const;
