/**
 * Every bound of the program, with its unit and the reason for the figure. A queue, cache, list or loop that has no line here
 * is a defect.
 */
export const limits = {
  /**
   * One stanza from an authenticated client, bytes. RFC 6120 §13.12 asks for at least 10,000. An avatar of 190 KiB (XEP-0084) has 266,000
   * in base64 with line breaks. As a row (`storeValueBytesMax`) and in one message on the bus (`busPayloadBytesMax`) there is room for it.
   */
  stanzaBytesMax: 320 * 1024,
  /** All that a peer may send before SASL succeeds, bytes: its largest element, with room for headers and small ones. */
  preauthBytesMax: 16 * 1024,
  /** One element of it, bytes: the least that RFC 6120 §13.12 allows. */
  preauthStanzaBytesMax: 10_000,
  /** First-level elements before SASL succeeds. */
  preauthElementsMax: 32,
  /** From accept to a finished SASL exchange, milliseconds. */
  preauthTimeoutMs: 30_000,
  /** From SASL to the bound resource, milliseconds; the same as `keepAliveMs`, since it is announced as one with it (XEP-0478). */
  bindTimeoutMs: 120_000,
  /** XML scanners kept for the next element; one is in use per element that has come in part. */
  spareMachinesMax: 16,
  /** Nesting below the stanza; forms and Jingle stay under 20. */
  depthMax: 64,
  /** Attributes on one element. */
  attributesMax: 64,
  /** Elements within one stanza: a roster push has few, a data form hundreds. */
  elementsMax: 10_000,
  /** Names (prefix and local part each), bytes. */
  nameBytesMax: 256,
  /** Wrong passwords on one stream before it is closed (RFC 6120 §6.4.5 asks for 2 to 5). */
  saslFailuresMax: 5,
  /**
   * Attempts on one stream that fail for another reason than the password. Some clients try mechanism after mechanism that cannot work for
   * them, so this is well above twice the number of mechanisms and below `preauthElementsMax`.
   */
  saslMisfitsMax: 24,
  /** Wrong passwords for one account from one address before the first delay. People mistype, and clients repeat what they have. */
  guessesFree: 16,
  /** The delay after the next wrong one, doubled with each further one, up to the cap, ms. */
  guessDelayMs: 2_000,
  guessDelayMaxMs: 10 * 60 * 1000,
  /** The cap for an address from which the account has signed in before, ms: its owner may sit behind it, beside whoever guesses. */
  guessDelayFamiliarMaxMs: 10_000,
  /** Wrong passwords are forgotten when none followed for this long, ms. */
  guessesKeepMs: 60 * 60 * 1000,
  /** Wrong passwords for one account from all addresses that are new to it: their first ones, and further ones. */
  firstGuessesBurst: 20,
  firstGuessesPerSecond: 0.2,
  furtherGuessesBurst: 60,
  furtherGuessesPerSecond: 0.1,
  /** Wrong passwords from one address for all accounts of a tenant that have not signed in from there before. */
  networkGuessesBurst: 60,
  networkGuessesPerSecond: 0.2,
  /** The same from this machine, where a proxy may stand for everybody. */
  ownMachineGuessesBurst: 240,
  ownMachineGuessesPerSecond: 1,
  /** Addresses whose wrong passwords one account remembers: of more, those with the fewest go. */
  guessingNetworksMax: 32,
  /** Addresses from which an account has signed in, the last ones; how long each is remembered, and noted again at the earliest, ms. */
  familiarNetworksMax: 16,
  familiarKeepMs: 90 * 24 * 60 * 60 * 1000,
  familiarRenewMs: 7 * 24 * 60 * 60 * 1000,
  /** Sign-ins to one account that wait for those before them, of all addresses and of one. */
  signInsWaitingMax: 256,
  signInsPerNetworkMax: 32,
  /** Accounts whose wrong passwords are counted in memory, in case that the store cannot be written. */
  unrecordedGuessesMax: 10_000,
  /** Lines in the log about failed sign-ins from one address: at once and per second; addresses that are remembered for this. */
  failureLinesBurst: 20,
  failureLinesPerSecond: 1,
  failureLineNetworksMax: 10_000,
  /** Each part of a JID, bytes of UTF-8 (RFC 7622 §3). */
  jidPartBytesMax: 1023,
  /** Parsed addresses kept, entries. */
  jidCacheMax: 10_000,
  /** Resources one account may have bound at once. */
  sessionsPerAccountMax: 30,
  /** Stanzas of one session in one batch to a router; the header and XML stay under `batchBytesMax`. */
  batchStanzasMax: 64,
  /** XML of one batch, bytes; one stanza alone may fill it. */
  batchBytesMax: 256 * 1024,
  /** What one account may send at a node: stanzas and bytes at once, and per second; beyond it its sockets are read later. */
  sentStanzasBurst: 10_000,
  sentStanzasPerSecond: 300,
  sentBytesBurst: 16 * 1024 * 1024,
  sentBytesPerSecond: 1024 * 1024,
  /** Accounts of a node whose sending is remembered, besides those with sessions. */
  sendingAccountsMax: 50_000,
  /** What one account may send in messages in a day, bytes: a person writes some thousand, a bot some million; many kept for ever fill disks. */
  keptBytesPerDayMax: 256 * 1024 * 1024,
  /** … of which a row is written when as much is new, bytes; and accounts whose count is kept in memory, the last used. */
  keptBytesStep: 1024 * 1024,
  keptAccountsMax: 50_000,
  /** Embedded: the last of a disk, bytes, or as a share of a small one, is for sign-ins and deletions; it is looked at this often, ms. */
  diskReserveBytes: 256 * 1024 * 1024,
  diskReserveShare: 0.05,
  diskLookMs: 1_000,
  /** Embedded: a row of `core` that may still be written then, bytes: accounts, subscriptions and settings are below. */
  diskShortRowBytesMax: 16 * 1024,
  /** Stanzas of one session read from its socket and not yet answered by a router; at this many the socket is not read. */
  ingressStanzasMax: 256,
  /** Sessions that one delivery may name. */
  deliveryTargetsMax: 5_000,
  /** A router waits this long for a node to confirm a delivery, milliseconds. */
  deliveryTimeoutMs: 250,
  /** A node waits this long for a router's answer before it sends the batch again, milliseconds. */
  batchTimeoutMs: 5_000,
  /**
   * The deployment's time in two processes differs by less than this, milliseconds (decision 9). A batch that was not answered goes to the next router when the last
   * one's time is over by every clock.
   */
  clocksDifferMs: 1_000,
  /** Tries of one batch, at least, before its stanzas are answered with a `wait` error. */
  batchTriesMax: 3,
  /**
   * Before its stanzas are so answered, a session's batch is tried for this long, milliseconds: what died meanwhile is called dead
   * (`heartbeatDeadMs`, seen with a heartbeat), and another one has taken over.
   */
  batchPatienceMs: 15_000,
  /** Stanzas sent but not acknowledged by an XEP-0198 client; beyond this the session is treated as lost. */
  unackedStanzasMax: 2_000,
  /** The same, bytes. */
  unackedBytesMax: 4 * 1024 * 1024,
  /** Sockets that are written to in one turn of the event loop, of those with something new, and as many of those that wait; 15 µs each. */
  socketsPerTurn: 128,
  /** Stanzas to one client that stream features hold back, and their bytes; beyond this they go out. Below what may be unacknowledged. */
  heldOutgoingStanzasMax: 500,
  heldOutgoingBytesMax: 1024 * 1024,
  /** Bytes waiting in one client's socket before the session is parked instead of buffered on. */
  socketBufferBytesMax: 4 * 1024 * 1024,
  /** After this many stanzas towards a client we ask it for an acknowledgement. */
  ackRequestStanzas: 5,
  /** … and after this long with anything outstanding, milliseconds. */
  ackRequestMs: 5_000,
  /** A lost XEP-0198 session is kept this long for resumption, milliseconds. */
  resumeTimeoutMs: 300_000,
  /** The account's cursor is written at most this often per session, milliseconds. */
  cursorFlushMs: 500,
  /** Ids remembered behind the cursor, and per session against doubles. */
  deliveredRingMax: 256,
  /**
   * Catch-up starts this long before the cursor, because a smaller id may commit later, milliseconds. Half of it is for
   * processes that do not know yet how far others have come: of the deployment's clock they hear with each heartbeat.
   */
  catchUpOverlapMs: 10_000,
  /** Archive entries per page of catch-up. */
  catchUpPageMax: 100,
  /** Items per RSM page whatever the client asks for (XEP-0313 §4.3). */
  rsmPageMax: 250,
  /** Items in one roster. */
  rosterItemsMax: 5_000,
  /** Entries in one blocklist. */
  blocklistMax: 2_000,
  /** XEP-0191: full addresses of one bare address in a blocklist: those of a room are kept with the occupant's session there. */
  blockedPlacesMax: 50,
  /** Addresses one session may have sent directed presence to. */
  directedPresenceMax: 500,
  /** One heartbeat per process, milliseconds; dead after `heartbeatDeadMs` without a change. */
  heartbeatMs: 3_000,
  heartbeatDeadMs: 10_000,
  /** The deployment's time is written this far ahead of its use, milliseconds: three heartbeats and some more (decision 9). */
  clockReserveMs: 10_000,
  /** A clock on the wall that is this far from the deployment's time was set, or is wrong; milliseconds. */
  clockApartMs: 10_000,
  /** The deployment's time follows clocks on the wall that are ahead when all have been so for this long: three heartbeats, milliseconds. */
  clockJumpMs: 9_000,
  /** Seconds of a deployment that is ahead of the time of day are longer by a tenth: deadlines stay what they are, nearly. */
  clockSlowRate: 0.9,
  /** White space is sent on a stream silent this long so that dead peers are noticed, milliseconds. */
  keepAliveMs: 120_000,
  /** A stop waits this long for batches and sockets, milliseconds. */
  shutdownMs: 10_000,
  /** A tenant's row is believed this long, milliseconds: changes take effect within a second (FEATURES C4). */
  tenantCacheMs: 1_000,
  /** Tenant rows kept, entries (also of domains that are none, so that guessing costs no memory). */
  tenantCacheMax: 10_000,
  /** A connection node gives a router's answer to one stream that opens to others so long, milliseconds: they come by the hundred. */
  greetingKeepMs: 250,
  /** Such answers kept, entries: a few per tenant, by what TLS there is. */
  greetingsMax: 10_000,
  /** Deliveries waiting for one node, bytes; beyond this they fail and the archive takes over. */
  deliveryQueueBytesMax: 16 * 1024 * 1024,
  /** A router waits this long for another router or a room's worker, milliseconds; under `batchTimeoutMs`. */
  forwardTimeoutMs: 3_000,
  /** One message on the bus, bytes: NATS's own default maximum. */
  busPayloadBytesMax: 1024 * 1024,
  /** A subject; ours are under 60 characters. */
  busSubjectCharactersMax: 255,
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
  /** Key of a blob, bytes of UTF-8: what S3 takes. */
  blobKeyBytesMax: 1_024,
  /** Media type of a blob, characters. */
  blobTypeCharactersMax: 255,
  /** A temporary file this old belongs to a process that died while it wrote, milliseconds. */
  blobTemporaryMs: 24 * 60 * 60 * 1000,
  /** XEP-0363: one file, bytes; a minute of video of a phone has some 130 MB before clients shrink it, a photo 5. */
  uploadBytesMax: 100 * 1024 * 1024,
  /** XEP-0363: what one account may upload in a calendar month (UTC), bytes. */
  uploadMonthBytesMax: 2 * 1024 * 1024 * 1024,
  /** … where a file counts as at least this: it costs a request, an inode and a line in listings however small it is. */
  uploadCountedBytesMin: 64 * 1024,
  /** XEP-0363: a file's name in its URL, bytes of UTF-8; percent-encoded it may be three times as long. */
  uploadNameBytesMax: 200,
  /** XEP-0363 §7: a PUT begins within this, milliseconds. What signs URLs for S3 may itself expire in little more. */
  uploadSlotMs: 300_000,
  /** Uploads that one process takes at once; each has a file open. Of these, those of one tenant, of one address and of one account. */
  uploadsAtOnceMax: 200,
  uploadsPerTenantMax: 100,
  uploadsPerNetworkMax: 40,
  uploadsPerAccountMax: 8,
  /** Web: sockets of one address at a process (IPv6: of a /64), not of this machine: a browser opens six to an origin. */
  webConnectionsPerNetworkMax: 500,
  /** An upload that sends nothing for this long is broken off, milliseconds; so is one that is slower than this on the whole. */
  uploadIdleMs: 30_000,
  uploadBytesPerSecondMin: 32 * 1024,
  /** So this is the longest that any request takes, milliseconds. */
  uploadRequestMs: 60 * 60 * 1000,
  /** Files in the folder that are past their tenant's retention are looked for this long after the start, and then as often, ms. */
  uploadFirstSweepMs: 60_000,
  uploadSweepMs: 6 * 60 * 60 * 1000,
  /** S3: sockets kept open; to connect, and without a byte either way, milliseconds; tries of a request that can be repeated. */
  s3SocketsMax: 64,
  s3ConnectTimeoutMs: 2_000,
  s3SilenceTimeoutMs: 30_000,
  s3TriesMax: 3,
  /** S3: a presigned URL is good for at most this long, seconds. */
  s3SlotSecondsMax: 7 * 24 * 60 * 60,
  /** Store: each of a row's two keys, bytes of UTF-8. DynamoDB takes 1,024 for a sort key. */
  storeKeyBytesMax: 1_024,
  /** Store: a row's value, bytes of UTF-8. DynamoDB takes 400 KiB for an item with its keys and names. */
  storeValueBytesMax: 380_000,
  /** Store: rows that one query may ask for. */
  storeQueryRowsMax: 1_000,
  /** Store: keys that one batchGet may name. */
  storeBatchKeysMax: 1_000,
  /** Store: writes (and, to DynamoDB, reads) handed in and not yet answered; beyond this they fail at once. */
  storeWaitingMax: 50_000,
  /** Store: the keys and values of writes not yet answered, bytes; beyond this they fail at once. */
  storeWaitingBytesMax: 64 * 1024 * 1024,
  /** Archive: rows "something was exchanged with this peer in this span of time" that a router remembers to have written. */
  knownSpansMax: 32_768,
  /** XEP-0313: entries that a filter passes over for one page; the page then says where the next one begins. Also those that are counted. */
  archivePassedMax: 10_000,
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
  /** DynamoDB: to connect, and for one whole request, milliseconds; a router waits for `batchTimeoutMs` in all. */
  dynamoConnectTimeoutMs: 1_000,
  dynamoRequestTimeoutMs: 2_000,
  /** DynamoDB: tries of one call, with a random pause of up to the base, doubled each time, up to the cap, milliseconds. */
  dynamoTriesMax: 4,
  dynamoPauseBaseMs: 50,
  dynamoPauseMaxMs: 1_000,
  /** DynamoDB: a new table is asked for its state this often, milliseconds, and this many times. */
  dynamoTablePollMs: 500,
  dynamoTablePollsMax: 120,
  /** Derivations of password keys (about 4 ms of a thread each) at once for sign-ins: half the pool, which files and DNS need too. */
  passwordDerivationsMax: 2,
  /** How many wait for their turn, two seconds' worth. Beyond this the longest line of an account behind an address loses its last. */
  passwordDerivationsWaitingMax: 1_024,
  /** How many of one account behind one address: all its clients that come back at once (`sessionsPerAccountMax`). */
  passwordDerivationsPerAccountMax: 32,
  /** New passwords have a queue of their own, so that registrations never keep anybody from signing in: at once, waiting, of one address. */
  newPasswordsMax: 1,
  newPasswordsWaitingMax: 256,
  newPasswordsPerNetworkMax: 32,
  /** A password after SASLprep, bytes: like a part of a JID. */
  passwordBytesMax: 1_023,
  /** Who has claimed the look of a name makes the account within this, ms: deriving its keys may have to wait. */
  lookClaimMs: 60_000,
  /** XEP-0077: tries to make an account, per second, tenant and router; also the burst. */
  registrationsPerSecond: 10,
  /** XEP-0077: the same from one address: at once, for a class or an office, and per second. */
  registrationsPerNetworkBurst: 30,
  registrationsPerNetworkPerSecond: 0.1,
  /** Tenants, and addresses, whose rate of registrations is remembered. */
  registrationBucketsMax: 10_000,
  /** Accounts or tenants in one answer to an operator. */
  adminPageMax: 100,
  /** Rows of an account read and deleted at once while it is erased; a page is at most 38 MB. */
  eraseRowsMax: 100,
  /**
   * Removals: the process that works on one says so at least this often, and stops when it has not for the second time; another one takes
   * over after the third, which is longer by what a write may take; and looks for such this often. Milliseconds.
   */
  removalBeatMs: 1_000,
  removalLeaseMs: 10_000,
  removalStaleMs: 15_000,
  removalSweepMs: 10_000,
  /** With every so manieth of these looks, files that came after their account was removed are deleted. */
  doomedFilesLooks: 6,
  /** Removals of other processes that one watches. */
  removalsSeenMax: 1_000,
  /**
   * What a router does for a request ends this long after the requester's patience, milliseconds: a message may be written late, for it is
   * written again as it is, but not for ever.
   */
  lateWriteMs: 5_000,
  /**
   * When nobody can sign in to a removed account any more, requests of its sessions may be under way for this long: the patience of a node,
   * what a late write may take, a stanza's way to a room, and what clocks differ by. Milliseconds.
   */
  removalQuietMs: 15_000,
  /** An operator is told after this long, milliseconds, how far a removal is. */
  removalAnswerMs: 5_000,
  /** Accounts or rooms that are asked at once to forget removed addresses, and the pause between two such pages, milliseconds. */
  forgetPageMax: 50,
  forgetPauseMs: 20,
  /** Removed addresses that are looked up one by one; of more of them all that is kept is read. */
  goneLookedUpMax: 20,
  /** To a room's worker that has it forget addresses, or erase it, milliseconds: an archive may be long. */
  roomErasureTimeoutMs: 60_000,
  /** A batch that no router answered is sent again after this long, doubled each time, plus up to as much by chance, milliseconds. */
  batchBackoffMs: 500,
  /** Until it is this long, which is soon beside `batchPatienceMs`. */
  batchBackoffMaxMs: 2_000,
  /** As for `batchTriesMax`, but of the batch that tells of a session's end: nobody waits for it, and its rows would stay. */
  endTriesMax: 14,
  /** As `ingressStanzasMax`, bytes: four full batches. */
  ingressBytesMax: 1024 * 1024,
  /**
   * The same while no router answers, of however many sessions at a time. Not 0, so that `<r/>` behind a stanza or two is read, and answered,
   * and the client does not take its stream for dead.
   */
  stalledIngressBytesMax: 16 * 1024,
  /** Deliveries held back while a session catches up; beyond this further pages are read instead. Entries, bytes. */
  catchUpBufferStanzasMax: 1_000,
  catchUpBufferBytesMax: 1024 * 1024,
  /** The next page of catch-up waits until the client has acknowledged down to this many stanzas. */
  catchUpUnackedMax: 500,
  /** Counters of timed-out XEP-0198 sessions kept for `<failed h='…'/>` (§5), entries of a node. */
  endedSessionsMax: 10_000,
  /** Stanzas of one session that another node takes over, bytes: one message on the bus. */
  handOverBytesMax: 768 * 1024,
  /** Answers to hand-over requests kept in case that the answer was lost, entries of a node. */
  handOverRepliesMax: 100,
  /** Sockets of one node. */
  streamsPerNodeMax: 50_000,
  /** After our closing tag the peer has this long to close its side, milliseconds. */
  closeTimeoutMs: 2_000,
  /** TCP keep-alive probes begin after this much silence, milliseconds. */
  tcpKeepAliveMs: 240_000,
  /** Rooms: clients in one room, whatever its owner says; each is a row in memory and a copy of every message. */
  roomSessionsMax: 6_000,
  /** Rooms: of these, clients that only admins and owners may be (XEP-0045 §7.2.9). */
  roomSessionsKeptForAdmins: 50,
  /** Rooms: a request is let go this long after its router gave it up, milliseconds: more than clocks differ. */
  roomLateMs: 1_000,
  /** Rooms: clients under one nick. */
  roomSessionsPerNickMax: 10,
  /** Rooms: owners, admins, members and outcasts of one room. */
  roomAffiliationsMax: 5_000,
  /** Rooms: nick, bytes of UTF-8. */
  roomNickBytesMax: 256,
  /** Rooms: a groupchat message; with its escapes it stands in one row twice (archive and redo). */
  roomMessageBytesMax: 64 * 1024,
  /** Rooms: a presence that each new occupant is sent, bytes. */
  roomPresenceBytesMax: 8 * 1024,
  /** Rooms: a message that sets the subject, bytes. */
  roomSubjectBytesMax: 8 * 1024,
  /** Rooms: reasons of kicks, bans, invitations, characters. */
  roomReasonCharactersMax: 1_000,
  /** Rooms: requests that wait for one room. */
  roomQueueMax: 1_000,
  /** Rooms: requests handled with one conditional write; and the rows after which no further one is taken, bytes. */
  roomBatchMax: 64,
  roomBatchBytesMax: 64 * 1024,
  /** Rooms: the rows of one request, bytes; with `roomBatchBytesMax` they fit one row of the store. */
  roomTurnBytesMax: 256 * 1024,
  /** Rooms: ids of requests known as handled, in memory and in the room's state row. */
  roomHandledMax: 512,
  roomHandledStoredMax: 64,
  /** Rooms kept in memory by one worker. */
  roomsCachedMax: 2_000,
  /** Rooms: messages that a new occupant may be sent. */
  roomHistoryMax: 50,
  /** Rooms: that history lives this long where the room keeps no archive, milliseconds. */
  roomTransientMs: 24 * 60 * 60 * 1000,
  /** Rooms: the fence of a room that is gone, milliseconds; longer than any worker stays frozen. */
  roomTombstoneMs: 24 * 60 * 60 * 1000,
  /** Rooms: items of one XEP-0045 admin request. */
  roomAdminItemsMax: 50,
  /** Rooms: affiliations and the like of removed addresses that end in one turn. */
  roomForgottenMax: 50,
  /** Rooms: invitations in one message. */
  roomInvitesMax: 20,
  /** Rooms: admins and owners who are asked to approve a registration. */
  roomApproversMax: 20,
  /** Rooms: archive pages that one worker reads at once. */
  roomQueriesMax: 64,
  /** Rooms listed in one page of the service's disco items. */
  roomListMax: 100,
  /** Data forms: fields, values of one field, characters of one value. */
  formFieldsMax: 200,
  formValuesMax: 100,
  formValueCharactersMax: 4_096,
  /** Name of a roster item and of a group, bytes (RFC 6121 §2.3.3). */
  rosterNameBytesMax: 1_023,
  /** Groups of one roster item. */
  rosterGroupsMax: 50,
  /** All items of a roster as a client gets them, bytes: one answer on the bus holds them. */
  rosterBytesMax: 640 * 1024,
  /** A contact's bare JID, bytes: it is part of a row's key. */
  rosterAddressBytesMax: 1_000,
  /** Requests of contacts who are not in the roster and wait for an answer. */
  rosterRequestsMax: 500,
  /** One such request as it is kept, bytes; of a longer one only its opening tag is. */
  rosterRequestBytesMax: 4 * 1024,
  /** Removed items that are remembered for clients with an older version; the older half goes when there are as many. */
  rosterTombstonesMax: 1_000,
  /** Changes after which a roster that seems to be full is counted anew before more is refused. */
  rosterRecountChanges: 64,
  /** Changed items up to which a client with a version gets pushes instead of the whole roster; below half of the tombstones. */
  rosterChangesMax: 100,
  /** Presence that is broadcast, bytes; the longest of today's clients (capabilities, avatar, keys) take 2 KiB. */
  presenceBytesMax: 8 * 1024,
  /** The item with all sessions of an account, bytes, as far as presence may fill it; below `storeValueBytesMax` by some binds. */
  presenceItemBytesMax: 340_000,
  /** Files that are looked at, or deleted at once, when all of a tenant's go. */
  blobsPageMax: 100,
  /** Operators' socket: one line, bytes; connections at once; to an answer, milliseconds: a tenant with all its accounts goes. */
  adminLineBytesMax: 64 * 1024,
  adminConnectionsMax: 32,
  adminTimeoutMs: 600_000,
  /** Web: answers under way when the process stops have this long, milliseconds. */
  webCloseMs: 2_000,
  /** Files of a certificate, and the list in the store, are looked at this often, milliseconds: renewal comes weeks before the end. */
  certificatePollMs: 30_000,
  /** Resync marks that a node takes with one heartbeat; the rest waits for the next. */
  resyncMarksMax: 500,
  /** `start --processes`: a process that died young is started again after this long, then twice as long …, milliseconds. */
  processRestartMs: 500,
  processRestartMsMax: 30_000,
  /** Cluster on one machine: a process that is not ready by then counts as failed, milliseconds. */
  childStartMs: 30_000,
  /** XEP-0313: pages that one account asks for, at once, for clients that fetch years, and per second. */
  archiveQueriesBurst: 500,
  archiveQueriesPerSecond: 20,
  /** XEP-0313: the messages of one page of an account's or a room's archive, bytes; with one more of any size they fit one answer on the bus. */
  archivePageBytesMax: 384 * 1024,
  /** All that one batch is answered with, bytes, but for refusals: one message on the bus holds it. */
  answersBytesMax: 896 * 1024,
  /** Offline delivery: the messages of one page, bytes, but for one of any size. */
  catchUpPageBytesMax: 384 * 1024,
  /** Messages that are not to be archived wait this long for an offline user, milliseconds. */
  unarchivedMs: 30 * 24 * 60 * 60 * 1000,
  /** XEP-0441: addresses of one list; the preferences as they are kept, bytes. */
  archivePreferencesMax: 1_000,
  archivePreferencesBytesMax: 60_000,
  /** Stanzas that a row remembers to have been written by, the last ones: one for each session that writes it at the same time. */
  rowWritersMax: 4,
  /** XEP-0191: the blocklist as it is kept, bytes; every stanza is checked against it, so the cache of rows must take it. */
  blocklistBytesMax: 60_000,
  /** Characters of all full addresses of one bare address in a blocklist, for the same reason as {@link limits.blockedPlacesMax}. */
  blockedPlacesCharactersMax: 16_000,
  /** XEP-0054: a vCard, bytes; one with a photo of 64 KiB has 90,000, and JSON may double it in its row. */
  vcardBytesMax: 180_000,
  /** XEP-0049: one element, bytes, likewise; elements of an account, and all of them, bytes. */
  privateElementBytesMax: 180_000,
  privateElementsMax: 100,
  privateBytesMax: 1024 * 1024,
  /** Rooms: rooms of one tenant; a sixteenth of them is counted with one query when one is made. */
  roomsPerTenantMax: 16_000,
  /** Rooms: rooms that one account has made and that are still there; a sixteenth of them in each part of the directory. */
  roomsPerAccountMax: 800,
  /** Rooms: persons, domains or rooms whose tokens one worker remembers, of each rate. */
  roomTokensMax: 50_000,
  /** Rooms: messages of one person who is not an admin: at once, and per second. */
  roomMessagesBurst: 100,
  roomMessagesPerSecond: 10,
  /** Rooms: entering, new nicks and presence of one person: at once, and per second. */
  roomPresencesBurst: 40,
  roomPresencesPerSecond: 2,
  /** Rooms: requests of one person: at once, and per second. */
  roomRequestsBurst: 200,
  roomRequestsPerSecond: 20,
  /** Rooms: answers of one person to what was passed on to it: at once, and per second; as many as requests. */
  roomAnswersBurst: 200,
  roomAnswersPerSecond: 20,
  /** Rooms: how long after a request an occupant's answer to it is passed back, milliseconds: longer than clients wait. */
  roomAnswerMs: 10 * 60_000,
  /** Rooms: private messages and answers that one worker remembers, to know answers and repeats by, the last ones; about 10 MB. */
  roomExchangesMax: 50_000,
  /** Rooms: an error from one occupant to another, bytes; of a longer one only type and condition pass. */
  roomErrorBytesMax: 2_048,
  /** Rooms: invitations of one person: at once, and per second. */
  roomInvitesBurst: 40,
  roomInvitesPerSecond: 0.1,
  /** Rooms: registrations of one person that others are asked to approve: at once, and per second. */
  roomRegistrationsBurst: 5,
  roomRegistrationsPerSecond: 0.01,
  /** Rooms: wrong passwords of one person at once and per second; and of one other domain. */
  roomPasswordsBurst: 10,
  roomPasswordsPerSecond: 0.02,
  roomDomainPasswordsBurst: 100,
  roomDomainPasswordsPerSecond: 0.2,
  /** Rooms: rooms that one person makes: at once, and per second. */
  roomCreationsBurst: 50,
  roomCreationsPerSecond: 0.1,
  /** Rooms: stanzas that one room sends to its occupants: at once, and per second; so that other rooms of the worker stay quick. */
  roomDeliveriesBurst: 1_000_000,
  roomDeliveriesPerSecond: 200_000,
  /** Rooms: people who enter one room: at once, and per second. */
  roomEntriesBurst: 5_000,
  roomEntriesPerSecond: 100,
  /** Rooms: searches (XEP-0433) of one person: at once, and per second; listed rooms that one search looks at in each part. */
  roomSearchesBurst: 10,
  roomSearchesPerSecond: 1,
  roomSearchRowsMax: 1_000,
  /** Rooms: messages on either side of one that is taken back, among which its corrections are looked for. */
  roomCorrectionsScanMax: 100,
  /** Rooms: affiliations that ended and are remembered for XEP-0463; the older half goes when there are as many. */
  roomFormerAffiliationsMax: 500,
  /** Rooms: people whose role in a moderated room lasts over their visits; the one kept first goes when there are as many. */
  roomKeptRolesMax: 1_000,
  /** Rooms: affiliations in one message of XEP-0463. */
  roomAffiliationsPageMax: 100,
  /** Rooms: hats (XEP-0317), hats of one person, and the row that holds all of it, bytes. */
  roomHatsMax: 50,
  roomHatsPerPersonMax: 10,
  roomHatsBytesMax: 48 * 1024,
  /** Rooms: vCard with avatar, bytes; its row stands in the fence's row once more. */
  roomVcardBytesMax: 100 * 1024,
  /** Rooms: slow mode (XEP-0500), seconds. */
  roomSlowModeMaxSeconds: 3_600,
  /** Rooms: after a worker has taken a room, and then as often, it looks whether the sessions of its occupants are still there, ms. */
  roomFirstSweepMs: 15_000,
  roomSweepMs: 300_000,
  /** Drain: sessions parked in the store per second; each costs about six rows, and its client comes back at another node. */
  drainPerSecond: 200,
  /** … and at once; of a stop, which has `shutdownMs` in all, this share of the time is for them, the rest for closing. */
  drainConcurrentMax: 64,
  drainShare: 0.6,
  /** A session parked in the store is one row; with keys and names it stays below `storeValueBytesMax`, bytes. */
  parkedRowBytesMax: 360_000,
  /** A row of a parked session is kept this long behind its deadline, so that whoever ends it finds what was not acknowledged. */
  parkedKeepMs: 60 * 60 * 1000,
  /** A node that has claimed a parked session has this long behind the deadline to say so to a router, milliseconds. */
  parkedClaimMs: 30_000,
  /** Parked sessions that a router ends with one look at the nodes. */
  parkedSweepMax: 300,
  /** When a node dies, what came for one of its sessions within this time is taken for unacknowledged; clients are asked far more often. */
  unackedRecentMs: 60_000,
  /** PROXY protocol: the header with its optional fields, bytes (load balancers send below 600), and how long it may take, milliseconds. */
  proxyHeaderBytesMax: 4 * 1024,
  proxyHeaderMs: 5_000,
  /** Storms: sockets that a node takes per second, and at once after a quiet time; a TLS handshake costs 0.5 ms of a core. */
  acceptsPerSecond: 500,
  acceptsBurst: 2_000,
  /** … and those that wait for their turn, unread. */
  acceptsWaitingMax: 4_096,
  /** The same of one address (IPv6: of a /64); beyond it the socket is closed. An office behind one address comes back at once. */
  acceptsPerAddressPerSecond: 20,
  acceptsPerAddressBurst: 500,
  /** Sockets of one address (IPv6: of a /64) at a node, of these whose client has not signed in; not of this machine, where proxies are. */
  socketsPerNetworkMax: 5_000,
  strangersPerNetworkMax: 500,
  /** A WebSocket's frames before sign-in, bytes: `preauthBytesMax`, and what frames add to it (RFC 6455 §5.2), pings included. */
  preauthFrameBytesMax: 17 * 1024,
  /** Addresses whose rate is remembered, the last used. */
  acceptAddressesMax: 50_000,
  /** Streams opened to one tenant per second at one node, and at once; beyond it the stream is closed with `resource-constraint`. */
  opensPerTenantPerSecond: 200,
  opensPerTenantBurst: 2_000,
  /** Getting ready at one node: tokens per second, and at once. Bind brings roster, presence and catch-up with it, resumption little. */
  readyTokensPerSecond: 1_000,
  readyTokensBurst: 4_000,
  bindTokens: 4,
  resumeTokens: 1,
  /** Binds and resumptions that wait for their turn, resumptions first. */
  readyWaitingMax: 8_192,
  /** Keys of TLS session tickets are changed this often, and looked at this often, milliseconds. */
  ticketKeysMs: 12 * 60 * 60 * 1000,
  ticketKeysPollMs: 60_000,
  /** Connections of health checks at once. */
  healthConnectionsMax: 64,
  /** A stop that has more time than `shutdownMs`, at most, seconds: what ECS on Fargate waits between SIGTERM and SIGKILL. */
  stopSecondsMax: 120,
  /** Nodes of an old release go one for each of the new one; beyond this time all do, because fewer may be wanted now, milliseconds. */
  releaseWaitMs: 10 * 60 * 1000,
  /** ECS: what a process holds is looked at this often; a protection lasts so long, and is renewed so early, in case we cannot for a while. */
  protectionPollMs: 2_000,
  protectionMinutes: 60,
  protectionRenewMs: 15 * 60 * 1000,
  /** … a process that holds nothing is given up after this, so that the last client's coming and going is not told each time. */
  protectionEmptyMs: 60_000,
  protectionTimeoutMs: 5_000,
  /** A process that is drained, unprotected and still not stopped ends by itself. */
  drainedLingerMs: 90_000,
  /** A process has this long to say how it is, milliseconds. */
  statusTimeoutMs: 1_000,
  /** Rooms: after something did not reach an occupant whose session is moving or parked, it is looked for; doubled each time, ms. */
  roomLookMs: 100,
  roomLookMaxMs: 3_000,
  /** Presence that took longer to be shown, from its read on, is looked at again: it may have changed meanwhile; so often, ms. */
  lookAgainMs: 10,
  lookAgainMax: 3,
  /** Rooms: a batch that took longer to write may have been shown by another worker: half of `heartbeatDeadMs`, milliseconds. */
  roomStallMs: 5_000,
  /** Rooms: a worker that takes over shows the last batch again when it is younger: nodes know what they have shown of late, ms. */
  roomShowAgainMs: 60_000,
  /** A secret that is sealed, bytes: a private key of RSA-8192 in PEM has 6,400; and what it is sealed for, bytes. */
  sealedBytesMax: 16 * 1024,
  sealContextBytesMax: 1_024,
  /** AWS but for DynamoDB: tries of one call by the SDK; to connect, and for one try, milliseconds. */
  awsTriesMax: 3,
  awsConnectTimeoutMs: 2_000,
  awsRequestTimeoutMs: 5_000,
  /** Certificates: a chain in PEM, bytes; three certificates take 6,000. Certificates in it; names of one, as most CAs have it. */
  certificateBytesMax: 32 * 1024,
  certificateChainMax: 10,
  certificateNamesMax: 100,
  /** Certificates of one deployment that a node knows by name. */
  certificatesMax: 20_000,
  /** … and those that it has opened, the last used; each takes some 50 kB, twice that where clients come by STARTTLS. */
  certificatesOpenMax: 2_000,
  /** Certificates that are tried, one after the other, for clients that name no server, because the one before cannot be opened. */
  defaultCertificateTriesMax: 5,
  /** A node looks for changed ones every `certificatePollMs` plus up to half of it by chance; for an unknown name at most this often, ms. */
  certificateLookMinMs: 2_000,
  /** One that cannot be opened is not tried again for this long, milliseconds. */
  certificateRetryMs: 10_000,
  /** Refused names are logged at most this often, milliseconds. */
  certificateRefusalLogMs: 10_000,
  /** … and so much of one, characters. */
  refusedNameCharactersMax: 100,
  /** Renewal: domains under way at once; the CA limits new orders to some hundred in three hours. */
  renewalsConcurrentMax: 4,
  /** Renewal: a domain whose last try failed rests this long, doubled each time, up to the cap, plus up to a tenth, milliseconds. */
  renewalPauseMs: 60 * 60 * 1000,
  renewalPauseMaxMs: 24 * 60 * 60 * 1000,
  /** Renewal: one domain, from order to certificate; no new one is begun when less than this is left of the run, milliseconds. */
  renewalDomainMs: 4 * 60 * 1000,
  /** Renewal: for a record to be at all servers of the zone, and then to be seen from here, milliseconds each; asked this often. */
  dnsChangeMs: 90_000,
  dnsSeenMs: 60_000,
  dnsPollMs: 2_000,
  /** One question to DNS, milliseconds, and tries. */
  dnsTimeoutMs: 3_000,
  dnsTriesMax: 3,
  /** ACME: one request, milliseconds; tries of one that the CA answers with 5xx or 429; questions for the state of an order. */
  acmeRequestTimeoutMs: 15_000,
  acmeTriesMax: 2,
  acmePollsMax: 20,
  acmePollMs: 1_000,
  acmePollMaxMs: 10_000,
  /** What a CA or KMS says about a failure, as it is kept and logged, characters. */
  failureCharactersMax: 500,
  /** PEP: nodes of an account; legacy OMEMO has one per device of its owner. */
  pepNodesMax: 100,
  /** PEP: a node's name, and an item's id (of bookmarks it is a bare JID; part of a row's key), bytes of UTF-8. */
  pepNodeNameBytesMax: 512,
  pepItemIdBytesMax: 900,
  /** PEP: title, description and type of a node, bytes each. */
  pepTextBytesMax: 512,
  /** PEP: names of the roster groups that may read a node, bytes together. */
  pepGroupsBytesMax: 2 * 1024,
  /**
   * PEP: one item, bytes, below `stanzaBytesMax`: an avatar of 190 KiB has 266,000 in base64 with line breaks. The same as JSON, which its
   * row is, below `storeValueBytesMax`.
   */
  pepItemBytesMax: 300_000,
  pepItemRowBytesMax: 360_000,
  /** PEP: items of one node, and all of them, bytes: one answer on the bus holds them. */
  pepItemsPerNodeMax: 1_000,
  pepNodeBytesMax: 512 * 1024,
  /** PEP: the row with an account's nodes, and the row that lists a node's items, bytes. */
  pepRowBytesMax: 300_000,
  /** PEP: explicit subscribers of one node; they stand in one row, and a notification reads the sessions of all. */
  pepSubscribersMax: 1_000,
  /** PEP: nodes that one resource may want news of, and their names, bytes: they stand in the item with all sessions. */
  pepWantedMax: 64,
  pepWantedBytesMax: 3 * 1024,
  /** PEP: last items that a resource is sent when it comes, and their bytes; of further contacts it hears with their next change. */
  pepLastItemsMax: 1_000,
  pepLastItemsBytesMax: 2 * 1024 * 1024,
  /** XEP-0115: hashes remembered for an account, the last used: one per kind of client it has. */
  capsKnownMax: 30,
  /** XEP-0115: node, ver and hash in a presence, characters together; features and identities in an answer. */
  capsCharactersMax: 1_000,
  capsFeaturesMax: 1_000,
} as const;
