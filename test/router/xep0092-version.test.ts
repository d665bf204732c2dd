import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

test('XEP-0092: the host says to anybody what it runs, and not on what', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  for (const address of ['juliet@a.example/balcony', 'romeo@b.example/orchard']) {
    const actor = await stage.join(address);
    await stage.play(
      [actor, 'sends', `<iq type='get' id='v' to='a.example'><query xmlns='jabber:iq:version'/></iq>`],
      [
        actor,
        'receives',
        `<iq type='result' id='v' from='a.example' to='${actor.jid}'><query xmlns='jabber:iq:version'>
          <name>Skylark</name><version>0.0.0</version></query></iq>`,
      ],
    );
  }
});
