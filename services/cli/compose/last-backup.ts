/** A file in the data folder says when it was last copied by `skylark backup`, and where to. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { giveToOwner } from './data-folder.ts';

const name = 'last-backup.json';
const lastSchema = z.object({ begun: z.iso.datetime(), target: z.string() });

export type LastBackup = z.infer<typeof lastSchema>;

export function noteBackup(folder: string, last: LastBackup): void {
  const path = join(folder, name);
  writeFileSync(path, `${JSON.stringify(last)}\n`, { mode: 0o600 });
  giveToOwner(folder, [path]);
}

/** @returns undefined when there is none that can be read */
export function readLastBackup(folder: string): LastBackup | undefined {
  try {
    return lastSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
  } catch {
    return undefined;
  }
}
