/**
 * Announcements, the message of the day, and messages of operators (XEP-0133 §4.23 to §4.26): each account is told once, whichever process
 * dies, and nobody of another tenant.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Unavailable } from '../../lib/ports/store.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { entries } from '../../services/router/archive/archive.ts';
import { laterOf, type RunningLater } from '../../services/router/later/later.ts';
import { laterLimits } from '../../services/router/later/limits.ts';
import { operationLimits } from '../../services/router/operations/limits.ts';
import type { EmbeddedDependencies } from '../support/stage/parts.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openSignInGround, type SignInGround, until } from './sign-in-ground.ts';

const bounds = laterLimits as { announcementPageMax: number; announcementPauseMs: number; announcementSliceMs: number };
const preset = { ...bounds };

let ground: SignInGround;
let later: RunningLater;
/** Called before each write, and may throw: then nothing is written. */
let beforeWrite: (what: string) => void;

/** Rows are written by a process that may die. */
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
  beforeWrite = () => {};
  Object.assign(bounds, { announcementPageMax: 3, announcementPauseMs: 1 });
  ground = await openSignInGround((parts) => ({
    ...dying(parts),
    later: { soon: (work, atMs) => later.soon(work, atMs) },
  }));
  later = laterOf(() => ground.stage.dependencies);
  later.watch();
});
afterEach(async () => {
  Object.assign(bounds, preset);
  await later.stop();
  await ground.close();
});

const add = (jid: string) => ground.operate('user-add', { jid, password: 'secret' });

interface Listed {
  readonly id: string;
  readonly told: number;
  readonly state: string;
}
const list = async (domain = 'a.example') =>
  ((await ground.operate('announcement-list', { domain })) as { announcements: readonly Listed[] }).announcements;
const send = async (input: object, domain = 'a.example') =>
  (await ground.operate('announcement-send', { domain, ...input })) as Listed;
const isDone = async (domain = 'a.example') => (await list(domain)).every(({ state }) => state !== 'under way');

/** The bodies in somebody's archive. */
async function kept(jid: string): Promise<string[]> {
  const [local, domain] = jid.split('@') as [string, string];
  const rows = await Rows.ofAccount(ground.stage.store, domain, local).list(entries, { limit: 100 });
  return rows.map(({ value }) => /<body>([^<]*)</.exec(value.xml)?.[1] ?? value.xml);
}

/** The bodies that a client was given. */
const given = (who: StreamActor): string[] => who.take().flatMap((one) => /<body>([^<]*)</.exec(`${one}`)?.[1] ?? []);

/** Somebody whose session is available. */
async function appear(address: string): Promise<StreamActor> {
  const actor = await ground.stage.join(address);
  await actor.send('<presence/>');
  await ground.stage.settle();
  return actor;
}

/** Goes away for a moment. */
async function again(who: StreamActor): Promise<void> {
  await who.send("<presence type='unavailable'/>");
  await who.send('<presence/>');
  await ground.stage.settle();
}

/** Looks for what is overdue, as the next router does. */
async function sweep(): Promise<void> {
  ground.shiftMs += laterLimits.overdueMs + 1;
  for (let lists = 0; lists < runtimeLimits.workLists; lists++) await later.sweep();
}

/** The process that died, and the next one: it has its own memory, and the rows. */
async function nextProcess(): Promise<void> {
  beforeWrite = () => {};
  await later.stop();
  later = laterOf(() => ground.stage.dependencies);
  later.watch();
  ground.shiftMs += laterLimits.unsureMs + laterLimits.announcementLeaseMs;
  await sweep();
  await until(isDone);
}

function refusePages(what: string): void {
  if (what.includes('announcement/') && what.includes('upTo')) throw new Unavailable('the store is away');
}

describe('an announcement', () => {
  test('to all waits for whoever is away, goes to nobody of another tenant, and says how far it is', async () => {
    const names = Array.from({ length: 8 }, (_, at) => `person${at}@a.example`);
    for (const jid of [...names, 'romeo@b.example']) await add(jid);
    const anna = await appear('person0@a.example/phone');
    anna.take();
    const { id, state } = await send({ target: 'all', subject: 'Tonight', text: 'Down at <8> & back at 9' });
    assert.equal(state, 'under way');
    await until(isDone);
    for (const jid of names) assert.deepEqual(await kept(jid), ['Down at &lt;8&gt; &amp; back at 9'], jid);
    assert.deepEqual(await kept('romeo@b.example'), []);
    const [first] = anna.take();
    assert.match(`${first}`, /<message [^>]*from=["']a\.example["']/);
    assert.match(`${first}`, /<subject>Tonight<\/subject>/);
    const [listed] = await list();
    assert.deepEqual([listed?.id, listed?.state, (listed?.told ?? 0) >= names.length], [id, 'done', true]);
    assert.deepEqual(await list('b.example'), []);
  });

  test('to those online is a headline for sessions that are available, and is not kept', async () => {
    for (const jid of ['anna@a.example', 'bert@a.example', 'away@a.example']) await add(jid);
    const anna = await appear('anna@a.example/phone');
    const romeo = await appear('romeo@b.example/orchard');
    for (const who of [anna, romeo]) who.take();
    await send({ text: 'Hello' });
    await until(isDone);
    assert.match(`${(await anna.next()) ?? ''}`, /type=["']headline["']/);
    assert.deepEqual(given(romeo), []);
    for (const local of ['anna', 'bert', 'away']) assert.deepEqual(await kept(`${local}@a.example`), []);
    assert.equal((await list())[0]?.told, 1);
  });

  test('leaves out accounts that are made behind it, and can be cancelled', async () => {
    Object.assign(bounds, { announcementPauseMs: 1_000 });
    for (let at = 0; at < 6; at++) await add(`person${at}@a.example`);
    const { id } = await send({ target: 'all', text: 'Hello' });
    await until(async () => ((await list())[0]?.told ?? 0) >= 3);
    ground.shiftMs += 1_000;
    const cancelled = (await ground.operate('announcement-cancel', { domain: 'a.example', id })) as Listed;
    assert.equal(cancelled.state, 'cancelled');
    await assert.rejects(ground.operate('announcement-cancel', { domain: 'b.example', id }), /there is no announcement/);
    assert.equal((await kept('person5@a.example')).length, 0);
    Object.assign(bounds, { announcementPauseMs: 1 });
    beforeWrite = refusePages;
    await send({ target: 'all', text: 'Again' });
    ground.shiftMs += 1_000;
    await add('zoe@a.example');
    await nextProcess();
    assert.deepEqual(await kept('zoe@a.example'), []);
    assert.deepEqual(await kept('person5@a.example'), ['Again']);
  });

  test('has a bound for each tenant, on those under way and on those of a day', async () => {
    beforeWrite = refusePages;
    await add('anna@a.example');
    for (let at = 0; at < operationLimits.announcementsUnderWayMax; at++) await send({ target: 'all', text: `${at}` });
    await assert.rejects(send({ text: 'one more' }), /are under way/);
    await send({ text: 'another tenant' }, 'b.example');
    await assert.rejects(send({ text: 'x\u0000y' }), /that XML does not allow/);
    await assert.rejects(send({ text: 'x'.repeat(operationLimits.noticeTextCharactersMax + 1) }));
  });

  test('is told once to each, whichever write the process dies at', async () => {
    const names = Array.from({ length: 7 }, (_, at) => `person${at}@a.example`);
    for (const jid of names) await add(jid);
    const anna = await appear('person4@a.example/phone');
    anna.take();
    const texts: string[] = [];
    for (let nth = 1, hasDied = true; hasDied; nth++) {
      const text = `when the process dies at its write ${nth}`;
      let writes = 0;
      beforeWrite = () => {
        if (++writes >= nth) throw new Unavailable('the process is dead');
      };
      const isAsked = await send({ target: 'all', text }).then(
        () => true,
        () => false,
      );
      await until(async () => writes >= nth || (await isDone()));
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
      hasDied = writes >= nth;
      await nextProcess();
      const copies = (await Promise.all(names.map(kept))).map((bodies) => bodies.filter((body) => body === text).length);
      // Whoever was not answered does not know: then it was told to all, or to nobody.
      if (isAsked || copies.some((count) => count > 0)) {
        assert.deepEqual(
          copies,
          names.map(() => 1),
          text,
        );
        texts.push(text);
      }
      ground.shiftMs += 24 * 60 * 60 * 1_000;
    }
    assert.ok(texts.length > 12, `${texts.length}`);
    await until(async () => true);
    assert.deepEqual(given(anna), texts, 'a client that is there is given each once');
  });
});

describe('the message of the day', () => {
  const set = async (text: string, domain = 'a.example') => {
    await ground.operate('motd-set', { domain, text });
    await ground.set({}, domain); // what the router knows of the tenant is read again
  };

  test('is told to each account once per change, when a session becomes available', async () => {
    const anna = await appear('anna@a.example/phone');
    await set('Be kind');
    const other = await appear('anna@a.example/laptop');
    const romeo = await appear('romeo@b.example/orchard');
    assert.deepEqual([anna, other, romeo].map(given), [['Be kind'], ['Be kind'], []]);
    await again(anna);
    await set('Be kind');
    await again(other);
    assert.deepEqual([anna, other].map(given), [[], []]);
    await set('Be quick');
    await other.send('<presence><priority>-1</priority></presence>');
    await ground.stage.settle();
    assert.deepEqual([anna, other].map(given), [[], []]);
    await again(other);
    assert.deepEqual([anna, other].map(given), [['Be quick'], ['Be quick']]);
    await ground.operate('motd-remove', { domain: 'a.example' });
    await ground.set({});
    assert.deepEqual(given(await appear('bert@a.example/phone')), []);
    assert.deepEqual(await kept('anna@a.example'), ['Be kind', 'Be quick']);
  });

  test('is told once to a session whose presence has to be handled again, at whichever write that fails', async () => {
    await set('Be kind');
    for (let nth = 1, hasFailed = true; hasFailed; nth++) {
      const anna = await ground.stage.join(`anna${nth}@a.example/phone`);
      let writes = 0;
      beforeWrite = () => {
        if (++writes === nth) throw new Unavailable('the store was away');
      };
      await anna.send('<presence/>');
      await ground.stage.settle();
      hasFailed = writes >= nth;
      beforeWrite = () => {};
      assert.deepEqual(given(anna), ['Be kind'], `${nth}`);
      assert.deepEqual(await kept(`anna${nth}@a.example`), ['Be kind']);
    }
  });
});

describe('a message of an operator', () => {
  test('comes from the domain, to an account of it and of no other', async () => {
    for (const jid of ['anna@a.example', 'romeo@b.example']) await add(jid);
    const message = { domain: 'a.example', to: 'anna@a.example', type: 'chat', text: 'Your invoice' };
    const sent = (await ground.operate('message-send', message)) as { id: string };
    assert.deepEqual(await kept('anna@a.example'), ['Your invoice']);
    assert.match(sent.id, /^\w{18}$/);
    await assert.rejects(ground.operate('message-send', { ...message, to: 'romeo@b.example' }), /not an account of 'a.example'/);
    await assert.rejects(ground.operate('message-send', { ...message, to: 'nobody@a.example' }), /there is no account/);
    assert.deepEqual(await kept('romeo@b.example'), []);
  });
});
