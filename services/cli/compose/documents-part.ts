/** What asks the systems of tenants at addresses that they name, such as for sets of keys: dialled and checked as other servers are. */
import type { Logger } from 'pino';
import { dnsLookup } from '../../../lib/adapters/dns-lookup.ts';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { Roots } from '../../../lib/s2s/roots.ts';
import { Finder } from '../../federation/finding/finder.ts';
import { GuardedHttps } from '../../federation/finding/guarded-https.ts';
import { Resolver } from '../../federation/finding/resolver.ts';
import type { PostDocument } from '../../router/core/signed-post.ts';
import type { LookUpTexts } from '../../router/later/domain-proofs.ts';
import type { GetDocument } from '../../router/sasl/jwks.ts';
import type { DialHost } from '../../router/sasl/ldap.ts';

export interface DocumentOptions {
  readonly s2sCa?: string | undefined;
  readonly s2sNetworks?: string | undefined;
  readonly s2sResolver?: string | undefined;
}

export interface GuardedDocuments {
  readonly get: GetDocument;
  readonly post: PostDocument;
  readonly dial: DialHost;
  readonly texts: LookUpTexts;
}

/** What it needs is made when the first document is asked for, because few deployments ask for any. */
export function guardedDocuments(clock: DeploymentClock, log: Logger, options: DocumentOptions = {}): GuardedDocuments {
  let made: Opened | undefined;
  const opened = () => {
    made ??= open(clock, log, options);
    return made;
  };
  const { s2sResolver } = options;
  return {
    texts: (name) => dnsLookup(s2sResolver === undefined ? [] : [s2sResolver]).texts(name),
    get: (url, bytesMax) => opened().https.get(url, bytesMax),
    post: (url, posted, bounds) => opened().https.post(url, posted, bounds),
    dial: (host, port, signal) => opened().finder.dialHost(host, port, signal),
  };
}

interface Opened {
  readonly https: GuardedHttps;
  readonly finder: Finder;
}

function open(clock: DeploymentClock, log: Logger, { s2sCa, s2sNetworks, s2sResolver }: DocumentOptions): Opened {
  const resolver = new Resolver({ clock, servers: s2sResolver === undefined ? [] : [s2sResolver] });
  const finder = new Finder({ resolver, clock, log, networks: s2sNetworks?.split(',') ?? [], ownAddresses: () => [] });
  return { https: new GuardedHttps({ finder, roots: Roots.ofSystem(s2sCa), clock }), finder };
}
