/** A copy of the stacks in which one line is another one. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { buildCell } from '../../infra/lib/cell.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Plant {
  /** The files of `infra/lib`. */
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

/** @throws when the text does not stand in the file, once */
export async function plant({ file, text, instead }: Plant): Promise<typeof buildCell> {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-plant-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const part of ['lib', 'image']) cpSync(join(root, 'infra', part), join(folder, 'infra', part), { recursive: true });
  for (const name of ['package.json', 'node_modules', 'lib']) symlinkSync(join(root, name), join(folder, name));
  const path = join(folder, 'infra', 'lib', file);
  const parts = readFileSync(path, 'utf8').split(text);
  if (parts.length !== 2) throw new Error(`'${text}' stands ${parts.length - 1} times in ${file}`);
  writeFileSync(path, parts.join(instead));
  const found = (await import(pathToFileURL(join(folder, 'infra', 'lib', 'cell.ts')).href)) as { buildCell: typeof buildCell };
  return found.buildCell;
}
