/**
 * What each kind of process may do on the bus. Whoever takes a process that faces the internet has its credentials for the bus: with them
 * it can ask what that process could ask, and read what was for that process, and nothing that is for another one.
 *
 * `OWN` stands for the public key with which a process has signed in. The server puts it in, so only who has the private key can serve a
 * subject that ends in it (decision 21). Inboxes are not named here: each process reads its own, and answers what it was asked.
 */

export const busTiers = ['connection', 'peers', 'router', 'muc', 'federation', 'api', 'web', 'operator'] as const;
export type BusTier = (typeof busTiers)[number];

/** Subjects; `*` is any one token, and `OWN` the identity of the process. */
export interface BusRights {
  /** It may subscribe to these. */
  readonly serves: readonly string[];
  /** It may publish to these. */
  readonly asks: readonly string[];
}

const node = ['n.*.OWN', 'h.*.OWN', 'ctl.n.*.OWN'];

export const busRights: Readonly<Record<BusTier, BusRights>> = {
  // A node asks another one for a session whose client has come to it, and must show the session's secret.
  connection: { serves: node, asks: ['rt', 'h.*.*'] },
  peers: { serves: node, asks: ['rt', 's2s.*'] },
  router: { serves: ['rt', 'ctl.router.*.OWN'], asks: ['rt', 'n.*.*', 'm.*', 's2s.*', 'ctl.*.*.*'] },
  muc: { serves: ['m.*', 'ctl.workers', 'ctl.muc.*.OWN'], asks: ['rt', 'n.*.*', 's2s.*', 'ctl.workers'] },
  federation: { serves: ['s2s.*', 'ctl.workers', 'ctl.federation.*.OWN'], asks: ['rt', 'n.*.*', 'ctl.workers'] },
  // Whatever operators and people may do, the routers decide.
  api: { serves: ['ctl.api.*.OWN'], asks: ['rt'] },
  web: { serves: node, asks: ['rt', 'h.*.*'] },
  // The process that starts a cluster on one machine, and passes on what its operators ask for.
  operator: { serves: [], asks: ['rt'] },
};

/** What a process may do that does the work of several tiers. */
export function busRightsOf(tiers: readonly BusTier[]): BusRights {
  const all = (of: keyof BusRights) => [...new Set(tiers.flatMap((tier) => busRights[tier][of]))];
  return { serves: all('serves'), asks: all('asks') };
}
