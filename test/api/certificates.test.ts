/** Certificates by the REST API: given, seen and removed by those who may, checked before they are kept; and a private key is never given again. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { removeFolder, temporaryFolder } from '../cli/skylark-command.ts';
import { dns, type Made, makePem } from '../support/pem.ts';
import { type Answer, type Ground, openGround } from './ground.ts';

const folder = temporaryFolder();
const keys = openFileKeys({ path: join(folder, 'one.key'), clock });
after(() => removeFolder(folder));

let root: Made;
/** The certificates of the two tenants. */
let made: Readonly<Record<'a' | 'b', Made>>;
const chainOf = (one: Made) => one.cert + root.cert;
before(async () => {
  root = await makePem('Root', { isCa: true });
  const of = (domain: string) => makePem(domain, { names: dns(domain, `conference.${domain}`), issuer: root });
  made = { a: await of('a.example'), b: await of('b.example') };
});

let ground: Ground;
/** Keys of the deployment, of admins of the two tenants, and of others. */
let tokens: Readonly<Record<'operator' | 'a' | 'b' | 'support' | 'reader', string>>;
beforeEach(async () => {
  ground = await openGround({ keys });
  tokens = {
    operator: await ground.key(),
    a: await ground.key({ domain: 'a.example' }),
    b: await ground.key({ domain: 'b.example' }),
    support: await ground.key({ domain: 'a.example', role: 'support' }),
    reader: await ground.key({ domain: 'a.example', access: 'read' }),
  };
});
afterEach(() => ground.close());

type Holder = keyof typeof tokens;
const path = (letter: string) => `/tenants/${letter}.example/certificate`;
const put = (by: Holder, letter: string, chain: string, key: string, init?: Parameters<Ground['call']>[3]) =>
  ground.call(tokens[by], `PUT ${path(letter)}`, { chain, key }, init);
const show = async (by: Holder, letter: string) => (await ground.call(tokens[by], `GET ${path(letter)}`)).body.certificate;
const fingerprintOf = async ({ certificate }: Made) => Buffer.from(await certificate.getThumbprint('SHA-256')).toString('hex');

/** All that is in the store, as text. */
async function stored(): Promise<string> {
  const rows = [];
  for (const partition of ['#certificates', '#audit', 'a.example/c', 'b.example/c', 'a.example/t', 'b.example/t'])
    rows.push(...(await ground.dependencies.store.query({ table: 'core', partition, limit: 100, consistent: true })));
  return JSON.stringify(rows);
}

/** Lines of PEM that tell what is secret. */
const secretLines = (key: string) => key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));

test('each tenant gives its own certificate, sees and removes it, and operators see all', async () => {
  for (const letter of ['a', 'b'] as const) {
    const domain = `${letter}.example`;
    const { status, body } = await put(letter, letter, chainOf(made[letter]), made[letter].key);
    assert.equal(status, 200, JSON.stringify(body));
    const { notBefore, notAfter, ...rest } = body;
    assert.deepEqual(rest, {
      ...{ domain, names: [domain, `conference.${domain}`], issuer: 'CN=Root', daysLeft: 88, source: 'pem' },
      fingerprint: await fingerprintOf(made[letter]),
    });
    assert.equal(Date.parse(notAfter) - Date.parse(notBefore), 90 * 24 * 60 * 60 * 1_000);
    const { domain: _, ...shown } = body;
    assert.deepEqual(await show(letter, letter), shown);
  }
  const all = (await ground.call(tokens.operator, 'GET /certificates')).body;
  assert.deepEqual(
    all.certificates.map(({ domain, issuer }: Record<string, string>) => [domain, issuer]),
    [
      ['a.example', 'CN=Root'],
      ['b.example', 'CN=Root'],
    ],
  );
  assert.equal((await ground.call(tokens.a, `DELETE ${path('a')}`)).status, 200);
  assert.equal(await show('a', 'a'), undefined);
  assert.equal((await ground.call(tokens.a, `DELETE ${path('a')}`)).status, 404);
  assert.ok(await show('b', 'b'), "the other tenant's stays");
});

test('what is kept can be served: the chain, and the key sealed for the domain', async () => {
  await put('a', 'a', chainOf(made.a), made.a.key);
  const kept = (await new Certificates(ground.dependencies.store).read('a.example'))!;
  assert.equal(kept.chain.match(/BEGIN CERTIFICATE/g)!.length, 2);
  const key = (await keys.open(kept.sealedKey, 'a.example')).toString();
  assert.ok(createPrivateKey(key).equals(createPrivateKey(made.a.key)));
  await assert.rejects(keys.open(kept.sealedKey, 'b.example'), { name: 'NotOpened' });
});

test('the key is in no answer, no row, and no entry of the audit log, whatever field it stands in', async () => {
  const { key } = made.a;
  const answers: Answer[] = [
    await put('a', 'a', chainOf(made.a), key),
    await put('a', 'a', key + chainOf(made.a), key),
    await put('a', 'a', key, chainOf(made.a)),
    await put('a', 'a', key, key),
    await put('a', 'a', chainOf(made.b), key),
    await put('a', 'b', chainOf(made.a), key),
    await ground.call(tokens.operator, 'GET /certificates'),
    await ground.call(tokens.operator, 'GET /audit'),
    await ground.call(tokens.a, 'GET /tenants/a.example/audit'),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 400, 400, 400, 403, 200, 200, 200],
  );
  const told = JSON.stringify(answers.map(({ body }) => body)) + (await stored());
  assert.match(told, /certificate-add/);
  for (const line of secretLines(key)) assert.ok(!told.includes(line), line);
});

test('the audit log tells who has given which certificate instead of which', async () => {
  await put('operator', 'a', chainOf(made.a), made.a.key);
  const next = await makePem('a.example');
  await put('a', 'a', next.cert, next.key);
  await put('a', 'a', made.b.cert, made.b.key);
  await ground.call(tokens.a, `DELETE ${path('a')}`);
  const { entries } = (await ground.call(tokens.operator, 'GET /tenants/a.example/audit')).body;
  const ended = entries.filter(({ outcome }: { outcome: string }) => outcome !== 'begun');
  type Entry = { operation: string; outcome: string; change?: Record<string, { fingerprint: string } | undefined> };
  assert.deepEqual(
    ended.map(({ operation, outcome, change }: Entry) => [
      operation,
      outcome,
      change?.before?.fingerprint,
      change?.after?.fingerprint,
    ]),
    [
      ['certificate-add', 'done', undefined, await fingerprintOf(made.a)],
      ['certificate-add', 'done', await fingerprintOf(made.a), await fingerprintOf(next)],
      [
        'certificate-add',
        "refused: the certificate is not for 'a.example'; it is for b.example, conference.b.example",
        undefined,
        undefined,
      ],
      ['certificate-remove', 'done', await fingerprintOf(next), undefined],
    ],
  );
});

describe('refused, and nothing is changed', () => {
  const past = { notBefore: new Date('2001-01-01'), notAfter: new Date('2001-02-01') };
  type Case = readonly [string, Holder, string, () => Promise<readonly [string, string]>, number, RegExp];
  const good = async () => [chainOf(made.a), made.a.key] as const;
  const cases: readonly Case[] = [
    ['the key of another certificate', 'a', 'a', async () => [chainOf(made.a), made.b.key], 400, /does not belong to/],
    ['a certificate for another domain', 'a', 'a', async () => [chainOf(made.b), made.b.key], 400, /is not for 'a\.example'/],
    [
      'an expired one',
      'a',
      'a',
      async () => {
        const old = await makePem('a.example', past);
        return [old.cert, old.key];
      },
      400,
      /expired on 2001-02-01/,
    ],
    ['garbage', 'a', 'a', async () => ['garbage', 'more of it'], 400, /no certificate in PEM/],
    ['a garbled key', 'a', 'a', async () => [chainOf(made.a), 'garbage'], 400, /the private key is not in PEM/],
    [
      'an encrypted key',
      'a',
      'a',
      async () => {
        const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
        return [chainOf(made.a), createPrivateKey(made.a.key).export(options) as string];
      },
      400,
      /has a passphrase/,
    ],
    ['1 MB of text', 'a', 'a', async () => ['x'.repeat(1024 * 1024), made.a.key], 413, /a body has at most/],
    ['a chain that is too long', 'a', 'a', async () => ['x'.repeat(33_000), made.a.key], 400, /'chain' has more than 32768/],
    ['a key that is too long', 'a', 'a', async () => [chainOf(made.a), 'x'.repeat(20_000)], 400, /key has more than 16384 bytes/],
    ['a control character', 'a', 'a', async () => [`${chainOf(made.a)}\u0000`, made.a.key], 400, /that XML does not allow/],
    ["another tenant's domain", 'b', 'a', good, 403, /is for tenant 'b\.example' only/],
    ['a key without the right', 'support', 'a', good, 403, /needs the right 'tenant\.policy'/],
    ['a key that may only read', 'reader', 'a', good, 403, /may only read/],
    ['a domain that is not a tenant', 'operator', 'c', good, 404, /there is no tenant 'c\.example'/],
  ];
  for (const [what, by, letter, make, status, detail] of cases) {
    test(what, async () => {
      const before = await show('operator', 'a');
      const [chain, key] = await make();
      const answer = await put(by, letter, chain, key);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(answer.body.detail, detail);
      assert.deepEqual(await show('operator', 'a'), before);
    });
  }

  test('removing and listing without the right', async () => {
    await put('a', 'a', chainOf(made.a), made.a.key);
    for (const by of ['b', 'support', 'reader'] as const)
      assert.equal((await ground.call(tokens[by], `DELETE ${path('a')}`)).status, 403, by);
    assert.equal((await ground.call(tokens.b, `GET ${path('a')}`)).status, 403);
    assert.equal((await ground.call(tokens.a, 'GET /certificates')).status, 403);
    assert.ok(await show('a', 'a'));
  });

  test('where nothing can seal the key', async () => {
    const bare = await openGround();
    try {
      const answer = await bare.call(await bare.key(), `PUT ${path('a')}`, { chain: chainOf(made.a), key: made.a.key });
      assert.equal(answer.status, 409);
      assert.match(answer.body.detail, /has no key to seal them with/);
    } finally {
      await bare.close();
    }
  });
});

test('a tenant takes no names of others, which an operator may give', async () => {
  const names = ['b.example', '*.b.example', '*.example', 'chat.a.example', 'nota.example'];
  const wide = await makePem('a.example', { names: dns(...names, 'a.example') });
  assert.deepEqual((await put('a', 'a', wide.cert, wide.key)).body.names, ['chat.a.example', 'a.example']);
  assert.deepEqual((await put('operator', 'a', wide.cert, wide.key)).body.names, [...names, 'a.example']);
  await ground.dependencies.tenants.add('x.y.example', { registration: 'closed', retentionDays: 0 });
  const wild = await makePem('any', { names: dns('*.y.example') });
  const admin = await ground.key({ domain: 'x.y.example' });
  const given = { chain: wild.cert, key: wild.key };
  const { body } = await ground.call(admin, 'PUT /tenants/x.y.example/certificate', given);
  assert.deepEqual(body.names, ['x.y.example'], 'a wildcard covers it, and is not taken from its neighbours');
});

test('the same again does no harm', async () => {
  const first = await put('a', 'a', chainOf(made.a), made.a.key);
  const second = await put('a', 'a', chainOf(made.a), made.a.key);
  assert.deepEqual([second.status, second.body], [200, first.body]);
});
