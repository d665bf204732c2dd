/** Bounds that the runtime enforces in every process. */
export const runtimeLimits = {
  /** Fields of an answer on the bus: the bits of a whole number say which were taken. */
  answerFieldsMax: 31,

  // Processes and their clock

  /** Interval of the heartbeats of a process, ms. */
  heartbeatMs: 3_000,
  /** A process counts as dead when its row has not changed for this long, ms. It is more than three heartbeats. */
  heartbeatDeadMs: 10_000,
  /** Processes that are listed, and how many at a time. */
  nodesMax: 10_000,
  nodesPageMax: 1_000,
  /**
   * A process that watches others looks at most this often for each of them, ms: the more there are, the more rows each look reads and
   * the more processes look. A thousand read a thousand units a second then, and a partition of DynamoDB gives three thousand.
   */
  nodeLookMs: 60,
  /** So many routers watch all processes; the others only look whether it is their turn. */
  nodeWatchersMax: 3,
  /** How far ahead of its use the deployment's time is written, ms. It is more than three heartbeats (decision 9). */
  clockReserveMs: 10_000,
  /** A wall clock that is this far from the deployment's time was set, or is wrong, ms. */
  clockApartMs: 10_000,
  /** The deployment's time jumps ahead when all wall clocks have been ahead of it for this long, ms. It is three heartbeats. */
  clockJumpMs: 9_000,
  /** Speed of a deployment's time that is ahead of the time of day. It is close to 1, so that deadlines hardly change. */
  clockSlowRate: 0.9,
  /**
   * The deployment's time differs by less than this between two processes, ms (decision 9). A batch without an answer goes to
   * another router only when the time of the first one is over by every clock.
   */
  clocksDifferMs: 1_000,
  /** Tries of a write of the deployment's clock. A try fails only because another process wrote first. */
  clockTriesMax: 10,
  /** How often a process that starts looks whether the others move the clock, ms. */
  clockPollMs: 250,
  /** How long a process may take to report its status, ms. */
  statusTimeoutMs: 1_000,
  /**
   * Nodes of an old release drain one by one, each when a node of the new release is ready. After this long, the rest drains too,
   * because fewer nodes may be wanted now, ms.
   */
  releaseWaitMs: 10 * 60 * 1000,

  // Deliveries

  /** Sessions that one delivery may name. */
  deliveryTargetsMax: 5_000,
  /** How long a router waits until a node confirms a delivery, ms. */
  deliveryTimeoutMs: 250,
  /** Size of all deliveries that wait for one node, bytes. Further ones fail, and the archive takes over. */
  deliveryQueueBytesMax: 16 * 1024 * 1024,
  /** After this many bytes, no further delivery is added to a message to a node. With one more stanza it fits on the bus. */
  deliveryMessageBytesMax: 512 * 1024,

  // Archives

  /**
   * Catch-up starts this long before the cursor, ms, because an entry with a smaller id may be committed later. Half of it allows
   * for processes that have not heard how far the others' clocks are: they hear it with a heartbeat.
   */
  catchUpOverlapMs: 10_000,
  /**
   * Entries that a filter may skip, and that may be counted, for one page. The page then says where the next one begins
   * (XEP-0313).
   */
  archivePassedMax: 10_000,
  /** Messages on one page of an archive, bytes. With one more message of any size, the page fits into one message on the bus. */
  archivePageBytesMax: 384 * 1024,
  /** What a result adds to an archived message, bytes: two addresses, the id of the query, and the id of the entry. */
  archiveWrapperBytes: 500,
  /** Ids that are looked up together. */
  archiveIdsPerRound: 32,

  // Parked sessions

  /** Size of the row of a parked session, bytes. With its keys and names it is below the bound of the store. */
  parkedRowBytesMax: 360_000,
  /**
   * How long the row of a parked session outlives its deadline, ms. Whoever ends the session then still finds what was not
   * acknowledged.
   */
  parkedKeepMs: 60 * 60 * 1000,
  /** Lists of deadlines of parked sessions. 84 nodes that are stopped at once park 30,000 a second, each with a put and a deletion. */
  parkedShards: 128,

  // Tenants, accounts and removals

  /** How long a tenant's row is cached, ms. A change takes effect within a second. */
  tenantCacheMs: 1_000,
  /** Rows of tenants are read again after this long although nothing seems to have changed, ms: whoever changed one may have died before it said so. */
  tenantKeepMs: 60_000,
  /** Tenants that are cached. Domains that are not tenants count, so that guessing domains takes no memory. */
  tenantCacheMax: 10_000,
  /** Domains in one list of a tenant's policy. Both lists of the longest domains fit into a row. */
  policyDomainsMax: 500,
  /** Owners of rows whose rows are moved to a newer schema before the process says how far it is. */
  schemaPageMax: 50,
  /** Pause between two of these pages, ms: a move of 100,000 accounts takes some minutes, and people do not notice it. */
  schemaPauseMs: 100,
  /** How often a process looks whether another one that moves rows has died, ms. */
  schemaLookMs: 60_000,
  /** A process that has not said for so long how far it is has died, ms. A page takes a part of this. */
  schemaMoverMs: 120_000,
  /** Contacts that new accounts begin with: each is a change of two rosters, while somebody waits for the account. */
  newcomerContactsMax: 20,
  /** Rooms that new accounts join: a client enters all of them at its first sign-in. */
  newcomerRoomsMax: 20,
  /** An address in a policy, bytes. It fits into the key of a roster item and into the id of a bookmark. */
  policyAddressBytesMax: 500,
  /** Sealed secrets that a process remembers, the last used; for how long, ms; and how soon one that did not fit is read again, ms. */
  sealedSecretsMax: 10_000,
  sealedSecretMs: 60_000,
  sealedSecretAgainMs: 1_000,
  /** Processes that make the secret of one tenant at the same time: all but one find it made. */
  sealedSecretTriesMax: 5,
  /** The longest time for which a tenant may keep messages and files without keeping them for ever, days. */
  retentionDaysMax: 36_500,
  /** Accounts of a tenant at most, where it has a bound: of more than a thousand, some thousands are read when one is made. */
  accountsMax: 100_000,
  /** Rooms of one tenant. The directory has sixteen parts, and one query counts the rooms of a part. */
  roomsMax: 16_000,
  /** Up to so many names a tenant's directory is counted name by name. Of more, a sixteenth is, because they are spread evenly. */
  directoryCountedMax: 1_000,
  /** Size of one file (XEP-0363), MiB. A minute of video has 130 MB on a phone before clients shrink it; a photo has 5. */
  fileMegabytesMax: 100,
  /**
   * What one account may upload in a calendar month (UTC), and what it may upload for good apart from that (XEP-0363 §5.4), MiB, unless the
   * tenant's policy says otherwise; and the most that it may say of each.
   */
  uploadMegabytes: 2 * 1024,
  keptMegabytes: 1024,
  uploadMegabytesMax: 1024 * 1024,
  /** Stanzas per second that one account may send to a node, unless the tenant's policy says otherwise, and the most that it may say. */
  stanzasPerSecond: 300,
  stanzasPerSecondMax: 3_000,
  /** The same in KiB. */
  kilobytesPerSecond: 1_024,
  kilobytesPerSecondMax: 10 * 1_024,
  /**
   * How long a session whose client can be woken (XEP-0357) can be resumed, hours, and the longest that a policy may say. It lies in the store
   * after `serviceLimits.resumeTimeoutMs`.
   */
  pushResumeHours: 24,
  pushResumeHoursMax: 7 * 24,
  /** How long a client that stays away can sign in with a token (XEP-0484), days: three weeks of holidays; and the longest. */
  tokenDays: 21,
  tokenDaysMax: 365,
  /** How long messages wait for another server, seconds, unless the tenant's policy says otherwise; and the longest that it may say. */
  peerHoldSeconds: 3_600,
  peerHoldSecondsMax: 7 * 24 * 60 * 60,
  /** Random bytes that name a key of the REST API. */
  apiKeyIdBytes: 8,
  /** How long a link into the console is good, ms. */
  consoleLinkMs: 30 * 60 * 1000,
  /** How long a session of the console lasts, ms. */
  consoleSessionMs: 12 * 60 * 60 * 1000,
  /** How long its holder need not show again who they are before something is destroyed, ms. It is shorter than the session. */
  consoleProofMs: 10 * 60 * 1000,
  /** Components of a tenant: they stand in its row, which is read with every domain that is looked up. */
  componentsMax: 20,
  /** Namespaces in which a component may ask in the name of accounts. */
  privilegeNamespacesMax: 30,
  /** Levels of objects and lists in the input of an operation. A policy has three. */
  inputDepthMax: 8,
  /** Accounts or tenants on one page of an answer to an operator. */
  adminPageMax: 100,
  /** Cells that one store knows: its own, and those that it was called before. */
  cellsMax: 20,
  /** The largest number of an entry of the audit log that can be asked for: its keys have twelve digits. */
  auditNumberMax: 999_999_999_999,
  /** The shortest time for which a tenant's audit log is kept, days: whoever changes that cannot make their own traces go at once. */
  auditDaysMin: 30,
  /** Pages of old entries that one look takes out of one audit log: 10,000 entries. */
  auditDropPagesMax: 100,
  /** Rows that are read and deleted together while an account is erased. A page has at most 38 MB. */
  eraseRowsMax: 100,
  /** How often the process that works on a removal says that it does, ms. */
  removalBeatMs: 1_000,
  /** A process that has not said so for this long stops its work, ms. The next process takes over later than that. */
  removalLeaseMs: 10_000,
  /** Up to this many removed addresses are looked up one by one. For more of them, all rows are read. */
  goneLookedUpMax: 20,
  /**
   * Tries of a change to a row that several processes change. A user's resources compete, so there are tens; each round lets one
   * pass.
   */
  /** A set of public keys in a tenant's policy, characters: some ten keys of RSA. It is a part of the tenant's row. */
  jwtKeysCharactersMax: 8_192,
  /** An issuer, an audience or the name of a claim, characters. */
  jwtClaimCharactersMax: 500,
  /** A DN or a filter of LDAP, and the certificate of a CA in PEM, characters. They are parts of the tenant's row. */
  ldapTextCharactersMax: 500,
  policyCaCharactersMax: 8_192,
  /** How long a removed account may be kept at most, days: a year. */
  removalGraceDaysMax: 365,
  /** Accounts that may be registered in a day at most, where a tenant has a bound. */
  registrationsPerDayMax: 1_000_000,
  /** Guests of a tenant at once, unless its policy says otherwise, and at most: a router reads all of them when one comes. */
  guests: 100,
  guestsMax: 900,
  /** Random bytes in the name of a guest: no two ever get the same. */
  guestRandomBytes: 8,
  /** Guests from one address at once: those of a family, or of a small office. */
  guestsPerAddress: 10,
  /** Servers for calls that a tenant names (XEP-0215). Clients try all of them with each call. */
  callServersMax: 20,
  /** A secret in a tenant's policy, characters as it is sealed: four times what it may have, for an envelope and base64. */
  policySecretCharactersMax: 4_096,
  updateTriesMax: 40,

  // Invites and the pages for a tenant's people

  /** How long an invite lasts, days: a week for the post; and the longest. */
  inviteDays: 7,
  inviteDaysMax: 365,
  /** How many people one invite may bring: a family; and the most, who all stand in its row. */
  inviteUses: 5,
  inviteUsesMax: 100,
  /** Random bytes of an invite's token: 32 characters of a link. */
  inviteTokenBytes: 16,
  /** Characters that name an invite: 132 bits of the token's digest. */
  inviteIdCharacters: 22,
  /** A name of a tenant for people, characters. */
  brandNameCharactersMax: 80,
  /** A logo, bytes. It is a part of the tenant's row, which every process reads once a second while the tenant is used. */
  brandLogoBytesMax: 16 * 1024,
  /** Text in a QR code, characters: a camera reads it from a screen. Links of invites have some 120. */
  qrCharactersMax: 600,
  /** Block lists that one tenant heeds. */
  blockListsMax: 5,
  /** Addresses in one list of contacts in a tenant's policy. */
  contactsMax: 10,
  /** Files with the status of the service that a tenant's policy names. */
  statusUrlsMax: 5,
  /** An address of the web in a tenant's policy, characters. */
  policyUrlCharactersMax: 500,

  // Certificates of tenants

  /** Size of a certificate chain in PEM, bytes. Three certificates take 6,000. With its key it fits into a request of an operator. */
  certificateBytesMax: 32 * 1024,
  /** Certificates in one chain. */
  certificateChainMax: 10,
  /** Names in one certificate. Most CAs have the same bound. */
  certificateNamesMax: 100,
  /** How much of the name of its issuer is kept, characters. */
  certificateIssuerCharactersMax: 300,
  /** Size of an RSA key, bits: each handshake costs a signature, and with 4,096 bits it takes some milliseconds already. */
  certificateRsaBitsMax: 4_096,

  // Sockets

  /** Size of a PROXY header with its optional fields, bytes. Load balancers send fewer than 600. */
  proxyHeaderBytesMax: 4 * 1024,
  /** How long a PROXY header may take to arrive, ms. */
  proxyHeaderMs: 5_000,
  /** Size of a client's first message in TLS of which the server name is read, bytes. With keys against quantum computers it has about 2,000. */
  clientHelloBytesMax: 16 * 1024,
  /** In so many records it may come: one is usual, and each one costs a look at all before it. */
  clientHelloRecordsMax: 8,
  /** How long keys of TLS session tickets are in use, ms. */
  ticketKeysMs: 12 * 60 * 60 * 1000,
  /** How often a process looks for new keys, ms. */
  ticketKeysPollMs: 60_000,
  /** How many of the keys that were unused for longest are compared when a rate limit must forget one. */
  rateKeysComparedMax: 8,

  // What waits for other servers

  /**
   * Other servers that one sender of ours makes us connect to, when nobody else has used them of late: per second, and at once. People
   * have contacts at some tens of servers, and big rooms occupants at some hundreds.
   */
  newPairsPerSecond: 0.1,
  newPairsBurst: 1_000,
  /** The same for all senders of a tenant. */
  newPairsOfTenantPerSecond: 5,
  newPairsOfTenantBurst: 5_000,
  /** Senders, and tenants, whose share is remembered; and pairs that count as used of late. */
  newPairKeysMax: 10_000,
  knownPairsMax: 20_000,

  /** Rooms and pairs of domains whose shard is remembered: some 100 bytes each, and 5 µs when it is not. */
  shardsKnownMax: 10_000,

  /** A row that says which pair has something in its outbox is relied on for this long, ms. A busy pair writes one so often and process. */
  outboxDueMs: 60_000,
  /** Pairs of which a process knows that such a row is there. Beyond it all are written again. */
  outboxDuePairsMax: 10_000,
  /** XML in one row of an outbox, bytes. It grows as JSON, and a store takes 380,000 bytes. */
  outboxRowBytesMax: 128 * 1024,
  /** Rows of an outbox that are read at once. They have at most some 12 MB. */
  outboxPageMax: 100,

  // Shared roster groups

  /**
   * Groups of a tenant, members of one, and members of all groups together with what they are called, bytes: they stand in the tenant's row, which
   * every router keeps. With more members of one group, everybody who comes online would be shown to more people than a roster is for.
   */
  rosterGroupsMax: 100,
  rosterGroupMembersMax: 300,
  rosterGroupsBytesMax: 64 * 1024,
  /** How long it takes at most until members who are online were told of a change, ms. */
  rosterGroupTellMs: 60_000,

  // Events that tenants' programs are told of

  /** Webhooks of a tenant. */
  hooksMax: 10,
  /** How long an event that cannot be sent is kept, ms: three days. */
  hookKeepMs: 3 * 24 * 60 * 60 * 1_000,
  /** Lists of what routers have to do later. */
  workLists: 4,
} as const;
