/** XEP-0203 in rooms: what somebody reads in a room's history says who delayed it and when it was said (XEP-0045 §7.2.13). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { hall, openHall } from '../support/stage/rooms.ts';
import { openStage } from '../support/stage/whole-stage.ts';

const delayNs = 'urn:xmpp:delay';

test('XEP-0203 §2: history carries one delay in the name of the room, with the time in UTC; live messages carry none', async () => {
  const stage = await openStage();
  try {
    const juliet = await openHall(stage);
    const before = Date.now();
    for (const body of ['one', 'two', 'three']) await juliet.say(body);
    const after = Date.now();
    for (const xml of juliet.take()) assert.deepEqual(Stanza.parse(xml).childrenOf(delayNs), []);

    const romeo = await stage.join('romeo@b.example/orchard');
    await romeo.enter('Romeo');
    const history = romeo.take().filter((xml) => xml.includes('<body>'));
    assert.equal(history.length, 3);
    let last = 0;
    for (const xml of history) {
      const stanza = Stanza.parse(xml);
      assert.equal(stanza.childrenOf(delayNs).length, 1, xml);
      const { from, stamp = '' } = stanza.child('delay', delayNs)!.attrs;
      assert.equal(from, hall);
      assert.match(stamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);
      const said = Date.parse(stamp);
      assert.ok(said >= before - 1000 && said <= after + 1000, `${stamp} is when it was said`);
      assert.ok(said >= last, 'the order is that of the room');
      last = said;
    }
  } finally {
    await stage.close();
  }
});
