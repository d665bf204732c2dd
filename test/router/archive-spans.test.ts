/** Decision 7: queries by peer find their way by spans of time in which something was exchanged. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { firstIdAt } from '../../lib/runtime/ids.ts';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { spanMs, spanOf, spansByPeer } from '../../services/router/archive/archive.ts';
import { queryArchive } from '../../services/router/archive/archive-query.ts';
import { createAccount } from '../../services/router/core/accounts.ts';
import { removalsOf } from '../../services/router/removal/removals.ts';
import { deriveKeys } from '../../services/router/sasl/passwords.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { accountOf, ask, epoch, fill, form, query } from './archive-asking.ts';

const romeo = Jid.parse('romeo@b.example');

describe('spans of an archive', () => {
  let stage: RouterStage;
  before(async () => {
    stage = await openRouter();
  });
  after(() => stage.close());

  const rowsOf = (local: string) => Rows.ofAccount(stage.dependencies.store, 'a.example', local);

  test('one row says that two have talked, on each side, and is not written again', async () => {
    const [one, other] = [await stage.join('one@a.example/x'), await stage.join('other@a.example/x')];
    const talk = () => one.send(`<message to='other@a.example' type='chat'><body>!</body></message>`);
    await talk();
    const rows = async () => [
      await rowsOf('one').list(spansByPeer, { limit: 9 }),
      await rowsOf('other').list(spansByPeer, { limit: 9 }),
    ];
    const first = await rows();
    await talk();
    const later = await rows();
    for (const [side, peer] of [one.jid, other.jid].map((_, index, both) => [index, both[1 - index]!] as const)) {
      const [row] = first[side]!;
      assert.equal(row!.key.slice(0, -6), `${peer.bare} `);
      const unchanged = later[side]!.find(({ key }) => key === row!.key);
      assert.equal(unchanged?.version, row!.version);
    }
    assert.equal((await ask(one, query(form({ with: 'other@a.example' })))).ids.length, 2);
  });

  test('who signs up under the name of an account that was removed has an archive by peer as well', async () => {
    const sender = await stage.join('sender@b.example/x');
    const scram = await deriveKeys('secret', stage.dependencies.clock);
    for (const createdAt of ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']) {
      await createAccount(stage.dependencies.store, 'a.example', 'again', { createdAt, scram });
      const again = await stage.join('again@a.example/x');
      await sender.send(`<message to='again@a.example' type='chat'><body>!</body></message>`);
      assert.equal((await ask(again, query(form({ with: 'sender@b.example' })))).ids.length, 1, createdAt);
      await removalsOf(stage.dependencies).account((await stage.dependencies.tenants.find('a.example'))!, 'again');
    }
  });

  test('rows of older versions, one for each entry, are understood', async () => {
    const account = await accountOf(stage, await stage.join('older@a.example/x'));
    const ids = await fill(
      stage,
      account,
      [0, 1, 2.5, 2.6, 7].map((spans) => ({ ms: Math.floor(spans * spanMs) })),
    );
    const rows = rowsOf('older');
    for (const { key } of await rows.list(spansByPeer, { limit: 9 })) await rows.delete(spansByPeer, key);
    for (const id of ids.slice(0, 4)) await rows.put(spansByPeer, `${romeo} ${id}`, 'x');
    await rows.put(spansByPeer, `${romeo} ${spanOf(ids[3]!)}`, '');
    await rows.put(spansByPeer, `${romeo} ${spanOf(ids[4]!)}`, '');
    const forward = await queryArchive(account, { with: romeo }, { max: 10 });
    assert.deepEqual(
      forward.items.map(({ key }) => key),
      ids,
    );
    const backward = await queryArchive(account, { with: romeo }, { max: 10, before: ids[4]! });
    assert.deepEqual(
      backward.items.map(({ key }) => key),
      ids.slice(0, 4),
    );
  });

  test('a flood of others does not make a query endless: a page ends on the way, and the next one goes on there', async () => {
    const account = await accountOf(stage, await stage.join('flooded@a.example/x'));
    const spanStart = Math.ceil(epoch / spanMs) * spanMs - epoch;
    const flood = Array.from({ length: runtimeLimits.archivePassedMax + 1 }, (_, index) => ({
      ms: spanStart + index,
      peer: 'bot@b.example/x',
    }));
    for (let at = 0; at < flood.length; at += 5_000) await fill(stage, account, flood.slice(at, at + 5_000));
    const [wanted] = await fill(stage, account, [{ ms: spanStart + flood.length }]);
    const onTheWay = await queryArchive(account, { with: romeo }, { max: 10 });
    assert.deepEqual([onTheWay.items, onTheWay.isComplete], [[], false]);
    const next = await queryArchive(account, { with: romeo }, { max: 10, after: onTheWay.last! });
    assert.deepEqual([next.items.map(({ key }) => key), next.isComplete], [[wanted], true]);
    const back = await queryArchive(account, { with: romeo }, { max: 10, before: '' });
    assert.deepEqual([back.items.map(({ key }) => key), back.isComplete], [[wanted], false]);
    assert.ok(back.first! < wanted!, 'where the way back goes on');
    const startMs = epoch + spanStart + flood.length - 10;
    const page = await queryArchive(account, { with: romeo, startMs }, { max: 10 });
    assert.deepEqual(
      page.items.map(({ key }) => key),
      [wanted],
    );
    assert.ok(wanted! > firstIdAt(startMs) && page.isComplete);
  });
});
