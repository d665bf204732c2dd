/**
 * PKIX over Secure HTTP (RFC 7711): a domain says over HTTPS which certificates its XMPP servers show, when they cannot have one with its name,
 * because somebody else hosts them.
 *
 *     https://example.org/.well-known/posh/xmpp-server.json
 *     { "fingerprints": [{ "sha-256": "4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ=" }], "expires": 604800 }
 *     { "url": "https://hosting.example.net/.well-known/posh/xmpp-server.json", "expires": 86400 }
 *
 * A document may point to another one, which may not point further. Only the peer's own certificate counts, not those of its CAs.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../ports/clock.ts';
import { asciiDomain } from '../xmpp/idna.ts';
import { s2sLimits } from './limits.ts';
import type { Proof } from './proof.ts';

export const poshPath = '/.well-known/posh/xmpp-server.json';

/**
 * Gets a document over HTTPS, at most `s2sLimits.poshBytesMax` of it, in bounded time, and without following redirects of HTTP. It checks where it
 * connects to, and the certificate there. @throws {Error} whose message says in words why there is none
 */
export type PoshFetch = (url: URL) => Promise<string>;

const expires = z.number().int().nonnegative();
const documentShape = z.union([
  z.object({
    fingerprints: z
      .array(z.object({ 'sha-256': z.string().optional(), 'sha-512': z.string().optional() }))
      .max(s2sLimits.poshFingerprintsMax),
    expires,
  }),
  z.object({ url: z.url({ protocol: /^https$/ }), expires }),
]);

type Fingerprint = Readonly<Partial<Record<'sha-256' | 'sha-512', string>>>;

interface PoshFingerprints {
  /** base64. */
  readonly fingerprints: readonly Fingerprint[];
  /** How long they may be believed, ms. */
  readonly keepMs: number;
}

/** @param domain in U-labels. @throws {Error} whose message says in words why there are none */
async function poshFingerprints(domain: string, fetch: PoshFetch): Promise<PoshFingerprints> {
  const host = asciiDomain(domain);
  if (host === undefined) throw new Error(`${domain} is not a name in DNS`);
  const first = readDocument(await fetch(new URL(`https://${host}${poshPath}`)));
  const last = 'url' in first ? readDocument(await fetch(new URL(first.url))) : first;
  if ('url' in last) throw new Error(`the POSH document of ${domain} points to one that points further`);
  const seconds = Math.min(first.expires, last.expires);
  const keepMs = Math.min(Math.max(seconds * 1_000, s2sLimits.poshKeepMinMs), s2sLimits.poshKeepMaxMs);
  return { fingerprints: last.fingerprints, keepMs };
}

/** @throws {Error} */
function readDocument(text: string) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('the POSH document is not JSON');
  }
  const { success, data } = documentShape.safeParse(json);
  if (!success) throw new Error('the POSH document is not as RFC 7711 wants it');
  return data;
}

function hasFingerprint({ fingerprints }: PoshFingerprints, certificate: Buffer): boolean {
  return fingerprints.some((each) =>
    (['sha-256', 'sha-512'] as const).some((hash) => {
      const wanted = each[hash];
      if (wanted === undefined) return false;
      return createHash(hash.replace('-', '')).update(certificate).digest().equals(Buffer.from(wanted, 'base64'));
    }),
  );
}

/** What is known of domains, for as long as they say. */
interface Known {
  readonly found: Promise<PoshFingerprints | Error>;
  /** On the monotonic clock; far ahead as long as nothing is found. */
  untilMs: number;
}

export class Posh {
  readonly #fetch: PoshFetch;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  #asking = 0;

  constructor({ fetch, clock }: { readonly fetch: PoshFetch; readonly clock: Clock }) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** @param domain in U-labels. @param chain DER, the peer's certificate first */
  async proves(domain: string, chain: readonly Buffer[]): Promise<Proof> {
    const [own] = chain;
    if (own === undefined) return { ok: false, reason: 'the peer has no certificate' };
    const found = await this.#find(domain);
    if (found instanceof Error) return { ok: false, reason: `there is no POSH document: ${found.message}` };
    if (hasFingerprint(found, own)) return { ok: true };
    return { ok: false, reason: `the POSH document of ${domain} names other certificates` };
  }

  #find(domain: string): Promise<PoshFingerprints | Error> {
    const now = this.#clock.monotonic();
    const before = this.#known.get(domain);
    if (before !== undefined && before.untilMs > now) return before.found;
    if (this.#asking >= s2sLimits.poshAtOnceMax) return Promise.resolve(new Error('too many documents are asked for at once'));
    this.#asking++;
    const found = poshFingerprints(domain, this.#fetch).catch((error: Error) => error);
    const known: Known = { found, untilMs: Number.POSITIVE_INFINITY };
    this.#known.delete(domain);
    this.#known.set(domain, known);
    if (this.#known.size > s2sLimits.poshDomainsMax) this.#known.delete(this.#known.keys().next().value!);
    void found.then((result) => {
      this.#asking--;
      known.untilMs = this.#clock.monotonic() + (result instanceof Error ? s2sLimits.poshRetryMs : result.keepMs);
    });
    return found;
  }
}
