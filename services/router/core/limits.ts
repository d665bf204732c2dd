/** Bounds of asking the systems of tenants about passwords. */
export const askingLimits = {
  /** Questions of one router under way at once, each with a socket; those that wait; and those of one account and address among them. */
  atOnceMax: 100,
  waitingMax: 1_024,
  waitingPerAccountMax: 8,
};

/** How fast guests may come (RFC 4505). How many there may be is the tenant's policy. */
export const guestRates = {
  /** Those who come to one tenant and router per second, and at once: as when a meeting begins. */
  perSecond: 5,
  burst: 50,
  /** Those from one address that come one after the other: a person who loads a page again and again. */
  perNetworkPerSecond: 0.2,
  perNetworkBurst: 20,
};

/** Pages that one account may search for in its archive (XEP-0431). Common words in an archive of a million messages take 10 ms each. */
export const archiveSearchRate = { perSecond: 2, burst: 30 };

export const roleLimits = {
  /** Accounts with a role over one tenant, and those with one over the deployment: a list of them is one row. */
  holdersMax: 200,
};

/** Messages that one person may take back in the archive of one other, so that each search is for something (XEP-0424). */
export const retractionRate = { perSecond: 1, burst: 50 };
/** Subscriptions to nodes (XEP-0060) that people of one other server may ask one router for: so many a second, and so many at once. */
export const subscribeRates = { perSecond: 5, burst: 100 };

/** Messages that operators of one tenant may send through one router: to people one by one. To many at once there are announcements. */
export const noticeRate = { perSecond: 10, burst: 100 };
