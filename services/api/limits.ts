/** Bounds of the REST API. */
export const apiLimits = {
  /** Size of a request's body, bytes. */
  bodyBytesMax: 64 * 1024,
  /** Requests with one key at once, and in the long run. */
  keyBurst: 100,
  keyPerSecond: 20,
  /** Requests without a valid key from one network at once, and in the long run. */
  strangerBurst: 20,
  strangerPerSecond: 0.5,
  /** Keys and networks whose rates are remembered. */
  ratesMax: 10_000,
  /** How long the router has for an operation, ms. */
  answerMs: 15_000,
  /** How long a removal may keep a request waiting before the answer says how far it is, ms. */
  removalWaitMs: 5_000,
} as const;
