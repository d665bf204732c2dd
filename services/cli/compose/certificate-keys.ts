/** Opens the keys that seal secrets in the store: private keys of certificates, and what tokens and dialback keys are made of. */
import { join } from 'node:path';
import { openFileKeys } from '../../../lib/adapters/file-keys.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import type { Keys } from '../../../lib/ports/keys.ts';
import { Refusal, reasonOf, UsageError } from '../core/report.ts';
import { giveToOwner } from './data-folder.ts';
import { engineOptions } from './engine-options.ts';

export interface KeyValues {
  readonly kms: string;
  readonly kmsKey: string | undefined;
  readonly keyFile: string | undefined;
  readonly region: string;
}

/** The key file in a data folder. It is used when the operator names neither a KMS key nor a file. */
export function keyFileOf(folder: string): string {
  return join(keysFolderOf(folder), 'certificates.key');
}

/** What opens the secrets in rows, in a data folder: it is kept apart from them in backups. */
export function keysFolderOf(folder: string): string {
  return join(folder, 'keys');
}

/** The same for a process that can do without. @returns undefined when the operator has named no key, and there is no folder */
export async function openKeysIfAny(values: KeyValues, folder?: string): Promise<Keys | undefined> {
  const hasNone = values.kmsKey === undefined && values.keyFile === undefined && folder === undefined;
  return hasNone ? undefined : openKeys(values, folder);
}

/** @param folder the data folder, if this process has one. @throws {UsageError | Refusal} */
export async function openKeys({ kms, kmsKey, keyFile, region }: KeyValues, folder?: string): Promise<Keys> {
  if (kmsKey !== undefined && keyFile !== undefined) {
    throw new UsageError('--kms-key and --key-file exclude each other: private keys are encrypted with one of them');
  }
  if (kmsKey !== undefined) {
    const { openKmsKeys } = await import('../../../lib/adapters/kms-keys.ts');
    return openKmsKeys({ ...engineOptions(kms, region), keyId: kmsKey, clock });
  }
  const path = keyFile ?? (folder && keyFileOf(folder));
  if (path === undefined) throw new UsageError('--kms-key or --key-file is needed: private keys are encrypted with it');
  try {
    const keys = openFileKeys({ path, clock });
    if (keyFile === undefined) giveToOwner(folder!, [keysFolderOf(folder!), path]);
    return keys;
  } catch (error) {
    throw new Refusal(
      `--key-file: ${error instanceof TypeError ? error.message : `'${path}' cannot be used: ${reasonOf(error)}`}`,
    );
  }
}
