/** Bounds of a router: what one account, one address or one tenant may do. */
export const routerLimits = {
  /** Batches with more stanzas than this are long: so many begin in a turn, and so many wait. Of those of messages so many stanzas are under way. */
  shortBatchItemsMax: 4,
  longBatchesPerTurn: 8,
  longBatchWindowMin: 12,
  longBatchWindowMax: 8_192,
  longBatchesWaitingMax: 50_000,
  /** Messages wait while a short batch came within this time, ms. */
  shortBatchSeenMs: 100,
  /** A batch is slow when it takes so many times as long as the quickest of this or the last period, and so much more, ms. */
  slowBatchTimes: 1.5,
  slowBatchMs: 2,
  quickestPeriodMs: 10_000,
  /** After this time without a long batch as few may be under way as at first, ms. */
  longBatchQuietMs: 1_000,
  /** After this time a batch keeps no other from beginning, ms. */
  longBatchAloneMs: 20,
  /**
   * States of bound sessions that a router keeps as it has parsed them. Most have 150 bytes, and none more than 4 KiB. A session beyond
   * has its state parsed with each batch.
   */
  knownStatesMax: 4_096,

  // Push

  /** Registrations of one account. A person has a few devices. */
  pushRegistrationsMax: 20,
  /** Length of the name of an app server's node, bytes. */
  pushNodeBytesMax: 1_024,
  /** Size of the options that an app server wants with each notification, bytes. */
  pushOptionsBytesMax: 4_096,
  /** The text of a message in a push, characters: a lock screen shows fewer, and what mobile systems carry ends at 4 KB. */
  pushBodyCharactersMax: 200,
  /** Shortest pause between two notifications of one registration, ms. */
  pushPauseMs: 1_000,
  /** A notification that another router was to send is sent when it is late by this much, ms. */
  pushOverdueMs: 2_000,
  /** Late notifications that are sent together. */
  pushDueMax: 100,
  /**
   * Lists of notifications that wait. A message that comes within a second of the one before it, to somebody who cannot be reached,
   * is a put, and a notification that was sent a deletion: 10,000 of each a second fit. Routers on DynamoDB read all lists in 12 s.
   */
  pushDueLists: 32,
  /** Errors in a row after which an app server is not told any more. */
  pushErrorsMax: 10,

  // Signing in

  /**
   * Failed attempts on one stream, apart from wrong passwords. Some clients try mechanism after mechanism that cannot work for
   * them. So it is well above twice the number of mechanisms, and below the number of elements that a peer may send before it has
   * signed in.
   */
  saslMisfitsMax: 24,
  /** What a client says of itself and of its device (XEP-0388 §2.3), characters each: a name fits, and a list of 50 into a stanza. */
  userAgentCharactersMax: 100,
  /** Clients of an account that are remembered, with their tokens (XEP-0484). More than anybody has; a list of them fits into a stanza. */
  clientsMax: 50,
  /** How long a client is remembered that has not signed in, ms, unless its token is valid for longer: 30 days. */
  clientKeepMs: 30 * 24 * 60 * 60 * 1_000,
  /** When a client was last seen is written this often, ms, so that most sign-ins write nothing. */
  clientSeenMs: 60 * 60 * 1_000,
  /** A token that is older is replaced when it is used, ms: a day. It stays valid until the new one is used. */
  tokenRotateMs: 24 * 60 * 60 * 1_000,
  /** Tokens of one client that it was given and has not used: as many sign-ins whose answers it may not have heard. */
  tokensUnusedMax: 4,
  /** The tag that a client adds to its resource (XEP-0386 §2.2.1), characters. A name fits, and roster pushes stay small. */
  resourceTagCharactersMax: 64,
  /** Wrong passwords for one account from one address before the first delay. People mistype, and clients repeat. */
  guessesFree: 16,
  /** The first delay, ms. It doubles with each further wrong password. */
  guessDelayMs: 2_000,
  /** The longest delay, ms. */
  guessDelayMaxMs: 10 * 60 * 1000,
  /** The longest delay for an address from which the account has signed in before, ms: an attacker may share it. */
  guessDelayFamiliarMaxMs: 10_000,
  /** Wrong passwords are forgotten when none has followed for this long, ms. */
  guessesKeepMs: 60 * 60 * 1000,
  /** First wrong passwords for one account from addresses that are new to it, at once. */
  firstGuessesBurst: 20,
  firstGuessesPerSecond: 0.2,
  /** Further wrong passwords for one account from addresses that are new to it, at once. */
  furtherGuessesBurst: 60,
  furtherGuessesPerSecond: 0.1,
  /** Wrong passwords from one address, at once, for all accounts of a tenant that have not signed in from there before. */
  networkGuessesBurst: 60,
  networkGuessesPerSecond: 0.2,
  /** The same from this machine, where a proxy may stand for everybody. */
  ownMachineGuessesBurst: 240,
  ownMachineGuessesPerSecond: 1,
  /** Addresses whose wrong passwords an account remembers. Beyond it, the ones with the fewest are forgotten. */
  guessingNetworksMax: 32,
  /** Addresses that an account remembers to have signed in from, the most recent. */
  familiarNetworksMax: 16,
  /** How long such an address is remembered, ms. */
  familiarKeepMs: 90 * 24 * 60 * 60 * 1000,
  /** How long ago an address must have been noted before it is noted again, ms. */
  familiarRenewMs: 7 * 24 * 60 * 60 * 1000,
  /** How long such a note waits for others, ms: it is written with them, and long before an account's erasure ends. */
  familiarNoteMs: 1_000,
  /** Accounts with notes that wait, and notes that are written together. */
  familiarWaitingMax: 10_000,
  familiarNotesTogether: 100,
  /** Sign-ins to one account that wait for the ones before them. */
  signInsWaitingMax: 256,
  /** Sign-ins from one address among them. */
  signInsPerNetworkMax: 32,
  /** Accounts whose wrong passwords are counted in memory while the store cannot be written. */
  unrecordedGuessesMax: 10_000,
  /** Log lines about failed sign-ins from one address, at once. */
  failureLinesBurst: 20,
  failureLinesPerSecond: 1,
  /** Addresses whose rate of such lines is remembered. */
  failureLineNetworksMax: 10_000,

  // Passwords and new accounts

  /** Size of a password after SASLprep, bytes. It is the bound of a part of a JID. */
  passwordBytesMax: 1_023,
  /**
   * Keys that are derived at the same time for sign-ins. Each takes a thread for 4 ms. It is half of the pool; files and DNS need
   * the rest.
   */
  passwordDerivationsMax: 2,
  /**
   * Derivations that wait. They take two seconds. Beyond it, the account and address with the most waiting loses its last one.
   */
  passwordDerivationsWaitingMax: 1_024,
  /** Derivations for one account from one address among them. All clients of an account may come back at once. */
  passwordDerivationsPerAccountMax: 32,
  /** Keys that are derived at the same time for new passwords, in a queue of their own: registrations delay no sign-in. */
  newPasswordsMax: 1,
  /** Derivations for new passwords that wait. */
  newPasswordsWaitingMax: 256,
  /** Derivations from one address among them. */
  newPasswordsPerNetworkMax: 32,
  /** What the key of an account's row holds besides domain and local part, bytes. */
  accountKeyBytes: 24,
  /** How long a claimed name may take until its account exists, ms. The derivation of its keys may have to wait. */
  lookClaimMs: 60_000,
  /** Registrations (XEP-0077) per second, and at once, at one tenant and router. */
  registrationsPerSecond: 10,
  /** Registrations from one address at once: those of a class or an office. */
  registrationsPerNetworkBurst: 30,
  registrationsPerNetworkPerSecond: 0.1,
  /** Tenants whose rate of registrations is remembered, and as many addresses. */
  registrationBucketsMax: 10_000,
  /** Looks at invites, right or wrong, from one address at once, and in the long run: those of a class or an office. */
  inviteLooksBurst: 60,
  inviteLooksPerSecond: 0.2,

  // Sessions

  /** Resources that one account can have bound. */
  sessionsPerAccountMax: 30,
  /** The sessions in whose place one is, of which it remembers the last. */
  replacedSessionsMax: 4,
  /** How long a node reuses a router's greeting for other streams, ms. Streams open by the hundred. */
  greetingKeepMs: 250,
  /** How long after the deadline a node that has claimed a parked session may tell a router, ms. */
  parkedClaimMs: 30_000,
  /** Parked sessions that a router ends in one round. */
  parkedSweepMax: 300,
  /** Sessions of a dead node that are ended together. */
  reaperPageMax: 100,
  /** Pause between two pages of them, ms. */
  reaperPauseMs: 50,
  /** Writers of a row that it remembers, the last ones. There is one for each session that writes it at the same time. */
  rowWritersMax: 4,

  // Requests

  /** How long a router works for a request after its sender has given it up, ms. A message may be written late. */
  lateWriteMs: 5_000,
  /** Size of all answers to one batch except refusals, bytes. They fit into one message on the bus. */
  answersBytesMax: 896 * 1024,
  /** How often a stop looks whether requests are under way, ms. */
  stopPollMs: 10,

  // Messages and their archive

  /**
   * Messages that one account may send in a day, bytes. A person writes some thousand, a bot some million; too many fill disks.
   */
  keptBytesPerDayMax: 256 * 1024 * 1024,
  /** The count is written to the account's row each time it has grown by this many bytes. */
  keptBytesStep: 1024 * 1024,
  /** Accounts whose count is in memory, the most recently used. */
  keptAccountsMax: 50_000,
  /** Pages of an archive (XEP-0313) that one account may ask for at once. Some clients fetch years. */
  archiveQueriesBurst: 500,
  archiveQueriesPerSecond: 20,
  /** Archive entries that are read together. They may be large. */
  archiveEntriesPerRound: 32,
  /** Keys of spans of time that are read together. They are small. */
  archiveSpansPerRound: 100,
  /** Length of an address that stands in such a key as it is, characters. A longer one is hashed. */
  peerKeyCharactersMax: 200,
  /** Addresses in one list of archiving preferences (XEP-0441). */
  archivePreferencesMax: 1_000,
  /** Size of the row with the preferences, bytes. */
  archivePreferencesBytesMax: 60_000,
  /** Messages on one page of offline delivery, bytes. A single message may be larger. */
  catchUpPageBytesMax: 384 * 1024,
  /** How long a message that must not be archived waits for an offline user, ms. */
  unarchivedMs: 30 * 24 * 60 * 60 * 1000,
  /** What came for a session in this time counts as unacknowledged when its node dies, ms. Clients are asked far more often. */
  unackedRecentMs: 60_000,

  // Presence

  /** Size of presence that is broadcast, bytes. Today's clients (capabilities, avatar, keys) need up to 2 KiB. */
  presenceBytesMax: 8 * 1024,
  /** Size up to which presence may fill the row with all sessions of an account, bytes. It leaves room for some binds. */
  presenceItemBytesMax: 340_000,
  /** Addresses to which one session may have sent directed presence. */
  directedPresenceMax: 500,
  /** Presence whose delivery took longer than this is read again, ms, because it may have changed meanwhile. */
  lookAgainMs: 10,
  /** How many times it is read again. */
  lookAgainMax: 3,

  // Roster

  /** Items of one roster. */
  rosterItemsMax: 5_000,
  /** Size of a roster as a client gets it, bytes. It fits into one answer on the bus. */
  rosterBytesMax: 640 * 1024,
  /** Size of the name of an item, and of a group, bytes (RFC 6121 §2.3.3). */
  rosterNameBytesMax: 1_023,
  /** Groups of one item. */
  rosterGroupsMax: 50,
  /** Size of a contact's bare JID, bytes. It is part of the key of a row. */
  rosterAddressBytesMax: 1_000,
  /** Requests by people outside of the roster that wait for an answer. */
  rosterRequestsMax: 500,
  /** Size of such a request, bytes. Of a longer one, only the opening tag is kept. */
  rosterRequestBytesMax: 4 * 1024,
  /** Removed items that are remembered for clients with an older version. Beyond it, the older half is forgotten. */
  rosterTombstonesMax: 1_000,
  /** Changed items up to which such a client gets pushes, not the whole roster. It is below half of the tombstones. */
  rosterChangesMax: 100,
  /** A roster that seems to be full is counted again after this many changes. */
  rosterRecountChanges: 64,
  /** Tries of a change. A try fails only because another change of the same contact took a newer number and wrote first. */
  rosterChangeTriesMax: 10,

  // Blocklist, vCard and private XML

  /** Entries of one blocklist (XEP-0191). */
  blocklistMax: 2_000,
  /** Size of the row with the blocklist, bytes. Every stanza is checked against it, so it fits into the cache of rows. */
  blocklistBytesMax: 60_000,
  /** Full addresses of one bare address in a blocklist. A room keeps them with the occupant's session. */
  blockedPlacesMax: 50,
  /** Length of these addresses together, characters, for the same reason. */
  blockedPlacesCharactersMax: 16_000,
  /** Size of a vCard (XEP-0054), bytes. A photo of 64 KiB takes 90,000, and JSON may double it in its row. */
  vcardBytesMax: 180_000,
  /** Size of an element of private XML (XEP-0049), bytes. JSON may double it in its row, too. */
  privateElementBytesMax: 180_000,
  /** Elements of private XML of one account. */
  privateElementsMax: 100,
  /** Size of all private XML of one account, bytes. */
  privateBytesMax: 1024 * 1024,
  /** Size of an element's name and namespace, bytes. They are part of the key of a row. */
  privateKeyBytesMax: 500,

  /** How long the password for a TURN server is valid (XEP-0215), ms: 12 hours. A call that has begun may go on. */
  callCredentialsMs: 12 * 60 * 60 * 1_000,
  /** Accounts whose sessions are read together when the servers of a tenant have changed. */
  callNewsAccounts: 100,
  /** Secrets of tenants' policies that a router has open, the most recent. */
  openedSecretsMax: 1_000,
  // Files

  /** Size of a file for a profile (XEP-0363 §5.2), bytes: an avatar or a cover photo. */
  uploadProfileBytesMax: 5 * 1024 * 1024,
  /** What one account may upload for profiles, bytes. These files are kept, so the count does not begin again. */
  uploadProfileTotalMax: 50 * 1024 * 1024,
  /** A smaller file counts as this many bytes of the month: it takes a request, an inode and a line in listings as well. */
  uploadCountedBytesMin: 64 * 1024,
  /** Size of a file's name in its URL, bytes of UTF-8. Percent-encoded, it may be three times as long. */
  uploadNameBytesMax: 200,
  /**
   * How long after the slot a PUT may begin (XEP-0363 §7), ms. The credentials that sign URLs for S3 may themselves expire soon
   * after.
   */
  uploadSlotMs: 300_000,

  // PEP and capabilities

  /** Nodes of one account. Legacy OMEMO has a node for each device of the account. */
  pepNodesMax: 100,
  /** Size of a node's name, bytes of UTF-8. */
  pepNodeNameBytesMax: 512,
  /** Size of an item's id, bytes of UTF-8. It is part of the key of a row. Bookmarks use bare JIDs. */
  pepItemIdBytesMax: 900,
  /** Size of a node's title, description and type, bytes each. */
  pepTextBytesMax: 512,
  /** Size of the names of all roster groups that may read a node, bytes. */
  pepGroupsBytesMax: 2 * 1024,
  /**
   * Size of one item, bytes. It is below the bound of a stanza. An avatar of 190 KiB takes 266,000 in base64 with line breaks.
   */
  pepItemBytesMax: 300_000,
  /** Size of one item as JSON, bytes. It fits into a row of the store. */
  pepItemRowBytesMax: 360_000,
  /** Items of one node. */
  pepItemsPerNodeMax: 1_000,
  /** Size of all items of one node, bytes. They fit into one answer on the bus. */
  pepNodeBytesMax: 512 * 1024,
  /** Size of the row with an account's nodes, and of the row that lists a node's items, bytes. */
  pepRowBytesMax: 300_000,
  /** Subscribers of one node, apart from contacts. One row holds them, and a notification reads the sessions of all. */
  pepSubscribersMax: 1_000,
  /** Nodes from which one resource wants notifications. The row with all sessions of the account holds them. */
  pepWantedMax: 64,
  /** Size of the names of these nodes, bytes. */
  pepWantedBytesMax: 3 * 1024,
  /** Last items that a resource is sent when it comes online. It hears of further ones when they change. */
  pepLastItemsMax: 1_000,
  /** The same in bytes. */
  pepLastItemsBytesMax: 2 * 1024 * 1024,
  /** Items that are read together. They may be large. */
  pepItemsPerRound: 20,
  /** Hashes of capabilities (XEP-0115) that an account remembers, the most recently used: one for each kind of its clients. */
  capsKnownMax: 30,
  /** Length of node, ver and hash in a presence together, characters. */
  capsCharactersMax: 1_000,
  /** Resources of a contact on another server whose wishes are known, the last that came; and contacts whose rows are read together. */
  pepDistantResourcesMax: 16,
  pepDistantPerRound: 50,
  /** Features and identities in an answer about capabilities. */
  capsFeaturesMax: 1_000,

  // Removals

  /** A removal whose process has not said for this long that it works is taken over, ms. That process has stopped before. */
  removalStaleMs: 15_000,
  /** How often a process looks for removals without one, ms. */
  removalSweepMs: 10_000,
  /** Removals of other processes that one process watches. */
  removalsSeenMax: 1_000,
  /** With one in this many of these looks, files are deleted that appeared after their account was removed. */
  doomedFilesLooks: 6,
  /** Old entries of audit logs are deleted for the first time this long after the start, ms. */
  auditFirstSweepMs: 60_000,
  /** How often they are deleted after that, ms: retention counts days. */
  auditSweepMs: 6 * 60 * 60 * 1_000,
  /**
   * How long requests of a removed account's sessions may still be under way, ms. It covers how long a node retries, a late write,
   * the way of a stanza to a room, and the difference between clocks.
   */
  removalQuietMs: 15_000,
  /** After this long, an operator is told how far a removal is, ms. */
  removalAnswerMs: 5_000,
  /** Stanzas from one address at another server to bare addresses here: per second, and at once. It is well below what its server may send. */
  remoteStanzasPerSecond: 50,
  remoteStanzasBurst: 1_000,
  /**
   * Messages and requests for subscriptions from an address at another server to somebody who does not have it in the roster and has not
   * heard of it of late: per second, and at once; of one address, and of one domain.
   */
  firstContactsPerSecond: 1 / 30,
  firstContactsBurst: 20,
  firstContactsOfDomainPerSecond: 2,
  firstContactsOfDomainBurst: 500,
  /** Addresses and domains whose share is remembered; and pairs of people who have met. */
  remoteSendersMax: 20_000,
  metKeysMax: 50_000,
  /** Pairs of our domains and those of other servers that an operator is shown. */
  peersShownMax: 1_000,
  /** How long the owner of a shard of pairs may take to tell of them, ms. */
  peersAnswerMs: 2_000,
  /** Accounts or rooms that are asked together to forget removed addresses. */
  forgetPageMax: 50,
  /** Pause between two pages of them, ms. */
  forgetPauseMs: 20,
  /** How long the worker of a room may take to forget addresses or to erase the room, ms. An archive may be long. */
  roomErasureTimeoutMs: 60_000,
  /** Tries of such a request to a room. */
  roomErasureTriesMax: 5,

  /** How often the sessions of a disabled account are looked for, which may move meanwhile; characters of why a room is destroyed. */
  sessionEndLooksMax: 3,
  roomReasonCharactersMax: 1_000,

  // Components with privileges

  /** Characters of an id under which a request goes out in the name of an account: it holds the component's address and its ids. */
  privilegedIdCharactersMax: 4_000,
} as const;
