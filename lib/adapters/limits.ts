/** Bounds of single adapters: their queues, caches, pools and timeouts. */
export const adapterLimits = {
  /** Embedded: the last of a disk, bytes, or as a share of a small one, is for sign-ins and deletions; it is looked at this often, ms. */
  diskReserveBytes: 256 * 1024 * 1024,
  diskReserveShare: 0.05,
  diskLookMs: 1_000,
  /** Embedded: a row of `core` that may still be written then, bytes: accounts, subscriptions and settings are below. */
  diskShortRowBytesMax: 16 * 1024,
  /** Requests of one process without an answer yet: one batch per session of a large node, and its deliveries. */
  busRequestsMax: 65_536,
  /** Handlers of one process that have not finished; what arrives beyond is dropped, as for a slow consumer of NATS. */
  busHandlersMax: 16_384,
  /** Messages in the in-process bus, and requests that wait for a lost connection to come back. */
  busQueuedMax: 65_536,
  /** Payloads held by one bus in one place (queue, socket, handlers), bytes; a quarter of the smallest task's memory. */
  busHeldBytesMax: 256 * 1024 * 1024,
  /** A bus that closes waits this long for its handlers, milliseconds. */
  busCloseMs: 5_000,
  /** A temporary file this old belongs to a process that died while it wrote, milliseconds. */
  blobTemporaryMs: 24 * 60 * 60 * 1000,
  /** S3: sockets kept open; to connect, and without a byte either way, milliseconds; tries of a request that can be repeated. */
  s3SocketsMax: 64,
  s3ConnectTimeoutMs: 2_000,
  s3SilenceTimeoutMs: 30_000,
  s3TriesMax: 3,
  /** S3: a presigned URL is good for at most this long, seconds. */
  s3SlotSecondsMax: 7 * 24 * 60 * 60,
  /** Store: writes (and, to DynamoDB, reads) handed in and not yet answered; beyond this they fail at once. */
  storeWaitingMax: 50_000,
  /** Store: the keys and values of writes not yet answered, bytes; beyond this they fail at once. */
  storeWaitingBytesMax: 64 * 1024 * 1024,
  /** SQLite: writes that the writer takes from its port into one transaction; one commit costs one fsync. */
  sqliteGroupWritesMax: 4_000,
  /** SQLite: when several write at once, groups leave the main thread this far apart, milliseconds; each costs an fsync. */
  sqliteCommitPaceMs: 8,
  /** SQLite: expired rows removed in one transaction, so that a sweep never holds up writes for long. */
  sqliteSweepRowsMax: 500,
  /** SQLite: between two sweeps when the last one found little, and when it filled its slice, milliseconds. */
  sqliteSweepMs: 10_000,
  sqliteSweepBusyMs: 100,
  /** SQLite: the write-ahead log is moved into the database at this many pages of 8 KiB; rarer halves the writing under load. */
  sqliteLogPagesMax: 8_000,
  /** SQLite: a commit waits this long for that of another process, milliseconds. */
  sqliteBusyMs: 5_000,
  /** SQLite: page cache of the reading and of the writing connection, KiB each. The system has the file's pages as well. */
  sqliteCacheKib: 8 * 1024,
  /** SQLite: rows of `core` and `live`, and empty keys, kept in memory: a chatting user has about six; of these, characters. */
  rowCacheMax: 32_768,
  rowCacheCharactersMax: 8 * 1024 * 1024,
  /** … and of one row, so that a few large ones do not drive out all others. */
  rowCacheRowCharactersMax: 64 * 1024,
  /** DynamoDB: sockets kept open, and requests under way on them. */
  dynamoSocketsMax: 64,
  /** DynamoDB: batches under way at once; the rest of the sockets is for single calls. */
  dynamoBatchesMax: 24,
  /** DynamoDB: to connect, and for one whole request, milliseconds; a router waits for `connectionLimits.batchTimeoutMs` in all. */
  dynamoConnectTimeoutMs: 1_000,
  dynamoRequestTimeoutMs: 2_000,
  /** DynamoDB: tries of one call, with a random pause of up to the base, doubled each time, up to the cap, milliseconds. */
  dynamoTriesMax: 4,
  dynamoPauseBaseMs: 50,
  dynamoPauseMaxMs: 1_000,
  /** DynamoDB: a new table is asked for its state this often, milliseconds, and this many times. */
  dynamoTablePollMs: 500,
  dynamoTablePollsMax: 120,
  /** AWS but for DynamoDB: tries of one call by the SDK; to connect, and for one try, milliseconds. */
  awsTriesMax: 3,
  awsConnectTimeoutMs: 2_000,
  awsRequestTimeoutMs: 5_000,
  /** Renewal: for a record to be at all servers of the zone, and then to be seen from here, milliseconds each; asked this often. */
  dnsChangeMs: 90_000,
  dnsPollMs: 2_000,
  /** One question to DNS, milliseconds, and tries. */
  dnsTimeoutMs: 3_000,
  dnsTriesMax: 3,
} as const;
