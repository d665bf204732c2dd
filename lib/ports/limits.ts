/** Bounds that every adapter of a port keeps, so that callers can rely on them. */
export const portLimits = {
  /** One message on the bus, bytes: NATS's own default maximum. */
  busPayloadBytesMax: 1024 * 1024,
  /** A subject; ours are under 60 characters. */
  busSubjectCharactersMax: 255,
  /** Key of a blob, bytes of UTF-8: what S3 takes. */
  blobKeyBytesMax: 1_024,
  /** Media type of a blob, characters. */
  blobTypeCharactersMax: 255,
  /** Store: each of a row's two keys, bytes of UTF-8. DynamoDB takes 1,024 for a sort key. */
  storeKeyBytesMax: 1_024,
  /** Store: a row's value, bytes of UTF-8. DynamoDB takes 400 KiB for an item with its keys and names. */
  storeValueBytesMax: 380_000,
  /** Store: rows that one query may ask for. */
  storeQueryRowsMax: 1_000,
  /** Store: keys that one batchGet may name. */
  storeBatchKeysMax: 1_000,
  /** Files that are looked at, or deleted at once, when all of a tenant's go. */
  blobsPageMax: 100,
  /** A secret that is sealed, bytes: a private key of RSA-8192 in PEM has 6,400; and what it is sealed for, bytes. */
  sealedBytesMax: 16 * 1024,
  sealContextBytesMax: 1_024,
} as const;
