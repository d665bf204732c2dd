/**
 * `npm run cycles`: prints for each folder of `lib` and `services` how many of its files import each other in a circle, and the circles;
 * exits with 1 when there are any.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { cyclesOf, importGraph } from './import-graph.ts';

const files = globSync(['lib/**/*.ts', 'services/**/*.ts']).map((path) => path.replaceAll('\\', '/'));
const rings = cyclesOf(importGraph(files, (path) => readFileSync(path, 'utf8')));
const inRings = new Set(rings.flat());
for (const folder of [...new Set(files.map((path) => posix.dirname(path)))].sort()) {
  const own = files.filter((path) => posix.dirname(path) === folder);
  console.log(`${String(own.filter((path) => inRings.has(path)).length).padStart(4)} of ${own.length} in ${folder}`);
}
for (const ring of rings) console.log(`\n${ring.length} files import each other:\n  ${ring.join('\n  ')}`);
console.log(`\n${files.length} files, ${rings.length} cycles`);
if (rings.length > 0 || files.length === 0) process.exitCode = 1;
