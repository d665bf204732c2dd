/**
 * Certificates of tenants' domains as rows of `core`. What is not secret stands in one list, `#certificates`, which nodes look at for
 * changes; the chain and the sealed private key stand in a partition of the tenant's own, `<domain>/c`, so that those who serve them
 * need the right to these two kinds of partitions and to nothing else.
 */
import type { Store } from '../ports/store.ts';
import { collection } from './collection.ts';
import { Rows } from './rows.ts';

/**
 * Partition keys, as a policy on `dynamodb:LeadingKeys` names them. There `*` matches slashes, too, and so the account `<domain>/a/c`: the
 * policy has to leave out keys with two slashes (`StringNotLike`, infra/lib/rights.ts).
 */
export const certificateLeadingKeys = ['#certificates', '*/c'] as const;

export interface CertificateEntry {
  /** The tenant's. */
  readonly domain: string;
  /** In lower case, as DNS has them (A-labels); `*.` stands for one label. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate itself, hex. */
  readonly fingerprint: string;
  /** `pem` was given by somebody, who renews it as well. */
  readonly source: 'acme' | 'pem';
  /** Who has signed it, such as `C=US, O=Let's Encrypt, CN=R10`. Absent: the row is from before 2026-12. */
  readonly issuer?: string;
}

export interface SealedCertificate {
  /** The certificate and its chain, PEM. */
  readonly chain: string;
  /** Its private key, PEM, sealed for the domain. */
  readonly sealedKey: string;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Whole days until the certificate ends; negative when it has ended. */
export function daysLeft({ notAfterMs }: Pick<CertificateEntry, 'notAfterMs'>, nowMs: number): number {
  return Math.floor((notAfterMs - nowMs) / dayMs);
}

const entries = collection<CertificateEntry>('certificate', 'deployment');
const secrets = collection<SealedCertificate>('pem', 'certificate');

export class Certificates {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get #list(): Rows {
    return Rows.ofDeployment(this.#store, 'certificates');
  }

  /** By domain. */
  async list(limit: number, after?: string): Promise<CertificateEntry[]> {
    return (await this.#list.list(entries, { limit, after })).map(({ value }) => value);
  }

  async find(domain: string): Promise<CertificateEntry | undefined> {
    return (await this.#list.get(entries, domain))?.value;
  }

  async read(domain: string): Promise<SealedCertificate | undefined> {
    return (await Rows.ofCertificate(this.#store, domain).get(secrets))?.value;
  }

  /** The list last: whoever sees it there finds the rest. */
  async put(entry: CertificateEntry, sealed: SealedCertificate): Promise<void> {
    await Rows.ofCertificate(this.#store, entry.domain).put(secrets, '', sealed);
    await this.#list.put(entries, entry.domain, entry);
  }

  /** @returns whether there was one */
  async remove(domain: string): Promise<boolean> {
    const wasThere = await this.#list.delete(entries, domain);
    return (await Rows.ofCertificate(this.#store, domain).delete(secrets)) || wasThere;
  }
}

/** As a certificate and a client name a domain: A-labels, lower case, no dot at the end. */
export function serverName(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}
