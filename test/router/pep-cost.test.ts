/** Who is told of many items at once is read once, not for each of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import { openRouter } from '../support/stage/router-stage.ts';
import { countingRows } from './counting-rows.ts';

const rosterRows = collection<RosterItem>('roster', 'account');
const set = (child: string): string =>
  `<iq type='set' id='s'><pubsub xmlns='http://jabber.org/protocol/pubsub'>${child}</pubsub></iq>`;
const max = "<field var='pubsub#max_items'><value>100</value></field>";
const type = "<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>";
const options = `<publish-options><x xmlns='jabber:x:data' type='submit'>${type}${max}</x></publish-options>`;

test('40 items that are retracted at once do not read the roster 40 times', async (t) => {
  let rows = 0;
  const stage = await openRouter({
    wrap: countingRows((more) => {
      rows += more;
    }),
  });
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  for (let n = 0; n < 40; n++) {
    await juliet.send(set(`<publish node='urn:n'><item id='i${n}'><p xmlns='urn:p'/></item></publish>${options}`));
  }
  assert.ok(juliet.inbox.every((xml) => /type='result'/.test(xml)));
  const owner = Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet');
  const item: RosterItem = { subscription: 'from', isListed: true, version: 1 };
  await stage.dependencies.store.batchPut(
    Array.from({ length: 300 }, (_, index) => owner.row(rosterRows, `c${index}@far.example`, item)),
  );
  const retract = async (ids: readonly number[]): Promise<number> => {
    rows = 0;
    await juliet.send(set(`<retract node='urn:n' notify='1'>${ids.map((id) => `<item id='i${id}'/>`).join('')}</retract>`));
    return rows;
  };
  const one = await retract([0]);
  const many = await retract(Array.from({ length: 39 }, (_, index) => index + 1));
  assert.ok(one > 300, 'the roster is read to know whom to tell');
  assert.ok(many < one + 39 * 20, `${one} rows for one item, ${many} for 39`);
});
