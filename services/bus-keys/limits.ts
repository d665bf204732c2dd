/** Bounds of the keys and certificates of the bus. */
export const busKeyLimits = {
  /** How long a server's certificate is good, days. It is replaced when a third of that is left. */
  serverDays: 90,
  /** How long an authority is good, days. */
  authorityDays: 3_650,
  /** How much earlier than now a certificate begins, ms: clocks differ. */
  earlierMs: 60 * 60 * 1000,
  /** How much of a failure CloudFormation is told, characters. */
  reasonCharactersMax: 400,
  /** How long CloudFormation may take to accept an answer, ms. */
  answerMs: 10_000,
} as const;
