import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';

const ping = (to: string | undefined) =>
  `<iq type='get' id='p'${to === undefined ? '' : ` to='${to}'`}><ping xmlns='urn:xmpp:ping'/></iq>`;
const unavailable = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;

test('XEP-0199 §4.2: a client pings its server, as itself or by name', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.join('juliet@a.example/balcony');
  for (const to of [undefined, 'juliet@a.example', 'a.example', 'b.example']) {
    const from = to === undefined ? '' : ` from='${to}'`;
    await stage.play([juliet, 'sends', ping(to)], [juliet, 'receives', `<iq type='result' id='p'${from} to='${juliet.jid}'/>`]);
  }
});

for (const domain of ['a.example', 'b.example']) {
  test(`XEP-0199 §4.4: one of ${domain} pings a client, and no account that does not share its presence`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.play(
      [romeo, 'sends', ping(juliet.jid.toString())],
      [juliet, 'receives', `<iq type='get' id='p' from='${romeo.jid}' to='${juliet.jid}'><ping xmlns='urn:xmpp:ping'/></iq>`],
      [juliet, 'sends', `<iq type='result' id='p' to='${romeo.jid}'/>`],
      [romeo, 'receives', `<iq type='result' id='p' from='${juliet.jid}' to='${romeo.jid}'/>`],
    );
    for (const to of ['juliet@a.example', 'nobody@a.example', 'juliet@a.example/tomb']) {
      await stage.play(
        [romeo, 'sends', ping(to)],
        [romeo, 'receives', `<iq type='error' id='p' from='${to}' to='${romeo.jid}'>${unavailable}</iq>`],
      );
    }
    await stage.befriend(juliet, romeo);
    await stage.play(
      [romeo, 'sends', ping('juliet@a.example')],
      [romeo, 'receives', `<iq type='result' id='p' from='juliet@a.example' to='${romeo.jid}'/>`],
      [juliet, 'receives nothing'],
    );
  });
}
