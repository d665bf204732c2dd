/** What is renewed and when, what rests after a failure, and that one tenant's trouble does not affect another. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pino } from 'pino';
import type { Clock } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { checkPem } from '../../lib/runtime/certificate-pem.ts';
import { Certificates, daysLeft } from '../../lib/runtime/certificates.ts';
import { isDue, pauseAfter } from '../../services/certificates/due.ts';
import { certificateLimits } from '../../services/certificates/limits.ts';
import { daysLeftMetric } from '../../services/certificates/metric.ts';
import { type Result, renew } from '../../services/certificates/renewal.ts';
import { renewAll } from '../../services/certificates/tenant-walk.ts';
import { makePem } from '../support/pem.ts';
import { dayMs, RenewalGround, zone } from './ground.ts';

const silent = pino({ level: 'silent' });

describe('when', () => {
  test('a certificate is due in the last third of its life, whether that is 90 days, 6 or 1', () => {
    for (const days of [90, 47, 6, 1]) {
      const life = { notBeforeMs: 0, notAfterMs: days * dayMs };
      assert.ok(!isDue(life, (days * dayMs * 2) / 3 - 1), `${days}`);
      assert.ok(isDue(life, (days * dayMs * 2) / 3 + 1), `${days}`);
      assert.ok(isDue(life, days * dayMs + 1), `${days}`);
    }
  });

  test('days left are whole, and negative after the end', () => {
    assert.equal(daysLeft({ notAfterMs: 30 * dayMs }, 1), 29);
    assert.equal(daysLeft({ notAfterMs: 0 }, 1), -1);
  });

  test('the pause doubles up to a day, plus up to a tenth at random', () => {
    assert.equal(pauseAfter(1, 0), certificateLimits.renewalPauseMs);
    assert.equal(pauseAfter(3, 0), 4 * certificateLimits.renewalPauseMs);
    for (const failures of [6, 50, 1e6]) {
      assert.equal(pauseAfter(failures, 0), certificateLimits.renewalPauseMaxMs);
      assert.equal(pauseAfter(failures, 1), Math.round(certificateLimits.renewalPauseMaxMs * 1.1));
    }
  });

  test('the metric is the earliest end of all, and is left out without a certificate', () => {
    const ending = (days: number) => ({ domain: 'x', outcome: 'kept', entry: { notAfterMs: days * dayMs } }) as unknown as Result;
    const metric = daysLeftMetric([ending(80), { domain: 'y', outcome: 'undelegated' }, ending(12)], 'cell-', 1);
    assert.deepEqual(JSON.parse(metric!), {
      _aws: {
        Timestamp: 1,
        CloudWatchMetrics: [
          {
            Namespace: 'Skylark',
            Dimensions: [['Service', 'Deployment']],
            Metrics: [{ Name: 'CertificateDaysLeft', Unit: 'None' }],
          },
        ],
      },
      Service: 'certificates',
      Deployment: 'cell-',
      CertificateDaysLeft: 11,
    });
    assert.equal(daysLeftMetric([{ domain: 'y', outcome: 'undelegated' }], 'cell-', 1), undefined);
  });
});

describe('one domain', () => {
  let ground: RenewalGround;
  const one = 'one.example';
  beforeEach(async () => {
    ground = await RenewalGround.open();
    await ground.tenant(one, one, `conference.${one}`);
  });
  afterEach(() => ground.close());
  const outcome = async (isForced = false) => (await renew(ground.dependencies, one, isForced)).outcome;

  test('is issued once for what is delegated, kept, and renewed when it is due', async () => {
    const { outcome: first, entry } = await renew(ground.dependencies, one);
    assert.deepEqual([first, entry?.names, entry?.source], ['issued', [one, `conference.${one}`], 'acme']);
    assert.equal(await outcome(), 'kept');
    ground.aheadMs = 59 * dayMs;
    assert.equal(await outcome(), 'kept');
    ground.aheadMs = 61 * dayMs;
    assert.equal(await outcome(), 'issued');
    assert.equal(await outcome(), 'kept');
    assert.equal(ground.orders.length, 2);
    const sealed = (await new Certificates(ground.store).read(one))!;
    assert.match((await ground.dependencies.keys.open(sealed.sealedKey, one)).toString(), /PRIVATE KEY/);
  });

  test('gains a name that was delegated later, and loses none', async () => {
    await renew(ground.dependencies, one);
    ground.delegate(`upload.${one}`);
    ground.aliases.delete(`_acme-challenge.conference.${one}`);
    assert.equal(await outcome(), 'kept');
    ground.delegate(`conference.${one}`);
    assert.equal(await outcome(), 'issued');
    assert.deepEqual(ground.orders.at(-1), [one, `conference.${one}`, `upload.${one}`]);
    assert.equal(await outcome(), 'kept');
  });

  test('is not ordered while its own name is not delegated, or is delegated elsewhere', async () => {
    for (const target of [undefined, 'one.example.acme.evil.example', `two.example.${zone}`]) {
      if (target === undefined) ground.aliases.delete(`_acme-challenge.${one}`);
      else ground.aliases.set(`_acme-challenge.${one}`, target);
      const { outcome: undelegated, error } = await renew(ground.dependencies, one, true);
      assert.equal(undelegated, 'undelegated');
      assert.equal(
        error,
        `_acme-challenge.${one} must be a CNAME of ${one}.${zone}; ${target === undefined ? 'there is none' : `it points to ${target}`}`,
      );
    }
    assert.equal(ground.orders.length, 0);
    ground.delegate(one);
    assert.equal(await outcome(), 'issued', 'and does not rest because of it');
  });

  test('is not ordered while DNS does not answer', async () => {
    ground.isDnsAway = true;
    assert.deepEqual(await renew(ground.dependencies, one), {
      domain: one,
      outcome: 'failed',
      entry: undefined,
      error: 'DNS does not say',
    });
    assert.equal(ground.orders.length, 0);
  });

  test('rests after a failure, longer each time, is still served, and starts afresh after a success', async () => {
    await renew(ground.dependencies, one);
    ground.aheadMs = 61 * dayMs;
    for (const hours of [1, 2, 4, 8, 16, 24, 24]) {
      ground.failures.push(new Error('too many certificates already issued'));
      const failed = await renew(ground.dependencies, one);
      assert.deepEqual([failed.outcome, failed.error], ['failed', 'too many certificates already issued']);
      assert.equal(failed.entry?.domain, one);
      const pauseMs = hours * certificateLimits.renewalPauseMs;
      ground.aheadMs += pauseMs - 60_000;
      const resting = await renew(ground.dependencies, one);
      assert.deepEqual([resting.outcome, resting.error], ['resting', 'too many certificates already issued']);
      ground.aheadMs += pauseMs / 10 + 120_000;
    }
    assert.equal(ground.orders.length, 1 + 7);
    assert.equal(await outcome(), 'issued');
    ground.failures.push(new Error('again'));
    assert.equal(await outcome(true), 'failed');
    ground.aheadMs += 1.2 * certificateLimits.renewalPauseMs;
    assert.equal(await outcome(true), 'issued', 'it counts from one again');
  });

  test('is tried during a rest when it is forced', async () => {
    ground.failures.push(new Error('no'));
    assert.equal(await outcome(), 'failed');
    assert.equal(await outcome(), 'resting');
    assert.equal(await outcome(true), 'issued');
  });

  test('is ordered only once by two runs at the same time', async () => {
    const both = await Promise.all([renew(ground.dependencies, one), renew(ground.dependencies, one)]);
    assert.deepEqual(both.map(({ outcome: each }) => each).sort(), ['issued', 'resting']);
    assert.equal(ground.orders.length, 1);
  });

  test('rests when a run died during a try', async () => {
    ground.onOrder = () => new Promise(() => {});
    void renew(ground.dependencies, one); // nobody waits for it
    while (ground.orders.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    ground.onOrder = async () => {};
    const { outcome: resting, error } = await renew(ground.dependencies, one);
    assert.deepEqual([resting, error], ['resting', 'the last try did not finish']);
    ground.aheadMs = 1.2 * certificateLimits.renewalPauseMs;
    assert.equal(await outcome(), 'issued');
  });

  test('is left alone while its certificate is given by somebody, due or not', async () => {
    const { cert: chain, key } = await makePem(one);
    const entry = checkPem(one, { chain, key }, 'pem', Date.now());
    const sealedKey = await ground.dependencies.keys.seal(Buffer.from(key), one);
    await new Certificates(ground.store).put(entry, { chain, sealedKey });
    ground.aheadMs = 80 * dayMs;
    assert.deepEqual(await renew(ground.dependencies, one, true), { domain: one, outcome: 'given', entry });
    await new Certificates(ground.store).remove(one);
    assert.equal(await outcome(), 'issued');
  });

  test('refuses an answer of the CA that is not a certificate', async () => {
    const authority = { obtain: async () => ({ chain: 'hello', key: 'world' }) };
    const { outcome: failed, error } = await renew({ ...ground.dependencies, authority }, one);
    assert.deepEqual([failed, error], ['failed', 'there is no certificate in PEM']);
  });

  test('is given up when the CA takes too long, and pending work is told', async () => {
    let given: AbortSignal | undefined;
    const authority = {
      obtain(_names: readonly string[], signal: AbortSignal) {
        given = signal;
        return new Promise<never>(() => {});
      },
    };
    const delays: number[] = [];
    const clock: Clock = {
      ...ground.dependencies.clock,
      after(delayMs, run) {
        delays.push(delayMs);
        setImmediate(run);
        return { cancel: () => {} };
      },
    };
    const { outcome: failed, error } = await renew({ ...ground.dependencies, authority, clock }, one);
    assert.deepEqual(
      [failed, error],
      ['failed', `the CA issued no certificate within ${certificateLimits.renewalDomainMs / 1000} s`],
    );
    assert.deepEqual(delays, [certificateLimits.renewalDomainMs]);
    assert.equal(given?.aborted, true);
  });

  for (const [what, message, chain] of [
    ['for other names', /is not for 'one.example'/, () => makePem('evil.example')],
    [
      'that has ended',
      /the certificate expired on 2001/,
      () => makePem(one, { notBefore: new Date('2001-01-01'), notAfter: new Date('2001-02-01') }),
    ],
  ] as const) {
    test(`refuses a certificate of the CA ${what}`, async () => {
      const { cert, key } = await chain();
      const authority = { obtain: async () => ({ chain: cert, key }) };
      const { outcome: failed, error } = await renew({ ...ground.dependencies, authority }, one);
      assert.equal(failed, 'failed');
      assert.match(error!, message);
      assert.equal(await new Certificates(ground.store).find(one), undefined);
    });
  }

  test('keeps one line of bounded length from an error of the CA', async () => {
    ground.failures.push(new Error(`a\r\nb\u2028c\0${'x'.repeat(10_000)}`));
    const { error } = await renew(ground.dependencies, one);
    assert.match(error!, /^a b c x+$/);
    assert.equal(error!.length, certificateLimits.failureCharactersMax);
  });
});

describe('all domains', () => {
  let ground: RenewalGround;
  beforeEach(async () => {
    ground = await RenewalGround.open();
  });
  afterEach(() => ground.close());

  test('each domain gets its turn, whatever happens to the others', async () => {
    const domains = Array.from({ length: 12 }, (_, index) => `n${index}.example`);
    for (const domain of domains) await ground.tenant(domain, domain);
    await ground.tenant('localhost');
    await ground.tenant('undelegated.example');
    ground.onOrder = async ([name]) => {
      if (name === 'n3.example') throw new Error('rateLimited');
      if (name === 'n5.example') throw new TypeError('undefined is not a function');
    };
    const results = await renewAll(ground.dependencies, { log: silent });
    const of = (wanted: string) => results.filter(({ outcome }) => outcome === wanted).map(({ domain }) => domain);
    assert.equal(results.length, 14);
    assert.deepEqual(of('failed').sort(), ['n3.example', 'n5.example']);
    assert.deepEqual([of('unprovable'), of('undelegated')], [['localhost'], ['undelegated.example']]);
    assert.equal(of('issued').length, 10);
  });

  test('a few run at once, and none begins without enough time', async () => {
    for (let index = 0; index < 12; index++) await ground.tenant(`n${index}.example`, `n${index}.example`);
    let [now, most] = [0, 0];
    ground.onOrder = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
    };
    const warned: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void warned.push(line) });
    const untilMs = ground.dependencies.clock.monotonic() + certificateLimits.renewalDomainMs - 1;
    assert.deepEqual(await renewAll(ground.dependencies, { log, untilMs }), []);
    assert.match(warned[0]!, /the time was not enough for all domains/);
    assert.equal((await renewAll(ground.dependencies, { log })).length, 12);
    assert.equal(most, certificateLimits.renewalsConcurrentMax);
  });

  test('a row that the store does not return holds up nobody', async () => {
    for (const domain of ['one.example', 'two.example']) await ground.tenant(domain, domain);
    const store = new Proxy(ground.store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...given: unknown[]) => unknown;
        return (key: { sort?: string }, ...rest: unknown[]) =>
          name === 'get' && key.sort === 'certificate/one.example'
            ? Promise.reject(new Unavailable('throttled'))
            : method.apply(target, [key, ...rest]);
      },
    });
    const results = await renewAll({ ...ground.dependencies, store }, { log: silent });
    assert.deepEqual(
      results.map(({ domain, outcome }) => [domain, outcome]),
      [
        ['one.example', 'failed'],
        ['two.example', 'issued'],
      ],
    );
  });
});
