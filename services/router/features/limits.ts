/** Bounds of features that nobody else has to know. */
export const featureLimits = {
  /** How long the server of an old address may take to say where somebody has moved (XEP-0283), ms. Requests to other servers end sooner. */
  movedWaitMs: 60_000,
  /** New addresses of one account's contacts that are checked at a time. */
  movedAtOnceMax: 20,
  /** Characters that are kept of the status with which somebody left (XEP-0012). */
  lastStatusCharactersMax: 500,
  /** Reports of one account in a day (UTC). */
  reportsPerDayMax: 20,
  /** How long a report is kept, days. */
  reportDays: 90,
  /** Characters of a reason, which is a URN. */
  reportReasonCharactersMax: 200,
  /** Texts in one report, in several languages. */
  reportTextsMax: 5,
  /** Characters of such a text, and of the body of a reported message; the rest is cut. */
  reportTextCharactersMax: 1_000,
  /** Messages that one report names. */
  reportMessagesMax: 10,
  /** A reported message that is longer is kept without its XML, bytes. With these bounds, a page of reports fits into a message on the bus. */
  reportMessageBytesMax: 4_096,
  /** Reports on one page. */
  reportPageMax: 8,
  /** Characters of the id of a report. */
  reportIdCharacters: 64,
  /** Characters of the id of a bytestream (XEP-0065). */
  bytestreamSidCharactersMax: 256,
} as const;
