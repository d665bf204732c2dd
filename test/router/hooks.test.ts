/**
 * Webhooks: a tenant's own program is told of what happens, signed, in order and at least once, whatever dies in between; and nobody is told of
 * another tenant, of what people say, or at an address that is none of theirs.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Unavailable } from '../../lib/ports/store.ts';
import { type HookEventType, hookEventTypes } from '../../lib/runtime/hooks.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import type { PostDocument } from '../../services/router/core/signed-post.ts';
import { laterOf, type RunningLater } from '../../services/router/later/later.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import { openSignInGround, type SignInGround, until } from './sign-in-ground.ts';

interface Posted {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

let ground: SignInGround;
let later: RunningLater;
let posted: Posted[];
/** What the tenant's program answers, or throws. */
let answer: (url: string) => number;
/** Called before each write, and may throw: then nothing is written. */
let beforeWrite: (what: string) => void;

const events = () =>
  posted.map(({ body }) => JSON.parse(body) as { id: string; type: string; tenant: string; data: Record<string, string> });
const types = () => events().map(({ type }) => type);

function dying({ store, ...parts }: EmbeddedDependencies): EmbeddedDependencies {
  const watched = new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown;
      if (typeof method !== 'function') return method;
      return (...given: unknown[]) => {
        if (['put', 'batchPut', 'delete', 'batchDelete'].includes(String(name)))
          beforeWrite(`${String(name)} ${JSON.stringify(given[0])}`);
        return (method as (...values: unknown[]) => unknown).apply(target, given);
      };
    },
  });
  return { ...parts, store: watched };
}

beforeEach(async () => {
  posted = [];
  answer = () => 204;
  beforeWrite = () => {};
  const postDocument: PostDocument = async (url, { body, headers }) => {
    const status = answer(`${url}`);
    posted.push({ url: `${url}`, body, headers });
    return { status, body: '' };
  };
  ground = await openSignInGround((parts) => {
    return { ...dying(parts), postDocument, later: { soon: (work, atMs) => later.soon(work, atMs) } };
  });
  later = laterOf(() => ground.stage.dependencies);
  later.watch();
});
afterEach(async () => {
  await later.stop();
  await ground.close();
});

async function add(wanted: readonly HookEventType[] = hookEventTypes, domain = 'a.example', url = 'https://app.example/hook') {
  const added = (await ground.operate('webhook-add', { domain, url, events: wanted })) as { id: string; secret: string };
  await ground.set({}, domain); // what the router knows of the tenant is read again
  return added;
}

const list = async (domain = 'a.example') =>
  (
    (await ground.operate('webhook-list', { domain })) as {
      webhooks: {
        id: string;
        waiting: number;
        sent: number;
        dropped: number;
        failures: number;
        lastError?: string;
        nextAt?: string;
      }[];
    }
  ).webhooks;

/** Looks for what is overdue, as the next router does. */
async function sweep(): Promise<void> {
  ground.shiftMs += laterLimits.overdueMs + 1;
  for (let lists = 0; lists < runtimeLimits.workLists; lists++) await later.sweep();
}

describe('an event', () => {
  test('is posted, signed with the secret that was shown once, to those of the tenant who want it', async () => {
    const { id, secret } = await add();
    await add(['room.made']);
    await add(hookEventTypes, 'b.example', 'https://other.example/');
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'a-password' });
    await until(() => posted.length >= 1);
    const [{ url, body, headers }] = posted as [Posted];
    assert.equal(url, 'https://app.example/hook');
    const event = JSON.parse(body);
    assert.deepEqual(
      { ...event, id: '', at: '' },
      { id: '', at: '', type: 'account.added', tenant: 'a.example', data: { jid: 'anna@a.example' } },
    );
    assert.match(event.at, /^\d{4}-.*Z$/);
    assert.equal(headers['skylark-event'], event.id);
    const signature = createHmac('sha256', secret).update(`${headers['skylark-time']}.${body}`).digest('hex');
    assert.equal(headers['skylark-signature'], `v1=${signature}`);
    await until(async () => (await list()).find((one) => one.id === id)?.sent === 1);
    assert.equal(posted.length, 1);
    assert.doesNotMatch(JSON.stringify(await list()), new RegExp(secret));
  });

  test('of each kind is told, with nothing that was said', async () => {
    await add();
    const juliet = await ground.stage.appear('juliet@a.example/balcony');
    const eve = await ground.stage.appear('eve@b.example/x');
    await juliet.send("<presence to='hall@conference.a.example/J'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
    await juliet.until(
      () => juliet.inbox.some((xml) => xml.includes('hall@')),
      () => juliet.inbox.join(),
    );
    await eve.send("<message to='juliet@a.example' type='chat'><body>potions</body></message>");
    const [, sid] = /<stanza-id [^>]*id='([^']+)'/.exec(juliet.inbox.find((xml) => xml.includes('potions'))!)!;
    const said = `<text>I am told of potions</text><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='${sid}'/>`;
    const report = `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>${said}</report>`;
    const block = `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='eve@b.example'>${report}</item></block></iq>`;
    await juliet.send(block);
    await ground.operate('room-destroy', { domain: 'a.example', room: 'hall' });
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'secret' });
    await ground.operate('user-remove', { jid: 'anna@a.example' });
    await until(async () => {
      await sweep();
      return new Set(types()).size === hookEventTypes.length;
    });
    assert.deepEqual([...new Set(types())].toSorted(), hookEventTypes.toSorted());
    assert.doesNotMatch(JSON.stringify(posted), /potions/);
    const filed = events().find(({ type }) => type === 'report.filed')!;
    assert.deepEqual([filed.data.by, filed.data.jid], ['juliet@a.example', 'eve@b.example']);
  });

  test('costs nothing where nobody wants it', async () => {
    let writes = 0;
    beforeWrite = (what) => {
      if (/hookEvent|work\//.test(what)) writes++;
    };
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'secret' });
    await add(['room.made']);
    await ground.operate('user-add', { jid: 'bert@a.example', password: 'secret' });
    assert.equal(writes, 0);
  });

  test('of an account that was not made after all is never posted', async () => {
    await add();
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'secret' });
    await assert.rejects(ground.operate('user-add', { jid: 'anna@a.example', password: 'other' }), /already/);
    await until(() => posted.length === 1);
    ground.shiftMs += laterLimits.hookUnsureMs * 2;
    await sweep();
    assert.deepEqual(types(), ['account.added']);
    assert.equal((await list())[0]!.waiting, 0);
  });
});

describe('what is not taken', () => {
  test('is tried again in order, ever later, and then all of it goes', async () => {
    await add();
    let status = 500;
    answer = () => status;
    for (const name of ['anna', 'bert', 'carl'])
      await ground.operate('user-add', { jid: `${name}@a.example`, password: 'secret' });
    await until(async () => (await list())[0]!.failures === 1);
    const pauses: number[] = [];
    for (let tries = 2; tries <= 5; tries++) {
      const before = posted.length;
      const { nextAt } = (await list())[0]!;
      const nextMs = Date.parse(nextAt!);
      pauses.push(nextMs - (Date.now() + ground.shiftMs));
      await sweep();
      if (Date.now() + ground.shiftMs < nextMs) assert.equal(posted.length, before, 'not before its time');
      ground.shiftMs += Math.max(0, nextMs - (Date.now() + ground.shiftMs));
      await sweep();
      await until(async () => (await list())[0]!.failures === tries);
    }
    assert.ok(pauses.at(-1)! > pauses[0]! * 3, `${pauses}`);
    assert.match((await list())[0]!.lastError!, /status 500/);
    assert.deepEqual(new Set(events().map(({ data }) => data.jid)), new Set(['anna@a.example']), 'the others wait behind it');
    status = 200;
    ground.shiftMs += laterLimits.hookPauseMaxMs * 2;
    await sweep();
    await until(async () => (await list())[0]!.sent === 3);
    assert.deepEqual(
      events()
        .slice(-3)
        .map(({ data }) => data.jid),
      ['anna@a.example', 'bert@a.example', 'carl@a.example'],
    );
    assert.equal(new Set(events().map(({ id }) => id)).size, 3, 'what comes again has the same id');
    assert.deepEqual([(await list())[0]!.waiting, (await list())[0]!.failures], [0, 0]);
  });

  test('is dropped after three days, and counted', async () => {
    await add();
    answer = () => {
      throw new Error('the address is in a private network');
    };
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'secret' });
    await until(async () => (await list())[0]!.failures === 1);
    assert.match((await list())[0]!.lastError!, /private network/);
    ground.shiftMs += runtimeLimits.hookKeepMs + 1_000;
    answer = () => 200;
    await sweep();
    await until(async () => (await list())[0]!.dropped === 1);
    assert.equal(posted.length, 0);
  });

  test('does not hold up another webhook', async () => {
    await add(hookEventTypes, 'a.example', 'https://dead.example/');
    await add(hookEventTypes, 'a.example', 'https://alive.example/');
    answer = (url) => (url.includes('dead') ? 503 : 200);
    for (const name of ['anna', 'bert']) await ground.operate('user-add', { jid: `${name}@a.example`, password: 'secret' });
    await until(() => posted.filter(({ url }) => url.includes('alive')).length === 2);
  });

  test('goes with the webhook and with the tenant', async () => {
    const { id } = await add();
    answer = () => 500;
    await ground.operate('user-add', { jid: 'anna@a.example', password: 'secret' });
    await until(async () => (await list())[0]!.failures === 1);
    await ground.operate('webhook-remove', { domain: 'a.example', id });
    await assert.rejects(ground.operate('webhook-remove', { domain: 'a.example', id }), /there is no webhook/);
    const count = posted.length;
    ground.shiftMs += laterLimits.hookPauseMaxMs * 2;
    await sweep();
    assert.equal(posted.length, count);
    await add();
    await ground.operate('user-add', { jid: 'bert@a.example', password: 'secret' });
    await until(async () => (await list())[0]!.failures >= 1);
    await ground.operate('tenant-remove', { domain: 'a.example', force: true });
    const { store } = ground.stage.dependencies;
    for (let shard = 0; shard < 64; shard++)
      assert.deepEqual(await store.query({ table: 'live', partition: `a.example/s/${shard}`, limit: 10, consistent: true }), []);
    for (let number = 0; number < runtimeLimits.workLists; number++)
      for (const { value } of await store.query({ table: 'live', partition: `#work-${number}`, limit: 100, consistent: true }))
        assert.ok(!value.includes('a.example'), value);
  });
});

describe('a process that dies', () => {
  /** It dies at its n-th write from now on: that one and all later ones are not done. */
  function dieAt(nth: number): { readonly count: () => number } {
    let writes = 0;
    beforeWrite = () => {
      writes++;
      if (writes >= nth) throw new Unavailable('the process is dead');
    };
    return { count: () => writes };
  }

  /** The next process has its own memory, and the rows. */
  async function nextProcess(): Promise<void> {
    beforeWrite = () => {};
    await later.stop();
    later = laterOf(() => ground.stage.dependencies);
    later.watch();
    ground.shiftMs += laterLimits.hookUnsureMs + laterLimits.hookLeaseMs + laterLimits.hookPauseMaxMs * 2;
    await sweep();
    await sweep();
  }

  for (const [what, operation, event] of [
    ['makes an account', 'user-add', 'account.added'],
    ['removes an account', 'user-remove', 'account.removed'],
  ] as const)
    test(`while it ${what} loses no event, and tells of nothing that is not so`, async () => {
      await add();
      let died = 0;
      for (let nth = 1; nth < 60; nth += operation === 'user-remove' ? 3 : 1) {
        const jid = `user${nth}@a.example`;
        if (operation === 'user-remove') {
          await ground.operate('user-add', { jid, password: 'secret' });
          await until(() => events().some(({ data, type }) => data.jid === jid && type === 'account.added'));
        }
        const { count } = dieAt(nth);
        const waiting = operation === 'user-remove' ? { waitMs: 0 } : {};
        const given = operation === 'user-add' ? { jid, password: 'secret' } : { jid, ...waiting };
        const isDone = await ground.operate(operation, given).then(
          () => true,
          () => false,
        );
        for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
        const hasDied = count() >= nth;
        await nextProcess();
        if (operation === 'user-remove') await ground.operate('user-remove', { jid, again: true }); // whoever finds the row goes on with it
        await sweep();
        const { users } = (await ground.operate('user-list', { domain: 'a.example', prefix: jid.split('@')[0]! })) as {
          users: string[];
        };
        const isThere = users.includes(jid);
        const isTold = events().some(({ data, type }) => data.jid === jid && type === event);
        if (hasDied) died++;
        if (operation === 'user-add') assert.equal(isTold, isThere, `died at write ${nth}: told ${isTold}, there ${isThere}`);
        else assert.ok(isTold && !isThere, `died at write ${nth}`);
        if (!hasDied && isDone) break;
      }
      assert.ok(died >= 5, `it died ${died} times`);
    });
});

describe('an operator', () => {
  test('tries a webhook and is told whether it was taken', async () => {
    const { id } = await add(['room.made']);
    await ground.operate('webhook-test', { domain: 'a.example', id });
    assert.deepEqual(types(), ['webhook.test']);
    answer = () => 410;
    await assert.rejects(ground.operate('webhook-test', { domain: 'a.example', id }), /status 410/);
    await assert.rejects(ground.operate('webhook-test', { domain: 'b.example', id }), /there is no webhook/);
  });

  test('cannot name what is not an https address, an unknown event, or more than ten', async () => {
    for (const url of [
      'http://app.example/',
      'https://u:p@app.example/',
      'ftp://app.example',
      'app.example',
      'https://app.example/#x',
      '',
    ])
      await assert.rejects(ground.operate('webhook-add', { domain: 'a.example', url, events: ['room.made'] }), /url/, url);
    for (const wrong of [[], ['message'], 'room.made'])
      await assert.rejects(
        ground.operate('webhook-add', { domain: 'a.example', url: 'https://app.example/', events: wrong }),
        /events/,
      );
    for (let count = 0; count < runtimeLimits.hooksMax; count++) await add(['room.made']);
    await assert.rejects(add(), /more are not allowed/);
  });
});
