/** Bounds of the room service. A rate has a burst, which may come at once, and a number per second. */
export const roomLimits = {
  // Sizes of a room

  /** Clients in one room, whatever its owner allows. Each takes a row in memory and a copy of every message. */
  sessionsMax: 6_000,
  /** Places for clients that are reserved for admins and owners (XEP-0045 §7.2.9). */
  sessionsKeptForAdmins: 50,
  /** Clients under one nick. */
  sessionsPerNickMax: 10,
  /** Owners, admins, members and outcasts of one room. */
  affiliationsMax: 5_000,
  /** People whose role outlasts their visits to a moderated room. Beyond it, the one kept first is forgotten. */
  keptRolesMax: 1_000,
  /** Former affiliations that XEP-0463 reports. Beyond it, the older half is forgotten. */
  formerAffiliationsMax: 500,
  /** Hats of one room (XEP-0317). */
  hatsMax: 50,
  /** Hats of one person. */
  hatsPerPersonMax: 10,
  /** Size of the row that holds all hats and their wearers, bytes. */
  hatsBytesMax: 48 * 1024,
  /** Length of the title of a hat, characters. */
  hatTitleCharactersMax: 128,
  /** Length of the URI of a hat, characters. */
  hatUriCharactersMax: 512,
  /** Owners who are shown as contacts of a room. */
  contactsMax: 10,
  /** Longest interval of slow mode, seconds (XEP-0500). */
  slowModeMaxSeconds: 3_600,
  /** Rooms that one account has created. Each part of the directory may have a sixteenth of them. */
  roomsPerAccountMax: 800,

  // Sizes of stanzas

  /** Size of a nick, bytes of UTF-8. */
  nickBytesMax: 256,
  /** Size of a groupchat message, bytes. A row may hold it twice, with escapes: in the archive and as a pending write. */
  messageBytesMax: 64 * 1024,
  /** Addresses of occupants at one other server in one row of the outbox, characters. The message stands beside them. */
  departingAddressesCharactersMax: 64 * 1024,
  /** Size of an occupant's presence, bytes. Each new occupant is sent all of them. */
  presenceBytesMax: 8 * 1024,
  /** Size of a message that sets the subject, bytes. */
  subjectBytesMax: 8 * 1024,
  /** Length of the reason for a kick, a ban or an invitation, characters. */
  reasonCharactersMax: 1_000,
  /** Size of an error from one occupant to another, bytes. Of a longer one only type and condition are passed on. */
  errorBytesMax: 2_048,
  /** Length of the id of an iq that is passed from one occupant to another, characters. */
  iqIdCharactersMax: 1_024,
  /** Size of a room's vCard with its avatar, bytes. The row of the fence may hold it once more. */
  vcardBytesMax: 100 * 1024,
  /** Photos in a room's vCard. */
  photosMax: 10,
  /** Items of one admin request (XEP-0045 §9). */
  adminItemsMax: 50,
  /** Invitations in one message. */
  invitesMax: 20,
  /** Admins and owners who are asked to approve a registration. */
  approversMax: 20,
  /** Lines of one field of a request to register that approvers are shown. */
  registrationLinesMax: 20,
  /** Affiliations in one message of XEP-0463. */
  affiliationsPageMax: 100,
  /** Rooms on one page of the service's items (XEP-0030). */
  listMax: 100,
  /** Length of the words of a search, characters. */
  searchCharactersMax: 256,
  /** Listed rooms that one search reads in each part of the directory. */
  searchRowsMax: 1_000,
  /** Hours over which activity is counted (XEP-0502). */
  activityHoursMax: 24,
  /** Size of a JID that is a sort key as it is, bytes. A longer one is hashed. */
  jidKeyBytesMax: 800,

  // Handling requests

  /** Requests that wait for one room. */
  queueMax: 1_000,
  /** Requests that are handled with one conditional write. */
  batchMax: 64,
  /** After this many bytes of rows, no further request is taken into the batch. */
  batchBytesMax: 64 * 1024,
  /** Size of the rows of one request, bytes. With `batchBytesMax` they fit into one row of the store. */
  turnBytesMax: 256 * 1024,
  /** Tries of a batch. A try fails when another worker or another write was first, or when the store fails. */
  batchTriesMax: 4,
  /** Ids of handled requests that are kept in memory, to recognize retries. */
  handledMax: 512,
  /** Ids of handled requests that are kept in the room's state row. */
  handledStoredMax: 64,
  /** A request is dropped this long after its router gave it up, ms. It is as much as clocks may differ. */
  lateMs: 1_000,
  /**
   * When a batch took longer than this to write, another worker may have shown it, ms. It is half of the time until a process is
   * dead.
   */
  stallMs: 5_000,
  /**
   * A worker that takes over shows the last batch again when it is younger than this, ms. Nodes know what they have shown
   * recently.
   */
  showAgainMs: 60_000,
  /** Rooms that one worker keeps in memory. */
  roomsCachedMax: 2_000,
  /** How long the fence of a deleted room is kept, ms. No worker stays frozen for so long. */
  tombstoneMs: 24 * 60 * 60 * 1000,
  /** Affiliations and other traces of removed addresses that end in one turn. */
  forgottenMax: 50,

  // What operators see

  /** Occupants and affiliations that are listed. With the longest addresses they fit into a message on the bus. */
  operatorOccupantsMax: 100,
  operatorAffiliationsMax: 100,
  /** Characters of the version of a room: 132 bits. */
  operatorVersionCharacters: 22,

  // Archive

  /** Messages that a new occupant is sent. */
  historyMax: 50,
  /** How long these messages are kept in a room without an archive, ms. */
  transientMs: 24 * 60 * 60 * 1000,
  /** Archive pages that one worker reads at the same time. */
  queriesMax: 64,
  /** Archive entries that are read together. */
  archiveEntriesPerRound: 100,
  /** When a message is retracted, its corrections are looked for among this many messages before and after it. */
  correctionsScanMax: 100,

  // Sessions that missed something

  /**
   * A worker checks for the first time whether the sessions of a room's occupants still exist this long after it took the room,
   * ms.
   */
  firstSweepMs: 15_000,
  /** Interval between later checks, ms. */
  sweepMs: 300_000,
  /** Accounts whose sessions are read together for a check. */
  sweepAccountsMax: 500,
  /** A session that was bound more than this after the occupant entered is another one, ms. Clocks differ by less. */
  sessionClockSkewMs: 5_000,
  /** Pause before an occupant's session that is moving or parked is looked for, ms. It doubles each time. */
  lookMs: 100,
  /** Longest pause before such a session is looked for again, ms. */
  lookMaxMs: 3_000,

  // Clients that may have to be woken

  /** Occupants in one request to a router that asks for clients to be woken. It reads a few rows for each before it answers. */
  ringTargetsMax: 50,
  /** Such requests of one room at the same time. */
  ringRequestsMax: 8,
  /**
   * How long a worker remembers what of a room a client that does not hear is woken for, ms. Meanwhile it asks only for what that says. A
   * person who changes the setting elsewhere waits for so long.
   */
  ringWishMs: 10_000,

  // Rates of one person

  /** People, domains or rooms whose tokens one worker remembers, for each rate. */
  tokensMax: 50_000,
  /** Messages of someone who is not an admin. */
  messagesBurst: 100,
  messagesPerSecond: 10,
  /** Entering, changing the nick, and other presence. */
  presencesBurst: 40,
  presencesPerSecond: 2,
  /** Requests. */
  requestsBurst: 200,
  requestsPerSecond: 20,
  /** Answers to requests of other occupants. There may be as many as requests. */
  answersBurst: 200,
  answersPerSecond: 20,
  /** How long after a request an occupant's answer is passed on, ms. Clients do not wait longer. */
  answerMs: 10 * 60_000,
  /** Private messages and answers that one worker remembers, to recognize answers and repeats. They take about 10 MB. */
  exchangesMax: 50_000,
  /** Invitations. */
  invitesBurst: 40,
  invitesPerSecond: 0.1,
  /** Requests to register that others are asked to approve. */
  registrationsBurst: 5,
  registrationsPerSecond: 0.01,
  /** Wrong passwords of a room. */
  passwordsBurst: 10,
  passwordsPerSecond: 0.02,
  /** Wrong passwords of a room from one other domain. */
  domainPasswordsBurst: 100,
  domainPasswordsPerSecond: 0.2,
  /** Rooms that are created. */
  creationsBurst: 50,
  creationsPerSecond: 0.1,
  /** Searches (XEP-0433). */
  searchesBurst: 10,
  searchesPerSecond: 1,

  // Rates of one room

  /** Stanzas that a room sends to its occupants. It keeps other rooms of the worker quick. */
  deliveriesBurst: 1_000_000,
  deliveriesPerSecond: 200_000,
  /** People who enter. */
  entriesBurst: 5_000,
  entriesPerSecond: 100,
} as const;
