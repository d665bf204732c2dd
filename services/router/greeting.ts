/** What a stream that has opened is told before it has signed in: which ways there are to sign in, and whether to register. */
import type { Tenant } from '../../lib/runtime/tenants.ts';
import type { StepItem } from '../../lib/runtime/wire.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { findAccount, type ScramHash } from './core/accounts.ts';
import type { Dependencies } from './core/dependencies.ts';
import { registerStreamFeature } from './features/xep0077-registration.ts';
import { preauthStreamFeature } from './features/xep0445-preauth.ts';
import { prepareName } from './sasl/credentials.ts';
import { offerMechanisms } from './sasl/exchange.ts';
import { asksCertificates } from './sasl/external.ts';
import { hashesOf } from './sasl/mechanisms.ts';
import { offerSasl2 } from './sasl/sasl2.ts';
import { NS_BIND2 } from './sessions/bind2.ts';

export interface Greeting {
  /** Children of `<stream:features/>`. */
  readonly features: string;
  /** The local part of the account that the stream is for, if it has said so. */
  readonly from: string | undefined;
  /** {@link StepReply.asksCertificate} */
  readonly asksCertificate?: boolean;
  /** With `from`: the hashes that were offered for it. */
  readonly hashes: readonly ScramHash[] | undefined;
}

export async function greet(
  dependencies: Dependencies,
  tenant: Tenant,
  item: Extract<StepItem, { kind: 'open' }>,
): Promise<Greeting> {
  const { store, features } = dependencies;
  const from = item.secure && item.from !== undefined ? prepareName(Jid.parse(item.from).local, tenant) : undefined;
  const hashes = from === undefined ? undefined : hashesOf(await findAccount(store, tenant.domain, from));
  const offered = { ...item, hashes, ways: tenant.policy.signIn };
  const { inline } = item;
  const ofFeatures = features
    .of('signInOffer')
    .map((offer) => offer(dependencies, tenant, item) ?? '')
    .join('');
  const parts = inline && inline.signIn + ofFeatures + bindOffer(inline.bind, features.inBindOffer);
  const sasl2 = parts === undefined ? '' : offerSasl2(offered, parts);
  const registering = preauthStreamFeature(tenant, item) + registerStreamFeature(tenant, item);
  return {
    features: sasl2 + offerMechanisms(offered) + registering,
    from,
    hashes,
    ...(!item.secure && { asksCertificate: asksCertificates(tenant) }),
  };
}

/** XEP-0386 §2.1, if the node can bind in this way. @param ofNode what can be asked for there */
function bindOffer(ofNode: string | undefined, ofRouter: string): string {
  return ofNode === undefined ? '' : `<bind xmlns='${NS_BIND2}'><inline>${ofNode}${ofRouter}</inline></bind>`;
}
