/** Bounds of what routers do later. */
export const laterLimits = {
  /** How often a router looks for what another one was to do, ms. */
  sweepMs: 3_000,
  /** What is done only this much later than it was due, ms: whoever noted it does it first. */
  overdueMs: 2_000,
  /** Pieces of such work that one look begins. */
  sweepMax: 50,

  /** How long what a piece of work is for may be missing, ms: the work is written first. */
  unsureMs: 60_000,

  // Announcements

  /** Announcements of one router under way at once, and those that wait for their turn. */
  announcementsAtOnceMax: 4,
  announcementsWaitingMax: 1_000,
  announcementsWaitingPerTenantMax: 10,
  /** Accounts that are told together. */
  announcementPageMax: 64,
  /** The pause behind each page, ms: some 250 accounts of a tenant are told in a second. */
  announcementPauseMs: 250,
  /** How long a router has an announcement for itself, ms: longer than a page takes. It says so again with each. */
  announcementLeaseMs: 30_000,
  /** How long a router tells one announcement before those of others have their turn, ms. */
  announcementSliceMs: 10_000,
  /** How long an announcement is kept as a record, ms: 30 days. */
  announcementKeepMs: 30 * 24 * 60 * 60 * 1_000,

  // Changes of roster groups

  /** Changes that one router tells at once, and those that wait. */
  groupChangesAtOnceMax: 4,
  groupChangesWaitingMax: 1_000,
  /** After this long another router tells a change, ms: by then the one that has made it should have. */
  groupChangeMs: 30_000,
  /** How long a change is remembered that nobody tells, ms: clients that come later read their rosters. */
  groupChangeKeepMs: 24 * 60 * 60 * 1_000,

  // Webhooks

  /** Requests to webhooks of one router under way at once, and webhooks that wait for theirs. */
  hooksAtOnceMax: 20,
  hooksWaitingMax: 1_000,
  hooksWaitingPerTenantMax: 20,
  /** One request, from dialling to its end, ms; what is read of its answer, bytes. */
  hookMs: 10_000,
  hookAnswerBytesMax: 8 * 1024,
  /** How long a router has a webhook for itself, ms: longer than a request takes. It says so again with each. */
  hookLeaseMs: 30_000,
  /** The first pause after a try that failed, and the longest, ms. It doubles in between, give or take a quarter. */
  hookPauseMs: 5_000,
  hookPauseMaxMs: 60 * 60 * 1_000,
  /** Events that are read at once. */
  hookPageMax: 50,
  /** How long it may take until an account is there of whose making an event tells, ms. */
  hookUnsureMs: 60_000,
  /** Characters of the last error that are kept. */
  hookErrorCharactersMax: 200,

  // Proofs of domains

  /** Domains of one router for which this is under way at once, and those that wait. */
  proofsAtOnceMax: 4,
  proofsWaitingMax: 1_000,
  /** How often the record of a domain is looked for, ms, and for how long after the tenant was added, ms. Somebody can ask for a look at any time. */
  proofMs: 60_000,
  proofKeepMs: 30 * 24 * 60 * 60 * 1_000,

  // What domains say of themselves

  /** Domains of one router for which this is under way at once, and those that wait. */
  infosAtOnceMax: 4,
  infosWaitingMax: 1_000,
  /** How often a domain says it, ms: once an hour; and sooner when others were asked whether they may be named. */
  infoMs: 60 * 60 * 1_000,
  infoSoonMs: 60_000,
  /** Others that are told of, named or not: an item has room for them. */
  infoPeersMax: 200,
  /** Others that are asked at once. */
  infoAsksMax: 50,
  /** How long an answer counts, ms: a day. How long it is remembered behind that. */
  infoKnownMs: 24 * 60 * 60 * 1_000,
  infoKeepMs: 24 * 60 * 60 * 1_000,
  /** How long an owner of streams has to say what there are, ms. */
  infoAnswerMs: 2_000,
  /** Random bytes of the id of a question: nobody else can answer it. */
  infoIdBytes: 12,
} as const;
