/** Bounds of a router. */
export const routerLimits = {
  /**
   * Attempts on one stream that fail for another reason than the password. Some clients try mechanism after mechanism that cannot work for
   * them, so this is well above twice the number of mechanisms and below `xmppLimits.preauthElementsMax`.
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
  /** Resources one account may have bound at once. */
  sessionsPerAccountMax: 30,
  /** What one account may send in messages in a day, bytes: a person writes some thousand, a bot some million; many kept for ever fill disks. */
  keptBytesPerDayMax: 256 * 1024 * 1024,
  /** … of which a row is written when as much is new, bytes; and accounts whose count is kept in memory, the last used. */
  keptBytesStep: 1024 * 1024,
  keptAccountsMax: 50_000,
  /** Items in one roster. */
  rosterItemsMax: 5_000,
  /** Entries in one blocklist. */
  blocklistMax: 2_000,
  /** XEP-0191: full addresses of one bare address in a blocklist: those of a room are kept with the occupant's session there. */
  blockedPlacesMax: 50,
  /** Addresses one session may have sent directed presence to. */
  directedPresenceMax: 500,
  /** A connection node gives a router's answer to one stream that opens to others so long, milliseconds: they come by the hundred. */
  greetingKeepMs: 250,
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
  /**
   * Removals: the process that works on one says so at least this often, and stops when it has not for the second time; another one takes
   * over after the third, which is longer by what a write may take; and looks for such this often. Milliseconds.
   */
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
  /** To a room's worker that has it forget addresses, or erase it, milliseconds: an archive may be long. */
  roomErasureTimeoutMs: 60_000,
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
  /** The item with all sessions of an account, bytes, as far as presence may fill it; below `portLimits.storeValueBytesMax` by some binds. */
  presenceItemBytesMax: 340_000,
  /** XEP-0313: pages that one account asks for, at once, for clients that fetch years, and per second. */
  archiveQueriesBurst: 500,
  archiveQueriesPerSecond: 20,
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
  /** Characters of all full addresses of one bare address in a blocklist, for the same reason as `blockedPlacesMax`. */
  blockedPlacesCharactersMax: 16_000,
  /** XEP-0054: a vCard, bytes; one with a photo of 64 KiB has 90,000, and JSON may double it in its row. */
  vcardBytesMax: 180_000,
  /** XEP-0049: one element, bytes, likewise; elements of an account, and all of them, bytes. */
  privateElementBytesMax: 180_000,
  privateElementsMax: 100,
  privateBytesMax: 1024 * 1024,
  /** A node that has claimed a parked session has this long behind the deadline to say so to a router, milliseconds. */
  parkedClaimMs: 30_000,
  /** Parked sessions that a router ends with one look at the nodes. */
  parkedSweepMax: 300,
  /** When a node dies, what came for one of its sessions within this time is taken for unacknowledged; clients are asked far more often. */
  unackedRecentMs: 60_000,
  /** Presence that took longer to be shown, from its read on, is looked at again: it may have changed meanwhile; so often, ms. */
  lookAgainMs: 10,
  lookAgainMax: 3,
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
   * PEP: one item, bytes, below `xmppLimits.stanzaBytesMax`: an avatar of 190 KiB has 266,000 in base64 with line breaks. The same as JSON, which its
   * row is, below `portLimits.storeValueBytesMax`.
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
