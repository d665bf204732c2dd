/** XEP-0353: the messages that set up a call reach every device, also later. That they wake a phone is in xep0357-push.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

for (const name of ['propose', 'ringing', 'proceed', 'reject', 'retract', 'finish']) {
  test(`XEP-0353 §5: <${name}/> is archived on both sides, copied to other devices and kept for who is away`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const tablet = await stage.appear('juliet@a.example/tablet');
    await tablet.send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
    const romeo = await stage.appear('romeo@b.example/orchard');
    await romeo.send(`<presence type='unavailable'/>`);
    stage.clear();
    const call = `<${name} xmlns='urn:xmpp:jingle-message:0' id='call'/>`;
    await juliet.send(`<message to='romeo@b.example' type='chat' id='m'>${call}</message>`);
    assert.match(tablet.inbox.join(''), new RegExp(`<sent xmlns='urn:xmpp:carbons:2'>.*<${name} `));
    const later = await stage.appear('romeo@b.example/phone');
    await later.until(
      () => new RegExp(`<${name} .*<delay `).test(later.inbox.join('')),
      () => 'what has waited',
    );
    for (const actor of [juliet, romeo]) {
      actor.inbox.length = 0;
      await actor.send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
      await actor.until(
        () => actor.inbox.some((xml) => xml.includes('<fin ')),
        () => 'the end of the page',
      );
      assert.match(actor.inbox.join(''), new RegExp(`<result .*<${name} `));
    }
  });
}
