/** The certificate in use, loaded again when its files change, so that a renewal needs no restart. */
import { type StatsListener, unwatchFile, watchFile } from 'node:fs';
import type { Logger } from 'pino';
import { limits } from '../../lib/limits.ts';
import { PemTls } from '../connection/tls.ts';
import { type PemPair, readPemFiles } from './certificate.ts';

export interface WatchedTls {
  readonly source: PemTls;
  stop(): void;
}

export function watchTls(pair: PemPair, log: Logger, ticketKeys?: Buffer): WatchedTls {
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
  for (const path of paths) watchFile(path, { interval: limits.certificatePollMs, persistent: false }, reload);
  return {
    source,
    stop() {
      for (const path of paths) unwatchFile(path, reload);
    },
  };
}
