/**
 * House rules about the imports between the files of `lib` and `services`: no cycles, folders look down only, nobody but the list knows a
 * feature. Each rule is shown a planted fault.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cyclesOf, featureImports, importGraph, upwardImports } from './import-graph.ts';
import { layers } from './layers.ts';
import { read, under } from './project-files.ts';

const product = under(/^(?:lib|services)\/.*\.ts$/);

const graphOf = (tree: Readonly<Record<string, string>>) => importGraph(Object.keys(tree), (path) => tree[path]!);

test('a cycle is found, also of types alone and over folders; a chain is not one', () => {
  const planted = graphOf({
    'services/muc/core/room.ts': "import { enter } from '../rooms/enter.ts';",
    'services/muc/rooms/enter.ts': "import { leave } from './leave.ts';",
    'services/muc/rooms/leave.ts': "import type { Room } from '../core/room.ts';",
    'services/muc/worker.ts': "import { enter } from './rooms/enter.ts';",
  });
  assert.deepEqual(cyclesOf(planted), [
    ['services/muc/core/room.ts', 'services/muc/rooms/enter.ts', 'services/muc/rooms/leave.ts'],
  ]);
  const chain = graphOf({ 'lib/a.ts': "import './b.ts';\nimport './c.ts';", 'lib/b.ts': "import './c.ts';", 'lib/c.ts': '' });
  assert.deepEqual(cyclesOf(chain), []);
});

const graph = importGraph(product, read);
test('no files of lib and services import each other in a circle', () => {
  assert.ok(graph.size >= 400, `the rule saw ${graph.size} files`);
  assert.deepEqual(cyclesOf(graph), []);
});

for (const [part, layersOfPart] of Object.entries(layers)) {
  test(`folders of ${part} look down only`, () => {
    const seen = product.filter((path) => path.startsWith(`${part}/`)).length;
    assert.ok(seen >= 20, `the rule saw ${seen} files`);
    assert.deepEqual(upwardImports(graph, part, layersOfPart), []);
  });
}

test('no file but the list knows a feature of rooms or streams', () => {
  for (const folder of ['services/muc/features', 'services/connection/features']) {
    assert.ok(graph.get(`${folder}/index.ts`)!.length >= 5, `the rule saw the features of ${folder}`);
    assert.deepEqual(featureImports(graph, folder), []);
  }
});

test('and a feature that another one imports, or the core, is found', () => {
  const faults = (tree: Readonly<Record<string, string>>) => featureImports(graphOf(tree), 'services/muc/features').length;
  const features = { 'services/muc/features/xep0500-slow-mode.ts': '', 'services/muc/features/xep0500-rows.ts': '' };
  assert.equal(faults({ ...features, 'services/muc/features/index.ts': "import './xep0500-slow-mode.ts';" }), 0);
  assert.equal(
    faults({ 'services/muc/features/xep0500-a.ts': "import './xep0500-b.ts';", 'services/muc/features/xep0500-b.ts': '' }),
    0,
  );
  assert.equal(faults({ ...features, 'services/muc/features/xep0502-activity.ts': "import './xep0500-rows.ts';" }), 1);
  assert.equal(faults({ ...features, 'services/muc/core/room.ts': "import '../features/xep0500-slow-mode.ts';" }), 1);
});

test('an import that looks up or aside is found, and a folder that no layer names', () => {
  const planted = [['.'], ['features'], ['rooms', 'archive'], ['core']];
  const faults = (tree: Readonly<Record<string, string>>) => upwardImports(graphOf(tree), 'services/muc', planted).length;
  const core = { 'services/muc/core/room.ts': '' };
  assert.equal(faults({ ...core, 'services/muc/rooms/enter.ts': "import '../core/room.ts';" }), 0);
  assert.equal(faults({ 'services/muc/core/room.ts': "import '../worker.ts';", 'services/muc/worker.ts': '' }), 1);
  assert.equal(faults({ 'services/muc/rooms/a.ts': "import '../archive/b.ts';", 'services/muc/archive/b.ts': '' }), 1);
  assert.equal(faults({ 'services/muc/other/a.ts': '' }), 1);
  const limits = { 'services/muc/limits.ts': '' };
  assert.equal(faults({ ...limits, 'services/muc/core/room.ts': "import '../limits.ts';" }), 0);
  assert.equal(faults({ ...core, 'services/muc/limits.ts': "import './core/room.ts';" }), 1);
});
