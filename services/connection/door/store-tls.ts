/**
 * Certificates from rows of the store, one for each tenant's domain, chosen by server name (RFC 6066 §3).
 *
 * The list of names is read regularly. A chain and its key are read and opened when the first client asks for them, and are
 * replaced when the list names a new certificate. When any of this fails, the earlier certificate stays in use. Open streams are
 * not affected. Whoever names a name that is not in the list waits until it was read anew, two seconds at most.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { domainToASCII } from 'node:url';
import type { Logger } from 'pino';
import { type Clock, repeat, sleep, type Timer } from '../../../lib/ports/clock.ts';
import type { Keys } from '../../../lib/ports/keys.ts';
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { type CertificateEntry, Certificates, serverName } from '../../../lib/runtime/certificates.ts';
import { connectionLimits } from '../limits.ts';
import { CertificateNames } from './certificate-names.ts';
import { contextOptions, identityOf, type PemIdentity, type StreamIdentity, type TlsSource, ticketKeysFor } from './tls.ts';

export interface StoreTlsOptions {
  readonly store: Store;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Logger;
  /** For clients that name no server, or a name without a row. */
  readonly fallback?: PemIdentity;
  /**
   * Without a fallback, clients that name no server are shown the certificate of the first of these domains that has one; without
   * any, of the first in the list.
   */
  readonly defaultDomains?: readonly string[];
  readonly ticketKeys?: Buffer;
}

/** A certificate that was opened. */
interface Open {
  readonly domain: string;
  readonly fingerprint: string;
  readonly pem: PemIdentity;
  readonly certificate: X509Certificate;
  readonly der: Buffer;
  context: SecureContext;
  identity: StreamIdentity;
  /** A fingerprint of the ticket keys of both. */
  generation: number;
}

const unknownName = 'a name that is not in the list';

export class StoreTls implements TlsSource {
  readonly isForAnyName = false;
  readonly #options: StoreTlsOptions;
  readonly #certificates: Certificates;
  readonly #listeners = new Set<() => void>();
  /** By domain. The one that was used last is at the end. */
  readonly #open = new Map<string, Open>();
  readonly #opening = new Map<string, Promise<Open | undefined>>();
  readonly #retryAtMs = new Map<string, number>();
  #names = new CertificateNames([]);
  /** What clients that name no server are shown. */
  #default: { readonly pem: PemIdentity; readonly fingerprint: string; readonly certificate: X509Certificate } | undefined;
  #sharedKeys: Buffer | undefined;
  #ticketKeys: Buffer | undefined;
  #generation = 0;
  #looking: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** Names that were waited for in vain, and how often. */
  readonly #missed = new Map<string, number>();
  /** Handshakes that wait for the next look. */
  #waiting = 0;
  #isStopped = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #refused = 0;
  #refusalLogAtMs = Number.NEGATIVE_INFINITY;

  private constructor(options: StoreTlsOptions) {
    this.#options = options;
    const { fallback } = options;
    const certificate = fallback && new X509Certificate(fallback.cert);
    this.#default = certificate && { pem: fallback!, fingerprint: certificate.fingerprint256, certificate };
    this.#certificates = new Certificates(options.store);
    this.#sharedKeys = options.ticketKeys;
  }

  /** Resolves when the list has been read. @throws {Unavailable} */
  static async start(options: StoreTlsOptions): Promise<StoreTls> {
    const source = new StoreTls(options);
    await source.#look();
    const { clock, log } = options;
    const pauseMs = () => connectionLimits.certificatePollMs * (1 + clock.randomBytes(2).readUInt16BE() / 0x2_0000);
    const onError = (error: unknown) => log.error({ err: error }, 'cannot read the list of certificates');
    source.#timer = repeat(clock, pauseMs, () => source.#lookOr('it is time'), onError);
    return source;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  get fallback(): PemIdentity | undefined {
    return this.#default?.pem;
  }

  get ticketKeys(): Buffer | undefined {
    return this.#ticketKeys;
  }

  get expiresMs(): number | undefined {
    return this.#names.expiresMs;
  }

  setTicketKeys(keys: Buffer): void {
    this.#sharedKeys = keys;
    if (this.#renewTickets()) this.#tellListeners();
  }

  async contextFor(servername: string): Promise<SecureContext | undefined> {
    const name = serverName(servername);
    const open = await this.#find(name);
    if (open !== undefined) return this.#current(open).context;
    this.#logRefusal(name, this.#names.find(name));
    return undefined;
  }

  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined> {
    const name = nameOfDomain(domain);
    const entry = this.#names.find(name);
    const open = entry && this.#openOf(entry);
    if (open !== undefined && !(open instanceof Promise)) return this.#current(open).identity;
    return this.#find(name).then((found) => found && this.#current(found).identity);
  }

  async #find(name: string): Promise<Open | undefined> {
    const entry = this.#names.find(name) ?? (await this.#findAnew(name));
    return entry && this.#openOf(entry);
  }

  /**
   * A certificate that was added a moment ago is in the store, and not in the list that was read before. Whoever names it waits for a look
   * that begins now or later; strangers, who can name anything, share that look. A name that the default certificate is for does not wait, and
   * neither does one that was waited for in vain several times: a host that many clients name would keep each of them.
   */
  async #findAnew(name: string): Promise<CertificateEntry | undefined> {
    if (this.#looking !== undefined || this.#pauseMs <= 0) {
      const isUnderWay = this.#looking !== undefined;
      await this.#lookOr(unknownName);
      const entry = this.#names.find(name);
      if (entry !== undefined || !isUnderWay) return entry;
    }
    const missed = this.#missed.get(name) ?? 0;
    if (missed >= connectionLimits.certificateVainWaitsMax) return undefined;
    if (this.#default?.certificate.checkHost(name) !== undefined) return undefined;
    if (this.#waiting >= connectionLimits.certificateWaitsMax) return undefined;
    this.#waiting++;
    try {
      await this.#nextLook();
    } finally {
      this.#waiting--;
    }
    const entry = this.#names.find(name);
    if (entry === undefined) this.#miss(name);
    else this.#missed.delete(name);
    return entry;
  }

  #miss(name: string): void {
    const before = this.#missed.get(name) ?? 0;
    this.#missed.delete(name);
    this.#missed.set(name, before + 1);
    if (this.#missed.size > connectionLimits.certificateWaitsMax) this.#missed.delete(this.#missed.keys().next().value!);
  }

  /** One look for all who ask before it begins. Never rejects. */
  #nextLook(): Promise<void> {
    this.#next ??= this.#lookWhenDue();
    return this.#next;
  }

  async #lookWhenDue(): Promise<void> {
    while (this.#pauseMs > 0) await sleep(this.#options.clock, this.#pauseMs);
    this.#next = undefined; // the list is read from here on: whoever asks now may be too late for it
    if (!this.#isStopped) await this.#lookOr(unknownName);
  }

  /** How long it takes until the list may be read because of an unknown name, ms. */
  get #pauseMs(): number {
    return this.#lookedAtMs + connectionLimits.certificateLookMinMs - this.#options.clock.monotonic();
  }

  /** Without a name, nobody can tell which name a resumed session began with. */
  certificateFor(servername: string | undefined): Buffer | undefined {
    const entry = servername === undefined ? undefined : this.#names.find(serverName(servername));
    const open = entry && this.#open.get(entry.domain);
    // Tickets are valid for the certificates in the list. While an older certificate is shown, nobody can tell which one the
    // client saw.
    return open?.fingerprint === entry?.fingerprint ? open?.der : undefined;
  }

  onReload(run: () => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  /** @returns what is shown now, which may be older than the list; undefined when there is nothing */
  #openOf(entry: CertificateEntry): Open | undefined | Promise<Open | undefined> {
    const open = this.#open.get(entry.domain);
    if (open?.fingerprint === entry.fingerprint || this.#isResting(entry)) return open;
    // Clients do not wait while there is an older certificate to show.
    const opening = this.#opening.get(entry.domain) ?? this.#beginOpening(entry);
    return open ?? opening;
  }

  #isResting({ domain }: CertificateEntry): boolean {
    return (this.#retryAtMs.get(domain) ?? Number.NEGATIVE_INFINITY) > this.#options.clock.monotonic();
  }

  #rest(domain: string): void {
    this.#retryAtMs.set(domain, this.#options.clock.monotonic() + connectionLimits.certificateRetryMs);
  }

  #beginOpening(entry: CertificateEntry): Promise<Open | undefined> {
    const { domain } = entry;
    const { log } = this.#options;
    const opening = this.#read(entry)
      .then(
        (open) => {
          // The row is written before the list, so for a moment it is newer.
          if (open.fingerprint === entry.fingerprint) this.#retryAtMs.delete(domain);
          else this.#rest(domain);
          this.#keep(domain, open);
          log.info({ domain, fingerprint: open.fingerprint }, 'certificate opened');
          return open;
        },
        (error: unknown) => {
          this.#rest(domain);
          const old = this.#open.get(domain);
          log.error({ domain, err: error, isOldShown: old !== undefined }, 'a certificate cannot be used');
          return old;
        },
      )
      .finally(() => this.#opening.delete(domain));
    this.#opening.set(domain, opening);
    return opening;
  }

  /** @throws {NotOpened} when the row has changed, {Unavailable}, and errors of OpenSSL about bad PEM */
  async #read({ domain }: CertificateEntry): Promise<Open> {
    const sealed = await this.#certificates.read(domain);
    if (sealed === undefined) throw new Error('the list names it, but there is no row');
    const key = (await this.#options.keys.open(sealed.sealedKey, domain)).toString();
    const certificate = new X509Certificate(sealed.chain);
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    const pem = { key, cert: sealed.chain };
    const context = createSecureContext(contextOptions(pem, this.#ticketKeys));
    const identity = identityOf(pem, certificate.raw, this.#ticketKeys);
    return { domain, fingerprint, pem, certificate, der: certificate.raw, context, identity, generation: this.#generation };
  }

  #keep(domain: string, open: Open): void {
    this.#open.delete(domain);
    if (this.#open.size >= connectionLimits.certificatesOpenMax) this.#open.delete(this.#open.keys().next().value!);
    this.#open.set(domain, open);
  }

  /** Marks the certificate as used, and gives it the current ticket keys. */
  #current(open: Open): Open {
    this.#keep(open.domain, open);
    if (open.generation !== this.#generation) {
      open.context = createSecureContext(contextOptions(open.pem, this.#ticketKeys));
      open.identity = identityOf(open.pem, open.der, this.#ticketKeys);
      open.generation = this.#generation;
    }
    return open;
  }

  #look(): Promise<void> {
    this.#looking ??= this.#readList().finally(() => {
      this.#looking = undefined;
      this.#lookedAtMs = this.#options.clock.monotonic();
    });
    return this.#looking;
  }

  async #lookOr(why: string): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#options.log.warn({ err: error, why }, 'cannot read the list of certificates; the previous list stays in use');
    }
  }

  async #readList(): Promise<void> {
    const entries: CertificateEntry[] = [];
    for (let after: string | undefined; entries.length < connectionLimits.certificatesMax; ) {
      const page = await this.#certificates.list(portLimits.storeQueryRowsMax, after);
      entries.push(...page);
      if (page.length < portLimits.storeQueryRowsMax) break;
      after = page.at(-1)!.domain;
    }
    this.#names = new CertificateNames(entries);
    const domains = new Map(entries.map((entry) => [entry.domain, entry]));
    for (const known of [this.#open, this.#retryAtMs])
      for (const domain of known.keys()) if (!domains.has(domain)) known.delete(domain);
    // They are opened one after the other, so that a night with many renewals does not become a storm.
    for (const domain of [...this.#open.keys()]) await this.#openNew(domains.get(domain));
    const isDefaultNew = await this.#chooseDefault(domains);
    if (this.#renewTickets() || isDefaultNew) this.#tellListeners();
  }

  /**
   * Chooses what clients that name no server are shown. TLS is finished before a stream names its domain.
   * @returns whether it has changed
   */
  async #chooseDefault(domains: ReadonlyMap<string, CertificateEntry>): Promise<boolean> {
    const { fallback, defaultDomains = [] } = this.#options;
    if (fallback !== undefined) return false;
    const before = this.#default;
    this.#default = undefined;
    const wanted = [...new Set([...defaultDomains, ...domains.keys()])].flatMap((domain) => domains.get(domain) ?? []);
    for (const entry of wanted.slice(0, connectionLimits.defaultCertificateTriesMax)) {
      this.#default = before?.fingerprint === entry.fingerprint ? before : await this.#openOf(entry);
      if (this.#default !== undefined) break;
    }
    return this.#default?.fingerprint !== before?.fingerprint;
  }

  async #openNew(entry: CertificateEntry | undefined): Promise<void> {
    if (entry === undefined || this.#open.get(entry.domain)?.fingerprint === entry.fingerprint || this.#isResting(entry)) return;
    await (this.#opening.get(entry.domain) ?? this.#beginOpening(entry));
  }

  /** Makes tickets for certificates that are no longer shown invalid, at all nodes. @returns whether the keys have changed */
  #renewTickets(): boolean {
    const fingerprints = [...this.#names.fingerprints, `default ${this.#default?.fingerprint}`];
    const keys = this.#sharedKeys && ticketKeysFor(this.#sharedKeys, fingerprints);
    if (keys === undefined || this.#ticketKeys?.equals(keys)) return false;
    this.#ticketKeys = keys;
    this.#generation++;
    return true;
  }

  #tellListeners(): void {
    for (const run of this.#listeners) run();
  }

  /** Strangers can send any names, so the names must not fill the log. */
  #logRefusal(name: string, entry: CertificateEntry | undefined): void {
    this.#refused++;
    const now = this.#options.clock.monotonic();
    if (now - this.#refusalLogAtMs < connectionLimits.certificateRefusalLogMs) return;
    this.#refusalLogAtMs = now;
    const why = entry === undefined ? 'there is no certificate for it' : 'its certificate cannot be used';
    const shown = name.slice(0, connectionLimits.refusedNameCharactersMax);
    this.#options.log.warn(
      { name: shown, refused: this.#refused },
      `a name is ${this.fallback === undefined ? 'refused' : 'shown the default certificate'}: ${why}`,
    );
    this.#refused = 0;
  }
}

/** A tenant's domain as certificates have it. */
function nameOfDomain(domain: string): string {
  return serverName(domainToASCII(domain) || domain);
}
