/**
 * Certificates of the streams that we serve. They are chosen by server name (RFC 6066 §3), can change while the node runs, and
 * require TLS 1.2 or later (RFC 7590).
 */
import { createHash, hkdfSync, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { connectionLimits } from '../limits.ts';

export interface PemIdentity {
  /** Private key, PEM. */
  readonly key: string;
  /** The certificate and its chain, PEM. */
  readonly cert: string;
}

/**
 * What a client that names no server is shown after STARTTLS, where its stream has named the domain. It is the same object as
 * long as the certificate and the ticket keys are the same.
 */
export interface StreamIdentity {
  readonly options: SecureContextOptions;
}

/** How TLS begins on a stream that has named its domain. */
export interface TlsWish {
  /** What a client that names no server is shown; undefined: the fallback. */
  readonly identity: StreamIdentity | undefined;
  /** True: the client is asked for a certificate, and may have none. */
  readonly asksCertificate?: boolean;
}

export interface TlsSource {
  /** 48 bytes. All processes that show the same certificates have the same keys. */
  readonly ticketKeys?: Buffer;
  /** For clients that name no server, or a name without a certificate. When it is undefined, their handshake fails. */
  readonly fallback: PemIdentity | undefined;
  /**
   * True when the fallback is for every name until the next reload. Then `contextFor` need not be called, which costs each
   * handshake time.
   */
  readonly isForAnyName: boolean;
  /** @param servername what the client asks for. @returns undefined: the client is shown the same as without a name */
  contextFor(servername: string): SecureContext | undefined | Promise<SecureContext | undefined>;
  /** @returns undefined: the client is shown the same as clients that name neither a server nor a domain */
  identityFor(domain: string): StreamIdentity | undefined | Promise<StreamIdentity | undefined>;
  /**
   * The certificate that clients are shown now, in DER. It is for streams that resume a session, which saw a certificate earlier;
   * tickets do not outlive it.
   * @returns undefined when it is not known
   */
  certificateFor(servername: string | undefined): Buffer | undefined;
  /** @returns a function that ends the registration */
  onReload(run: () => void): () => void;
}

const sessionIdContext = 'skylark';
/** What Node expects: a name, an HMAC key and an AES key of 16 bytes each. */
const ticketKeysBytes = 48;

/** X25519 is first. With larger groups, an idle stream takes twice the memory. */
export function contextOptions(identity: PemIdentity | undefined, ticketKeys: Buffer | undefined): SecureContextOptions {
  return {
    ...(identity && { key: identity.key, cert: identity.cert }),
    minVersion: 'TLSv1.2',
    ecdhCurve: 'X25519:prime256v1:secp384r1',
    // Node's default depends on the command line, which differs between processes.
    sessionIdContext,
    ...(ticketKeys && { ticketKeys }),
  };
}

/**
 * A session that began without a server name is bound to the certificate that it began with, so that no other tenant's server
 * resumes it. OpenSSL compares these contexts, which have at most 32 bytes.
 */
export function identityOf(pem: PemIdentity, der: Buffer, ticketKeys: Buffer | undefined): StreamIdentity {
  const context = createHash('sha256').update(der).digest('base64url').slice(0, 32);
  return { options: { ...contextOptions(pem, ticketKeys), sessionIdContext: context } };
}

/**
 * Ticket keys that are valid only while the same certificates are shown. A client binds its SASL exchange to the certificate that
 * it saw when the session began (RFC 5929 §4), so a session must not outlive the certificate. Node has no other way to express
 * that.
 * @param fingerprints of all certificates, in any order
 */
export function ticketKeysFor(shared: Buffer, fingerprints: readonly string[]): Buffer {
  // An `info` of HKDF has at most 1,024 bytes.
  const digest = createHash('sha256').update(fingerprints.toSorted().join(' ')).digest();
  return Buffer.from(hkdfSync('sha256', shared, '', digest, ticketKeysBytes));
}

interface Loaded {
  readonly pem: PemIdentity;
  readonly certificate: X509Certificate;
  readonly der: Buffer;
  readonly context: SecureContext;
  readonly identity: StreamIdentity;
}

/** Certificates from PEM texts. The first one is for clients that name no server, or a name without a certificate. */
export class PemTls implements TlsSource {
  #sharedKeys: Buffer | undefined;
  #ticketKeys: Buffer | undefined;
  #identities: readonly Loaded[] = [];
  #byName = new Map<string, Loaded | undefined>();
  readonly #listeners = new Set<() => void>();

  /** @throws when a text is not valid PEM, or a key does not belong to its certificate */
  constructor(identities: readonly PemIdentity[], ticketKeys?: Buffer) {
    this.#sharedKeys = ticketKeys;
    this.#load(identities);
  }

  get ticketKeys(): Buffer | undefined {
    return this.#ticketKeys;
  }

  get fallback(): PemIdentity {
    return this.#identities[0]!.pem;
  }

  get isForAnyName(): boolean {
    return this.#identities.length === 1;
  }

  /** When the first certificate expires, ms since the epoch. */
  get expiresMs(): number {
    return Math.min(...this.#identities.map(({ certificate }) => certificate.validToDate.getTime()));
  }

  /** Tickets of earlier keys become invalid. */
  setTicketKeys(keys: Buffer): void {
    this.#sharedKeys = keys;
    this.reload(this.#identities.map(({ pem }) => pem));
  }

  /** Open streams keep their certificate. @throws as the constructor does; then nothing has changed */
  reload(identities: readonly PemIdentity[]): void {
    this.#load(identities);
    for (const run of this.#listeners) run();
  }

  contextFor(servername: string): SecureContext | undefined {
    return this.#find(servername)?.context;
  }

  identityFor(domain: string): StreamIdentity | undefined {
    return this.isForAnyName ? undefined : this.#find(domain)?.identity;
  }

  certificateFor(servername: string | undefined): Buffer | undefined {
    if (this.#identities.length === 1) return this.#identities[0]!.der;
    return servername === undefined ? undefined : this.#find(servername)?.der;
  }

  onReload(run: () => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  #find(servername: string): Loaded | undefined {
    const known = this.#byName.get(servername);
    if (known !== undefined || this.#byName.has(servername)) return known;
    const found = this.#identities.find(({ certificate }) => certificate.checkHost(servername) !== undefined);
    if (this.#byName.size >= runtimeLimits.tenantCacheMax) this.#byName.clear();
    this.#byName.set(servername, found);
    return found;
  }

  #load(identities: readonly PemIdentity[]): void {
    if (identities.length === 0) throw new RangeError('TLS needs at least one certificate with its key');
    const read = identities.map(({ key, cert }) => ({ pem: { key, cert }, certificate: new X509Certificate(cert) }));
    const fingerprints = read.map(({ certificate }) => certificate.fingerprint256);
    const ticketKeys = this.#sharedKeys && ticketKeysFor(this.#sharedKeys, fingerprints);
    this.#identities = read.map(({ pem, certificate }) => ({
      ...{ pem, certificate, der: certificate.raw },
      context: createSecureContext(contextOptions(pem, ticketKeys)),
      identity: identityOf(pem, certificate.raw, ticketKeys),
    }));
    this.#ticketKeys = ticketKeys;
    this.#byName = new Map();
  }
}

/** Options for `tls.createServer`, for a server that lasts until the next reload. */
export function optionsUntilReload(source: TlsSource): TlsOptions {
  const { SNICallback, ...options } = serverOptions(source);
  return source.isForAnyName ? options : { ...options, SNICallback };
}

/** Options for `tls.createServer`. */
export function serverOptions(source: TlsSource): TlsOptions {
  return withNames(source, contextOptions(source.fallback, source.ticketKeys));
}

/** Options for `tls.createServer`, for streams that have named this domain. */
export function streamOptions(source: TlsSource, { options }: StreamIdentity): TlsOptions {
  return withNames(source, options);
}

function withNames(source: TlsSource, options: SecureContextOptions): TlsOptions {
  return {
    ...options,
    handshakeTimeout: connectionLimits.preauthTimeoutMs,
    SNICallback(servername, done) {
      void answerName(source, servername, done);
    },
  };
}

async function answerName(
  source: TlsSource,
  servername: string,
  done: (error: Error | null, context?: SecureContext) => void,
): Promise<void> {
  try {
    done(null, await source.contextFor(servername));
  } catch (error) {
    done(error as Error);
  }
}

/** Options for `Server.setSecureContext` after a reload. */
export function reloadedOptions(source: TlsSource): SecureContextOptions {
  return contextOptions(source.fallback, source.ticketKeys);
}
