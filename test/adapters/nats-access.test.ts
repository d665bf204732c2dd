/** What each tier may read and write on a real nats-server: the table of rights, the proof of a key, and TLS. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { encodeUser } from '@nats-io/jwt';
import { type Authenticator, connect, jwtAuthenticator, type NatsConnection, nkeys } from '@nats-io/transport-node';
import {
  makeNatsIdentity,
  makeNatsKey,
  type NatsAccess,
  type NatsKey,
  natsTrustConfig,
  parseNatsAccess,
} from '../../lib/adapters/nats-access.ts';
import { connectNatsBus } from '../../lib/adapters/nats-bus.ts';
import { systemClock as clock } from '../../lib/adapters/system-clock.ts';
import { sleep } from '../../lib/ports/clock.ts';
import { Unavailable } from '../../lib/ports/store.ts';
import { type BusTier, busRights, busTiers } from '../../lib/runtime/bus-rights.ts';
import { createAuthority } from '../support/authority.ts';
import { type NatsServer, skipWithoutNats, startNats } from './nats-server.ts';

/** One subject of each kind. OWN and OTHER stand for the identity of the process that tries, and of another one. */
const subjects = [
  ...['rt', 'm.7', 's2s.7', 'ctl.workers'],
  ...[
    'n.one.OWN',
    'h.one.OWN',
    'ctl.n.one.OWN',
    'ctl.router.one.OWN',
    'ctl.muc.one.OWN',
    'ctl.federation.one.OWN',
    'ctl.api.one.OWN',
    '_INBOX.OWN.*',
  ],
  ...['n.one.OTHER', 'h.one.OTHER', 'ctl.n.one.OTHER', 'ctl.router.one.OTHER', 'ctl.muc.one.OTHER'],
  ...['ctl.federation.one.OTHER', 'ctl.api.one.OTHER'],
  ...[
    '_INBOX.OTHER.1',
    '_INBOX.OTHER.*',
    '>',
    '*',
    'n.>',
    'n.*.*',
    'n.one.*',
    'h.>',
    'h.*.*',
    'ctl.>',
    'ctl.*',
    '_INBOX.>',
    '$SYS.>',
  ],
] as const;

/** What each tier may do with those, written down a second time. */
const reads: Readonly<Record<BusTier, readonly string[]>> = {
  connection: ['n.one.OWN', 'h.one.OWN', 'ctl.n.one.OWN', '_INBOX.OWN.*'],
  peers: ['n.one.OWN', 'h.one.OWN', 'ctl.n.one.OWN', '_INBOX.OWN.*'],
  router: ['rt', 'ctl.router.one.OWN', '_INBOX.OWN.*'],
  muc: ['m.7', 'ctl.workers', 'ctl.muc.one.OWN', '_INBOX.OWN.*'],
  federation: ['s2s.7', 'ctl.workers', 'ctl.federation.one.OWN', '_INBOX.OWN.*'],
  api: ['ctl.api.one.OWN', '_INBOX.OWN.*'],
  web: ['n.one.OWN', 'h.one.OWN', 'ctl.n.one.OWN', '_INBOX.OWN.*'],
  operator: ['_INBOX.OWN.*'],
};
const nodes = ['n.one.OWN', 'n.one.OTHER'];
const handOvers = ['h.one.OWN', 'h.one.OTHER'];
const controls = ['n', 'router', 'muc', 'federation', 'api'].flatMap((kind) => [`ctl.${kind}.one.OWN`, `ctl.${kind}.one.OTHER`]);
const writes: Readonly<Record<BusTier, readonly string[]>> = {
  connection: ['rt', ...handOvers],
  peers: ['rt', 's2s.7'],
  router: ['rt', 'm.7', 's2s.7', ...nodes, ...controls],
  muc: ['rt', 's2s.7', 'ctl.workers', ...nodes],
  federation: ['rt', 'ctl.workers', ...nodes],
  api: ['rt'],
  web: ['rt', ...handOvers],
  operator: ['rt'],
};

const operator = makeNatsKey('operator');
const account = makeNatsKey('account');
const tierKeys = Object.fromEntries(busTiers.map((tier) => [tier, makeNatsKey('account')])) as Record<BusTier, NatsKey>;
const signersOf = (tiers: readonly BusTier[]) =>
  tiers.map((tier) => ({ name: tier, publicKey: tierKeys[tier].publicKey, rights: busRights[tier] }));
const accessOf = (tier: BusTier): NatsAccess => ({ account: account.publicKey, seed: tierKeys[tier].seed });
const signerOf = (tier: BusTier) => nkeys.fromSeed(Buffer.from(tierKeys[tier].seed));
const other = nkeys.createUser().getPublicKey();

interface Joined {
  readonly nats: NatsConnection;
  readonly token: string;
}

/** Who is told what the server refuses. */
const listening = new Map<NatsConnection, (error: Error) => void>();

async function watch(nats: NatsConnection): Promise<void> {
  for await (const status of nats.status()) if (status.type === 'error') listening.get(nats)?.(status.error);
}

/** @returns why the server refuses, or undefined */
async function refusalOf(nats: NatsConnection, act: (refused: (error: Error) => void) => void): Promise<string | undefined> {
  let refusal: string | undefined;
  const refused = (error: Error) => {
    refusal = error.message;
  };
  listening.set(nats, refused);
  act(refused);
  await nats.flush(); // what the server says of it comes before its PONG
  await sleep(clock, 5);
  listening.delete(nats);
  return refusal;
}

describe('the rights of each tier at a real nats-server', { skip: skipWithoutNats, timeout: 120_000 }, () => {
  let server: NatsServer;
  const open: NatsConnection[] = [];
  const signIn = async (authenticator?: Authenticator): Promise<NatsConnection> => {
    const nats = await connect({ servers: server.url, reconnect: false, ...(authenticator && { authenticator }) });
    open.push(nats);
    void watch(nats);
    return nats;
  };
  const join = async (tier: BusTier): Promise<Joined> => {
    const { token, authenticator } = await makeNatsIdentity(accessOf(tier), tier);
    return { nats: await signIn(authenticator), token };
  };
  const bus = (tier: BusTier) => connectNatsBus({ servers: [server.url], clock, name: tier, access: accessOf(tier) });

  before(async () => {
    server = await startNats(-1, await natsTrustConfig({ operator, account, signers: signersOf(busTiers) }));
  });
  after(async () => {
    await Promise.all(open.map((nats) => nats.close()));
    await server?.stop();
  });

  for (const tier of busTiers) {
    test(`${tier} subscribes to what it serves, and to nothing else`, async () => {
      const { nats, token } = await join(tier);
      const allowed: string[] = [];
      for (const subject of subjects) {
        const named = subject.replace('OWN', token).replace('OTHER', other);
        const refusal = await refusalOf(nats, (refused) => {
          nats.subscribe(named, {
            callback(error) {
              if (error) refused(error);
            },
          });
        });
        if (refusal === undefined) allowed.push(subject);
        else assert.match(refusal, /^Permissions Violation for Subscription/, subject);
      }
      assert.deepEqual(allowed.sort(), [...reads[tier]].sort());
    });

    test(`${tier} publishes to what it asks, and to nothing else`, async () => {
      const { nats, token } = await join(tier);
      const allowed: string[] = [];
      for (const subject of subjects) {
        if (/[*>]/.test(subject)) continue;
        const named = subject.replace('OWN', token).replace('OTHER', other);
        const refusal = await refusalOf(nats, () => nats.publish(named, 'hello'));
        if (refusal === undefined) allowed.push(subject);
        else assert.match(refusal, /^Permissions Violation for Publish/, subject);
      }
      assert.deepEqual(allowed.sort(), [...writes[tier]].sort());
    });
  }

  test('who is asked answers once; nobody else answers', async () => {
    const [node, router, rival] = [await join('connection'), await join('router'), await join('connection')];
    const inbox = `_INBOX.${node.token}.1`;
    const answers: string[] = [];
    node.nats.subscribe(`_INBOX.${node.token}.*`, {
      callback(_, { data }) {
        answers.push(Buffer.from(data).toString());
      },
    });
    router.nats.subscribe('rt', {
      queue: 'rt',
      callback: (_, message) => {
        message.respond('once');
        message.respond('twice');
      },
    });
    await Promise.all([node.nats.flush(), router.nats.flush()]);
    const forged = await refusalOf(rival.nats, () => rival.nats.publish(inbox, 'forged'));
    assert.match(`${forged}`, /Permissions Violation for Publish/);
    assert.match(`${await refusalOf(router.nats, () => router.nats.publish(inbox, 'early'))}`, /Violation/);
    node.nats.publish('rt', 'question', { reply: inbox });
    await node.nats.flush();
    await sleep(clock, 100);
    assert.deepEqual(answers, ['once']);
  });

  test('a connection node cannot pass for another one, even with the key of its tier', async () => {
    const victim = await join('connection');
    const signer = signerOf('connection');
    const thief = nkeys.createUser();
    const tries: Readonly<Record<string, () => Promise<Authenticator>>> = {
      'the public key of another': async () => {
        const jwt = await encodeUser('thief', victim.token, account.publicKey, {}, { signer, scopedUser: true });
        return jwtAuthenticator(jwt, thief.getSeed());
      },
      'a token that needs no proof': async () => {
        const rights = { bearer_token: true };
        const jwt = await encodeUser('thief', victim.token, account.publicKey, rights, { signer, scopedUser: true });
        return () => ({ jwt });
      },
      'rights of its own': async () => {
        const rights = { sub: { allow: ['>'] } };
        const jwt = await encodeUser('thief', thief, account.publicKey, rights, { signer, scopedUser: true });
        return jwtAuthenticator(jwt, thief.getSeed());
      },
      'a key that nobody gave out': async () =>
        (await makeNatsIdentity({ account: account.publicKey, seed: makeNatsKey('account').seed }, 'thief')).authenticator,
      'no credentials': async () => () => ({}) as ReturnType<Authenticator>,
    };
    for (const [what, authenticator] of Object.entries(tries))
      await assert.rejects(signIn(await authenticator()), /Authorization Violation/, what);
    // The name is what the process says it is, and gives no rights.
    const jwt = await encodeUser(victim.token, thief, account.publicKey, {}, { signer, scopedUser: true });
    const named = await signIn(jwtAuthenticator(jwt, thief.getSeed()));
    const refusal = await refusalOf(named, (refused) => {
      named.subscribe(`n.one.${victim.token}`, {
        callback(error) {
          if (error) refused(error);
        },
      });
    });
    assert.match(`${refusal}`, /Permissions Violation/);
  });

  test('the bus tells who it is, serves its own subject, and says when it may not serve one', async () => {
    const refusals: string[] = [];
    const [router, node] = await Promise.all([
      bus('router'),
      connectNatsBus({
        ...{ servers: [server.url], clock, access: accessOf('connection') },
        onRefused: ({ message }) => refusals.push(message),
      }),
    ]);
    try {
      assert.match(`${node.identity}`, /^U[A-Z2-7]{55}$/);
      assert.notEqual(node.identity, router.identity);
      await node.serve(`n.one.${node.identity}`, (payload) => payload);
      const answer = await router.request(`n.one.${node.identity}`, Buffer.from('a stanza'), { timeoutMs: 2_000 });
      assert.equal(Buffer.from(answer).toString(), 'a stanza');
      await assert.rejects(
        node.serve(`n.one.${router.identity}`, () => undefined),
        Unavailable,
      );
      node.publish('m.7', Buffer.from('forged'));
      await node.request('rt', Buffer.from('later'), { timeoutMs: 200 }).catch(() => undefined);
      assert.ok(refusals.some((one) => one.includes('Publish to "m.7"')));
    } finally {
      await Promise.all([router.close(), node.close()]);
    }
  });

  test('a key that was taken out of the configuration lets nobody in', async () => {
    const without = busTiers.filter((tier) => tier !== 'muc');
    const strict = await startNats(-1, await natsTrustConfig({ operator, account, signers: signersOf(without) }));
    try {
      const { authenticator } = await makeNatsIdentity(accessOf('muc'), 'muc');
      await assert.rejects(connect({ servers: strict.url, authenticator, reconnect: false }), /Authorization Violation/);
    } finally {
      await strict.stop();
    }
  });
});

test('what signs in is checked, and not shown', () => {
  const access = { account: account.publicKey, seed: tierKeys.muc.seed };
  assert.deepEqual(parseNatsAccess(JSON.stringify(access)), access);
  for (const text of ['', '{', '{}', 'null', JSON.stringify({ ...access, seed: account.publicKey })]) {
    assert.throws(
      () => parseNatsAccess(text),
      (error: Error) => error instanceof RangeError && !error.message.includes(account.publicKey),
      text,
    );
  }
});

describe('TLS to a nats-server', { skip: skipWithoutNats, timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'skylark-nats-tls-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const tryToJoin = async (url: string, ca: string): Promise<boolean> => {
    const access = { ...accessOf('router'), ca };
    const joining = connect({
      ...{ servers: url, reconnect: false, timeout: 2_000, tls: { ca } },
      authenticator: (await makeNatsIdentity(access, 'router')).authenticator,
    });
    return joining.then(
      async (nats) => {
        await nats.close();
        return true;
      },
      () => false,
    );
  };

  test('a server shows a certificate of the authority for its name; another one, and one without TLS, are not talked to', async () => {
    const [ours, theirs] = [await createAuthority(), await createAuthority()];
    const trust = await natsTrustConfig({ operator, account, signers: signersOf(busTiers) });
    const start = async (host: string) => {
      const identity = await ours.issue([host]);
      for (const [name, text] of Object.entries(identity)) writeFileSync(join(folder, `${host}.${name}`), text);
      const file = (name: string) => join(folder, `${host}.${name}`);
      return startNats(-1, `${trust}tls { cert_file: "${file('cert')}", key_file: "${file('key')}" }\n`);
    };
    const [safe, misnamed, clear] = [await start('localhost'), await start('nats.example'), await startNats(-1, trust)];
    try {
      const url = ({ port }: NatsServer) => `nats://localhost:${port}`;
      assert.equal(await tryToJoin(url(safe), ours.cert), true);
      assert.equal(await tryToJoin(url(safe), theirs.cert), false, 'another authority');
      assert.equal(await tryToJoin(url(misnamed), ours.cert), false, 'another name');
      assert.equal(await tryToJoin(url(clear), ours.cert), false, 'no TLS');
      const bus = await connectNatsBus({ servers: [url(safe)], clock, access: { ...accessOf('router'), ca: ours.cert } });
      await bus.serve('rt', (payload) => payload, { queue: 'rt' });
      assert.equal(Buffer.from(await bus.request('rt', Buffer.from('x'), { timeoutMs: 2_000 })).toString(), 'x');
      await bus.close();
    } finally {
      await Promise.all([safe, misnamed, clear].map((server) => server.stop()));
    }
  });
});
