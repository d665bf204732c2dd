/**
 * The source of the certificates in use: files, which are loaded again when they change, or rows of the store. Neither needs a
 * restart when a certificate is renewed.
 */
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
    /** When the first of the certificates expires, milliseconds since the epoch; undefined when there is none. */
    readonly expiresMs: number | undefined;
    setTicketKeys(keys: Buffer): void;
  };
  stop(): void;
}

interface StoreTlsDependencies {
  readonly values: KeyValues & { readonly domain: string; readonly defaultCertificate: string | undefined };
  readonly store: Store;
  readonly log: Logger;
  /** The data folder, if this process has one. */
  readonly folder?: string;
  /** The certificate of `--cert` and `--key`, if they are given. */
  readonly fallback?: PemPair;
  readonly ticketKeys?: Buffer;
}

/** Opens the certificates of the store, for `--certificates store`. @throws {UsageError | Refusal | Unavailable} */
export async function storeTls({ values, store, log, folder, fallback, ticketKeys }: StoreTlsDependencies): Promise<RunningTls> {
  const keys = await openKeys(values, folder);
  const defaultDomains = [values.defaultCertificate, values.domain].filter((domain) => domain !== undefined);
  const source = await StoreTls.start({ store, keys, clock, log, fallback, defaultDomains, ticketKeys });
  return { source, stop: () => source.stop() };
}

/** Finds the fingerprint of the certificate that is shown for a tenant's domain: SHA-256, hex. */
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
      // Most likely only one of the two files has changed yet. When the other changes, this runs again.
      log.warn({ err: error, files: pair.files }, 'the new certificate cannot be used yet; the old one stays in use');
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
