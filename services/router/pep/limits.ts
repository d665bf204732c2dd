/** Bounds of pubsub beside those of PEP (services/router/limits.ts): what others do at nodes, and the pubsub service of a tenant. */
export const pubsubLimits = {
  /** Items that a node of the service keeps unless its owner says otherwise: those that fit on one screen. */
  itemsPerNewNode: 20,
  /** Items of one node of the service. */
  itemsPerNodeMax: 2_000,
  /** Size of all items of one node of the service, bytes. They are read in pages. */
  nodeBytesMax: 16 * 1024 * 1024,
  /** The longest time after which items expire, s: a year. `max` is for ever. */
  itemExpireSecondsMax: 366 * 24 * 60 * 60,
  /** Length of the URI of a redirect (§8.4.1), characters. It has an address and the name of a node. */
  redirectCharactersMax: 3_072,
  /** Addresses in `pubsub#contact`. */
  contactsMax: 20,

  /** Nodes at the service that one account has made. */
  nodesMadeMax: 100,
  /** Nodes at the service that one address has something to do with: its subscriptions and affiliations. */
  nodesKnownMax: 1_000,
  /** Nodes on one page of the service's list. */
  listedNodesMax: 250,

  /** Affiliations of one node. One row has them. */
  affiliationsMax: 1_000,
  /** Rosters that are looked at for the access models `presence` and `roster`: those of so many owners. */
  ownersAskedMax: 10,
  /** Changes in one request of an owner about affiliations or subscriptions. */
  changesMax: 100,

  /**
   * Rows over which the subscribers of a node of the service are spread. Each is changed with compare and swap, and a fan-out reads them one
   * after the other.
   */
  subscriberRows: 64,
  /** Those of them that are read together. */
  subscriberRowsPerRead: 8,
  /** Subscribers in one of these rows: 10,000 subscribers are 156 in each, give or take 12. */
  subscribersPerRowMax: 256,
  /** Those of them from one domain outside of the deployment: some 4,000 of a node. */
  subscribersOfDomainPerRowMax: 64,
  /** Subscriptions of one person at one node: the bare JID and resources. */
  subscriptionsOfPersonMax: 10,
  /** Requests for subscriptions that wait for an owner, at one node, and those of them from one domain outside of the deployment. */
  pendingMax: 200,
  pendingOfDomainMax: 50,
  /** Notifications in a row that a subscriber's server refuses before the subscription ends, and how long one counts, ms. */
  refusalsMax: 10,
  refusalKeptMs: 7 * 24 * 60 * 60 * 1000,

  /** Subscribers that are told of an event together. Their accounts are read in one read. */
  pageSubscribersMax: 128,
  /** How long a router has a fan-out to itself when it does not go on, ms. It is below the time after which another one looks for it. */
  fanOutLeaseMs: 10_000,
  fanOutOverdueMs: 12_000,
  /** Lists of fan-outs that are under way, and how many of them are gone on with at a time. */
  fanOutLists: 16,
  fanOutsPerSweep: 200,
  /** How long it is remembered that a fan-out is done, ms. It is longer than a batch is tried. */
  fanOutDoneMs: 10 * 60 * 1000,
  /**
   * Size of a fan-out as JSON, bytes, and characters of addresses at one other server in one row of the outbox. Such a row has both, and fits
   * into the store.
   */
  fanOutBytesMax: 340_000,
  pageAddressesCharactersMax: 32 * 1024,
} as const;
