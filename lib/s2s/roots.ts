/**
 * The CAs that prove domains. The system's list comes first: who runs the machine adds to it and removes from it, and it is renewed without
 * this program. A machine without one, such as a small container, has the list that Node brings along.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export class Roots {
  /** PEM, by the subject as Node writes it; read when they are asked for. */
  readonly #bySubject: ReadonlyMap<string, readonly X509Certificate[]>;

  constructor(certificates: readonly X509Certificate[]) {
    const bySubject = new Map<string, X509Certificate[]>();
    for (const each of certificates) bySubject.set(each.subject, [...(bySubject.get(each.subject) ?? []), each]);
    this.#bySubject = bySubject;
  }

  /** @param caFile PEM with further CAs. @throws {TypeError} when it has none. @throws errors of reading it */
  static ofSystem(caFile?: string): Roots {
    const own = caFile === undefined ? [] : certificatesOf(readFileSync(caFile, 'utf8'));
    if (own.length === 0 && caFile !== undefined) throw new TypeError(`'${caFile}' has no certificate in PEM`);
    const system = getCACertificates('system');
    const list = [...(system.length > 0 ? system : getCACertificates('bundled')), ...getCACertificates('extra')];
    return new Roots([...list.map((pem) => new X509Certificate(pem)), ...own]);
  }

  /** @param texts PEM, each with any number of CAs. @throws {Error} when one of them cannot be read */
  static ofPem(texts: readonly string[]): Roots {
    return new Roots(texts.flatMap(certificatesOf));
  }

  /** Those that may have issued the certificate. */
  issuersOf({ issuer }: X509Certificate): readonly X509Certificate[] {
    return this.#bySubject.get(issuer) ?? [];
  }

  /** The certificate itself is trusted: somebody has put it into the list. */
  has({ subject, raw }: X509Certificate): boolean {
    return (this.#bySubject.get(subject) ?? []).some((root) => root.raw.equals(raw));
  }
}

function certificatesOf(pem: string): X509Certificate[] {
  return (pem.match(pemBlock) ?? []).map((block) => new X509Certificate(block));
}
