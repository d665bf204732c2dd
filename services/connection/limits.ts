/** Bounds of a connection node. */
export const connectionLimits = {
  // Sockets and storms

  /** Sockets of one node. */
  streamsPerNodeMax: 50_000,
  /** Connections that the operating system queues for one listening socket. */
  listenBacklogMax: 4_096,
  /** Sockets that a node accepts per second. A TLS handshake takes 0.5 ms of a core. */
  acceptsPerSecond: 500,
  /** Sockets that a node accepts at once after a quiet time. */
  acceptsBurst: 2_000,
  /** Accepted sockets that wait, unread, for their turn. */
  acceptsWaitingMax: 4_096,
  /** Sockets per second of one address (IPv6: of a /64). Further ones are closed. */
  acceptsPerAddressPerSecond: 20,
  /** Sockets of one address at once. All clients of an office behind one address come back together. */
  acceptsPerAddressBurst: 500,
  /** Addresses whose rate is remembered, the most recently used. */
  acceptAddressesMax: 50_000,
  /** Open sockets of one address (IPv6: of a /64). This machine has no such bound, because proxies run on it. */
  socketsPerNetworkMax: 5_000,
  /** Sockets among them whose client has not signed in. */
  strangersPerNetworkMax: 500,
  /** Streams per second that open to one tenant. Further ones are closed with `resource-constraint`. */
  opensPerTenantPerSecond: 200,
  /** Streams that open to one tenant at once. */
  opensPerTenantBurst: 2_000,
  /** Tokens per second for binding and resuming. They bound what a storm of clients costs routers and store. */
  readyTokensPerSecond: 1_000,
  /** Tokens at once. */
  readyTokensBurst: 4_000,
  /** What binding costs, tokens. It brings roster, presence and catch-up with it. */
  bindTokens: 4,
  /** What resuming costs, tokens. It needs little. */
  resumeTokens: 1,
  /** Binds and resumptions that wait for tokens. Resumptions go first. */
  readyWaitingMax: 8_192,
  /** Shortest pause before waiting sockets, binds and resumptions are let in, ms. At a high rate, many are let in together. */
  admissionPauseMs: 10,
  /** TCP keep-alive probes begin after this much silence, ms. The load balancer forgets a silent stream later than that. */
  tcpKeepAliveMs: 240_000,

  // Certificates

  /**
   * How often a certificate's files, or the list of certificates in the store, are read, ms. Renewal comes weeks before the end.
   */
  certificatePollMs: 30_000,
  /** Certificates of one deployment whose names a node knows. */
  certificatesMax: 20_000,
  /**
   * Certificates that a node has opened, the most recently used. Each takes 50 kB, or twice as much where clients use STARTTLS.
   */
  certificatesOpenMax: 2_000,
  /** Certificates that are tried in turn for clients that name no server, while the one before cannot be opened. */
  defaultCertificateTriesMax: 5,
  /** Shortest pause between two reads of the list of certificates because of an unknown name, ms. */
  certificateLookMinMs: 2_000,
  /** Handshakes that wait for that read because they name an unknown name; more are refused at once. Each is a socket and a few KB. */
  certificateWaitsMax: 1_000,
  /** So often a name is waited for in vain; then it counts as one without a certificate. Somebody tries a domain before it has one. */
  certificateVainWaitsMax: 3,
  /** A certificate that could not be opened is tried again after this long, ms. */
  certificateRetryMs: 10_000,
  /** How often a refused name is logged, ms. */
  certificateRefusalLogMs: 10_000,
  /** How much of a refused name is logged, characters. */
  refusedNameCharactersMax: 100,

  // Streams

  /** How long a client has from connecting until SASL succeeds, ms. */
  preauthTimeoutMs: 30_000,
  /**
   * Size of all WebSocket frames before sign-in, bytes: what a peer may send then, and the headers and pings that frames add to
   * it.
   */
  preauthFrameBytesMax: 17 * 1024,
  /**
   * How long a client has from SASL until it has bound a resource, ms. XEP-0478 announces one figure for this and for
   * `keepAliveMs`.
   */
  bindTimeoutMs: 120_000,
  /** A stream that has been silent for this long gets white space, so that dead peers are noticed, ms. */
  keepAliveMs: 120_000,
  /** How long the peer has to close its side after our closing tag, ms. */
  closeTimeoutMs: 2_000,
  /** Greetings of routers that a node keeps. A tenant has a few, one for each kind of TLS. */
  greetingsMax: 10_000,
  /** How long a node waits for a router to say whether TLS is to ask for a certificate, ms. Then it begins without. */
  certificateWishMs: 2_000,
  /** How long the answer is good for, ms. A policy is felt within a second, and names that are not served are asked for as well. */
  certificateWishKeepMs: 500,
  /** For so many server names a node asks routers at once. Streams without TLS are let in at some hundred a second. */
  certificateWishesMax: 500,
  /**
   * Sockets that are written to in one turn of the event loop. A write takes 15 µs. As many sockets with earlier data are written
   * to.
   */
  socketsPerTurn: 128,
  /** Bytes that wait in the socket of one client. With more, the session is parked. */
  socketBufferBytesMax: 4 * 1024 * 1024,

  // BOSH

  /** Size of one request, bytes: several stanzas, or the largest one. With its frame it fits into a message on the bus. */
  boshBodyBytesMax: 512 * 1024,
  /** Bytes of requests that one server has read in part. With more, none may be longer than before sign-in. */
  boshReadingBytesMax: 64 * 1024 * 1024,
  /** How long a request may take to arrive, ms. */
  boshBodyMs: 30_000,
  /** How much of a request is looked at to find its sid while it arrives, bytes. */
  boshTagBytesMax: 2_048,
  /** How long a request waits for something to answer, seconds. Proxies give up on silent requests later. */
  boshWaitSecondsMax: 60,
  /** Requests of one session that wait at once. Clients that have two connections need the other one to speak, whatever they ask for. */
  boshHoldMax: 1,
  /** How long a client may be without a request, seconds. A page takes that long to come back from a bad network. */
  boshInactivitySeconds: 60,
  /** The same when it has announced a pause, seconds, as while a browser opens the next page. */
  boshPauseSecondsMax: 120,
  /** Size of one answer, bytes, unless a single stanza is larger. */
  boshAnswerBytesMax: 256 * 1024,
  /** Requests of one session that are handled per second in the long run. More of them wait, and so does their client. */
  boshRequestsPerSecond: 20,
  /** The same at once. */
  boshRequestsBurst: 200,
  /** After this long an answer that the client does not acknowledge is reported, ms. It is longer than a round trip. */
  boshReportMs: 2_000,
  /** How long the last answers of a session that is over are kept, ms. */
  boshLingerMs: 10_000,
  /** Requests that one node has passed on to others and that wait for their answer. */
  boshForwardsMax: 10_000,
  /** How long another node may have a request, ms: longer than it waits for something to answer. */
  boshForwardMs: 90_000,
  /** How much longer the asker waits for the answer on the bus, ms. */
  boshForwardSlackMs: 2_000,

  // From clients to routers

  /**
   * What one account may send to a node at once, as so many seconds of what the tenant's policy lets it send in the long run: 9,600 stanzas and
   * 16 MiB, unless the policy says otherwise. Faster clients are read later.
   */
  sentStanzasBurstSeconds: 32,
  sentBytesBurstSeconds: 16,
  /** Accounts without sessions whose rates are remembered. */
  sendingAccountsMax: 50_000,
  /** Stanzas of one session that were read and that no router has answered. With more, the socket is not read. */
  ingressStanzasMax: 256,
  /** The same in bytes: four full batches. */
  ingressBytesMax: 1024 * 1024,
  /**
   * The same in bytes while no router answers, for any number of sessions. It is more than 0, so that `<r/>` behind a stanza or
   * two is read and answered, and the client does not take its stream for dead.
   */
  stalledIngressBytesMax: 16 * 1024,
  /** How long a node waits for the answer to a batch before it sends the batch again, ms. */
  batchTimeoutMs: 5_000,
  /** Longest pause before a batch is sent again, ms. It is far below `batchPatienceMs`. */
  batchBackoffMaxMs: 2_000,
  /** How many times a batch is sent, at least, before its stanzas are answered with a `wait` error. */
  batchTriesMax: 3,
  /**
   * How long a batch is sent again, at least, before its stanzas are answered with a `wait` error, ms. In this time a process
   * that died is found dead, which takes `heartbeatDeadMs` and a heartbeat, and another one takes over.
   */
  batchPatienceMs: 15_000,
  /** How many times the end of a session is sent. Nobody waits for its answer, but without it the session's rows would stay. */
  endTriesMax: 14,

  // From routers to clients

  /** Stanzas that an XEP-0198 client has not acknowledged. With more, the session counts as lost. */
  unackedStanzasMax: 2_000,
  /** The same in bytes. */
  unackedBytesMax: 4 * 1024 * 1024,
  /** After this many stanzas, the client is asked for an acknowledgement. */
  ackRequestStanzas: 5,
  /** A client that has anything to acknowledge is asked after this long, ms. */
  ackRequestMs: 5_000,
  /** A client that can be woken counts as out of reach when it has not answered for this long, ms: at the second request. */
  silenceMs: 5_000,
  /** Stanzas to one client that stream features hold back. With more, they are sent. It is below `unackedStanzasMax`. */
  heldOutgoingStanzasMax: 500,
  /** The same in bytes, below `unackedBytesMax`. */
  heldOutgoingBytesMax: 1024 * 1024,
  /**
   * Size of the addresses in rooms that are remembered of one client, the most recent, bytes. In the other rooms, it is sent everything
   * at once. They go along with a session that moves.
   */
  nicksBytesMax: 16 * 1024,
  /** How often a session's cursor is written, ms. */
  cursorFlushMs: 500,
  /**
   * Ids of entries that a session was given so short a time ago, ms, are remembered beyond `deliveredRingMax`, but at most so many: the archive
   * is read again from a mark, which a node finds with a heartbeat after the router has waited.
   */
  recentIdsMax: 4_096,
  recentIdsMs: 30_000,
  /** Deliveries that are held back while a session catches up. With more, further pages are read instead. */
  catchUpBufferStanzasMax: 1_000,
  /** The same in bytes. */
  catchUpBufferBytesMax: 1024 * 1024,
  /** The next page of catch-up is read when the client has fewer stanzas than this to acknowledge. */
  catchUpUnackedMax: 500,
  /** Resync marks that a node takes with one heartbeat. The others wait for the next one. */
  resyncMarksMax: 500,

  // Moving sessions

  /** Sessions that timed out whose counters are kept for `<failed h='…'/>` (XEP-0198 §5). */
  endedSessionsMax: 10_000,
  /** Size of the stanzas of a session that another node takes over, bytes. They fit into one message on the bus. */
  handOverBytesMax: 768 * 1024,
  /** Answers to hand-over requests that are kept in case they were lost. */
  handOverRepliesMax: 100,
  /** How many nodes that may hold a session, and how many times the store, are asked for it. */
  claimTriesMax: 4,
  /** Sessions per second that a drain parks. Each costs about six rows, and its client comes back at another node. */
  drainPerSecond: 200,
  /**
   * Sessions per second that all draining nodes of a deployment park together, where no stop limits their time. With what their
   * clients' return costs they are about what new tables of DynamoDB take, 4,000 writes a second.
   */
  drainAllPerSecond: 400,
  /** Sessions that a drain parks at the same time. */
  drainConcurrentMax: 64,
  /** Share of the time of a stop that is for parking. The rest is for closing. */
  drainShare: 0.6,
  /** Interval in which a drain parks its next sessions, ms. */
  drainTickMs: 50,
  /** A session that could not be parked, because the store is away, is tried again after this long, ms. */
  drainRetryMs: 1_000,
  /** How often a stop looks whether all streams are closed, ms. */
  stopPollMs: 10,

  // Other servers

  /** How long the owner of a pair of domains may take to answer what it knows itself, ms. */
  ownerAnswerMs: 5_000,
  /** How long it may take to ask the peer's server for a key of dialback, ms. It is above `federationLimits.verifyMs` and the time to connect. */
  verifyMs: 45_000,
  /** How long a stream of another server may take to prove a domain, ms. It may take a call back. */
  streamProofMs: 60_000,
  /** Keys of dialback that are asked for at once for one stream. */
  verifiesPerStreamMax: 8,
  /** Pairs of domains that one stream may prove. */
  pairsPerStreamMax: 100,
  /** A stream of another server that carried nothing for this long, either way, is ended in order, ms; and how often that is looked at, ms. */
  peerIdleMs: 10 * 60_000,
  peerIdleLookMs: 30_000,
  /** Headers of streams from one network, per second and at once. A stream has up to three: in the clear, behind TLS, behind SASL. */
  peerOpeningsPerSecond: 30,
  peerOpeningsBurst: 1_500,
  /** Keys of dialback for which another server has to be asked, for one network and for one domain: per second, and at once. */
  peerKeysPerSecond: 5,
  peerKeysBurst: 500,
  peerKeysOfDomainPerSecond: 20,
  peerKeysOfDomainBurst: 1_000,
  /** Networks and domains whose share of headers and keys is remembered. */
  peerSharesMax: 10_000,
  /** Streams of other servers at one node. A peer has one for each pair of domains. */
  peerStreamsMax: 20_000,
  /** Streams of other servers that a drain ends per second. Each may be opened again elsewhere, which takes a handshake and a proof. */
  peerDrainPerSecond: 100,

  // Components

  /** How long a component may take to prove itself, ms. */
  componentProofMs: 30_000,
  /**
   * How long the owner of its pair may take to let it in, ms: it may have just begun, and a stream that is there is asked whether it lives.
   * It is above `ownerAnswerMs` and `componentPingMs` together, and two tries are below `componentProofMs`.
   */
  componentAttachMs: 10_000,
  /**
   * How often a node says which components it has, ms: an owner that has just begun knows of none. Two tries without an answer are below
   * `federationLimits.componentSilenceMs`.
   */
  componentHoldMs: 2_000,
  /** Streams of components at one node: each tenant has a few, and some come while others are still there. */
  componentStreamsMax: 2_000,
} as const;
