/**
 * `bin/with-node.mjs`, which finds a Node that is new enough. A Node that is too old is played by a preload that lowers the version it
 * reports; the pinned Node is played by a link to the one that runs this test.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> };
const folder = mkdtempSync(join(tmpdir(), 'skylark-guard-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const old = ['--import', `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})`];
const pinned =
  `node-${process.platform === 'darwin' && process.arch === 'arm64' ? 'bin-' : ''}${process.platform}-${process.arch}`.replace(
    'win32',
    'win',
  );
const executable = process.platform === 'win32' ? 'node.exe' : 'node';

/** A copy of the guard `depth` folders below one whose node_modules hold the pinned Node, if it is to be there. */
function copyGuard(name: string, options: { readonly depth: number; readonly isPinnedThere: boolean }): string {
  const home = join(folder, name);
  const bin = join(home, ...Array<string>(options.depth).fill('deep'), 'bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(join(root, 'bin/with-node.mjs'), join(bin, 'with-node.mjs'));
  if (options.isPinnedThere) {
    const target = join(home, 'node_modules', pinned, 'bin');
    mkdirSync(target, { recursive: true });
    symlinkSync(process.execPath, join(target, executable));
  }
  return join(bin, 'with-node.mjs');
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function finish(child: ChildProcess): Promise<{ out: string; err: string; code: number | null; signal: string | null }> {
  const said = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    said.err += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { ...said, code, signal };
}

const tell = write(
  'tell.ts',
  `const told: unknown = { args: process.argv.slice(2), file: process.argv[1], pid: process.pid };
   console.log(JSON.stringify(told));
   process.exitCode = 7;`,
);
/** Exits with the number of signals it was sent, and says it. */
const count = write(
  'count.ts',
  `let count: number = 0;
   for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { count += 1; setTimeout(leave, 150); });
   const leave = (): void => { console.log('left after', count); process.exit(count); };
   setTimeout(() => {}, 60_000);
   console.log('ready');`,
);

test('a Node that is new enough runs the file itself', async () => {
  const child = start([join(root, 'bin/with-node.mjs'), tell, 'a', '--b']);
  const { out, code } = await finish(child);
  assert.deepEqual(JSON.parse(out), { args: ['a', '--b'], file: tell, pid: child.pid });
  assert.equal(code, 7);
});

for (const depth of [0, 3]) {
  test(`an old Node starts the pinned one, ${depth} folders up, and exits as it did`, async () => {
    const child = start([...old, copyGuard(`pinned-${depth}`, { depth, isPinnedThere: true }), tell, 'a', '--b']);
    const { out, code } = await finish(child);
    const told = JSON.parse(out) as { args: string[]; file: string; pid: number };
    assert.deepEqual(told.args, ['a', '--b']);
    assert.equal(told.file, tell);
    assert.notEqual(told.pid, child.pid);
    assert.equal(code, 7);
  });
}

for (const [which, flags] of [
  ['a Node that is new enough', []],
  ['an old Node', old],
] as const) {
  test(`${which} keeps what was compiled beside the packages, unless the environment names another folder`, async () => {
    const home = `compiled-${flags.length}`;
    const guard = copyGuard(home, { depth: 0, isPinnedThere: true });
    const elsewhere = join(folder, home, 'elsewhere');
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    const kept = join(folder, home, 'node_modules', '.cache', 'compiled');
    const run = (more: Record<string, string>) =>
      finish(spawn(process.execPath, [...flags, guard, tell], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] }));
    await run({ NODE_COMPILE_CACHE: elsewhere });
    assert.deepEqual([existsSync(elsewhere), existsSync(kept)], [true, false]);
    await run({});
    assert.ok(readdirSync(kept).length > 0);
  });
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} reaches the pinned Node once, and is waited for`, { skip: process.platform === 'win32' }, async () => {
    const child = start([...old, copyGuard(`signal-${signal}`, { depth: 0, isPinnedThere: true }), count]);
    const ending = finish(child);
    await once(child.stdout ?? child, 'data');
    child.kill(signal);
    const { code } = await ending;
    assert.equal(code, 1);
  });
}

for (const [which, flags] of [
  ['a Node that is new enough', []],
  ['the pinned Node', old],
] as const) {
  test(`under npm, ${which} ends with the shell that npm signals`, { skip: process.platform === 'win32' }, async () => {
    const guard = copyGuard(`npm-${flags.length}`, { depth: 0, isPinnedThere: true });
    const shell = spawn('/bin/sh', ['-c', '"$@"; true', 'sh', process.execPath, ...flags, guard, count], {
      env: { ...process.env, npm_lifecycle_event: 'start' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ending = finish(shell);
    await once(shell.stdout, 'data');
    shell.kill('SIGTERM');
    // Only when the last process that holds the pipe has ended is there an end of output.
    const { out } = await ending;
    assert.match(out, /left after 1\n$/);
  });
}

test('an end by a signal is passed on as that signal', { skip: process.platform === 'win32' }, async () => {
  const killed = write('killed.ts', `process.kill(process.pid, 'SIGKILL');`);
  const { signal } = await finish(start([...old, copyGuard('killed', { depth: 0, isPinnedThere: true }), killed]));
  assert.equal(signal, 'SIGKILL');
});

test('an old Node alone says what is missing and how to get it', async () => {
  const { out, err, code } = await finish(start([...old, copyGuard('alone', { depth: 0, isPinnedThere: false }), tell]));
  assert.equal(out, '');
  assert.match(err, /needs Node 24 or newer and this is Node 20\.1\.0/);
  assert.match(err, /`npm ci` without --omit=optional/);
  assert.ok(err.includes(`the package ${pinned},`), err);
  assert.equal(code, 1);
});

test('every package that the guard looks for is pinned in package.json, and no other', () => {
  const guard = readFileSync(join(root, 'bin/with-node.mjs'), 'utf8');
  const named = [...guard.matchAll(/^ {2}'[a-z0-9]+-[a-z0-9]+': '([a-z0-9-]+)',$/gm)].map((match) => match[1]);
  assert.ok(named.length >= 5);
  assert.deepEqual(named.toSorted(), Object.keys(manifest.optionalDependencies).toSorted());
  for (const version of Object.values(manifest.optionalDependencies)) assert.match(version, /^24\.\d+\.\d+$/);
});

test('the command says so when it is given no file', async () => {
  const { err, code } = await finish(start([join(root, 'bin/with-node.mjs')]));
  assert.match(err, /^Usage:/);
  assert.equal(code, 2);
});
