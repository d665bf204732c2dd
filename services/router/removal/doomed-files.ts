/**
 * Files of removed accounts that may still come: a slot is good for some minutes, and an upload that has begun may take long, so a file
 * can appear after its account has gone. Until that cannot be any more, it is deleted whenever it is there.
 *
 *     #files  doomed-file/<time it can come no more> <hash of its key>
 */
import { createHash } from 'node:crypto';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import { portLimits } from '../../../lib/ports/limits.ts';
import type { Store } from '../../../lib/ports/store.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { Rows } from '../../../lib/runtime/rows.ts';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';

const doomed = collection<{ readonly key: string; readonly untilMs: number }>('doomed-file', 'deployment');

function rowsOf(store: Store): Rows {
  return Rows.ofDeployment(store, 'files');
}

/** As a row's key: a blob's may be longer. */
export function fileKey(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

/** @param slotUntilMs when an upload cannot begin any more */
export async function doomFile(store: Store, key: string, slotUntilMs: number): Promise<void> {
  const untilMs = slotUntilMs + serviceLimits.uploadRequestMs;
  await rowsOf(store).put(doomed, `${String(untilMs).padStart(15, '0')} ${fileKey(key)}`, { key, untilMs });
}

/** Deletes those that have come. */
export async function deleteDoomedFiles(store: Store, blobs: Blobs, nowMs: number): Promise<void> {
  for (let after: string | undefined; ; ) {
    const page = await rowsOf(store).list(doomed, { limit: portLimits.blobsPageMax, after });
    await Promise.all(
      page.map(async ({ key: row, value: { key, untilMs } }) => {
        await blobs.delete(key);
        if (untilMs < nowMs) await rowsOf(store).delete(doomed, row);
      }),
    );
    if (page.length < portLimits.blobsPageMax) return;
    after = page.at(-1)!.key;
  }
}
