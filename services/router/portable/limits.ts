/** Bounds of taking accounts in and giving them out (XEP-0227). */
export const portableLimits = {
  /** Size of a piece of an account in one request, bytes. As JSON it may be twice that, which fits into a message on the bus. */
  pieceBytesMax: 450_000,
  /** Nesting, attributes of one element, elements, and bytes of a name in it. */
  pieceDepthMax: 210,
  pieceAttributesMax: 200,
  pieceElementsMax: 110_000,
  pieceNameBytesMax: 1_000,
  /** Size from which on a page of an account that is given out is full, bytes. One element more may follow. */
  pageBytes: 96 * 1024,
  /** Rows that are read together for it. */
  pageRowsMax: 50,
  /** What was left out that one answer names, and the characters of each. Others are counted. */
  leftOutMax: 50,
  leftOutCharactersMax: 300,
  /** SCRAM iterations of an account that is taken in: whoever signs in with a password has us do them. */
  iterationsMax: 1_000_000,
  /** Size of its salt, bytes. */
  saltBytesMax: 1_024,
  /** By how much the time of a message among the undelivered ones may differ from its time in the archive, ms. */
  sameMessageMs: 5_000,
} as const;
