/** Gets documents at addresses that tenants name, such as sets of keys: dialled and checked as other servers are. */
import type { Logger } from 'pino';
import type { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { Roots } from '../../../lib/s2s/roots.ts';
import { Finder } from '../../federation/finding/finder.ts';
import { GuardedHttps } from '../../federation/finding/guarded-https.ts';
import { Resolver } from '../../federation/finding/resolver.ts';
import type { GetDocument } from '../../router/sasl/jwks.ts';

export interface DocumentOptions {
  readonly s2sCa?: string | undefined;
  readonly s2sNetworks?: string | undefined;
  readonly s2sResolver?: string | undefined;
}

/** What it needs is made when the first document is asked for, because few deployments ask for any. */
export function guardedDocuments(clock: DeploymentClock, log: Logger, options: DocumentOptions = {}): GetDocument {
  let https: GuardedHttps | undefined;
  return (url, bytesMax) => {
    https ??= open(clock, log, options);
    return https.get(url, bytesMax);
  };
}

function open(clock: DeploymentClock, log: Logger, { s2sCa, s2sNetworks, s2sResolver }: DocumentOptions): GuardedHttps {
  const resolver = new Resolver({ clock, servers: s2sResolver === undefined ? [] : [s2sResolver] });
  const finder = new Finder({ resolver, clock, log, networks: s2sNetworks?.split(',') ?? [], ownAddresses: () => [] });
  return new GuardedHttps({ finder, roots: Roots.ofSystem(s2sCa), clock });
}
