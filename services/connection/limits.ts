/** Bounds of a connection node. */
export const connectionLimits = {
  /** From accept to a finished SASL exchange, milliseconds. */
  preauthTimeoutMs: 30_000,
  /** From SASL to the bound resource, milliseconds; the same as `keepAliveMs`, since it is announced as one with it (XEP-0478). */
  bindTimeoutMs: 120_000,
  /** What one account may send at a node: stanzas and bytes at once, and per second; beyond it its sockets are read later. */
  sentStanzasBurst: 10_000,
  sentStanzasPerSecond: 300,
  sentBytesBurst: 16 * 1024 * 1024,
  sentBytesPerSecond: 1024 * 1024,
  /** Accounts of a node whose sending is remembered, besides those with sessions. */
  sendingAccountsMax: 50_000,
  /** Stanzas of one session read from its socket and not yet answered by a router; at this many the socket is not read. */
  ingressStanzasMax: 256,
  /** A node waits this long for a router's answer before it sends the batch again, milliseconds. */
  batchTimeoutMs: 5_000,
  /** Tries of one batch, at least, before its stanzas are answered with a `wait` error. */
  batchTriesMax: 3,
  /**
   * Before its stanzas are so answered, a session's batch is tried for this long, milliseconds: what died meanwhile is called dead
   * (`runtimeLimits.heartbeatDeadMs`, seen with a heartbeat), and another one has taken over.
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
  /** The account's cursor is written at most this often per session, milliseconds. */
  cursorFlushMs: 500,
  /** White space is sent on a stream silent this long so that dead peers are noticed, milliseconds. */
  keepAliveMs: 120_000,
  /** Such answers kept, entries: a few per tenant, by what TLS there is. */
  greetingsMax: 10_000,
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
  /** Files of a certificate, and the list in the store, are looked at this often, milliseconds: renewal comes weeks before the end. */
  certificatePollMs: 30_000,
  /** Resync marks that a node takes with one heartbeat; the rest waits for the next. */
  resyncMarksMax: 500,
  /** Drain: sessions parked in the store per second; each costs about six rows, and its client comes back at another node. */
  drainPerSecond: 200,
  /** … and at once; of a stop, which has `serviceLimits.shutdownMs` in all, this share of the time is for them, the rest for closing. */
  drainConcurrentMax: 64,
  drainShare: 0.6,
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
  /** A WebSocket's frames before sign-in, bytes: `xmppLimits.preauthBytesMax`, and what frames add to it (RFC 6455 §5.2), pings included. */
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
} as const;
