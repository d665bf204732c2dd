/** Settings: bad ones are refused with a line each that says which, and what is allowed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings, SettingError } from '../lib/settings.ts';
import { makeBundles } from './context.ts';
import { newApp, synthesize } from './synthesis.ts';

function read(context: Record<string, unknown>) {
  return readSettings(newApp({ shape: 'cell', ...context }).node);
}

const uuid = '0'.repeat(36);
const ofFiles = { filesDomain: 'files.example.org', filesCertificate: `arn:aws:acm:us-east-1:123456789012:certificate/${uuid}` };
const ofPages = { webDomain: 'chat.example.org', webCertificate: `arn:aws:acm:us-east-1:123456789012:certificate/${uuid}` };

const refused: readonly [what: string, context: Record<string, unknown>, message: RegExp][] = [
  ['no shape', { shape: undefined }, /^-c shape=… is missing; it takes one of small, cell$/],
  ['another shape', { shape: 'huge' }, /^-c shape: 'huge' is not allowed; it takes one of small, cell$/],
  ['no domain', { domains: '' }, /^-c domains=… is missing/],
  ['a domain with a path', { domains: 'example.org/x' }, /^-c domains: 'example.org\/x' is not allowed/],
  ['a domain in upper case', { domains: 'Example.org' }, /^-c domains: /],
  ['a domain twice', { domains: 'example.org,example.org' }, /^-c domains: /],
  ['a domain without a dot', { domains: 'localhost' }, /^-c domains: /],
  ['no budget e-mail', { budgetEmail: undefined }, /^-c budgetEmail=… is missing/],
  [
    'a misspelt name',
    { retnetionDays: 1 },
    /^-c retnetionDays: unknown setting; it must be one of shape, domains, .*retentionDays/,
  ],
  [
    'a negative number',
    { retentionDays: '-1' },
    /^-c retentionDays: '-1' is not allowed; it takes a whole number from 0 to 36500$/,
  ],
  ['a fraction', { budgetUsd: 1.5 }, /^-c budgetUsd: '1.5' is not allowed/],
  ['an object', { streamsPerTask: {} }, /^-c streamsPerTask: /],
  ['a task of 100k streams', { streamsPerTask: 100_000 }, /^-c streamsPerTask: '100000' .* from 1000 to 20000$/],
  ['days that logs cannot be kept', { logDays: 31 }, /^-c logDays: '31' is not allowed; it takes one of 1, 3, /],
  ['an image without a tag', { image: 'example/skylark' }, /^-c image: /],
  ['an image with a command behind it', { image: 'example/skylark:1 --privileged' }, /^-c image: /],
  ['a name that cannot be a prefix', { name: 'Sky_lark' }, /^-c name: /],
  ['ACME without an account', { acmeEmail: undefined }, /^-c certificates=acme needs -c acmeEmail=/],
  ['ACME without a zone', { hostedZoneId: undefined, hostedZoneName: undefined }, /needs a hosted zone for its challenges/],
  ['a zone without its name', { hostedZoneName: undefined }, /^-c hostedZoneId needs -c hostedZoneName, too$/],
  [
    'a domain of files without a certificate',
    { filesDomain: 'files.example.org' },
    /^-c filesDomain needs -c filesCertificate, too$/,
  ],
  [
    'a certificate of the CDN from another Region',
    { filesDomain: 'files.example.org', filesCertificate: `arn:aws:acm:eu-central-1:123456789012:certificate/${'0'.repeat(36)}` },
    /^-c filesCertificate: .* in us-east-1/,
  ],
  ['an ACME directory without TLS', { acmeDirectory: 'http://ca.example/directory' }, /^-c acmeDirectory: /],
  ['too many domains', { domains: Array.from({ length: 51 }, (_, i) => `d${i}.example`).join() }, /^-c domains: .* at most 50 /],
  [
    'reads below those of a new table',
    { warmReads: 11_999 },
    /^-c warmReads: '11999' .* takes 0 or a whole number from 12000 to /,
  ],
  ['writes below those of a new table', { warmWrites: 1 }, /^-c warmWrites: '1' .* 0 or a whole number from 4000 to /],
  [
    'one name for streams and pages',
    { ...ofPages, webDomain: 'xmpp.example.org' },
    /^-c webDomain: .* is already used for host; each needs/,
  ],
  [
    'one name for files and pages',
    { ...ofPages, ...ofFiles, webDomain: 'files.example.org' },
    /is already used for filesDomain; each needs/,
  ],
  ['files on one of the domains', { ...ofFiles, filesDomain: 'example.net' }, /^-c filesDomain: .* is one of the domains; /],
  [
    'more connection tasks than a load balancer takes',
    { connectionTasksMax: 84, vcpuMax: 260 },
    /^-c connectionTasksMax=84 may take 504 targets .* and balancerTargetsMax is 500: have AWS raise the quota, and set it$/,
  ],
  [
    'more tasks for other servers than a load balancer takes',
    { peersTasksMax: 126, vcpuMax: 300 },
    /^-c peersTasksMax=126 may take 504 targets /,
  ],
  [
    'more vCPU than the account may have',
    { routerTasksMax: 40 },
    /^-c vcpuMax=150 is less than the 183\.5 vCPU .*\(L-3032A538\), and set it, or lower connectionTasksMax, /,
  ],
  [
    'tables that are warmer than their quota',
    { warmReads: 60_000 },
    /^-c warmReads=60000 is more than tableUnitsMax=40000: have AWS raise the quota, and set it$/,
  ],
  ['a pause that is neither', { paused: 'yes' }, /^-c paused: 'yes' is not allowed; it takes true or false$/],
  ['a proof of domains that is neither', { proveDomains: '1' }, /^-c proveDomains: '1' is not allowed; it takes true or false$/],
  [
    'an audit log of less than nothing',
    { auditDays: '-1' },
    /^-c auditDays: '-1' is not allowed; it takes a whole number from 0 /,
  ],
  ['a canary with a domain', { canary: 'canary@example.org' }, /^-c canary: /],
  [
    'a least number of tasks above the largest',
    { routerTasksMin: 9, routerTasksMax: 3 },
    /^-c routerTasksMin=9 is more than routerTasksMax=3$/,
  ],
];

for (const [what, context, message] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => read(context),
      (error) => {
        assert.ok(error instanceof SettingError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });
}

test('all faults are named in one run, each once', () => {
  const given = {
    shape: undefined,
    domains: 'localhost',
    budgetEmail: '',
    retnetionDays: 1,
    logDays: 31,
    hostedZoneId: 'x',
    webDomain: 'w.example',
  };
  assert.throws(
    () => read({ ...given, routerTasksMin: 9, routerTasksMax: 3, bundles: makeBundles('skylark') }),
    ({ message }: Error) => {
      const names = message.split('\n').map((line) => line.replace(/^-c (\w+).*$/, '$1').replace(/^\S*\/dist-\w+\//, ''));
      const missing = (name: string) => `${name}/index.mjs is missing; make the bundles with \`npm run bundle\``;
      assert.deepEqual(names, [
        ...['retnetionDays', 'shape', 'domains', 'budgetEmail', 'hostedZoneId', 'logDays', 'webDomain', 'routerTasksMin'],
        ...[missing('web-lambda'), missing('certificates-lambda'), missing('canary-lambda'), missing('bus-keys-lambda')],
        missing('scale-in-lambda'),
      ]);
      return true;
    },
  );
});

test('files and pages may have domains of their own', () => {
  const { host, filesDomain, webDomain } = read({ ...ofFiles, ...ofPages, domains: 'example.net' });
  assert.deepEqual([host, filesDomain, webDomain], ['xmpp.example.net', 'files.example.org', 'chat.example.org']);
});

test('accepts numbers as text, as the command line gives them, and fills in the rest', () => {
  const settings = read({ retentionDays: '30', domains: ' example.org , example.net' });
  assert.equal(settings.retentionDays, 30);
  assert.deepEqual(settings.domains, ['example.org', 'example.net']);
  assert.deepEqual([settings.host, settings.serversHost], ['xmpp.example.org', 's2s.example.org']);
  assert.equal(settings.tablePrefix, 'skylark-');
});

test('with a higher quota there may be more tasks, and the shape small has only one', () => {
  assert.equal(read({ connectionTasksMax: 84, balancerTargetsMax: 504, vcpuMax: 260 }).connectionTasksMax, 84);
  assert.equal(read({ shape: 'small', connectionTasksMax: 84 }).connectionTasksMax, 84);
});

test('the shapes differ where costs arise', () => {
  const [small, cell] = [read({ shape: 'small' }), read({ shape: 'cell' })];
  assert.deepEqual([small.natGateways, cell.natGateways], [0, 3]);
  assert.ok(small.budgetUsd < cell.budgetUsd);
});

for (const [missing, there] of [
  ['skylark', ['web-lambda', 'certificates-lambda', 'canary-lambda']],
  ['web-lambda', ['skylark', 'certificates-lambda', 'canary-lambda']],
  ['certificates-lambda', ['skylark', 'web-lambda', 'canary-lambda']],
  ['canary-lambda', ['skylark', 'web-lambda', 'certificates-lambda']],
  ['bus-keys-lambda', ['skylark', 'web-lambda', 'certificates-lambda', 'canary-lambda', 'scale-in-lambda']],
  ['scale-in-lambda', ['skylark', 'web-lambda', 'certificates-lambda', 'canary-lambda', 'bus-keys-lambda']],
] as const) {
  test(`a missing bundle ${missing} is reported, with the command that makes it`, () => {
    assert.throws(
      () =>
        synthesize({
          shape: ['bus-keys-lambda', 'scale-in-lambda'].includes(missing) ? 'cell' : 'small',
          bundles: makeBundles(...there),
        }),
      (error) =>
        error instanceof SettingError && error.message.includes(`${missing}/index.mjs is missing; make the bundles with`),
    );
  });
}

test('with an image, PEM certificates and no canary neither their bundles nor ACME settings are needed', () => {
  const bundles = makeBundles('web-lambda');
  const { templates } = synthesize({
    shape: 'small',
    bundles,
    image: 'ghcr.io/example/skylark:1.0',
    certificates: 'pem',
    canary: 'none',
    acmeEmail: undefined,
    hostedZoneId: undefined,
    hostedZoneName: undefined,
  });
  templates.app.resourceCountIs('AWS::ECS::Service', 1);
  templates.web.resourceCountIs('AWS::Lambda::Function', 1);
});

test('docs/deploy.md lists every setting, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'deploy.md'), 'utf8');
  const table = page.slice(page.indexOf('## Settings'), page.indexOf('## Update'));
  const told = table.split('\n').flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.throws(
    () => read({ surely: 'not' }),
    ({ message }: Error) => {
      assert.deepEqual(told.sort(), message.split('it must be one of ')[1]!.split(', ').sort());
      return true;
    },
  );
});
