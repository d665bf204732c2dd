/**
 * Certificates of the streams we serve: chosen by server name (RFC 6066 §3), changed while we run, TLS 1.2 at least (RFC 7590).
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';
import { limits } from '../../lib/limits.ts';

export interface PemIdentity {
  /** Private key, PEM. */
  readonly key: string;
  /** The certificate and its chain, PEM. */
  readonly cert: string;
}

export interface TlsIdentity extends PemIdentity {
  readonly context: SecureContext;
}

export interface TlsSource {
  /** 48 bytes shared by the processes of a node, so that a session ticket of one is good at the others. */
  readonly ticketKeys?: Buffer;
  /** @param servername what the client asks for, if it does */
  contextFor(servername: string | undefined): TlsIdentity;
  /** @returns how to stop listening */
  onReload(run: () => void): () => void;
}

const sessionIdContext = 'skylark';

/** X25519 first: it halves the memory of an idle stream against larger groups (DESIGN §5). */
function contextOptions(identity: PemIdentity, ticketKeys: Buffer | undefined): SecureContextOptions {
  return {
    key: identity.key,
    cert: identity.cert,
    minVersion: 'TLSv1.2',
    ecdhCurve: 'X25519:prime256v1:secp384r1',
    // Node's own is made of the command line, and other processes have another one.
    sessionIdContext,
    ...(ticketKeys && { ticketKeys }),
  };
}

/** Certificates given as PEM texts; the first is for clients that name no server or one that no certificate is for. */
export class PemTls implements TlsSource {
  #ticketKeys: Buffer | undefined;
  #identities: readonly { readonly identity: TlsIdentity; readonly certificate: X509Certificate }[] = [];
  #byName = new Map<string, TlsIdentity>();
  readonly #listeners = new Set<() => void>();

  /** @throws when a text is no PEM, or a key does not fit its certificate */
  constructor(identities: readonly PemIdentity[], ticketKeys?: Buffer) {
    this.#ticketKeys = ticketKeys;
    this.#load(identities);
  }

  get ticketKeys(): Buffer | undefined {
    return this.#ticketKeys;
  }

  /** Of the first to expire, milliseconds since the epoch. */
  get expiresMs(): number {
    return Math.min(...this.#identities.map(({ certificate }) => certificate.validToDate.getTime()));
  }

  /** Tickets of the keys before are good no more. */
  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys;
    this.reload(this.#identities.map(({ identity }) => identity));
  }

  /** Streams that are open keep their certificate. @throws as the constructor does, and leaves everything as it was */
  reload(identities: readonly PemIdentity[]): void {
    this.#load(identities);
    for (const run of this.#listeners) run();
  }

  contextFor(servername: string | undefined): TlsIdentity {
    const fallback = this.#identities[0]!.identity;
    if (servername === undefined || servername === '') return fallback;
    const known = this.#byName.get(servername);
    if (known !== undefined) return known;
    const found = this.#identities.find(({ certificate }) => certificate.checkHost(servername) !== undefined);
    const identity = found?.identity ?? fallback;
    if (this.#byName.size >= limits.tenantCacheMax) this.#byName.clear();
    this.#byName.set(servername, identity);
    return identity;
  }

  onReload(run: () => void): () => void {
    this.#listeners.add(run);
    return () => this.#listeners.delete(run);
  }

  #load(identities: readonly PemIdentity[]): void {
    if (identities.length === 0) throw new RangeError('TLS needs at least one certificate with its key');
    this.#identities = identities.map(({ key, cert }) => ({
      identity: { key, cert, context: createSecureContext(contextOptions({ key, cert }, this.#ticketKeys)) },
      certificate: new X509Certificate(cert),
    }));
    this.#byName = new Map();
  }
}

/** For `tls.createServer`. */
export function serverOptions(source: TlsSource): TlsOptions {
  return {
    ...contextOptions(source.contextFor(undefined), source.ticketKeys),
    handshakeTimeout: limits.preauthTimeoutMs,
    SNICallback(servername, done) {
      try {
        done(null, source.contextFor(servername).context);
      } catch (error) {
        done(error as Error);
      }
    },
  };
}

/** For `Server.setSecureContext` after a reload. */
export function reloadedOptions(source: TlsSource): SecureContextOptions {
  return contextOptions(source.contextFor(undefined), source.ticketKeys);
}
