/** The outputs at the end of a deployment: names that the pages of docs/ use, and commands that the command line accepts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { skylark } from '../../test/cli/skylark-command.ts';
import type { Json } from './context.ts';
import { type StackName, shape, shapes, synthesize } from './synthesis.ts';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'deploy.md'), 'utf8');

type Synthesis = ReturnType<typeof shape>;

/** Outputs by name, without those between stacks. */
function outputs({
  templates,
}: Synthesis): Map<string, { readonly stack: string; readonly text: string; readonly about: string }> {
  const all = (Object.keys(templates) as StackName[]).flatMap((stack) =>
    Object.entries((templates[stack].toJSON().Outputs ?? {}) as Record<string, Json>)
      .filter(([name]) => !name.startsWith('PublishOutput'))
      .map(([name, { Value, Description }]) => [name, { stack, text: filled(Value), about: Description }] as const),
  );
  const found = new Map(all);
  assert.equal(found.size, all.length, 'two stacks have an output of the same name');
  return found;
}

/** Fills in values as CloudFormation might. */
function filled(value: Json): string {
  if (typeof value === 'string') return value;
  if (value['Fn::Join'] !== undefined) return value['Fn::Join'][1].map(filled).join(value['Fn::Join'][0]);
  if (value.Ref === 'AWS::Region') return 'eu-central-1';
  if (value.Ref === 'AWS::URLSuffix') return 'amazonaws.com';
  if (value['Fn::Select'] !== undefined) {
    const [index, { 'Fn::Split': split }] = value['Fn::Select'] as [number, Json];
    return split === undefined ? `x${index}` : filled(split[1]).split(split[0])[index]!;
  }
  return 'x1';
}

/** The row in the table of outputs; `Tenant1` stands for `Tenant1`, `Tenant2` …. */
function toldNames(): string[] {
  const table = page.slice(page.indexOf('## What it tells'), page.indexOf('## Settings'));
  return table.split('\n').flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name!));
}

for (const name of shapes) {
  test(`${name}: docs/deploy.md lists every output`, () => {
    const told = toldNames();
    const missing = [...outputs(shape(name)).keys()].filter((one) => !told.includes(one.replace(/\d+$/, '1')));
    assert.deepEqual(missing, []);
  });
}

test('docs/deploy.md lists no other output', () => {
  const there = new Set(shapes.flatMap((name) => [...outputs(shape(name)).keys()]));
  assert.deepEqual(
    toldNames().filter((one) => !there.has(one)),
    [],
  );
});

for (const name of shapes) {
  test(`${name}: the commands for records work, for each domain and the host`, async () => {
    const found = outputs(shape(name));
    const domains = ['example.org', 'example.net', 'xmpp.example.org'];
    for (const [index, domain] of domains.entries()) {
      const [npx, program, ...args] = found.get(`Records${index + 1}`)!.text.split(' ');
      assert.deepEqual([npx, program, args[1]], ['npx', 'skylark', domain]);
      const { code, out, err } = await skylark(args);
      assert.deepEqual({ code, err }, { code: 0, err: '' });
      assert.match(out, new RegExp(`^_xmpp-client\\._tcp\\.${domain}\\. .* 5222 xmpp\\.example\\.org\\.$`, 'm'));
      for (const name of [domain, `conference.${domain}`])
        assert.match(out, new RegExp(`^_xmpp-server\\._tcp\\.${name}\\. .* 5269 s2s\\.example\\.org\\.$`, 'm'));
      assert.match(out, new RegExp(`^_acme-challenge\\.${domain}\\. .* CNAME ${domain}\\.example\\.org\\.$`, 'm'));
      assert.match(out, /https:\/\/x1\/\.well-known\/host-meta$/m);
      assert.match(out, /"wss:\/\/xmpp\.example\.org\/xmpp-websocket"/);
    }
    assert.ok(!found.has('Records4'));
  });

  test(`${name}: the commands for tenants reach the tables of this deployment`, () => {
    const found = outputs(shape(name));
    // The task of `small` makes the first domain a tenant by itself.
    const domains = [...(name === 'small' ? [] : ['example.org']), 'example.net', 'xmpp.example.org'];
    assert.ok(!found.has(`Tenant${domains.length + 1}`));
    for (const [index, domain] of domains.entries()) {
      const { stack, text } = found.get(`Tenant${index + 1}`)!;
      assert.equal(stack, 'data');
      assert.equal(text, `npx skylark tenant add ${domain} --dynamodb aws --region eu-central-1 --table-prefix skylark-`);
    }
  });
}

test('without a renewal no aliases are asked for, and pages have the given name', () => {
  const webCertificate = `arn:aws:acm:us-east-1:123456789012:certificate/${'0'.repeat(36)}`;
  const given = { shape: 'small', certificates: 'pem', webDomain: 'chat.example.org', webCertificate, host: 'example.net' };
  const found = outputs(synthesize(given));
  assert.equal(
    found.get('Records1')!.text,
    'npx skylark dns example.org --target example.net --federation --servers-target s2s.example.org --web-host chat.example.org --websocket-host example.net',
  );
  assert.ok(!found.has('Renewal') && !found.has('Records3'), 'the host is one of the domains');
});

test('every command of `skylark` in docs/deploy.md exists, with the options that are used there', async () => {
  const text = page.replaceAll(/\s+/g, ' ');
  const commands = [...text.matchAll(/`npx skylark ((?:[a-z]+ ?)+)([^`]*)`/g)].map(
    ([, words, rest]) => [words!.trim(), rest!] as const,
  );
  assert.ok(commands.length >= 6, `${commands}`);
  for (const [words, rest] of commands) {
    const { code, out, err } = await skylark(['help', ...words.split(' ')]);
    assert.equal(code, 0, `${words}: ${err}`);
    for (const [flag] of rest.matchAll(/--[a-z-]+/g)) assert.ok(out.includes(`  ${flag} `), `${words} does not know ${flag}`);
  }
});

test('every package and file that docs/deploy.md runs or names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const wanted = [...page.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name!);
  assert.ok(wanted.length > 2);
  for (const name of wanted) assert.ok(name in scripts, `npm run ${name}`);
  const files = [...page.matchAll(/`(infra\/[\w./-]+\.\w+|infra\/[\w/-]+Dockerfile)`/g)].map(([, path]) => path!);
  assert.ok(files.length >= 2);
  for (const path of files.filter((one) => !one.endsWith('cdk.context.json'))) assert.ok(existsSync(join(root, path)), path);
});
