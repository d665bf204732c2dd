/** The bounds of streams to other servers and of what waits for them, with units and reasons. */
export const federationLimits = {
  /** What is to wait for no time at all waits this long while the server is being tried, ms. */
  tryMs: 60_000,
  /** Policies of tenants with streams or with something waiting that are read at the same time, with each tick. */
  policyReadsMax: 16,
  /** What is for a component waits this long while it has no stream, ms: it runs beside us, and is back soon or not at all. */
  componentHoldMs: 60_000,
  /** A node that has the stream of a component and does not say so for this long has lost it, ms. It says so every two seconds. */
  componentSilenceMs: 15_000,
  /** Stanzas that a node has not taken are given to it again after this long, ms. */
  componentRetryMs: 500,
  /** A request is answered `remote-server-timeout` when it has not been sent and confirmed by then, ms; clients give up about then. */
  iqMs: 30_000,
  /** What has waited for this long says so (XEP-0203), ms. */
  delayStampMs: 10_000,
  /**
   * The pause before a server is tried again, ms: the first, and the longest. It doubles, and up to as much again is added by chance. One that
   * is back is reached within a minute: twice the longest pause, and a try that had just begun.
   */
  retryMinMs: 1_000,
  retryMaxMs: 20_000,
  /** How many of the servers that were not reached of late are tried again each second, and after how long each is at the latest, ms. */
  deadRetriesPerSecond: 10,
  deadRetryMaxMs: 5 * 60_000,
  /** A server that has confirmed something is not counted among these for this long, ms. */
  reachedMs: 24 * 60 * 60_000,
  /** One server of a domain has this long for TLS and the stream's features, ms. */
  secureMs: 15_000,
  /** And this long to let us in, ms: it may have to call back. */
  authenticateMs: 30_000,
  /** Streams to us whose keys are asked for at once on one stream of ours. */
  askedKeysMax: 1_000,
  /** A key of dialback is asked for this long, ms; under `streamProofMs` of whoever waits for it. */
  verifyMs: 20_000,
  /** A peer that has not confirmed for this long is taken for dead, ms: its stream is broken, and all of it is sent again. */
  confirmMs: 30_000,
  /** A peer that has not answered a ping for this long is asked by closing the stream, which it has to answer, ms. */
  pongMs: 10_000,
  /** A stream that carried nothing for this long is closed, ms. */
  idleMs: 10 * 60_000,
  /** A peer with which streams in both directions (XEP-0288) did not go well is not asked for one for this long, ms. */
  oneWayMs: 6 * 60 * 60_000,
  /** A component gets white space after this much silence, ms: middleboxes forget a connection after minutes. */
  keepAliveMs: 60_000,
  /** Another server is asked for a confirmation after this much silence, ms. */
  askSilentMs: 20_000,
  /** Sent to one peer and not confirmed, stanzas and bytes: what is sent again when the stream breaks. */
  unconfirmedStanzasMax: 2_000,
  unconfirmedBytesMax: 4 * 1024 * 1024,
  /** The least that a peer may say it takes, bytes (RFC 6120 §13.12). */
  takenBytesMin: 10_000,
  /** Written to a stream and not read by the peer, bytes: a peer may have us answer without end. It is above `unconfirmedBytesMax`. */
  unreadBytesMax: 8 * 1024 * 1024,
  /** Waiting for one peer, bytes of XML: more is refused with `resource-constraint`. An hour of a busy pair of domains fits. */
  waitingBytesMax: 8 * 1024 * 1024,
  /** Waiting for all peers in one process, bytes: a quarter of the smallest one. */
  waitingBytesAllMax: 128 * 1024 * 1024,
  /** Rooms of one peer that people of ours are in, and contacts there whose presence was asked for: the last ones are asked about again. */
  standingMax: 2_000,
  /** Pairs of addresses, ours and one of a peer, of which it is known when the last presence between them was written. */
  shownMax: 2_000,
  /** Presence that was given up and is said when the peer is back: pairs of addresses of one peer, and bytes of XML. */
  unsaidMax: 2_000,
  unsaidBytesMax: 256 * 1024,
  /** How many of them are asked about, and said, in one tick, when a peer is back. */
  standingPerTick: 10,
  /** Pairs in memory. An idle one has some KB and no socket. */
  pairsMax: 20_000,
  /** Servers that are being connected to at once: thousands of dead domains wait for each other, and not for the living. */
  connectingMax: 1_000,
  /**
   * How many of them begin at once, and how long one that has begun keeps the next one from it, ms: 200 a second. Each costs about a
   * millisecond of CPU for DNS, and three more for TLS where somebody answers.
   */
  connectsBeginningMax: 4,
  connectBeginningMs: 20,
  /**
   * Where timers ring late because the event loop is busy, it keeps it for so many times as long more, at most this long, ms: 40 a second. So it
   * does while more new ones come than begin.
   */
  connectYieldPerLateMs: 4,
  connectYieldMaxMs: 80,
  /** Senders of ours for whom no more servers than these wait to be connected to have every other turn. */
  shortLineMax: 2,
  /** Pairs of which something is due are looked at this often, ms: what a lost message did not bring is found then. */
  lookMs: 15_000,
  /**
   * Clocks of pairs: timeouts are looked at this often, ms. So many pairs are looked at in one turn of the event loop, which takes a fraction of a
   * millisecond, and more where these turns would be more than so many in that time.
   */
  tickMs: 500,
  pairsPerTurn: 50,
  pairTurnsMax: 50,
  /** How often a process asks whether the owner of a shard before it has given it up, ms. */
  fenceRetryMs: 500,
  /** A process that stops or loses a shard waits for confirmations this long, ms. */
  closeMs: 1_500,
  /** Rows that were confirmed of late, by their keys: a batch that comes again is not sent again. */
  confirmedKeysMax: 20_000,
  /** A router has this long to take bounces, ms; then they are sent again. */
  tellMs: 5_000,
  /** Deletions and bounces that failed are tried again after this long, ms. */
  storeRetryMs: 1_000,
  /** The pause before a deletion that goes on failing is tried again doubles up to this, ms; up to as much again is added by chance. */
  deletionRetryMaxMs: 30_000,
  /**
   * Rows of the outbox that are deleted by one call, how many calls a process has under way, and how many wait; more try again later. It is
   * a request of DynamoDB each, and 8 of them in 10 ms are more rows than it can send.
   */
  deletionRowsMax: 25,
  deletionsAtOnceMax: 8,
  deletionsWaitingMax: 100_000,
  /** What was written last to a stream that has ended has this long to leave, ms. */
  endMs: 2_000,
  /** How often it looks whether they have come, ms. */
  closePollMs: 20,
  /** Pairs of one shard that an operator is shown. They fit into one message on the bus. */
  pairsReportedMax: 400,
  /** Characters of a peer's own words that are shown. */
  peerTextCharactersMax: 200,
  /** An element of a peer on a stream that we opened, bytes: features and errors, and nothing that people write. */
  elementBytesMax: 64 * 1024,
} as const;
