/** Bounds of the room service. */
export const roomLimits = {
  /** Rooms: clients in one room, whatever its owner says; each is a row in memory and a copy of every message. */
  sessionsMax: 6_000,
  /** Rooms: of these, clients that only admins and owners may be (XEP-0045 §7.2.9). */
  sessionsKeptForAdmins: 50,
  /** Rooms: a request is let go this long after its router gave it up, milliseconds: more than clocks differ. */
  lateMs: 1_000,
  /** Rooms: clients under one nick. */
  sessionsPerNickMax: 10,
  /** Rooms: owners, admins, members and outcasts of one room. */
  affiliationsMax: 5_000,
  /** Rooms: nick, bytes of UTF-8. */
  nickBytesMax: 256,
  /** Rooms: a groupchat message; with its escapes it stands in one row twice (archive and redo). */
  messageBytesMax: 64 * 1024,
  /** Rooms: a presence that each new occupant is sent, bytes. */
  presenceBytesMax: 8 * 1024,
  /** Rooms: a message that sets the subject, bytes. */
  subjectBytesMax: 8 * 1024,
  /** Rooms: reasons of kicks, bans, invitations, characters. */
  reasonCharactersMax: 1_000,
  /** Rooms: requests that wait for one room. */
  queueMax: 1_000,
  /** Rooms: requests handled with one conditional write; and the rows after which no further one is taken, bytes. */
  batchMax: 64,
  batchBytesMax: 64 * 1024,
  /** Rooms: the rows of one request, bytes; with `batchBytesMax` they fit one row of the store. */
  turnBytesMax: 256 * 1024,
  /** Rooms: ids of requests known as handled, in memory and in the room's state row. */
  handledMax: 512,
  handledStoredMax: 64,
  /** Rooms kept in memory by one worker. */
  roomsCachedMax: 2_000,
  /** Rooms: messages that a new occupant may be sent. */
  historyMax: 50,
  /** Rooms: that history lives this long where the room keeps no archive, milliseconds. */
  transientMs: 24 * 60 * 60 * 1000,
  /** Rooms: the fence of a room that is gone, milliseconds; longer than any worker stays frozen. */
  tombstoneMs: 24 * 60 * 60 * 1000,
  /** Rooms: items of one XEP-0045 admin request. */
  adminItemsMax: 50,
  /** Rooms: affiliations and the like of removed addresses that end in one turn. */
  forgottenMax: 50,
  /** Rooms: invitations in one message. */
  invitesMax: 20,
  /** Rooms: admins and owners who are asked to approve a registration. */
  approversMax: 20,
  /** Rooms: archive pages that one worker reads at once. */
  queriesMax: 64,
  /** Rooms listed in one page of the service's disco items. */
  listMax: 100,
  /** Rooms: rooms of one tenant; a sixteenth of them is counted with one query when one is made. */
  roomsPerTenantMax: 16_000,
  /** Rooms: rooms that one account has made and that are still there; a sixteenth of them in each part of the directory. */
  roomsPerAccountMax: 800,
  /** Rooms: persons, domains or rooms whose tokens one worker remembers, of each rate. */
  tokensMax: 50_000,
  /** Rooms: messages of one person who is not an admin: at once, and per second. */
  messagesBurst: 100,
  messagesPerSecond: 10,
  /** Rooms: entering, new nicks and presence of one person: at once, and per second. */
  presencesBurst: 40,
  presencesPerSecond: 2,
  /** Rooms: requests of one person: at once, and per second. */
  requestsBurst: 200,
  requestsPerSecond: 20,
  /** Rooms: answers of one person to what was passed on to it: at once, and per second; as many as requests. */
  answersBurst: 200,
  answersPerSecond: 20,
  /** Rooms: how long after a request an occupant's answer to it is passed back, milliseconds: longer than clients wait. */
  answerMs: 10 * 60_000,
  /** Rooms: private messages and answers that one worker remembers, to know answers and repeats by, the last ones; about 10 MB. */
  exchangesMax: 50_000,
  /** Rooms: an error from one occupant to another, bytes; of a longer one only type and condition pass. */
  errorBytesMax: 2_048,
  /** Rooms: invitations of one person: at once, and per second. */
  invitesBurst: 40,
  invitesPerSecond: 0.1,
  /** Rooms: registrations of one person that others are asked to approve: at once, and per second. */
  registrationsBurst: 5,
  registrationsPerSecond: 0.01,
  /** Rooms: wrong passwords of one person at once and per second; and of one other domain. */
  passwordsBurst: 10,
  passwordsPerSecond: 0.02,
  domainPasswordsBurst: 100,
  domainPasswordsPerSecond: 0.2,
  /** Rooms: rooms that one person makes: at once, and per second. */
  creationsBurst: 50,
  creationsPerSecond: 0.1,
  /** Rooms: stanzas that one room sends to its occupants: at once, and per second; so that other rooms of the worker stay quick. */
  deliveriesBurst: 1_000_000,
  deliveriesPerSecond: 200_000,
  /** Rooms: people who enter one room: at once, and per second. */
  entriesBurst: 5_000,
  entriesPerSecond: 100,
  /** Rooms: searches (XEP-0433) of one person: at once, and per second; listed rooms that one search looks at in each part. */
  searchesBurst: 10,
  searchesPerSecond: 1,
  searchRowsMax: 1_000,
  /** Rooms: messages on either side of one that is taken back, among which its corrections are looked for. */
  correctionsScanMax: 100,
  /** Rooms: affiliations that ended and are remembered for XEP-0463; the older half goes when there are as many. */
  formerAffiliationsMax: 500,
  /** Rooms: people whose role in a moderated room lasts over their visits; the one kept first goes when there are as many. */
  keptRolesMax: 1_000,
  /** Rooms: affiliations in one message of XEP-0463. */
  affiliationsPageMax: 100,
  /** Rooms: hats (XEP-0317), hats of one person, and the row that holds all of it, bytes. */
  hatsMax: 50,
  hatsPerPersonMax: 10,
  hatsBytesMax: 48 * 1024,
  /** Rooms: vCard with avatar, bytes; its row stands in the fence's row once more. */
  vcardBytesMax: 100 * 1024,
  /** Rooms: slow mode (XEP-0500), seconds. */
  slowModeMaxSeconds: 3_600,
  /** Rooms: after a worker has taken a room, and then as often, it looks whether the sessions of its occupants are still there, ms. */
  firstSweepMs: 15_000,
  sweepMs: 300_000,
  /** Rooms: after something did not reach an occupant whose session is moving or parked, it is looked for; doubled each time, ms. */
  lookMs: 100,
  lookMaxMs: 3_000,
  /** Rooms: a batch that took longer to write may have been shown by another worker: half of `runtimeLimits.heartbeatDeadMs`, milliseconds. */
  stallMs: 5_000,
  /** Rooms: a worker that takes over shows the last batch again when it is younger: nodes know what they have shown of late, ms. */
  showAgainMs: 60_000,
} as const;
