/** The data folder: it holds everything that one deployment keeps on this machine. */
import { existsSync, lchownSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { databaseName } from '../../../lib/adapters/sqlite-schema.ts';
import { Refusal, reasonOf } from '../core/report.ts';

/** Creates the folder if it is missing, with access for its owner alone. @returns its path without links. @throws {Refusal} */
export function ensureDataFolder(path: string, log?: Logger): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const folder = realpathSync(path);
    // The permissions of an existing folder are not changed, because it may be somebody's home.
    if (process.platform !== 'win32' && (statSync(folder).mode & 0o077) !== 0) {
      log?.warn({ folder }, 'other users of this machine can read the data folder; protect it with: chmod 700');
    }
    return folder;
  } catch (error) {
    throw new Refusal(`--data: '${path}' cannot be used as the data folder: ${reasonOf(error)}`);
  }
}

/** @returns the path without links. @throws {Refusal} when there is no such folder, most likely because another one was meant */
export function findDataFolder(path: string): string {
  if (!existsSync(path)) throw new Refusal(`there is no folder '${path}': ${advice}`);
  if (!statSync(path).isDirectory()) throw new Refusal(`'${path}' is a file, and not the folder of a service: ${advice}`);
  return realpathSync(path);
}

/**
 * Gives what root has made in the folder of a service to the user of the service, who could not read it otherwise. For other users there is
 * nothing to do.
 * @param made what root has made, without what is in it
 */
export function giveToOwner(folder: string, made: readonly string[]): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(folder);
  for (const path of made) if (existsSync(path)) lchownSync(path, uid, gid);
}

/** The same with all that is in the folder. */
export function giveAllToOwner(folder: string): void {
  if (process.getuid?.() !== 0) return;
  giveToOwner(
    folder,
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
}

/** Checks that the folder has a store, before a command opens it while no service runs. @throws {Refusal} when it has none */
export function checkHoldsStore(folder: string): void {
  if (!existsSync(join(folder, databaseName)))
    throw new Refusal(`no service runs in '${folder}' and none ever kept its rows there: ${advice}`);
}

const advice = 'name the folder of the service with --data, or start the service first';
