/** The archive as the queue, XEP-0160: what waits is delivered once, whatever the order in which it came to stand there. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { firstIdAt } from '../../lib/runtime/ids.ts';
import { serviceLimits } from '../../lib/runtime/service-limits.ts';
import type { StepReply } from '../../lib/runtime/wire.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { keepEntry } from '../../services/router/archive/archive.ts';
import { leaveToArchive, moveCursor, queueAgain, readQueue } from '../../services/router/archive/cursor.ts';
import { Account } from '../../services/router/core/account.ts';
import { Turn } from '../../services/router/core/turn.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const start = 1_700_000_000_000;

/** Minted at a moment; `number` up to 9999. */
function idAt(ms: number, number = 0): string {
  return `${firstIdAt(ms)}0000${String(number).padStart(4, '0')}`;
}

function idsOf(ms: number, count: number): string[] {
  return Array.from({ length: count }, (_, number) => idAt(ms, number));
}

describe('the queue', () => {
  let stage: RouterStage;
  let count = 0;
  before(async () => {
    stage = await openRouter();
  });
  after(() => stage.close());

  /** An account of its own for each test, with one session. */
  async function someone(options: { readonly priority?: number } = {}): Promise<{ actor: BatchActor; account: Account }> {
    const actor = await stage.join(`u${count++}@a.example/one`);
    const { priority = 0 } = options;
    await actor.send(`<presence><priority>${priority}</priority></presence>`);
    actor.inbox.length = 0;
    return { actor, account: await accountOf(actor) };
  }

  async function accountOf({ jid, sid }: BatchActor): Promise<Account> {
    const tenant = (await stage.dependencies.tenants.find(jid.domain))!;
    return new Account(new Turn(stage.dependencies), tenant, jid.local, { node: 'n.stage.1', sid, resource: jid.resource });
  }

  async function keep(
    account: Account,
    ids: readonly string[],
    options: { size?: number; archived?: boolean } = {},
  ): Promise<void> {
    const { size = 1, archived = true } = options;
    const fresh = new Account(new Turn(stage.dependencies), account.tenant, account.local);
    await fresh.prefetch('inbound');
    for (const id of ids) {
      const body = `<body>${id}${'.'.repeat(size)}</body>`;
      const xml = `<message from='romeo@b.example/orchard' to='${account.jid}' type='chat'>${body}</message>`;
      keepEntry(fresh, id, Stanza.parse(xml), 'in', archived);
    }
    await fresh.turn.finish();
  }

  /** All pages, as a node reads them that gives none of it to the client twice. */
  async function readAll(account: Account, seen: readonly string[] = []): Promise<string[]> {
    const ids: string[] = [];
    let next: string | undefined = '';
    for (let pages = 0; next !== undefined && pages < 100; pages++) {
      const page: Awaited<ReturnType<typeof readQueue>> = await readQueue(account, next, new Set(seen));
      const bytes = page.stanzas.reduce((sum, { xml }) => sum + xml.length, 0);
      assert.ok(
        page.stanzas.length <= 2 * serviceLimits.catchUpPageMax &&
          (bytes <= routerLimits.catchUpPageBytesMax || page.stanzas.length === 1),
      );
      assert.ok(page.next === undefined || page.next > next, 'pages go on');
      ids.push(...page.stanzas.map(({ id }) => id));
      next = page.next;
    }
    return ids;
  }

  test('comes in order, in pages, and not again once it was acknowledged', async () => {
    const { account } = await someone();
    const ids = idsOf(start, 3 * serviceLimits.catchUpPageMax);
    await keep(account, ids.toReversed());
    assert.deepEqual(await readAll(account), ids);
    assert.deepEqual(await readAll(account, ids.slice(0, 150)), ids.slice(150), 'without what the session has got');
    await moveCursor(account, ids.slice(0, 120));
    assert.deepEqual(await readAll(account), ids.slice(120));
    await moveCursor(account, ids.slice(120));
    assert.deepEqual(await readAll(account), []);
  });

  test('is read in pages of bounded bytes, each with at least one message', async () => {
    const { account } = await someone();
    const ids = idsOf(start, 9);
    await keep(account, ids, { size: 150_000 });
    const page = await readQueue(account, '', new Set());
    assert.deepEqual(
      page.stanzas.map(({ id }) => id),
      ids.slice(0, 2),
    );
    assert.deepEqual(await readAll(account), ids);
  });

  test('holds a message with a smaller id that was committed after a greater one was delivered', async () => {
    const { account } = await someone();
    await keep(account, [idAt(start, 1), idAt(start + 300, 3)]);
    await moveCursor(account, [idAt(start, 1), idAt(start + 300, 3)]);
    await keep(account, [idAt(start + 200, 2)]);
    assert.deepEqual(await readAll(account), [idAt(start + 200, 2)]);
    await moveCursor(account, [idAt(start + 200, 2)]);
    assert.deepEqual(await readAll(account), []);
  });

  test('holds for a client that reads its archive itself what was committed late, even before anything was delivered', async () => {
    const { account, actor } = await someone();
    await actor.send(`<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>`);
    const [early, late] = [idAt(start, 1), idAt(start + 1_000, 2)];
    await keep(account, [early, late]);
    await queueAgain(account, [late]);
    assert.deepEqual(await readAll(account), [late], 'the other one is in its archive, in its place');
    await moveCursor(account, [late]);
    assert.deepEqual(await readAll(account), []);
  });

  test('goes on for such a client behind full pages of what it has got, and holds what was committed late among them', async () => {
    const { account, actor } = await someone();
    await actor.send(`<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>`);
    const got = idsOf(start, 2 * serviceLimits.catchUpPageMax + 1);
    const late = [idAt(start, 9_000), idAt(start + 1_000, 1)];
    await keep(account, got, { archived: false });
    await keep(account, late);
    await queueAgain(account, late);
    assert.deepEqual(await readAll(account, got), late);
  });

  test('holds for a client that bound and reads on from its last entry what was committed late', async () => {
    const { account } = await someone();
    const now = stage.dependencies.clock.now();
    const [early, late] = [idAt(now - 2_000, 1), idAt(now - 1_000, 2)];
    await keep(account, [early, late]);
    await leaveToArchive(account);
    assert.deepEqual(await readAll(account), []);
    await queueAgain(account, [late]);
    assert.deepEqual(await readAll(account), [late]);
  });

  test('holds for such a client what was committed behind the last that its account was given', async () => {
    const { account } = await someone();
    const now = stage.dependencies.clock.now();
    const [behind, given, next] = [idAt(now - 2_000, 1), idAt(now - 1_000, 2), idAt(now - 500, 3)];
    await keep(account, [given]);
    await moveCursor(account, [given]);
    await keep(account, [behind, next]);
    await leaveToArchive(account);
    assert.deepEqual(await readAll(account), [behind], 'it finds the next one when it reads on');
  });

  test('does not come again when the ring is full', async () => {
    const { account } = await someone();
    const ids = idsOf(start, 2 * serviceLimits.deliveredRingMax);
    await keep(account, ids);
    await moveCursor(account, ids);
    assert.deepEqual(await readAll(account), []);
    await keep(account, [idAt(start + 1)]);
    assert.deepEqual(await readAll(account), [idAt(start + 1)]);
  });

  test('is left to other resources by one that only gets what is sent to it', async () => {
    const { account, actor } = await someone({ priority: -1 });
    await keep(account, [idAt(start, 1), idAt(start + 60_000, 2)]);
    await moveCursor(account, [idAt(start + 60_000, 2)]);
    assert.deepEqual(await readAll(account), []);
    await actor.send('<presence/>');
    await stage.play([actor, 'receives', `<presence from='${actor.jid}' to='${actor.jid.bare}'/>`]);
    assert.match(await actor.next(), new RegExp(idAt(start, 1)));
    await stage.play([actor, 'receives nothing']);
    assert.deepEqual(await readAll(account), []);
  });

  test('keeps messages that are not archived, in order with the others, and forgets them when they have arrived', async () => {
    const { account } = await someone();
    const ids = idsOf(start, 250);
    const isArchived = (index: number) => index % 3 === 0;
    await keep(
      account,
      ids.filter((_, index) => isArchived(index)),
    );
    await keep(
      account,
      ids.filter((_, index) => !isArchived(index)),
      { archived: false },
    );
    assert.deepEqual(await readAll(account), ids);
    await moveCursor(account, ids.slice(0, 249));
    assert.deepEqual(await readAll(account), ids.slice(249));
    await moveCursor(account, [...ids, idAt(start + 60_000)]);
    await readAll(account);
    await readAll(account);
    const rows = await stage.dependencies.store.query({
      table: 'archive',
      partition: account.rows.partition,
      prefix: 'q/',
      limit: 1_000,
      consistent: true,
    });
    assert.deepEqual(rows, []);
  });

  test('is stamped with the time of its id (XEP-0203)', async () => {
    const { account } = await someone();
    await keep(account, [idAt(start)]);
    const { stanzas } = await readQueue(account, '', new Set());
    const stamp = new Date(start).toISOString();
    assert.ok(
      stanzas[0]!.xml.includes(`<delay xmlns='urn:xmpp:delay' from='a.example' stamp='${stamp}'>Offline Storage</delay>`),
    );
  });

  test('does not flood a client that has read the archive, but gives it what came since it signed in', async () => {
    const { account, actor } = await someone();
    const now = stage.dependencies.clock.now();
    await keep(account, [idAt(now - 3_600_000), idAt(now + 1)]);
    await keep(account, [idAt(now - 3_600_000, 2)], { archived: false });
    const query = (form: string) => `<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'>${form}</query></iq>`;
    const peer = `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>
      <field var='with'><value>romeo@b.example</value></field></x>`;
    await actor.send(query(peer));
    assert.equal((await readAll(account)).length, 3, 'one conversation is not everything');
    await actor.send(query(''));
    assert.deepEqual(await readAll(account), [idAt(now - 3_600_000, 2), idAt(now + 1)]);
  });

  test('does not give what came from one who is blocked since (XEP-0191 §3.3)', async () => {
    const { account, actor } = await someone();
    await keep(account, [idAt(start)]);
    const list = (name: string) =>
      `<iq type='set' id='b'><${name} xmlns='urn:xmpp:blocking'><item jid='b.example'/></${name}></iq>`;
    await actor.send(list('block'));
    assert.deepEqual(await readAll(account), []);
    await actor.send(list('unblock'));
    assert.deepEqual(await readAll(account), [idAt(start)]);
  });

  test('ids that are none do not move it', async () => {
    const { account } = await someone();
    await keep(account, [idAt(start)]);
    await moveCursor(account, ['', 'z', 'ZZZZZZZZZZZZZZZZZZ', `${idAt(start + 1_000_000)}x`]);
    assert.deepEqual(await readAll(account), [idAt(start)]);
  });

  test('gives each message once, whenever it was minted, committed, read and acknowledged', async () => {
    const message = fc.record({
      /** Minted this long after the one before; committed up to 4 s later than it could have been. */
      gapMs: fc.integer({ min: 0, max: 3_000 }),
      lateMs: fc.integer({ min: 0, max: 4_000 }),
      archived: fc.boolean(),
      /** Is the queue read behind it, and is what was read acknowledged? */
      read: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 40 }), async (messages) => {
        const { account } = await someone();
        let ms = start;
        const minted = messages.map(({ gapMs, lateMs, ...rest }, index) => {
          ms += gapMs;
          return { ...rest, id: idAt(ms, index), commitMs: ms + lateMs };
        });
        const got: string[] = [];
        const take = async () => {
          const ids = await readAll(account);
          await moveCursor(account, ids);
          got.push(...ids);
        };
        for (const { id, archived, read } of minted.toSorted((a, b) => a.commitMs - b.commitMs)) {
          await keep(account, [id], { archived });
          if (read) await take();
        }
        await take();
        await take();
        assert.deepEqual(
          got.toSorted(),
          minted.map(({ id }) => id),
        );
      }),
      { numRuns: 25 },
    );
  });
});

test('a client that signs in gets everything once over the wire, and the next one nothing', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  await stage.register('juliet@a.example');
  for (let index = 0; index < 230; index++) {
    await stage.arrive(
      'a.example',
      `<message from='r@b.example/x' to='juliet@a.example' type='chat'><body>${index}</body></message>`,
    );
  }
  const first = await stage.join('juliet@a.example/one');
  await first.send('<presence/>');
  const bodies = first.inbox.flatMap((xml) => /<body>(\d+)</.exec(xml)?.[1] ?? []);
  assert.deepEqual(
    bodies,
    Array.from({ length: 230 }, (_, index) => String(index)),
  );
  const second = await stage.join('juliet@a.example/two');
  const reply: StepReply = await second.send('<presence/>');
  assert.equal(reply.queue, 'opened');
  assert.deepEqual(
    second.inbox.filter((xml) => xml.startsWith('<message')),
    [],
  );
});
