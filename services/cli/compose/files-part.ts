/** Opens the storage of uploaded files (XEP-0363): a bucket of S3, or a folder that the web service serves. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type FolderBlobs, folderBlobs } from '../../../lib/adapters/folder-blobs.ts';
import { systemClock as wall } from '../../../lib/adapters/system-clock.ts';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import { type Clock, repeat } from '../../../lib/ports/clock.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { fileKeepMs } from '../../../lib/runtime/file-keys.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { update } from '../../../lib/runtime/update.ts';
import type { WebDependencies } from '../../web/app.ts';
import { isLoopback } from '../core/options.ts';
import { UsageError } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { localCredentials } from './engine-options.ts';
import type { Cleanup } from './lifetime.ts';

export interface FilesPart {
  readonly blobs: Blobs;
  readonly web: Pick<WebDependencies, 'files' | 'filesOrigins'>;
  /** The same as `blobs` if it is a folder. This program must delete old files there, because nobody else does. */
  readonly folder?: FolderBlobs;
}

interface FilesValues {
  readonly s3: string | undefined;
  readonly filesBucket: string | undefined;
  readonly filesFolder?: string | undefined;
  readonly filesUrl: string | undefined;
  readonly uploadsUrl?: string | undefined;
  readonly region: string;
}

/** Checks the flags before anything is started. @throws {UsageError} when they do not say where files are kept and found */
export function checkFileFlags({ s3, filesBucket, filesFolder, filesUrl, uploadsUrl }: Omit<FilesValues, 'region'>): void {
  if (s3 !== undefined && filesFolder !== undefined)
    throw new UsageError('--s3 and --files-folder exclude each other: files can be in one place only');
  if (s3 !== undefined && filesBucket === undefined)
    throw new UsageError('--files-bucket is needed: the bucket of --s3 that keeps the files');
  if (s3 === undefined && filesBucket !== undefined)
    throw new UsageError("--s3 is needed with --files-bucket; it takes a URL, or 'aws' for the S3 of the region");
  if ((s3 !== undefined || filesFolder !== undefined) && filesUrl === undefined)
    throw new UsageError('--files-url is needed: clients need it to find the files');
  if (s3 === undefined && uploadsUrl !== undefined)
    throw new UsageError('--s3 is needed with --uploads-url: files in a folder are taken by the web service itself');
}

/**
 * @param clock the deployment's clock, which decides when upload slots expire
 * @returns undefined when uploads are not offered
 * @throws {UsageError}
 */
export async function openFiles(
  values: FilesValues,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  cleanup: Cleanup,
): Promise<FilesPart | undefined> {
  checkFileFlags(values);
  const { s3, filesBucket, filesFolder, filesUrl, uploadsUrl, region } = values;
  if (filesUrl === undefined || (s3 === undefined && filesFolder === undefined)) return undefined;
  if (filesFolder !== undefined) {
    const part = await openFilesFolder(filesFolder, () => filesUrl, { store, clock });
    return { ...part, folder: part.blobs };
  }
  // Imported only here, because its SDK is slow to load and most deployments do not need it.
  const { s3Blobs } = await import('../../../lib/adapters/s3-blobs.ts');
  const endpoint = s3 === 'aws' ? undefined : s3;
  const credentials = endpoint === undefined ? undefined : localCredentials();
  const place = { endpoint, region, bucket: filesBucket!, filesUrl, uploadsUrl };
  const blobs = s3Blobs({ ...place, clock, wall, ...(credentials && { credentials }) });
  cleanup.add('bucket', () => blobs.close());
  return { blobs, web: { filesOrigins: () => [new URL(filesUrl).origin, blobs.putOrigin] } };
}

/** @param url is called when the URL is needed, because it may contain a port that is not known before */
export async function openFilesFolder(
  folder: string,
  url: () => string,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
) {
  const baseUrl = () => (url().endsWith('/') ? url() : `${url()}/`);
  const blobs = await folderBlobs({ folder, baseUrl, secret: await shareSecret(store), clock });
  return { blobs, web: { files: { blobs, baseUrl, clock }, filesOrigins: () => [new URL(baseUrl()).origin] } };
}

const secrets = collection<{ readonly key: string }>('files-secret', 'deployment');
const secretBytes = 32;

/** The secret that signs upload slots. All routers and the web service that checks the slots share it through the store. */
async function shareSecret(store: Store): Promise<Buffer> {
  const row = await update(Rows.ofDeployment(store, 'files'), secrets, '', (there) => {
    return there ?? { key: wall.randomBytes(secretBytes).toString('base64') };
  });
  return Buffer.from(row!.key, 'base64');
}

interface Web {
  readonly domain: string;
  readonly bind: string;
  /** True when this program has created the certificate, so that no client trusts it. */
  readonly isSelfSigned: boolean;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/**
 * The URL of uploaded files when the operator gives none. XEP-0363 §4 asks for TLS, and clients refuse anything else from other
 * machines. On the loopback with a self-signed certificate, TLS would only keep browsers and libraries from uploading at all.
 */
export function presetFilesUrl(web: Web): string {
  return new URL('/files/', ownOrigin(web)).href;
}

/** Where the web pages are, unless somebody stands in front of them. */
export function ownOrigin({ domain, bind, isSelfSigned, httpPort, httpsPort }: Web): string {
  const origin = isSelfSigned && isLoopback(bind) ? `http://localhost:${httpPort}` : `https://${domain}:${httpsPort}`;
  return new URL(origin).origin;
}

export function filesFolderIn(dataFolder: string): string {
  return join(dataFolder, 'files');
}

/**
 * Deletes files that are older than the retention of their tenant, or have ended by themselves. A tenant without retention keeps files for
 * ever.
 */
export function sweepFiles(blobs: FolderBlobs, store: Store, log: Logger): { stop(): void } {
  const tenants = new Tenants(store, wall);
  const keepMs = async (key: string) => {
    const tenant = await tenants.find(key.slice(0, key.indexOf('/')));
    return fileKeepMs(key, wall.now(), tenant?.policy.fileRetentionDays ?? 0);
  };
  const sweep = async () => {
    const files = await blobs.expire(keepMs);
    if (files > 0) log.info({ files }, 'deleted files past their retention');
  };
  const timer = repeat(
    wall,
    (round) => (round === 0 ? programLimits.uploadFirstSweepMs : programLimits.uploadSweepMs),
    sweep,
    (error) => log.warn({ err: error }, 'cannot delete files past their retention; this is tried again'),
  );
  return { stop: () => timer.cancel() };
}
