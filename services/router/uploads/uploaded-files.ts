/**
 * The rows of the slots that accounts were given (XEP-0363), by which their files are found: to show them to operators, to delete one, and to
 * delete all with the account. A file's name and address are shown to nobody here: whoever has them reads it.
 */
import { portLimits } from '../../../lib/ports/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { type FilePurpose, isKept } from '../../../lib/runtime/file-keys.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { routerLimits } from '../limits.ts';
import { doomFile } from '../removal/doomed-files.ts';

export interface SlotRow {
  /** The key of the blob. */
  readonly key: string;
  readonly untilMs: number;
  /** Absent in rows of older versions, as is the purpose. */
  readonly sizeBytes?: number | undefined;
  readonly purpose?: FilePurpose | undefined;
}

/** The slots that an account was given, by `fileKey`. */
export const slots = collection<SlotRow>('file', 'account');

/** Bytes per month, by keys such as `2026-03`; those that are kept, by their purpose. */
export const uploaded = collection<number>('uploaded', 'account');

export interface UploadedFile {
  readonly id: string;
  readonly type: string;
  readonly sizeBytes: number;
  /** When its slot was given, ms since the epoch. */
  readonly givenMs: number;
  /** It is there until its account is removed. */
  readonly isKept: boolean;
}

type Parts = Pick<Dependencies, 'store' | 'blobs' | 'clock'>;

/** A page of the slots, and the files of those that were used. @returns `next` as well, where there may be more slots */
export async function listFiles(
  { store, blobs }: Parts,
  domain: string,
  local: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly files: readonly UploadedFile[]; readonly next?: string | undefined }> {
  const page = await Rows.ofAccount(store, domain, local).list(slots, { limit, after });
  const found = await Promise.all(page.map(({ value }) => blobs?.get(value.key)));
  const files = page.flatMap(({ key: id, value: { key, untilMs } }, at) => {
    const info = found[at]?.info;
    if (info === undefined) return [];
    return [{ id, ...info, givenMs: untilMs - routerLimits.uploadSlotMs, isKept: isKept(key) }];
  });
  return { files, next: page.length === limit ? page.at(-1)!.key : undefined };
}

export interface FilesTotal {
  readonly slots: number;
  readonly bytes: number;
}

/** What the slots of an account are for, whether they were used or not: so they are counted towards what it may upload. */
export async function totalOf({ store, blobs }: Parts, domain: string, local: string): Promise<FilesTotal> {
  let [count, bytes] = [0, 0];
  for (let after: string | undefined; ; ) {
    const page = await Rows.ofAccount(store, domain, local).list(slots, { limit: portLimits.blobsPageMax, after });
    for (const { value } of page) bytes += value.sizeBytes ?? (await blobs?.get(value.key))?.info.sizeBytes ?? 0;
    count += page.length;
    if (page.length < portLimits.blobsPageMax) return { slots: count, bytes };
    after = page.at(-1)!.key;
  }
}

/** Deletes a file. What was kept is not counted any more; what counts for its month does so until the month ends. @returns whether it was there */
export async function removeFile({ store, blobs, clock }: Parts, domain: string, local: string, id: string): Promise<boolean> {
  const rows = Rows.ofAccount(store, domain, local);
  const row = await rows.get(slots, id);
  if (row === undefined || blobs === undefined) return false;
  const { key, untilMs, sizeBytes, purpose } = row.value;
  // An upload that has begun, or may still begin, would bring it back.
  if (untilMs + serviceLimits.uploadRequestMs > clock.now()) await doomFile(store, key, untilMs);
  await blobs.delete(key);
  // Only who deletes the row gives the bytes back, so nothing comes back twice.
  const wasThere = await rows.delete(slots, id);
  if (wasThere && isKept(key) && purpose !== undefined)
    await rows.add(uploaded, -Math.max(sizeBytes ?? 0, routerLimits.uploadCountedBytesMin), purpose);
  return wasThere;
}
