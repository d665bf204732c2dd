/**
 * EXTERNAL (RFC 4422 App. A, XEP-0178 §2): the client has shown a certificate in TLS, and TLS has proved that it has the key. The certificate
 * says who they are, by the addresses in it (RFC 6120 §13.7.1.4), and the CA of the tenant's policy that it may.
 *
 * Hostile: a certificate of another tenant's CA, of one of the web, or of nobody; one that is too old, for servers, or for a CA; an address of
 * another domain in it; an authorization identity that is not in it.
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { type Certificate, CertificateFault, readCertificate } from '../../../lib/s2s/certificate.ts';
import { s2sLimits } from '../../../lib/s2s/limits.ts';
import { pathFault } from '../../../lib/s2s/path.ts';
import { Roots } from '../../../lib/s2s/roots.ts';
import { SaslFailure } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { prepareName, readName, type SignedIn, signedIn } from './credentials.ts';
import { accountOf } from './first-sign-in.ts';
import { WrongPassword } from './guesses.ts';

/** Is TLS to ask clients of the tenant for certificates? */
export function asksCertificates({ policy }: Tenant): boolean {
  return policy.signIn.includes('certificate') && policy.certificateCa !== '';
}

interface Shown {
  /** DER in base64, the client's own first. */
  readonly chain: readonly string[];
  /** {@link Claimed.from} */
  readonly from: string | undefined;
}

/** @param authzid '' when the client leaves it to the certificate. @throws {SaslFailure} @throws {Unavailable} */
export async function signInByCertificate(
  dependencies: Dependencies,
  tenant: Tenant,
  authzid: string,
  { chain, from }: Shown,
): Promise<SignedIn> {
  const certificate = provenCertificate(dependencies, tenant, chain);
  const locals = new Set(certificate.names.xmpp.flatMap((name) => localOf(name, tenant) ?? []));
  const [only] = locals;
  if (only === undefined) throw new WrongPassword();
  const local = authzid === '' ? only : localOf(authzid, tenant);
  if (local === undefined || !locals.has(local))
    throw new SaslFailure('invalid-authzid', 'the certificate is for another account');
  if (authzid === '' && locals.size > 1 && from === undefined)
    throw new SaslFailure('invalid-authzid', 'the certificate is for several accounts; say which one is meant');
  const chosen = authzid === '' && from !== undefined && locals.has(from) ? from : local;
  readName({ name: chosen, authzid: undefined, from }, tenant);
  const person = signedIn(chosen, await accountOf(dependencies, tenant, chosen));
  return { ...person, way: 'certificate', untilMs: certificate.x509.validToDate.getTime() };
}

/** @throws {WrongPassword} when the tenant's CA does not stand for it */
function provenCertificate({ clock, log }: Dependencies, tenant: Tenant, chain: readonly string[]): Certificate {
  const { domain, policy } = tenant;
  const [own, ...others] = chain.slice(0, s2sLimits.chainCertificatesMax).map((der) => Buffer.from(der, 'base64'));
  try {
    if (own === undefined || policy.certificateCa === '') throw new CertificateFault('there is none, or no CA for it');
    const leaf = readCertificate(own);
    const roots = Roots.ofPem([policy.certificateCa]);
    const fault = pathFault(leaf, others, { roots, now: clock.timeOfDay(), isOfClient: true });
    if (fault !== undefined) throw new CertificateFault(fault);
    return leaf;
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error;
    log.info({ domain, reason: error.message }, 'the certificate of a client does not count');
    throw new WrongPassword();
  }
}

/** The account of an address: bare, and of the tenant. */
function localOf(address: string, tenant: Tenant): string | undefined {
  const jid = Jid.tryParse(address);
  return jid?.isBare && jid.local !== '' && jid.domain === tenant.domain ? prepareName(jid.local, tenant) : undefined;
}
