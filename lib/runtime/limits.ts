/** Bounds that the runtime enforces in every process. */
export const runtimeLimits = {
  /** Sessions that one delivery may name. */
  deliveryTargetsMax: 5_000,
  /** A router waits this long for a node to confirm a delivery, milliseconds. */
  deliveryTimeoutMs: 250,
  /**
   * The deployment's time in two processes differs by less than this, milliseconds (decision 9). A batch that was not answered goes to the next router when the last
   * one's time is over by every clock.
   */
  clocksDifferMs: 1_000,
  /**
   * Catch-up starts this long before the cursor, because a smaller id may commit later, milliseconds. Half of it is for
   * processes that do not know yet how far others have come: of the deployment's clock they hear with each heartbeat.
   */
  catchUpOverlapMs: 10_000,
  /** One heartbeat per process, milliseconds; dead after `heartbeatDeadMs` without a change. */
  heartbeatMs: 3_000,
  heartbeatDeadMs: 10_000,
  /** The deployment's time is written this far ahead of its use, milliseconds: three heartbeats and some more (decision 9). */
  clockReserveMs: 10_000,
  /** A clock on the wall that is this far from the deployment's time was set, or is wrong; milliseconds. */
  clockApartMs: 10_000,
  /** The deployment's time follows clocks on the wall that are ahead when all have been so for this long: three heartbeats, milliseconds. */
  clockJumpMs: 9_000,
  /** Seconds of a deployment that is ahead of the time of day are longer by a tenth: deadlines stay what they are, nearly. */
  clockSlowRate: 0.9,
  /** A tenant's row is believed this long, milliseconds: changes take effect within a second (FEATURES C4). */
  tenantCacheMs: 1_000,
  /** Tenant rows kept, entries (also of domains that are none, so that guessing costs no memory). */
  tenantCacheMax: 10_000,
  /** Deliveries waiting for one node, bytes; beyond this they fail and the archive takes over. */
  deliveryQueueBytesMax: 16 * 1024 * 1024,
  /** XEP-0313: entries that a filter passes over for one page; the page then says where the next one begins. Also those that are counted. */
  archivePassedMax: 10_000,
  /** Accounts or tenants in one answer to an operator. */
  adminPageMax: 100,
  /** Rows of an account read and deleted at once while it is erased; a page is at most 38 MB. */
  eraseRowsMax: 100,
  /**
   * Removals: the process that works on one says so at least this often, and stops when it has not for the second time; another one takes
   * over after the third, which is longer by what a write may take; and looks for such this often. Milliseconds.
   */
  removalBeatMs: 1_000,
  removalLeaseMs: 10_000,
  /** Removed addresses that are looked up one by one; of more of them all that is kept is read. */
  goneLookedUpMax: 20,
  /** XEP-0313: the messages of one page of an account's or a room's archive, bytes; with one more of any size they fit one answer on the bus. */
  archivePageBytesMax: 384 * 1024,
  /** A session parked in the store is one row; with keys and names it stays below `portLimits.storeValueBytesMax`, bytes. */
  parkedRowBytesMax: 360_000,
  /** A row of a parked session is kept this long behind its deadline, so that whoever ends it finds what was not acknowledged. */
  parkedKeepMs: 60 * 60 * 1000,
  /** PROXY protocol: the header with its optional fields, bytes (load balancers send below 600), and how long it may take, milliseconds. */
  proxyHeaderBytesMax: 4 * 1024,
  proxyHeaderMs: 5_000,
  /** Keys of TLS session tickets are changed this often, and looked at this often, milliseconds. */
  ticketKeysMs: 12 * 60 * 60 * 1000,
  ticketKeysPollMs: 60_000,
  /** Nodes of an old release go one for each of the new one; beyond this time all do, because fewer may be wanted now, milliseconds. */
  releaseWaitMs: 10 * 60 * 1000,
  /** A process has this long to say how it is, milliseconds. */
  statusTimeoutMs: 1_000,
} as const;
