/** Bounds of what operators ask for. */
export const operationLimits = {
  /** Characters of the name of a key. */
  apiKeyNameCharactersMax: 100,
  /** How long a key may be valid, days, if it expires at all. */
  apiKeyDaysMax: 3_650,
  /** How long the old secret of a key may be good beside the new one, hours. */
  apiKeyOverlapHoursMax: 30 * 24,
  /** Characters of a sentence that tells why an operation is refused. The longest lists the names of all operations. */
  sentenceCharactersMax: 2_000,

  // Requests of the API that are sent again

  /** How long a request is remembered by its Idempotency-Key, ms: a day. */
  idempotencyMs: 24 * 60 * 60 * 1_000,
  /** How long the first one may take, ms: longer than whoever asked waits. */
  idempotencyRunMs: 30_000,
  /** An answer that is longer is not remembered, characters as it is sealed. */
  idempotencyAnswerCharactersMax: 64 * 1024,

  /** Length of the version of an account or a room, and of what an asker may give for one, characters. */
  versionCharacters: 22,
  versionCharactersMax: 200,

  /** Length of the id of a webhook, characters: 64 bits in hexadecimal. */
  hookIdCharacters: 16,

  // Announcements and messages of operators

  /** Characters of a subject, and of a text. With the largest policy the message of the day fits into the row of its tenant. */
  noticeSubjectCharactersMax: 200,
  noticeTextCharactersMax: 2_000,
  /** Announcements of one tenant that are being told at once, and those that it may make in 24 hours. */
  announcementsUnderWayMax: 3,
  announcementsPerDayMax: 30,
  /** Announcements on one page. */
  announcementPageMax: 20,

  /** Files on one page: whether each is there is looked up. */
  filePageMax: 50,

  /** How long a room's worker has for what an operator asks, ms: less than whoever asked waits. */
  roomAnswerMs: 10_000,

  /** What an entry of the audit log keeps of one value, bytes. A change of the whole policy, before and after, fits into a row. */
  auditValueBytesMax: 1_000,

  // Ad-hoc commands of admins

  /** How long a command may wait for a removal before it says how far it is, ms. It is shorter than what a node waits for an answer. */
  commandWaitMs: 2_000,
  /** The largest number in a field of a form. */
  commandNumberMax: 999_999_999,
  /** Pages of accounts that a command looks through to count them, or to list those that are online: 5,000 accounts. */
  commandPagesMax: 50,
} as const;
