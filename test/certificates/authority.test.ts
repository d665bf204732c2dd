/** A CA is somebody else's program: whatever it answers, our records are our own, and every wait ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { makeAccountKey, openAuthority } from '../../services/certificates/authority.ts';
import { certificateLimits } from '../../services/certificates/limits.ts';
import { HostileCa, type Mischief } from './hostile-ca.ts';

const zone = 'acme.operator.example';
const accountKey = makeAccountKey();
/** A clock that does not wait in real time. */
function fastClock(): Clock {
  let elapsedMs = 0;
  return {
    ...systemClock,
    monotonic: () => elapsedMs,
    after(delayMs, run) {
      elapsedMs += delayMs;
      const timer = setImmediate(run);
      return { cancel: () => clearImmediate(timer) };
    },
  };
}

interface Tried {
  readonly error: Error;
  /** The changes of records: `put name` and `remove name`. */
  readonly records: readonly string[];
  readonly paths: readonly string[];
}

interface Options {
  readonly identifiers?: readonly string[];
  /** The answer of DNS after a put. */
  readonly seen?: (put: readonly string[]) => readonly string[];
  readonly signal?: AbortSignal;
}

async function attempt(mischief: Mischief, options: Options = {}): Promise<Tried> {
  const ca = await HostileCa.start(mischief, options.identifiers);
  const records: string[] = [];
  let standing: readonly string[] = [];
  const authority = openAuthority({
    ...{ url: `${ca.url}/dir`, accountKey: await accountKey, clock: fastClock(), zone },
    records: {
      async put(name, texts) {
        records.push(`put ${name}`);
        standing = texts;
      },
      async remove(name) {
        records.push(`remove ${name}`);
      },
    },
    lookup: { alias: async () => undefined, texts: async () => (options.seen ?? ((put) => put))(standing) },
  });
  try {
    await authority.obtain(['one.example'], options.signal ?? new AbortController().signal);
    throw new assert.AssertionError({ message: 'there was a certificate' });
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return { error: error as Error, records, paths: [...ca.paths] };
  } finally {
    await ca.stop();
  }
}

const problem = (detail: string, type = 'malformed') => ({ type: `urn:ietf:params:acme:error:${type}`, detail });

test('a refusal is reported in the CA’s words, and no record is made', async () => {
  const { error, records, paths } = await attempt((path) =>
    path === '/order' ? { status: 403, body: problem('the CAA record forbids it', 'caa') } : undefined,
  );
  assert.match(error.message, /the CAA record forbids it/);
  assert.deepEqual(records, []);
  assert.equal(paths.filter((path) => path === '/order').length, 1, 'a refused request is not repeated');
});

test('"too many requests" and errors of the CA are tried again once', async () => {
  for (const status of [429, 500, 503]) {
    const { error, paths } = await attempt((path) =>
      path === '/order' ? { status, body: problem('not now', 'rateLimited'), headers: { 'retry-after': '1' } } : undefined,
    );
    assert.match(error.message, /not now/);
    assert.equal(paths.filter((path) => path === '/order').length, certificateLimits.acmeTriesMax);
  }
});

for (const name of [
  'two.example',
  'x.one.example',
  'one.example.evil',
  '../../etc',
  'a"b',
  'one.example\n',
  '',
  '*.one.example',
]) {
  test(`a question about ${JSON.stringify(name)}, which nobody ordered, makes no record`, async () => {
    const { error, records } = await attempt(() => undefined, { identifiers: [name] });
    assert.match(error.message, /the CA asks about .* which is not in the order/);
    assert.deepEqual(records, []);
  });
}

test('a CA without the DNS-01 challenge is refused', async () => {
  const challenge = { type: 'http-01', url: 'http://127.0.0.1:1/', token: 'x', status: 'pending' };
  const body = { status: 'pending', identifier: { type: 'dns', value: 'one.example' }, challenges: [challenge] };
  const { error, records } = await attempt((path) => (path.startsWith('/authz/') ? { body } : undefined));
  assert.match(error.message, /the CA does not offer the DNS-01 challenge|unable to produce|Unable/);
  assert.deepEqual(records, []);
});

test('answers that are not ACME end in an error: other JSON, no JSON, a redirect, a body without end, no challenge', async () => {
  const body = { status: 'pending', identifier: { type: 'dns', value: 'one.example' }, challenges: [] };
  const cases: readonly (readonly [string, Mischief])[] = [
    ['other JSON', (path) => (path === '/dir' ? { body: [1, 2, 3] } : undefined)],
    ['null', (path) => (path === '/order' ? { body: null } : undefined)],
    ['no JSON', (path) => (path === '/dir' ? { raw: '<html>' } : undefined)],
    ['a redirect', (path) => (path === '/dir' ? { status: 302, headers: { location: 'http://127.0.0.1:1/' } } : undefined)],
    ['endless', (path) => (path === '/dir' ? { raw: 'x'.repeat(10 * runtimeLimits.certificateBytesMax) } : undefined)],
    ['no challenge', (path) => (path.startsWith('/authz/') ? { body } : undefined)],
    ['no authorization', (path) => (path === '/order' ? { status: 201, body: {}, headers: { location: 'x' } } : undefined)],
  ];
  await Promise.all(
    cases.map(async ([what, mischief]) => {
      const { error } = await attempt(mischief);
      assert.ok(error instanceof Error, what);
    }),
  );
});

test('a proof that the CA does not accept is reported, and its record removed', async () => {
  const failed = { type: 'dns-01', token: 'token', status: 'invalid', error: problem('no TXT record found', 'dns') };
  const { error, records } = await attempt((path) => (path === '/challenge' ? { body: { ...failed, url: 'x' } } : undefined));
  assert.match(error.message, /no TXT record found|invalid/i);
  assert.deepEqual(records, [`put one.example.${zone}`, `remove one.example.${zone}`]);
});

test('a record that does not become visible ends the try in bounded time, before the CA is asked to look', async () => {
  const { error, records, paths } = await attempt(() => undefined, { seen: () => ['something else'] });
  assert.ok(error instanceof Unavailable);
  assert.equal(error.message, `the record at one.example.${zone} was not visible within ${certificateLimits.dnsSeenMs / 1000} s`);
  assert.deepEqual(records, [`put one.example.${zone}`, `remove one.example.${zone}`]);
  assert.ok(!paths.includes('/challenge'));
});

test('a try that was given up makes no more records', async () => {
  const signal = AbortSignal.abort(new Error('there is no certificate within 240 s'));
  const { error, records } = await attempt(() => undefined, { signal });
  assert.equal(error.message, 'there is no certificate within 240 s');
  assert.ok(!records.some((done) => done.startsWith('put')));
});
