/** The image of containers, as `infra/image/Dockerfile` has it, for processes that stand in for containers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dockerfile = fileURLToPath(new URL('../../infra/image/Dockerfile', import.meta.url));

export interface ImageCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** All that a process has besides what its platform gives it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number };
}

/** In place of a root that is read-only: Node refuses to write to any file. It may replace itself, once (services/cli/compose/memory-settings.ts). */
const readOnly = ['--permission', '--allow-fs-read=*', '--allow-child-process', '--disable-warning=PERM0002'];
// COMPAT: from Node 25 on the network has to be allowed, too, by a flag that Node 24 does not know.
if (Number.parseInt(process.versions.node, 10) >= 25) readOnly.push('--allow-net');

/** @param bundle the folder that the image has as `/skylark` */
export function imageCommand(bundle: string): ImageCommand {
  const lines = readFileSync(dockerfile, 'utf8').split('\n');
  const wordsOf = (name: string) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const [node, ...args] = JSON.parse(wordsOf('ENTRYPOINT') ?? '[]') as string[];
  const [uid, gid] = (wordsOf('USER') ?? '').split(':').map(Number);
  if (node !== 'node' || uid === undefined || gid === undefined) throw new Error(`${dockerfile} starts no node for a user`);
  const variables = (wordsOf('ENV') ?? '').split(' ').map((word) => word.split('=') as [string, string]);
  return {
    program: process.execPath,
    args: [...readOnly, ...args.map((word) => (word.startsWith('/skylark/') ? join(bundle, word.slice(9)) : word))],
    environment: Object.fromEntries(variables),
    user: { uid, gid },
  };
}
