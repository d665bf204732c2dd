/** What callers of a port can rely on: every adapter keeps these bounds. */
export const portLimits = {
  /** The longest time that a timer waits, ms: a timer of Node holds 2^31. */
  timerMsMax: 20 * 24 * 60 * 60 * 1000,

  /** Size of one message on the bus, bytes. It is the default maximum of NATS. */
  busPayloadBytesMax: 1024 * 1024,
  /** Length of a subject on the bus, characters. Ours have fewer than 60. */
  busSubjectCharactersMax: 255,

  /** Size of each of the two keys of a row, bytes of UTF-8. DynamoDB allows 1,024 for a sort key. */
  storeKeyBytesMax: 1_024,
  /** Size of the value of a row, bytes of UTF-8. DynamoDB allows 400 KiB for an item with its keys and names. */
  storeValueBytesMax: 380_000,
  /** Rows that one query may ask for. */
  storeQueryRowsMax: 1_000,
  /** The latest time of a row's text, ms since the epoch: the year 2109. With 21 bits beside it, it fits into an integer of SQLite. */
  storeTextMsMax: 2 ** 42 - 1,
  /** Keys that one `batchGet` may name. */
  storeBatchKeysMax: 1_000,

  /** Size of the key of a blob, bytes of UTF-8. It is what S3 allows. */
  blobKeyBytesMax: 1_024,
  /** Length of the media type of a blob, characters. */
  blobTypeCharactersMax: 255,
  /** Blobs that one page of a listing holds, and that are deleted together. */
  blobsPageMax: 100,

  /** Size of a secret that can be sealed, bytes. The private key of RSA-8192 has 6,400 in PEM. */
  sealedBytesMax: 16 * 1024,
  /** Size of the context that a secret is bound to, bytes. */
  sealContextBytesMax: 1_024,
} as const;
