/**
 * The OpenAPI document is good for a program: `openapi-typescript` makes types of it, a client compiles against them and does real work with a
 * whole service, and what the document does not have does not compile.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Skylark } from '../support/skylark.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const client = readFileSync(new URL('typed-client/client.ts', import.meta.url), 'utf8');

/** What the client tells. */
interface Told {
  readonly accounts: readonly string[];
  readonly invite: string;
  readonly audit: readonly string[];
  readonly refusal: { readonly status: number; readonly detail: string };
  readonly isUnchanged: boolean;
}

let skylark: Skylark;
let folder: string;

before(async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the certificate of a first start is self-signed
  skylark = await Skylark.start();
  const cache = join(project, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, 'typed-client-')); // there it finds the packages
  writeFileSync(join(folder, 'schema.ts'), await typesOf(`http://127.0.0.1:${skylark.ports.http}/api/openapi.json`));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
after(async () => {
  await skylark.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** It writes code with the compiler's own API, which TypeScript 7 does not have: so it gets version 5, under another name. */
async function typesOf(url: string): Promise<string> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier === 'typescript' ? 'typescript-5' : specifier, context),
  });
  try {
    const { default: openapiTS, astToString } = await import('openapi-typescript');
    const document = (await (await fetch(url)).json()) as Parameters<typeof openapiTS>[0];
    return astToString(await openapiTS(document));
  } finally {
    hooks.deregister();
  }
}

/** @returns what the compiler says, by file */
function compile(files: Readonly<Record<string, string>>): ReadonlyMap<string, readonly string[]> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, skipLibCheck: true, types: ['node'], verbatimModuleSyntax: true },
    ...{ allowImportingTsExtensions: true, rewriteRelativeImportExtensions: true, exactOptionalPropertyTypes: false },
    typeRoots: [join(project, 'node_modules/@types')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  const tsc = join(project, 'node_modules/typescript/bin/tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  const said = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [, name, text] = /^([^\s(]+)\(\d+,\d+\): (.*)$/.exec(line) ?? [];
    if (name !== undefined) said.set(name, [...(said.get(name) ?? []), text!]);
    else assert.match(line, /^\s|^$/, stdout);
  }
  return said;
}

test('a client of its types makes a tenant, an account and an invite, and reads the audit log', async () => {
  assert.deepEqual([...compile({ 'client.ts': client })], []);
  const token = skylark.command('key', 'add', 'typed', '--access', 'write').trim();
  const { openTenant } = (await import(pathToFileURL(join(folder, 'client.js')).href)) as {
    openTenant(baseUrl: string, token: string, domain: string): Promise<Told>;
  };
  const told = await openTenant(`https://localhost:${skylark.ports.https}/api/v1`, token, 'typed.example');
  assert.deepEqual(told.accounts, ['juliet@typed.example']);
  assert.match(told.invite, /^xmpp:typed\.example\?/);
  assert.deepEqual(told.audit.slice(0, 3), ['user-add: begun', 'user-add: done', 'user-add: begun']);
  assert.match(told.audit[3]!, /^user-add: refused: /);
  assert.deepEqual(told.audit.slice(4), ['invite-create: begun', 'invite-create: done']);
  assert.equal(told.refusal.status, 409);
  assert.match(told.refusal.detail, /there is an account 'juliet@typed\.example' already/);
  assert.ok(told.isUnchanged, 'a policy that somebody has is not sent again');
});

/** What stands in the client, and what stands there in its place. */
const mistakes: Readonly<Record<string, readonly [string, string]>> = {
  'a-path': ["api.POST('/tenants',", "api.POST('/tenant',"],
  'a-method': ["api.POST('/tenants/{domain}/invites'", "api.PUT('/tenants/{domain}/invites'"],
  'a-missing-field': ["local: 'juliet', password", "local: 'juliet', passwort"],
  'a-type': ['days: 1', "days: '1'"],
  'a-choice': ["registration: 'closed'", "registration: 'shut'"],
  'a-missing-tenant': ["'/tenants/{domain}/policy', { params: { path } }", "'/tenants/{domain}/policy', {}"],
  'an-answer': ['invite.data.uri', 'invite.data.url2'],
  'a-problem': ['again.error?.detail', 'again.error?.message'],
  'a-query': ["order: 'oldest'", "order: 'youngest'"],
};

test('what the document does not have does not compile', () => {
  const files = Object.fromEntries(
    Object.entries(mistakes).map(([name, [right, wrong]]) => {
      assert.ok(client.includes(right), `the client has no ${right}`);
      return [`${name}.ts`, client.replace(right, wrong)];
    }),
  );
  const said = compile(files);
  for (const name of Object.keys(files)) assert.ok(said.has(name), `${name} compiles`);
});
