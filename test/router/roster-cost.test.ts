/** What a change of one contact costs does not depend on how many there are; and the totals that allow for that stay true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { routerLimits } from '../../services/router/limits.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import type { RosterTotals } from '../../services/router/roster/roster-totals.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { countingRows } from './counting-rows.ts';

const rosterRows = collection<RosterItem>('roster', 'account');
const totalsRow = collection<RosterTotals & { readonly changes: number }>('rosterTotals', 'account');
const versions = collection<number>('rosterVersion', 'account');
const balcony = 'juliet@a.example/balcony';

const get = (ver?: string): string =>
  `<iq type='get' id='g'><query xmlns='jabber:iq:roster'${ver === undefined ? '' : ` ver='${ver}'`}/></iq>`;
const set = (item: string): string => `<iq type='set' id='s'><query xmlns='jabber:iq:roster'>${item}</query></iq>`;

const rowsOf = (stage: RouterStage, local = 'juliet'): Rows => Rows.ofAccount(stage.dependencies.store, 'a.example', local);
const totalsOf = async (stage: RouterStage): Promise<RosterTotals | undefined> => (await rowsOf(stage).get(totalsRow))?.value;

/** Contacts written past the router, and known to its totals. */
async function fill(stage: RouterStage, juliet: BatchActor, count: number): Promise<void> {
  const item: RosterItem = { subscription: 'both', isListed: true, version: 1, name: 'A contact', groups: ['Friends'] };
  const rows = Array.from({ length: count }, (_, index) => rowsOf(stage).row(rosterRows, `c${index}@b.example`, item));
  for (let at = 0; at < rows.length; at += 500) await stage.dependencies.store.batchPut(rows.slice(at, at + 500));
  if ((await rowsOf(stage).get(versions)) === undefined) await rowsOf(stage).add(versions, 1);
  await juliet.send(get());
  stage.clear();
}

test('each kind of change reads as many rows in a roster of 1,000 as in one of 10', async (t) => {
  let rows = 0;
  const stage = await openRouter({
    wrap: countingRows((more) => {
      rows += more;
    }),
  });
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const stranger = await stage.join('romeo@b.example/orchard');
  const changes: readonly (readonly [what: string, work: (tag: string) => Promise<unknown>])[] = [
    ['a new item', (tag) => juliet.send(set(`<item jid='new-${tag}@b.example' name='x'><group>Friends</group></item>`))],
    ['a new name', (tag) => juliet.send(set(`<item jid='c1@b.example' name='${tag}'/>`))],
    ['more groups', (tag) => juliet.send(set(`<item jid='c2@b.example'><group>${tag}</group><group>Others</group></item>`))],
    ['an item removed', () => juliet.send(set("<item jid='c3@b.example' subscription='remove'/>"))],
    ['an item that is not there', () => juliet.send(set("<item jid='nobody@b.example' subscription='remove'/>"))],
    ['a request sent', (tag) => juliet.send(`<presence type='subscribe' to='asked-${tag}@b.example'/>`)],
    ['a request that comes', () => stranger.send("<presence type='subscribe' to='juliet@a.example'/>")],
    ['a version that is the last one', async () => juliet.send(get(`${(await rowsOf(stage).get(versions))!.value}`))],
  ];
  const costs: number[][] = [];
  for (const count of [10, 1_000]) {
    await fill(stage, juliet, count);
    const cost: number[] = [];
    for (const [, work] of changes) {
      rows = 0;
      await work(`n${count}`);
      cost.push(rows);
    }
    costs.push(cost);
  }
  for (const [index, [what]] of changes.entries()) {
    const [few, many] = [costs[0]![index]!, costs[1]![index]!];
    assert.ok(many <= few + 5, `${what}: ${few} rows with 10 contacts, ${many} with 1,000`);
    assert.ok(many < 40, `${what}: ${many} rows`);
  }
});

test('the totals are those of the rows after each kind of change', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@b.example/orchard');
  const nurse = await stage.appear('nurse@a.example/room');
  for (const send of [
    () => juliet.send(set("<item jid='x@b.example' name='&lt;long&gt; name'><group>g</group></item>")),
    () => juliet.send(set("<item jid='x@b.example' name='short'/>")),
    () => romeo.send("<presence type='subscribe' to='juliet@a.example'/>"),
    () => juliet.send("<presence type='subscribed' to='romeo@b.example'/>"),
    () => nurse.send("<presence type='subscribe' to='juliet@a.example'/>"),
    () => juliet.send("<presence type='unsubscribed' to='nurse@a.example'/>"),
    () => juliet.send("<presence type='subscribe' to='nurse@a.example'/>"),
    () => juliet.send(set("<item jid='x@b.example' subscription='remove'/>")),
    () => juliet.send(set("<item jid='romeo@b.example' subscription='remove'/>")),
  ]) {
    await send();
    const kept = await totalsOf(stage);
    assert.ok(kept);
    await rowsOf(stage).delete(totalsRow);
    await juliet.send(get());
    const { items, requests, tombstones, bytes } = (await totalsOf(stage))!;
    assert.deepEqual(
      { items: kept.items, requests: kept.requests, tombstones: kept.tombstones, bytes: kept.bytes },
      { items, requests, tombstones, bytes },
    );
  }
  const { items, tombstones } = (await totalsOf(stage))!;
  assert.ok(items > 0 && tombstones > 0, 'there is something to count');
});

test('totals that are wrong, because a process died between two writes, refuse nobody for long and are put right', async (t) => {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await juliet.send(set("<item jid='x@b.example'/>"));
  const wrong = {
    items: routerLimits.rosterItemsMax,
    requests: 0,
    tombstones: 0,
    bytes: 0,
    changes: routerLimits.rosterRecountChanges,
  };
  await rowsOf(stage).put(totalsRow, '', wrong);
  stage.clear();
  await juliet.send(set("<item jid='y@b.example'/>"));
  assert.ok(juliet.inbox.some((xml) => /type='result'/.test(xml)));
  assert.equal((await totalsOf(stage))!.items, 2);
  await rowsOf(stage).put(totalsRow, '', { ...wrong, items: 0, changes: 0 });
  await juliet.send(get());
  assert.equal((await totalsOf(stage))!.items, 2);
});

test('a full roster refuses one more without counting it each time', async (t) => {
  let rows = 0;
  const stage = await openRouter({
    wrap: countingRows((more) => {
      rows += more;
    }),
  });
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  await fill(stage, juliet, routerLimits.rosterItemsMax);
  rows = 0;
  for (let n = 0; n < 5; n++) await juliet.send(set(`<item jid='more${n}@b.example'/>`));
  assert.equal(juliet.inbox.filter((xml) => /not-acceptable/.test(xml)).length, 5);
  assert.ok(rows < 200, `${rows} rows`);
});
