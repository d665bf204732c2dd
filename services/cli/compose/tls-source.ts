/** Where the certificates in use come from: files, loaded again when they change, or the rows of the store; so that a renewal needs no restart. */
import { createHash, X509Certificate } from 'node:crypto';
import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { Certificates } from '../../../lib/runtime/certificates.ts';
import { StoreTls } from '../../connection/door/store-tls.ts';
import { PemTls, type TlsSource } from '../../connection/door/tls.ts';
import { connectionLimits } from '../../connection/limits.ts';
import { type PemPair, readPemFiles } from './certificate.ts';
import { type KeyValues, openKeys } from './certificate-keys.ts';

export interface RunningTls {
  readonly source: TlsSource & {
    /** Of the first to expire, milliseconds since the epoch; undefined: there is none. */
    readonly expiresMs: number | undefined;
    setTicketKeys(keys: Buffer): void;
  };
  stop(): void;
}

interface StoreTlsDependencies {
  readonly values: KeyValues & { readonly domain: string; readonly defaultCertificate: string | undefined };
  readonly store: Store;
  readonly log: Logger;
  /** The data folder, where there is one. */
  readonly folder?: string;
  /** `--cert` and `--key`. */
  readonly fallback?: PemPair;
  readonly ticketKeys?: Buffer;
}

/** `--certificates store`. @throws {UsageError | Refusal | Unavailable} */
export async function storeTls({ values, store, log, folder, fallback, ticketKeys }: StoreTlsDependencies): Promise<RunningTls> {
  const keys = await openKeys(values, folder);
  const defaultDomains = [values.defaultCertificate, values.domain].filter((domain) => domain !== undefined);
  const source = await StoreTls.start({ store, keys, clock, log, fallback, defaultDomains, ticketKeys });
  return { source, stop: () => source.stop() };
}

/** SHA-256, hex, of the certificate that is shown to whoever comes to a tenant's domain. */
export function fingerprintsOf({ source }: RunningTls, store: Store): (domain: string) => Promise<string | undefined> {
  const certificates = new Certificates(store);
  return async (domain) => {
    const own = source.isForAnyName ? undefined : await certificates.find(domain);
    if (own !== undefined || source.fallback === undefined) return own?.fingerprint;
    return createHash('sha256').update(new X509Certificate(source.fallback.cert).raw).digest('hex');
  };
}

export function watchTls(pair: PemPair, log: Logger, ticketKeys?: Buffer): RunningTls {
  const source = new PemTls([pair], ticketKeys);
  const paths = [pair.files.cert, pair.files.key];
  const reload: StatsListener = (now, before) => {
    if (now.mtimeMs === before.mtimeMs || now.nlink === 0) return;
    try {
      source.reload([readPemFiles(pair.files)]);
      log.info({ files: pair.files }, 'the certificate was loaded again');
    } catch (error) {
      // Most likely one of the two is still the old one; the change of the other brings us here again.
      log.warn({ err: error, files: pair.files }, 'the new certificate cannot be used yet; the old one stays');
    }
  };
  for (const path of paths) watchFile(path, { interval: connectionLimits.certificatePollMs, persistent: false }, reload);
  return {
    source,
    stop() {
      for (const path of paths) unwatchFile(path, reload);
    },
  };
}
