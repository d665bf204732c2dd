/** Bounds of the program: its processes, the operators' socket, the commands and the doctor. */
export const programLimits = {
  // Processes

  /** Processes of one kind on one machine. More than it has cores is useful only in tests. */
  processesPerKindMax: 16,
  /** How long a child process may take until it is ready, ms. */
  childStartMs: 30_000,
  /** Pause before a process that died soon after its start is started again, ms. It doubles each time. */
  processRestartMs: 500,
  /** Longest pause before a process is started again, ms. */
  processRestartMsMax: 30_000,
  /**
   * How long a child outlives the bound of its own stop before it is killed, ms. It is for a child that does not even begin to
   * stop.
   */
  childKillMs: 2_000,
  /** Longest time that a stop can be given, seconds. It is what ECS on Fargate allows between SIGTERM and SIGKILL. */
  stopSecondsMax: 120,
  /** Part of a stop that is left for everything behind the streams, ms. */
  closingMs: 1_000,
  /**
   * One request to stop can arrive as two signals, because `timeout` and systemd signal a whole group of processes, and a wrapper
   * in it passes its signal on. A signal that comes later than this is a second request, ms.
   */
  sameSignalMs: 500,
  /** Interval of a timer that keeps the process alive while a command runs, ms. Timers of the clock do not. */
  keepAwakeMs: 60_000,
  /** How long worker threads and sockets have to end after a command has finished, ms. */
  exitLingerMs: 1_000,
  /** How much is shown of the beginning and of the end of an error that quotes something long, characters. */
  errorBeginningMax: 600,
  errorEndMax: 300,
  /** How much of the output of `nats-server` is kept, characters. */
  natsOutputCharactersMax: 10_000,
  /** How often a process that waits for the bus, or is refused something by it, says so, ms. */
  busWaitLogMs: 10_000,
  /** Periods of time in which two people wrote to each other that a router remembers to have recorded. */
  knownSpansMax: 32_768,

  // ECS and monitoring

  /**
   * Lists of each kind that a router on DynamoDB reads with each look at the nodes: all lists of parked sessions in 50 s, and all
   * lists of pushes that wait in 12 s. DynamoDB charges for each.
   */
  listsPerRound: 8,
  /** How often a process looks whether it needs protection from scale-in, ms. */
  protectionPollMs: 2_000,
  /** How long a protection lasts, minutes. */
  protectionMinutes: 60,
  /** A protection is renewed when it is this old, ms, so that failed tries can be repeated for some time. */
  protectionRenewMs: 15 * 60 * 1000,
  /** A process without sessions keeps its protection for this long, ms, so that it does not change with each client. */
  protectionEmptyMs: 60_000,
  /** How long the ECS agent may take to answer, ms. */
  protectionTimeoutMs: 5_000,
  /** How much of an answer of the ECS agent is read, characters. */
  protectionAnswerCharactersMax: 1_000,
  /** Pause after the first request to the ECS agent that failed, ms. It doubles each time, because the agent has a rate limit. */
  protectionRetryMs: 1_000,
  /** A process that is drained and unprotected ends by itself when nobody has stopped it for this long, ms. */
  drainedLingerMs: 90_000,
  /** The same, of a process that drains because fewer are wanted, ms: until it is stopped, ECS would start another for one that ends. */
  surplusLingerMs: 5 * 60 * 1000,
  /** How long nodes of another release may be asked to run before they count, seconds. */
  settleSecondsMax: 3_600,
  /** Connections of health checks. */
  healthConnectionsMax: 64,
  /** How long an idle connection of a health check is kept, ms. */
  healthKeepAliveMs: 1_000,
  /** How long the request of a health check may take to arrive, ms. */
  healthRequestTimeoutMs: 5_000,
  /** Interval of the metrics on stdout, ms. */
  metricsIntervalMs: 60_000,
  /**
   * Tenants with a label of their own at /metrics: as many as are set, and as may be. With each of them come some 20 lines, and Prometheus keeps
   * each line of each process.
   */
  metricsTenants: 100,
  metricsTenantsMax: 10_000,
  /** How often it is looked how late the event loop is, ms. Each look wakes the process: a hundred in a second cost 1 % of a core. */
  eventLoopLookMs: 100,

  // The file of settings

  /** Size of the file, bytes. One that has all settings with their comments takes a tenth of this. */
  settingsBytesMax: 64 * 1024,

  // The unit of systemd

  /** How long a start may take, s. A store of an older schema is moved forward while it runs, so nothing long is left. */
  serviceStartSeconds: 120,
  /** Open files. There have to be more than sockets of a node (`connectionLimits.streamsPerNodeMax`), and files are open besides. */
  serviceFilesMax: 65_536,
  /** How long systemd-notify may take, ms. */
  notifyMs: 5_000,

  // The operators' socket and its commands

  /** Length of the path of a Unix socket without its NUL, bytes. It is 107 on Linux, and 103 on the BSDs and macOS. */
  socketPathBytesMax: 103,
  /** Size of one request, bytes: a piece of an account that is taken in, as JSON (portableLimits.pieceBytesMax). It fits into a message on the bus. */
  adminLineBytesMax: 1024 * 1024,
  /** Connections to the socket. */
  adminConnectionsMax: 32,
  /** How long the answer to a request may take, ms. The removal of a tenant with all its accounts is one request. */
  adminTimeoutMs: 600_000,
  /** How long the service waits for the end of a removal before it reports progress to the command, ms. */
  removalWaitMs: 2_000,
  /** Width of the help, characters. */
  helpColumns: 140,
  /** How often `drain` asks how many sessions are left, ms. */
  drainPollMs: 250,
  /** Files past their tenant's retention are deleted for the first time this long after the start, ms. */
  uploadFirstSweepMs: 60_000,
  /** Interval between later deletions, ms. */
  uploadSweepMs: 6 * 60 * 60 * 1000,
  /** Ports of one kind of service in `dns --ports`. */
  dnsPortsPerKindMax: 4,
  /** Longest time that DNS records may be cached, seconds (a week). */
  dnsTtlSecondsMax: 604_800,

  // The certificate that the program signs itself

  /** Validity, days. */
  ownCertificateDays: 3_650,
  /** A certificate with fewer days left is replaced at the start. */
  ownCertificateDaysLeftMin: 30,

  // The canary

  /** How long one flight of the canary may take, ms. Its function may run a little longer (infra/lib/canary.ts). */
  canaryFlightMs: 40_000,
  /** How long the pages for people may take to answer it, ms. It is below the time of the flight, which goes on meanwhile. */
  canaryPagesMs: 20_000,
  /** Size of its password, random bytes. */
  canaryPasswordBytes: 24,

  // The doctor

  /** Servers for calls that are checked, of those that a domain announces. */
  doctorCallServersMax: 20,
  /** The first pause before a request to a STUN server is sent again over UDP, ms (RFC 8489 §6.2.1). It doubles. */
  doctorStunPauseMs: 500,

  /** Longest time that can be given to all checks, seconds. */
  doctorSecondsMax: 600,
  /** How long a peer may take for one answer, ms. */
  doctorStepMs: 8_000,
  /** Findings of one run. A sound domain has fewer, and a hostile one must not fill the screen. */
  doctorFindingsMax: 200,
  /** How much of anything that a peer said is shown, characters. */
  doctorShownCharactersMax: 120,
  /** Values of one DNS answer that are looked at. */
  doctorDnsValuesMax: 8,
  /** How long one question to DNS may take, ms. */
  doctorDnsTimeoutMs: 2_000,
  /** Tries of one question to DNS. */
  doctorDnsTriesMax: 2,
  /** Hosts of one service that are tried. A client tries a few as well. */
  doctorPlacesMax: 4,
  /** Size of one element of a peer, bytes. Features have a few KB; an answer to disco may have more. */
  doctorStanzaBytesMax: 64 * 1024,
  /** Size of everything that a peer sends on one stream, bytes. */
  doctorStreamBytesMax: 256 * 1024,
  /** Elements that a peer sends on one stream. */
  doctorStanzasMax: 200,
  /** Stanzas that may come before the awaited answer. */
  doctorOtherStanzasMax: 50,
  /** Items of an answer to disco that are looked at. */
  doctorItemsMax: 20,
  /** SCRAM iterations that a peer may ask for. A hostile one could ask for hours of work. */
  doctorIterationsMax: 1_000_000,
  /** SCRAM iterations that a peer must ask for (RFC 7677 §4). */
  doctorIterationsMin: 4_096,
  /** A certificate with fewer days left is a failure. */
  doctorDaysLeftMin: 7,
  /** A certificate with fewer days left is a warning. */
  doctorDaysLeftSoonMin: 21,
  /** Size of a web page, bytes. */
  doctorBodyBytesMax: 64 * 1024,
  /** With less of the disk free, `doctor --local` warns, as a share. The store itself refuses at `adapterLimits.diskReserveShare`. */
  doctorDiskFreeShareMin: 0.1,
  /** How far the clock may stand behind the last write of the store, ms. */
  doctorClockBehindMsMax: 60_000,
  /** With fewer open files, a service of a hundred people runs into the bound. */
  doctorOpenFilesMin: 1_024,
  /** A backup that is older is a warning, days. */
  doctorBackupDaysMax: 7,
  /** How long a port of this machine may take to answer, ms. */
  doctorLocalMs: 3_000,
  /** Redirects that are followed. */
  doctorRedirectsMax: 3,
} as const;
