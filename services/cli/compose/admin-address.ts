/**
 * The address of the local socket through which an operator's commands reach the running service. Only its owner can open it.
 *
 * The socket is in the data folder. If that path is too long for a socket's address, the socket is in a folder of its own below
 * the system's temporary folder. Anybody can create files there, so that folder must belong to us and be closed to others. On
 * Windows the address is that of a named pipe.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal, reasonOf } from '../core/report.ts';
import { programLimits } from '../limits.ts';

/** @param folder the data folder, as a path without links. @throws {Refusal} when the socket's folder cannot be trusted */
export function adminAddress(folder: string, platform: NodeJS.Platform = process.platform): string {
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 24);
  if (platform === 'win32') return `\\\\.\\pipe\\skylark-${hash}`;
  const path = join(folder, 'admin.sock');
  if (Buffer.byteLength(path) <= programLimits.socketPathBytesMax) return path;
  return join(ensureOwnFolder(join(tmpdir(), `skylark-${process.getuid?.()}-${hash}`)), 'admin.sock');
}

function ensureOwnFolder(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const info = lstatSync(folder);
    if (info.isDirectory() && info.uid === process.getuid?.() && (info.mode & 0o077) === 0) return folder;
  } catch (error) {
    throw new Refusal(`cannot use the folder ${folder} for the operator's socket: ${reasonOf(error)}`);
  }
  throw new Refusal(`the folder ${folder} belongs to somebody else or is open to others; the operator's socket cannot lie there`);
}
