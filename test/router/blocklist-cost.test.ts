/** What a change of the blocklist costs: no product of the addresses that are named with what is stored, and no roster for one address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adapterLimits } from '../../lib/adapters/limits.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { isBlocked } from '../../services/router/core/blocklist.ts';
import { routerLimits } from '../../services/router/limits.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { countingRows } from './counting-rows.ts';

const rosterRows = collection<RosterItem>('roster', 'account');
const balcony = 'juliet@a.example/balcony';
const command = (name: 'block' | 'unblock', jids: readonly string[]): string =>
  `<iq type='set' id='b'><${name} xmlns='urn:xmpp:blocking'>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</${name}></iq>`;

async function fill(stage: RouterStage, count: number): Promise<void> {
  const owner = Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet');
  const item: RosterItem = { subscription: 'to', isListed: true, version: 1 };
  const rows = Array.from({ length: count }, (_, index) => owner.row(rosterRows, `c${index}@b.example`, item));
  for (let at = 0; at < rows.length; at += 500) await stage.dependencies.store.batchPut(rows.slice(at, at + 500));
}

test('one address is blocked and unblocked without reading the roster; a domain is looked for in it', async (t) => {
  let rows = 0;
  const stage = await openRouter({
    wrap: countingRows((more) => {
      rows += more;
    }),
  });
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await fill(stage, 1_000);
  for (const jid of ['c1@b.example', 'nobody@b.example', 'c2@b.example/orchard', 'b.example/orchard']) {
    for (const name of ['block', 'unblock'] as const) {
      rows = 0;
      await juliet.send(command(name, [jid]));
      assert.ok(rows < 40, `${name} ${jid}: ${rows} rows`);
    }
  }
  rows = 0;
  await juliet.send(command('block', ['c.example']));
  assert.ok(rows > 1_000);
});

test('many addresses are not compared with all contacts, nor with all to whom presence was directed', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await fill(stage, 1_000);
  for (let n = 0; n < 100; n++) await juliet.send(`<presence to='d${n}@b.example'/>`);
  const equals = t.mock.method(Jid.prototype, 'equals');
  const texts = t.mock.method(Jid.prototype, 'toString');
  const jids = Array.from({ length: 1_000 }, (_, index) => `c${index * 2}@b.example${index % 2 ? '' : '/r'}`);
  const named = [...jids, 'b.example'];
  for (const name of ['block', 'unblock'] as const) {
    const before = equals.mock.callCount() + texts.mock.callCount();
    await juliet.send(command(name, named));
    const calls = equals.mock.callCount() + texts.mock.callCount() - before;
    assert.ok(calls < 20 * (named.length + 1_000 + 100), `${name}: ${calls} comparisons`);
  }
});

test('each contact behind several of the addresses is told once', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@b.example/orchard');
  await stage.befriend(juliet, romeo);
  const gone = "<presence from='juliet@a.example/balcony' to='romeo@b.example' type='unavailable'/>";
  await juliet.send(command('block', ['romeo@b.example', 'b.example', 'c1@b.example']));
  await stage.play([romeo, 'receives', gone], [romeo, 'receives nothing']);
  await juliet.send(command('unblock', ['c1@b.example', 'romeo@b.example', 'b.example']));
  await stage.play(
    [romeo, 'receives', "<presence from='juliet@a.example/balcony' to='romeo@b.example'/>"],
    [romeo, 'receives nothing'],
  );
});

test('a full list is looked at as fast as a short one: its row fits the cache, and is a set', () => {
  assert.ok(routerLimits.blocklistBytesMax + 2 * xmppLimits.jidPartBytesMax < adapterLimits.rowCacheRowCharactersMax);
  const jids = Array.from({ length: routerLimits.blocklistMax }, (_, index) => `u${index}@b.example`);
  let looks = 0;
  const list = {
    jids: new Proxy(jids, {
      get(target, name) {
        if (typeof name === 'string' && /^\d+$/.test(name)) looks += 1;
        return Reflect.get(target, name) as unknown;
      },
    }),
  };
  for (let n = 0; n < 100; n++) {
    assert.equal(isBlocked(list, Jid.parse(`x${n}@b.example/r`)), false);
    assert.equal(isBlocked(list, Jid.parse(`u${n}@b.example/r`)), true);
  }
  assert.ok(looks <= routerLimits.blocklistMax, `${looks} looks at entries`);
});
