/**
 * Certification path validation, RFC 5280 §6: from a peer's certificate over those that it sent to a root. Any policy will do, and revocation
 * is not looked up.
 *
 * It is our own because Node says INVALID_PURPOSE both of a good certificate that is for servers alone and of one whose CA nobody trusts
 * (docs/decisions/0013-finding-and-proof-are-our-own.md).
 */
import { type Certificate, CertificateFault, readCertificate } from './certificate.ts';
import { s2sLimits } from './limits.ts';
import { forbiddenName } from './name-constraints.ts';
import type { Roots } from './roots.ts';

export interface PathOptions {
  readonly roots: Roots;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** It is to be good for a client, and not for a server. */
  readonly isOfClient?: boolean;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyPurpose = '2.5.29.37.0';

/** @param chain the peer's certificate and what it sent besides. @returns why no path is good, as a part of a sentence; undefined when one is */
export function pathFault(leaf: Certificate, chain: readonly Buffer[], options: PathOptions): string | undefined {
  const search = new PathSearch(chain, options);
  return search.find([leaf]) ? undefined : search.fault;
}

class PathSearch {
  readonly #options: PathOptions;
  readonly #intermediates: readonly Certificate[];
  #signatureChecks = 0;
  /** What was wrong with the path that came furthest. */
  fault = 'its CA is not trusted here';

  constructor(chain: readonly Buffer[], options: PathOptions) {
    this.#options = options;
    this.#intermediates = chain.flatMap((der) => readable(der) ?? []);
  }

  /** Tries each issuer of the last one. @returns whether a path with these at its end is good */
  find(path: readonly Certificate[]): boolean {
    const last = path.at(-1)!;
    if (this.#options.roots.has(last.x509)) return this.#isGood(path); // somebody trusts this very certificate
    for (const { raw } of this.#options.roots.issuersOf(last.x509)) {
      const root = readable(raw);
      if (root !== undefined && this.#isIssuer(root, last) && this.#isGood([...path, root])) return true;
    }
    if (path.length >= s2sLimits.pathCertificatesMax - 1) return false;
    return this.#intermediates.some((issuer) => {
      const isNew = path.every(({ x509 }) => !x509.raw.equals(issuer.x509.raw));
      return isNew && this.#isIssuer(issuer, last) && this.find([...path, issuer]);
    });
  }

  #isIssuer(issuer: Certificate, of: Certificate): boolean {
    if (!of.x509.checkIssued(issuer.x509)) return false;
    if (++this.#signatureChecks > s2sLimits.signatureChecksMax) return false;
    return of.x509.verify(issuer.x509.publicKey);
  }

  /** @param path from the peer's certificate to the root */
  #isGood(path: readonly Certificate[]): boolean {
    try {
      checkPath(path, this.#options);
      return true;
    } catch (error) {
      if (!(error instanceof CertificateFault)) throw error;
      this.fault = error.message;
      return false;
    }
  }
}

function readable(der: Buffer): Certificate | undefined {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof CertificateFault) return undefined;
    throw error;
  }
}

/** @throws {CertificateFault} */
function checkPath(path: readonly Certificate[], { now, isOfClient = false }: PathOptions): void {
  const [leaf] = path;
  for (const [index, certificate] of path.entries()) {
    const isRoot = index === path.length - 1;
    checkTime(certificate, now, index === 0 ? 'it' : 'its CA');
    if (!isRoot && !certificate.isStronglySigned) throw new CertificateFault('it is signed by a weak algorithm');
    if (index > 0) checkCa(certificate, isRoot, path.slice(1, index));
    if (!isRoot || index === 0) checkPurpose(certificate, index === 0 ? 'it is' : 'its CA is', isOfClient);
    const forbidden = certificate.constraints && forbiddenName(leaf!.names, certificate.constraints);
    if (index > 0 && forbidden !== undefined) throw new CertificateFault(`its CA may not issue one for ${forbidden}`);
  }
}

function checkTime({ x509: { validFromDate, validToDate } }: Certificate, now: number, what: string): void {
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  if (Number.isNaN(from) || Number.isNaN(to)) throw new CertificateFault(`${what} has a date that cannot be read`);
  if (to < now) throw new CertificateFault(`${what} has expired on ${dayOf(validToDate)}`);
  if (from > now) throw new CertificateFault(`${what} is not valid before ${dayOf(validFromDate)}`);
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** @param below the CAs between this one and the peer's certificate */
function checkCa({ basicConstraints, maySignCertificates }: Certificate, isRoot: boolean, below: readonly Certificate[]): void {
  // A root of X.509 version 1 has no extensions; it is a CA because somebody trusts it.
  const isCa = basicConstraints?.isCa ?? isRoot;
  if (!isCa || !maySignCertificates) throw new CertificateFault('it was issued by a certificate that is not for a CA');
  const count = below.filter(({ x509: { subject, issuer } }) => subject !== issuer).length; // those that are self-issued do not count
  if (basicConstraints?.pathLength !== undefined && count > basicConstraints.pathLength)
    throw new CertificateFault('its CA may not have CAs below it');
}

/** Public CAs issue for servers alone; of a server, whether it is also for clients is not asked, though a server is one for its peer. */
function checkPurpose({ extendedKeyUsage }: Certificate, what: string, isOfClient: boolean): void {
  const purpose = isOfClient ? clientAuth : serverAuth;
  if (extendedKeyUsage === undefined || extendedKeyUsage.includes(purpose) || extendedKeyUsage.includes(anyPurpose)) return;
  throw new CertificateFault(`${what} not for ${isOfClient ? 'clients' : 'servers'}`);
}
