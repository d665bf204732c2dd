/** `npm ci --omit=dev` is enough: the program in a folder with the packages that the lock file does not call those of developers, and no others. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TcpClient } from '../support/tcp-client.ts';
import { anyPorts, removeFolder, Service, skylark, temporaryFolder } from './skylark-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = temporaryFolder();
const program = join(folder, 'services/main.ts');
after(() => removeFolder(folder));

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly devOptional?: boolean; readonly optional?: boolean }>
  >;
}

/** Paths below the root, as `npm ci --omit=dev --omit=optional` makes them. */
function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
  const production = Object.entries(packages).filter(
    ([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional,
  );
  return production.map(([path]) => path);
}

/** By links, where both are on one disk: there are ten thousand files. @param leaves a folder in it that is copied for itself */
function copy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && entry.name !== 'node_modules') copy(source, target);
    if (!entry.isFile() || existsSync(target)) continue;
    try {
      linkSync(source, target);
    } catch {
      cpSync(source, target);
    }
  }
}

before(() => {
  for (const part of ['bin', 'lib', 'services']) copy(join(root, part), join(folder, part));
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const packages = productionPackages();
  assert.ok(packages.length > 100);
  for (const path of packages) if (existsSync(join(root, path))) copy(join(root, path), join(folder, path));
});

test('a package of developers is not there', () => {
  assert.ok(!existsSync(join(folder, 'node_modules/typescript')));
  assert.ok(existsSync(join(folder, 'node_modules/zod')));
  assert.ok(!existsSync(join(dirname(folder), 'node_modules')), 'nor in a folder above');
});

test('it serves accounts of two domains, the web client, the API and the console', async () => {
  const data = join(folder, 'data');
  const service = await Service.start(['start', '--data', data, ...anyPorts], 'listening', { program });
  try {
    for (const args of [
      ['tenant', 'add', 'b.example'],
      ['user', 'add', 'juliet@localhost', '--password', 'wherefore'],
      ['user', 'add', 'romeo@b.example', '--password', 'therefore'],
    ])
      assert.equal((await skylark([...args, '--data', data], { program })).err, '');
    const { c2sTls, http } = service.addresses;
    for (const [jid, password] of [
      ['juliet@localhost/a', 'wherefore'],
      ['romeo@b.example/b', 'therefore'],
    ] as const)
      await (await TcpClient.signIn(c2sTls!.port, jid, password)).close();
    const statuses = ['/', '/client/converse.min.js', '/api/', '/api/openapi.json', '/console'].map(async (path) => {
      const { status } = await fetch(`http://localhost:${http!.port}${path}`, { redirect: 'manual' });
      return `${path} ${status}`;
    });
    const wanted = ['/ 200', '/client/converse.min.js 200', '/api/ 200', '/api/openapi.json 200', '/console 200'];
    assert.deepEqual(await Promise.all(statuses), wanted);
  } finally {
    await service.stop();
  }
});

test('every command can be loaded, and says what it takes', async () => {
  for (const args of [
    ['help'],
    ['help', 'serve'],
    ['doctor'],
    ['cost'],
    ['dns', 'a.example'],
    ['certificate', 'list', '--data', folder],
  ]) {
    const { err } = await skylark(args, { program });
    assert.doesNotMatch(err, /Cannot find (?:package|module)|internal error/, args.join(' '));
  }
});
