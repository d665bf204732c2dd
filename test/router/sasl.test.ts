/** SASL as a client on the wire sees it. */
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { createAccount, setCredentials } from '../../services/router/core/accounts.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { offerMechanisms } from '../../services/router/sasl/exchange.ts';
import { deriveKeys } from '../../services/router/sasl/passwords.ts';
import { composeServerFirst } from '../../services/router/sasl/scram.ts';
import { parseClientFirst } from '../../services/router/sasl/scram-messages.ts';
import { base64, binding, bound, Client, conditionOf, dataOf, hashes, ns, openServer, unbound } from './sasl-client.ts';

const { dependencies, tenant, addAccount, step, auth, respond, signIn } = await openServer();

after(() => dependencies.close());

describe('mechanisms', () => {
  const list = (...names: string[]) =>
    `<mechanisms xmlns='${ns}'>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;

  test('none without TLS', () => {
    assert.equal(offerMechanisms({ secure: false, binding: {} }), '');
    assert.equal(offerMechanisms({ secure: false, binding }), '');
  });
  test('without -PLUS where the channel cannot be bound', () => {
    assert.equal(offerMechanisms(unbound), list('SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'));
  });
  test('with -PLUS and the types of XEP-0440 where it can', () => {
    const types = "<channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/>";
    assert.equal(
      offerMechanisms(bound),
      list('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN') +
        `<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>${types}</sasl-channel-binding>`,
    );
  });
});

describe('the examples of the RFCs', () => {
  for (const [rfc, mechanism, salt, clientFirst, serverFirst, clientFinal, serverFinal] of [
    [
      'RFC 5802 §5',
      'SCRAM-SHA-1',
      'QSXCR+Q6sek8bf92',
      'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
      'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
      'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
      'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
    ],
    [
      'RFC 7677 §3',
      'SCRAM-SHA-256',
      'W22ZaJ0SNY7soEsUEjb6gQ==',
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    ],
  ] as const) {
    test(rfc, async () => {
      const digest = hashes[mechanism];
      const salted = pbkdf2Sync('pencil', Buffer.from(salt, 'base64'), 4096, digest === 'sha1' ? 20 : 32, digest);
      const clientKey = createHmac(digest, salted).update('Client Key').digest();
      const keys = {
        salt,
        iterations: 4096,
        storedKey: createHash(digest).update(clientKey).digest('base64'),
        serverKey: createHmac(digest, salted).update('Server Key').digest('base64'),
      };
      await setOrCreate('user', { 'SHA-1': keys, 'SHA-256': keys });
      const { bare, header, username } = parseClientFirst(clientFirst);
      assert.equal(username, 'user');
      const nonce = serverFirst.slice(2, serverFirst.indexOf(',s='));
      assert.equal(composeServerFirst(nonce, keys), serverFirst);
      const state = { mechanism, scram: { local: 'user', header, clientFirst: bare, serverFirst, nonce } };
      const result = await respond(state, clientFinal);
      assert.equal(dataOf(result, 'success'), serverFinal);
      assert.equal(result.local, 'user');
    });
  }

  async function setOrCreate(local: string, scram: Parameters<typeof setCredentials>[3]) {
    if (await setCredentials(dependencies.store, tenant.domain, local, scram)) return;
    await createAccount(dependencies.store, tenant.domain, local, { createdAt: '2026-01-01T00:00:00Z', scram });
  }
});

describe('signing in', () => {
  for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
    test(`${mechanism} with the right password`, async () => {
      const result = await signIn(mechanism, new Client(mechanism, 'juliet', 'pencil'));
      assert.deepEqual({ local: result.local, state: result.state }, { local: 'juliet', state: undefined });
    });
    test(`${mechanism} with a wrong password`, async () => {
      assert.equal(conditionOf(await signIn(mechanism, new Client(mechanism, 'juliet', 'pencils'))), 'not-authorized');
    });
    for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
      const plus = `${mechanism}-PLUS`;
      test(`${plus} with ${type}`, async () => {
        const client = new Client(plus, 'juliet', 'pencil', { header: `p=${type},,`, bindingData: binding[type]! });
        assert.equal((await signIn(plus, client, bound)).local, 'juliet');
      });
      test(`${plus} with ${type} of another channel`, async () => {
        const bindingData = randomBytes(32).toString('base64');
        const client = new Client(plus, 'juliet', 'pencil', { header: `p=${type},,`, bindingData });
        assert.equal(conditionOf(await signIn(plus, client, bound)), 'not-authorized');
      });
    }
  }

  test('the name is prepared, and comes escaped', async () => {
    assert.equal((await signIn('SCRAM-SHA-256', new Client('SCRAM-SHA-256', 'JULIET', 'pencil'))).local, 'juliet');
    await addAccount('a=b,c', 'pencil');
    assert.equal((await signIn('SCRAM-SHA-256', new Client('SCRAM-SHA-256', 'a=3Db=2Cc', 'pencil'))).local, 'a=b,c');
  });
  test('as oneself, and as nobody else', async () => {
    const header = (authzid: string) => ({ header: `n,a=${authzid},` });
    const client = (authzid: string) => new Client('SCRAM-SHA-1', 'juliet', 'pencil', header(authzid));
    assert.equal((await signIn('SCRAM-SHA-1', client('Juliet@Example.org'))).local, 'juliet');
    for (const other of ['romeo@example.org', 'juliet@example.net', 'juliet@example.org/balcony', 'example.org', '@', 'juliet']) {
      assert.equal(conditionOf(await auth('SCRAM-SHA-1', client(other).first)), 'invalid-authzid', other);
    }
    assert.equal((await auth('PLAIN', 'juliet@example.org\0juliet\0pencil')).local, 'juliet');
    assert.equal(conditionOf(await auth('PLAIN', 'romeo@example.org\0juliet\0pencil')), 'invalid-authzid');
  });
  test('without an initial response there is an empty challenge', async () => {
    for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN']) {
      const first = await auth(mechanism);
      assert.equal(first.reply, `<challenge xmlns='${ns}'/>`);
      const message = mechanism === 'PLAIN' ? '\0juliet\0pencil' : new Client(mechanism, 'juliet', 'pencil').first;
      const second = await respond(first.state, message);
      if (mechanism === 'PLAIN') assert.equal(second.local, 'juliet');
      else assert.match(dataOf(second, 'challenge'), /^r=.+,s=.+,i=10000$/);
    }
  });
  test('PLAIN with right and wrong passwords', async () => {
    const right = await auth('PLAIN', '\0juliet\0pencil');
    assert.deepEqual(right, { reply: `<success xmlns='${ns}'/>`, local: 'juliet', incarnation: undefined, endsInMs: undefined });
    for (const message of [
      '\0juliet\0pencils',
      '\0romeo\0pencil',
      `\0${'j'.repeat(2000)}\0pencil`,
      '\0j@x\0pencil',
      '\0juliet\0a\u0007b',
    ]) {
      assert.equal((await auth('PLAIN', message)).reply, `<failure xmlns='${ns}'><not-authorized/></failure>`);
    }
  });
  test('a new auth starts over', async () => {
    const first = await auth('SCRAM-SHA-1', new Client('SCRAM-SHA-1', 'juliet', 'pencil').first);
    const element = `<auth xmlns='${ns}' mechanism='PLAIN'>${base64('\0juliet\0pencil')}</auth>`;
    assert.equal((await step(element, unbound, first.state)).local, 'juliet');
  });
  test('a password changed between the steps counts', async () => {
    await addAccount('nurse', 'first');
    const client = new Client('SCRAM-SHA-256', 'nurse', 'first');
    const first = await auth('SCRAM-SHA-256', client.first);
    await setCredentials(dependencies.store, tenant.domain, 'nurse', await deriveKeys('second', dependencies.clock));
    assert.equal(conditionOf(await respond(first.state, client.final(dataOf(first, 'challenge')))), 'not-authorized');
  });
});

describe('who has an account does not show', () => {
  const saltOf = async (mechanism: string, name: string) =>
    /,s=([^,]+),i=10000$/.exec(dataOf(await auth(mechanism, new Client(mechanism, name, 'x').first), 'challenge'))?.[1];

  test('a name without an account has the same salt every time, of its own', async () => {
    const salts = new Set<string | undefined>();
    for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      for (const name of ['nobody', 'noone']) {
        const salt = await saltOf(mechanism, name);
        assert.equal(Buffer.from(salt!, 'base64').length, 16);
        assert.equal(await saltOf(mechanism, name.toUpperCase()), salt);
        salts.add(salt);
      }
    }
    assert.equal(salts.size, 4);
  });
  test('and fails with the very answer of a wrong password', async () => {
    for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
      const unknown = await signIn(mechanism, new Client(mechanism, 'nobody', 'pencil'));
      const wrong = await signIn(mechanism, new Client(mechanism, 'juliet', 'pencils'));
      assert.deepEqual(unknown, wrong);
    }
  });
  test('the state between the steps holds no keys and no secret', async () => {
    const scram = await deriveKeys('secret', dependencies.clock);
    await createAccount(dependencies.store, tenant.domain, 'tybalt', { createdAt: '2026-01-01T00:00:00Z', scram });
    for (const [mechanism, hash] of [
      ['SCRAM-SHA-1', 'SHA-1'],
      ['SCRAM-SHA-256', 'SHA-256'],
    ] as const) {
      const { state } = await auth(mechanism, new Client(mechanism, 'tybalt', 'secret').first);
      const text = JSON.stringify(state);
      assert.ok(text.includes(scram[hash].salt), 'the salt is what the wire has shown');
      for (const secret of [scram[hash].storedKey, scram[hash].serverKey, tenant.secret]) assert.ok(!text.includes(secret));
    }
  });
});

test('one account that signs in hundreds of times at once does not keep another one out, behind the same address', async () => {
  const context = { ...unbound, address: '192.0.2.77' };
  await addAccount('romeo', 'rose');
  const flood = Array.from({ length: 330 }, () => auth('PLAIN', '\0juliet\0pencil', context));
  const others = Array.from({ length: 10 }, () => auth('PLAIN', '\0romeo\0rose', context));
  for (const other of await Promise.all(others)) assert.equal(other.local, 'romeo');
  const results = await Promise.all(flood);
  assert.ok(results.filter(({ local }) => local === 'juliet').length >= routerLimits.sessionsPerAccountMax);
  const late = results.filter(({ local }) => local === undefined);
  assert.ok(late.length > 0);
  assert.deepEqual(new Set(late.map(conditionOf)), new Set(['temporary-auth-failure']));
  assert.equal((await auth('PLAIN', '\0juliet\0pencil', context)).local, 'juliet');
});

test('hundreds of accounts sign in at once, and none is refused', async () => {
  const scram = await deriveKeys('pencil', dependencies.clock);
  const names = Array.from({ length: 330 }, (_, n) => `crowd${n}`);
  await Promise.all(
    names.map((name) => createAccount(dependencies.store, tenant.domain, name, { createdAt: '2026-01-01T00:00:00Z', scram })),
  );
  const context = { ...unbound, address: '192.0.2.78' };
  const results = await Promise.all(names.map((name) => auth('PLAIN', `\0${name}\0pencil`, context)));
  assert.deepEqual(
    results.map(({ local }) => local),
    names,
  );
});

test('new passwords wait in a queue of their own', async () => {
  const address = (n: number) => `198.51.100.${n}`;
  const { newPasswords } = dependencies.shares;
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const registering = newPasswords.run([tenant.domain, address(1)], () => promise);
  assert.equal((await auth('PLAIN', '\0juliet\0pencil')).local, 'juliet', 'while one is being made');
  release();
  await registering;
});

test('property: any password signs in by every mechanism, as the client prepares it, and no other does', async () => {
  /** RFC 4013 §2.1, §2.2 for these characters. */
  const prepare = (text: string) =>
    text
      .replace(/\u00AD|\u200D/g, '')
      .replace(/[\u00A0\u3000]/g, ' ')
      .normalize('NFKC');
  const character = fc.oneof(
    fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    fc.constantFrom(
      'é',
      'e\u0301',
      'ß',
      'ª',
      'Ⅸ',
      'Å',
      '\u212B',
      'ж',
      '漢',
      'か\u3099',
      '한',
      '한',
      '\u00A0',
      '\u3000',
      '\u00AD',
      '🦜',
      '👩\u200D🚀',
    ),
  );
  const password = fc.array(character, { minLength: 1, maxLength: 24 }).map((all) => all.join(''));
  let number = 0;
  await fc.assert(
    fc.asyncProperty(password, password, async (text, other) => {
      fc.pre(prepare(text) !== '' && prepare(other) !== prepare(text));
      const name = `user${number++}`;
      await addAccount(name, text);
      for (const mechanism of ['SCRAM-SHA-1', 'SCRAM-SHA-256']) {
        assert.equal((await signIn(mechanism, new Client(mechanism, name, prepare(text)))).local, name);
        assert.equal(conditionOf(await signIn(mechanism, new Client(mechanism, name, prepare(other)))), 'not-authorized');
      }
      assert.equal((await auth('PLAIN', `\0${name}\0${text}`)).local, name);
      if (prepare(other) !== '') assert.equal(conditionOf(await auth('PLAIN', `\0${name}\0${other}`)), 'not-authorized');
    }),
    { numRuns: 40 },
  );
});
