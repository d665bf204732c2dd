/** The files of this repository, for the tests that check all of them. Git is not asked: a tree that came as an archive has rules too. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const folders = read('.gitignore').split('\n');
const ignored = new Set(['.git', ...folders.filter((line) => line.endsWith('/')).map((line) => line.replaceAll('/', ''))]);

/** Paths from the root. */
export const files: readonly string[] = list('');

export const under = (pattern: RegExp, of = files): string[] => of.filter((path) => pattern.test(path));

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? list(path) : entry.isFile() ? [path] : [];
  });
}
