/** Certificates from rows: which one a name is shown, what happens when one changes, and what a broken or hostile row can do. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Certificates, certificateLeadingKeys } from '../../lib/runtime/certificates.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { dns, makePem } from '../support/pem.ts';
import { alert, dial, line, look, soon, TlsGround } from './tls-ground.ts';

let ground: TlsGround;
beforeEach(async () => {
  ground = await TlsGround.open();
});
afterEach(() => ground.close());

describe('which certificate', () => {
  test('a name is shown its tenant’s, whatever its case', async () => {
    const [one, two] = [
      await ground.add('one.example', 'conference.one.example'),
      await ground.add('two.example', '*.two.example'),
    ];
    const node = await ground.start();
    assert.equal((await look(node, 'one.example')).fingerprint, one);
    assert.equal((await look(node, 'CONFERENCE.One.Example')).fingerprint, one);
    assert.equal((await look(node, 'two.example')).fingerprint, two);
    assert.equal((await look(node, 'upload.two.example')).fingerprint, two);
    assert.equal((await look(node, 'one.example', { maxVersion: 'TLSv1.2' })).fingerprint, one);
  });

  const oddNames = [
    'three.example',
    'x.one.example',
    'constructor',
    '__proto__',
    '*.one.example',
    'a'.repeat(255),
    'o',
    undefined,
  ];

  test('without any certificate every name is refused with an alert, and none at all', async () => {
    const node = await ground.start();
    for (const name of oddNames) await assert.rejects(ground.meanwhile(look(node, name)), alert, name);
  });

  test('an unknown name, an odd one and none at all are shown the certificate of the first domain', async () => {
    await ground.add('two.example');
    const one = await ground.add('one.example');
    const node = await ground.start();
    for (const name of oddNames) {
      assert.equal((await ground.meanwhile(look(node, name))).fingerprint, one, name);
      assert.equal((await ground.meanwhile(look(node, name, { maxVersion: 'TLSv1.2' }))).fingerprint, one, name);
    }
  });

  test('the operator chooses whose certificate is shown to those who name none', async () => {
    const fingerprints = new Map<string, string>();
    for (const domain of ['one.example', 'two.example', 'bücher.example', 'zzz.example']) {
      fingerprints.set(domain, await ground.add(domain));
    }
    for (const [defaultDomains, shown] of [
      [['two.example'], 'two.example'],
      [['zzz.example', 'two.example'], 'zzz.example'],
      [['nobody.example', 'two.example'], 'two.example'],
      [['bücher.example'], 'bücher.example'],
      [['nobody.example'], 'bücher.example'],
      [[], 'bücher.example'],
    ] as const) {
      const node = await ground.start(undefined, defaultDomains);
      assert.equal((await look(node, undefined)).fingerprint, fingerprints.get(shown), `${defaultDomains}`);
      assert.equal((await look(node, 'one.example')).fingerprint, fingerprints.get('one.example'));
    }
  });

  test('the default follows the list: renewed, removed, and come', async () => {
    const node = await ground.start(undefined, ['two.example']);
    const two = await ground.add('two.example');
    await ground.poll();
    await soon(node, undefined, two);
    const renewed = await ground.add('two.example');
    const one = await ground.add('one.example');
    await ground.poll();
    await soon(node, undefined, renewed);
    await new Certificates(ground.store).remove('two.example');
    await ground.poll();
    await soon(node, undefined, one);
    await new Certificates(ground.store).remove('one.example');
    await ground.poll();
    await assert.rejects(look(node, undefined), alert);
  });

  test('a default that cannot be opened gives way to the next, and keys that are away change nothing', async () => {
    const [, two] = [await ground.add('one.example'), await ground.add('two.example')];
    const certificates = new Certificates(ground.store);
    const { chain } = (await certificates.read('one.example'))!;
    await certificates.put((await certificates.find('one.example'))!, { chain, sealedKey: 'hello' });
    const node = await ground.start();
    assert.equal((await look(node, undefined)).fingerprint, two);
    ground.isKeyAway = true;
    await ground.poll();
    assert.equal((await look(node, undefined)).fingerprint, two);
  });

  test('a fallback is for names without a row, and for none', async () => {
    const one = await ground.add('one.example');
    const other = await makePem('host.operator.example');
    const node = await ground.start(other);
    const shown = await ground.meanwhile(look(node, 'two.example'));
    assert.deepEqual(shown.der, Buffer.from(other.certificate.rawData));
    assert.equal((await look(node, undefined)).fingerprint, shown.fingerprint);
    assert.equal((await look(node, 'one.example')).fingerprint, one);
  });

  test('a tenant’s names are not taken by what another tenant’s certificate says', async () => {
    await ground.add('aaa.example', 'one.example', 'conference.one.example', '*.two.example', 'x.three.example');
    await ground.add('zzz.example', 'one.example', 'conference.one.example', '*.two.example', 'x.three.example');
    const [one, two] = [
      await ground.add('one.example', 'conference.one.example'),
      await ground.add('two.example', 'chat.two.example'),
    ];
    const three = await ground.add('three.example', '*.three.example');
    const node = await ground.start();
    for (const name of ['one.example', 'conference.one.example']) assert.equal((await look(node, name)).fingerprint, one, name);
    for (const name of ['two.example', 'chat.two.example']) assert.equal((await look(node, name)).fingerprint, two, name);
    assert.equal((await look(node, 'x.three.example')).fingerprint, three);
  });

  test('a node reads the rows that are for it, and no others', async () => {
    await ground.add('one.example');
    ground.partitionsRead.length = 0;
    const node = await ground.start();
    await look(node, 'one.example');
    await ground.meanwhile(look(node, 'two.example'));
    await ground.poll();
    assert.ok(ground.partitionsRead.length >= 3);
    const patterns = certificateLeadingKeys.map((key) => new RegExp(`^${key.replaceAll('*', '.*')}$`));
    for (const partition of ground.partitionsRead)
      assert.ok(
        patterns.some((pattern) => pattern.test(partition)),
        partition,
      );
  });
});

describe('when it changes', () => {
  test('new streams are shown the new one, and open ones go on', async () => {
    const before = await ground.add('one.example');
    const node = await ground.start();
    const open = await dial(node, 'one.example');
    await line(open);
    const after = await ground.add('one.example');
    assert.equal((await look(node, 'one.example')).fingerprint, before);
    await ground.poll();
    await soon(node, 'one.example', after);
    const echo = line(open);
    open.write('still here');
    assert.equal(await echo, 'still here');
    assert.equal(createHash('sha256').update(open.getPeerCertificate().raw).digest('hex'), before);
    open.destroy();
  });

  test('one that has just come is found by the first who asks, without a poll', async () => {
    const node = await ground.start();
    await assert.rejects(ground.meanwhile(look(node, 'one.example')), alert);
    const one = await ground.add('one.example');
    await ground.clock.advance(connectionLimits.certificateLookMinMs);
    assert.equal((await look(node, 'one.example')).fingerprint, one);
  });

  test('one that came a moment after a look is shown with the next one to whoever asks: nobody is refused', async () => {
    await ground.add('aaa.example');
    const node = await ground.start();
    const one = await ground.add('one.example');
    const begunMs = ground.clock.monotonic();
    const shown = await ground.meanwhile(Promise.all([look(node, 'one.example'), look(node, 'one.example')]));
    assert.deepEqual(
      shown.map(({ fingerprint }) => fingerprint),
      [one, one],
    );
    const identity = await node.source.identityFor('one.example');
    assert.ok(identity !== undefined);
    assert.ok(ground.clock.monotonic() - begunMs < 2 * connectionLimits.certificateLookMinMs);
  });

  test('the certificate of a stream that turns to TLS waits in the same way', async () => {
    const node = await ground.start();
    await ground.add('one.example');
    assert.ok((await ground.meanwhile(Promise.resolve(node.source.identityFor('one.example')))) !== undefined);
  });

  test('a look that began before somebody asks may be too early for them: they wait for another', async () => {
    const node = await ground.start();
    await ground.clock.advance(connectionLimits.certificateLookMinMs);
    const held = ground.holdList();
    const early = Promise.resolve(node.source.contextFor('two.example'));
    await held.begun;
    await ground.add('one.example');
    const shown = Promise.resolve(node.source.contextFor('one.example'));
    held.release();
    assert.ok((await ground.meanwhile(shown)) !== undefined);
    assert.equal(await early, undefined);
  });

  test('a name that the default certificate is for is shown that at once', async () => {
    const other = await makePem('host.operator.example', { names: dns('*.operator.example') });
    const node = await ground.start(other);
    assert.deepEqual((await look(node, 'one.operator.example')).der, Buffer.from(other.certificate.rawData));
  });

  test('a name that was waited for in vain several times is waited for no more: a host that many clients name keeps few of them', async () => {
    const node = await ground.start();
    for (let times = 0; times < connectionLimits.certificateVainWaitsMax; times++)
      assert.equal(await ground.meanwhile(Promise.resolve(node.source.contextFor('host.operator.example'))), undefined);
    await node.source.contextFor('host.operator.example');
    const atMs = ground.clock.monotonic();
    assert.equal(await node.source.contextFor('host.operator.example'), undefined);
    assert.equal(ground.clock.monotonic(), atMs);
    const added = await ground.add('host.operator.example');
    await ground.clock.advance(connectionLimits.certificateLookMinMs);
    assert.equal((await look(node, 'host.operator.example')).fingerprint, added, 'and it is looked for as any other');
  });

  test('so many wait for the next look, and more are refused at once', async () => {
    const node = await ground.start();
    const wait = (name: string) => Promise.resolve(node.source.contextFor(name));
    const all = Array.from({ length: connectionLimits.certificateWaitsMax }, (_, index) => wait(`${index}.example`));
    assert.equal(await wait('late.example'), undefined);
    const one = await ground.add('0.example');
    assert.ok(one);
    const [first, ...others] = await ground.meanwhile(Promise.all(all));
    assert.ok(first !== undefined);
    assert.deepEqual(new Set(others), new Set([undefined]));
    ground.partitionsRead.length = 0;
    await ground.meanwhile(wait('again.example'));
    assert.deepEqual(ground.partitionsRead, ['#certificates'], 'there is room again');
  });

  test('one that was removed is shown no more', async () => {
    await ground.add('one.example');
    const node = await ground.start();
    await look(node, 'one.example');
    await new Certificates(ground.store).remove('one.example');
    await ground.poll();
    await assert.rejects(ground.meanwhile(look(node, 'one.example')), alert);
  });

  test('a flood of unknown names asks the store once in two seconds, and fills no log', async () => {
    const node = await ground.start();
    await ground.clock.advance(connectionLimits.certificateLookMinMs);
    ground.partitionsRead.length = 0;
    const names = Array.from(
      { length: 60 },
      (_, index) => `${index}${'x'.repeat(50)}.${'y'.repeat(60)}.${'z'.repeat(60)}.example`,
    );
    await ground.meanwhile(Promise.all(names.map((name) => assert.rejects(look(node, name), alert))));
    assert.deepEqual(ground.partitionsRead, ['#certificates', '#certificates'], 'at once, and for all who came after that');
    assert.equal(ground.logged.length, 1);
    assert.equal((ground.logged[0]!.name as string).length, connectionLimits.refusedNameCharactersMax);
    await ground.clock.advance(connectionLimits.certificateRefusalLogMs);
    await assert.rejects(ground.meanwhile(look(node, names[0])), alert);
    assert.deepEqual([ground.logged.length, ground.logged.at(-1)!.refused], [2, 60]);
  });
});

describe('when something fails', () => {
  /** Each leaves a row that is not what it should be. @returns nothing; the list says that it is new */
  const harms: Readonly<Record<string, (domain: string) => Promise<void>>> = {
    'a sealed key with a letter changed': (domain) =>
      harm(domain, ({ chain, sealedKey }) => ({ chain, sealedKey: flip(sealedKey) })),
    'a sealed key of another tenant': async (domain) => {
      const other = (await new Certificates(ground.store).read('two.example'))!;
      await harm(domain, ({ chain }) => ({ chain, sealedKey: other.sealedKey }));
    },
    'both of another tenant': async (domain) => {
      const other = (await new Certificates(ground.store).read('two.example'))!;
      await harm(domain, () => other);
    },
    'a chain that is none': (domain) => harm(domain, ({ sealedKey }) => ({ chain: 'hello', sealedKey })),
    'a chain of another key': async (domain) => {
      const other = await makePem(domain);
      await harm(domain, ({ sealedKey }) => ({ chain: other.cert, sealedKey }));
    },
    'a sealed text that is not a key': async (domain) => {
      const sealedKey = await ground.keys.seal(Buffer.from('hello'), domain);
      await harm(domain, ({ chain }) => ({ chain, sealedKey }));
    },
  };

  async function harm(
    domain: string,
    change: (row: { chain: string; sealedKey: string }) => { chain: string; sealedKey: string },
  ) {
    const certificates = new Certificates(ground.store);
    const entry = (await certificates.find(domain))!;
    await certificates.put({ ...entry, fingerprint: flip(entry.fingerprint) }, change((await certificates.read(domain))!));
  }

  function flip(text: string): string {
    const at = text.length >> 1;
    return text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
  }

  for (const [what, work] of Object.entries(harms)) {
    test(`${what}: it is logged, the old one stays, others are not touched, and a good one heals it`, async () => {
      const [one, two] = [await ground.add('one.example'), await ground.add('two.example')];
      const node = await ground.start();
      for (const name of ['one.example', 'two.example']) await look(node, name);
      await work('one.example');
      await ground.poll();
      for (let tries = 0; tries < 5; tries++) assert.equal((await look(node, 'one.example')).fingerprint, one);
      assert.equal((await look(node, 'two.example')).fingerprint, two);
      const errors = ground.logged.filter(({ level }) => level >= 50);
      assert.deepEqual(
        errors.map(({ domain, isOldShown, msg }) => [domain, isOldShown, msg]),
        [['one.example', true, 'a certificate cannot be used']],
      );
      assert.ok(!JSON.stringify(errors).includes('PRIVATE'));

      const fresh = await ground.start(); // it has no old one to show
      assert.equal((await look(fresh, 'one.example')).fingerprint, two, 'the default');
      assert.equal((await look(fresh, 'two.example')).fingerprint, two);

      const healed = await ground.add('one.example');
      await ground.poll();
      for (const each of [node, fresh]) await soon(each, 'one.example', healed);
    });
  }

  test('keys that are away: the old one stays, and a later try brings the new one', async () => {
    const before = await ground.add('one.example');
    const node = await ground.start();
    await look(node, 'one.example');
    const after = await ground.add('one.example');
    ground.isKeyAway = true;
    await ground.poll();
    assert.equal((await look(node, 'one.example')).fingerprint, before);
    assert.equal(ground.logged.filter(({ level }) => level >= 50).length, 1);
    ground.isKeyAway = false;
    assert.equal((await look(node, 'one.example')).fingerprint, before, 'it rests a while');
    await ground.clock.advance(connectionLimits.certificateRetryMs);
    await soon(node, 'one.example', after);
  });

  test('a store that is away: what is open is shown, and the list before goes on', async () => {
    const [one, two] = [await ground.add('one.example'), await ground.add('two.example')];
    const node = await ground.start();
    await look(node, 'one.example');
    ground.isStoreAway = true;
    await ground.poll();
    assert.equal((await look(node, 'one.example')).fingerprint, one);
    assert.equal((await look(node, 'two.example')).fingerprint, one, 'it was never opened, so the default is shown');
    ground.isStoreAway = false;
    await ground.clock.advance(connectionLimits.certificateRetryMs);
    assert.equal((await look(node, 'two.example')).fingerprint, two);
  });
});
