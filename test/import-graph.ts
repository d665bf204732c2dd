/**
 * The imports between the files of `lib` and `services` as a graph: cycles, and arrows that point up. Type imports count, because a
 * reader follows them, too.
 */
import { posix } from 'node:path';
import { importsOf, readCode } from './tidy-code.ts';

/** File to the files of the graph that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

export function importGraph(files: readonly string[], read: (path: string) => string): ImportGraph {
  const known = new Set(files);
  return new Map(
    files.map((path) => {
      const targets = importsOf(readCode(read(path)))
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => posix.join(posix.dirname(path), specifier));
      return [path, [...new Set(targets)].filter((target) => known.has(target))];
    }),
  );
}

/** The sets of files that import each other in a circle, each sorted by name (Tarjan's strongly connected components). */
export function cyclesOf(graph: ImportGraph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) visit(next);
      else if (!stack.includes(next)) continue;
      lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const ring = stack.splice(stack.indexOf(file)).sort();
    if (ring.length > 1 || graph.get(file)?.includes(file)) found.push(ring);
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}

/**
 * Imports that do not look down.
 * @param layers of one part of the tree, from the top down: each is a list of folders beside each other, which do not know each other;
 *   `.` stands for the files in the part's own folder. Its `limits.ts` stands below all of them, and must import nothing.
 */
export function upwardImports(graph: ImportGraph, part: string, layers: readonly (readonly string[])[]): string[] {
  const rankOf = (folder: string) => layers.findIndex((layer) => layer.includes(folder));
  const limits = `${part}/limits.ts`;
  const faults: string[] = [];
  for (const [path, targets] of graph) {
    const folder = folderIn(part, path);
    if (folder === undefined) continue;
    if (path === limits && targets.length > 0) faults.push(`${path} imports ${targets.join(', ')}, but it must be data alone`);
    if (rankOf(folder) < 0) faults.push(`${path} is in a folder that no layer of ${part} names`);
    for (const target of targets) {
      const other = folderIn(part, target);
      if (target === limits || other === undefined || other === folder || rankOf(other) > rankOf(folder)) continue;
      faults.push(`${path} imports ${target}, but ${part}/${folder} does not stand above ${part}/${other}`);
    }
  }
  return faults;
}

/** The first folder below the part, `.` for its own files; undefined outside of it. */
function folderIn(part: string, path: string): string | undefined {
  if (!path.startsWith(`${part}/`)) return undefined;
  const rest = path.slice(part.length + 1).split('/');
  return rest.length === 1 ? '.' : rest[0];
}

/**
 * Imports of features by others than the list of features: a feature that is deleted with its line must not be missed.
 * @param folder whose `index.ts` is the list. Files that begin with the same number belong to one feature.
 */
export function featureImports(graph: ImportGraph, folder: string): string[] {
  const featureOf = (path: string) => (path.startsWith(`${folder}/`) ? posix.basename(path).split('-', 1)[0]! : path);
  const index = `${folder}/index.ts`;
  return [...graph].flatMap(([path, targets]) =>
    targets
      .filter((target) => target.startsWith(`${folder}/`) && target !== index)
      .filter((target) => path !== index && featureOf(path) !== featureOf(target))
      .map((target) => `${path} imports the feature ${target}`),
  );
}
