/** Bounds of single adapters: queues, caches, pools, timeouts and retries. */
export const adapterLimits = {
  // Disk of an embedded service

  /** Space on the disk that is reserved for sign-ins and deletions, bytes. Messages are refused when less is free. */
  diskReserveBytes: 256 * 1024 * 1024,
  /** The same as a share of the disk. On a small disk the smaller of both counts. */
  diskReserveShare: 0.05,
  /** How often the free space is read, ms. */
  diskLookMs: 1_000,
  /**
   * Size of a row of `core` that may be written while the disk is short, bytes. Accounts, subscriptions and settings are smaller.
   */
  diskShortRowBytesMax: 16 * 1024,

  // Bus

  /** Requests of one process that have no answer yet. A large node has one batch per session, and its deliveries. */
  busRequestsMax: 65_536,
  /** Handlers of one process that have not finished. Further messages are dropped, as NATS does for a slow consumer. */
  busHandlersMax: 16_384,
  /** Messages in the in-process bus, and requests that wait until a lost connection is back. */
  busQueuedMax: 65_536,
  /**
   * Payloads that one bus holds in one place (queue, socket, handlers), bytes. It is a quarter of the memory of the smallest
   * task.
   */
  busHeldBytesMax: 256 * 1024 * 1024,
  /** How long a bus that closes waits for its handlers, ms. */
  busCloseMs: 5_000,
  /** How long connecting to a NATS server may take, ms. */
  natsDialTimeoutMs: 5_000,
  /** Pause between two tries of the same NATS server, ms. Up to as much again is added at random. */
  natsReconnectMs: 200,
  /** Interval of pings to a NATS server, ms. A server that does not answer is given up after two to three of them. */
  natsPingMs: 5_000,
  /** After this many bytes, the NATS server is asked whether it has read them. */
  natsConfirmBytes: 1024 * 1024,
  /** How long whoever was asked over NATS may answer, ms. It is above `programLimits.adminTimeoutMs`, the longest request. */
  natsAnswerMs: 11 * 60 * 1000,

  // Files

  /** Age at which a temporary file is deleted, ms: the process that was writing it has died. */
  blobTemporaryMs: 24 * 60 * 60 * 1000,
  /** Size of the pieces in which a file is read, bytes. */
  blobChunkBytes: 64 * 1024,
  /** Sockets to S3 that are kept open. */
  s3SocketsMax: 64,
  /** How long connecting to S3 may take, ms. */
  s3ConnectTimeoutMs: 2_000,
  /** How long a connection to S3 may be silent in both directions during a request, ms. */
  s3SilenceTimeoutMs: 30_000,
  /** Tries of a request to S3 that can be repeated. */
  s3TriesMax: 3,
  /** Longest validity of a presigned URL that S3 accepts, seconds. */
  s3SlotSecondsMax: 7 * 24 * 60 * 60,

  // Any store

  /** Writes that have no answer yet; with DynamoDB also reads. Further ones fail at once. */
  storeWaitingMax: 50_000,
  /** Keys and values of writes that have no answer yet, bytes. Further writes fail at once. */
  storeWaitingBytesMax: 64 * 1024 * 1024,

  // SQLite

  /** Writes that go into one transaction. Each commit costs one fsync. */
  sqliteGroupWritesMax: 4_000,
  /** Size of the memory in which few writes go to the writing thread, bytes. */
  sqliteBatchBytesMin: 8 * 1024,
  /** Size of the memory in which many writes go to the writing thread, bytes. A single call may need more. */
  sqliteBatchBytesMax: 1024 * 1024,
  /** Pieces of such memory that are kept for the next writes: one is filled while another is written, and two more in a burst. */
  sqliteSpareMax: 4,
  /** Pause between groups of writes when several callers write at once, ms. Each group costs one fsync. */
  sqliteCommitPaceMs: 8,
  /** Expired rows that are removed in one transaction. It keeps a sweep from holding up writes. */
  sqliteSweepRowsMax: 500,
  /** Pause before the next sweep when the last one found few rows, ms. */
  sqliteSweepMs: 10_000,
  /** Pause before the next sweep when the last one removed as many rows as it may, ms. */
  sqliteSweepBusyMs: 100,
  /**
   * Pages of 8 KiB in the write-ahead log before it is moved into the database. Doing so rarely halves the writing under load.
   */
  sqliteLogPagesMax: 8_000,
  /**
   * How often the words of new rows go into the index, ms. Under load all rows that came meanwhile share a commit; after a quiet time a row
   * need not wait.
   */
  sqliteIndexDelayMs: 500,
  /** Rows whose words go into the index in one transaction. It takes some 15 µs for each, and holds up writes meanwhile. */
  sqliteIndexRowsMax: 1_000,
  /** Partitions of which the writing thread keeps what stands in front of their words. */
  sqliteWordPrefixesMax: 4_096,
  /** Pause before such a transaction, ms. Writes that have come meanwhile go first. */
  sqliteIndexPauseMs: 10,
  /** Rows that a search reads beyond those asked for, to see that it has all of the last millisecond. */
  sqliteSearchSpareRows: 16,
  /** How long a commit waits for the commit of another process, ms. */
  sqliteBusyMs: 5_000,
  /** Page cache of the reading and of the writing connection, KiB each. The operating system caches the file as well. */
  sqliteCacheKib: 8 * 1024,
  /** Rows of `core` and `live`, and keys without a row, that are kept in memory. A user who chats needs about six. */
  rowCacheMax: 32_768,
  /** Size of all rows that are kept in memory, characters. */
  rowCacheCharactersMax: 8 * 1024 * 1024,
  /** Size of a row that is kept in memory, characters. It keeps a few large rows from driving out all others. */
  rowCacheRowCharactersMax: 64 * 1024,

  // DynamoDB

  /** Sockets to DynamoDB that are kept open. It is also the number of requests that can be under way. */
  dynamoSocketsMax: 64,
  /** Batches that can be under way. The other sockets are for single calls. */
  dynamoBatchesMax: 24,
  /** Keys of one `BatchGetItem`: what DynamoDB allows. */
  dynamoReadKeysMax: 100,
  /** Items of one `BatchWriteItem`: what DynamoDB allows. */
  dynamoWriteItemsMax: 25,
  /** How long connecting may take, ms. */
  dynamoConnectTimeoutMs: 1_000,
  /** How long one request may take, ms. Two tries of it fit into the time that a node waits for a batch. */
  dynamoRequestTimeoutMs: 2_000,
  /** Tries of one call. */
  dynamoTriesMax: 4,
  /** Longest random pause before the second try, ms. It doubles with each further try. */
  dynamoPauseBaseMs: 50,
  /** Longest random pause before any try, ms. */
  dynamoPauseMaxMs: 1_000,
  /** How often the state of a new table is read, ms. */
  dynamoTablePollMs: 500,
  /** How many times the state of a new table is read before it is given up. */
  dynamoTablePollsMax: 120,

  // Other services of AWS, and DNS

  /** Tries of one call by the SDK. */
  awsTriesMax: 3,
  /** How long connecting may take, ms. */
  awsConnectTimeoutMs: 2_000,
  /** How long one try of a call may take, ms. */
  awsRequestTimeoutMs: 5_000,
  /** How long a changed record may take to reach all servers of the zone, ms. */
  dnsChangeMs: 90_000,
  /** How often Route 53 is asked whether it has, ms. */
  dnsPollMs: 2_000,
  /** How long the answer to one question to DNS may take, ms. */
  dnsTimeoutMs: 3_000,
  /** Tries of one question to DNS. */
  dnsTriesMax: 3,
  /** Stanzas of one batch that are traced, however many the share would take. */
  tracedPerBatchMax: 8,
  /** Stanzas of which it is remembered that their trace has its root. */
  tracedRootsMax: 4_096,
  /** Spans that wait for the collector; what comes then is dropped. */
  otlpSpansMax: 2_048,
  /** How long the collector may take for a request, ms; a process that stops waits for it. */
  otlpTimeoutMs: 3_000,
} as const;
