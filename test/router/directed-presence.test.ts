import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { isSameXml } from '../support/stage/xml-equality.ts';

const balcony = 'juliet@a.example/balcony';

async function stageWith(t: { after(run: () => Promise<void>): void }): Promise<RouterStage> {
  const stage = await openRouter();
  t.after(() => stage.close());
  return stage;
}

for (const domain of ['a.example', 'b.example']) {
  const where = domain === 'a.example' ? 'of the same tenant' : 'of another tenant';

  test(`RFC 6121 §4.6: directed presence to somebody ${where} ends with the session`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.appear(balcony);
    const paris = await stage.appear(`paris@${domain}/street`);
    await stage.play(
      [juliet, 'sends', `<presence to='paris@${domain}'><status>hm</status></presence>`],
      [paris, 'receives', `<presence from='${balcony}' to='paris@${domain}'><status>hm</status></presence>`],
      [juliet, 'sends', `<presence><show>away</show></presence>`],
      [paris, 'receives nothing'],
      [juliet, 'sends', `<presence type='unavailable'/>`],
      [paris, 'receives', `<presence type='unavailable' from='${balcony}' to='paris@${domain}'/>`],
      // without initial presence, and by the end of the stream
      [juliet, 'sends', `<presence to='paris@${domain}/street'/>`],
      [paris, 'receives', `<presence from='${balcony}' to='paris@${domain}/street'/>`],
      [juliet, 'leaves'],
      [paris, 'receives', `<presence type='unavailable' from='${balcony}' to='paris@${domain}/street'/>`],
      [paris, 'receives nothing'],
    );
  });
}

test('RFC 6121 §4.6.3: one who learns of the end by broadcast does not hear of it twice', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  await juliet.send(`<presence to='romeo@a.example/orchard'/>`);
  stage.clear();
  await stage.play(
    [juliet, 'leaves'],
    [romeo, 'receives', `<presence type='unavailable' from='${balcony}' to='romeo@a.example'/>`],
    [romeo, 'receives nothing'],
  );
});

test('RFC 6121 §4.6.6: directed unavailable presence takes an address off the list', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const paris = await stage.appear('paris@a.example/street');
  await juliet.send(`<presence to='paris@a.example'/>`);
  stage.clear();
  await stage.play(
    [juliet, 'sends', `<presence type='unavailable' to='paris@a.example'/>`],
    [paris, 'receives', `<presence type='unavailable' from='${balcony}' to='paris@a.example'/>`],
    [juliet, 'sends', `<presence type='unavailable'/>`],
    [paris, 'receives nothing'],
  );
});

test('presence to a room goes to its worker with the session, and a session that ends leaves the room under its last nick', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.join(balcony);
  const room = 'garden@conference.a.example';
  await juliet.send(`<presence to='${room}/jule'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await juliet.send(`<presence to='${room}/juliet'/>`);
  assert.deepEqual(
    stage.rooms.map(({ request }) => [request.room, request.sender?.sid]),
    [
      ['garden', juliet.sid],
      ['garden', juliet.sid],
    ],
  );
  assert.ok(
    isSameXml(
      stage.rooms[0]!.xml,
      `<presence from='${balcony}' to='${room}/jule'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    ),
  );
  stage.rooms.length = 0;
  await juliet.end();
  assert.deepEqual(
    stage.rooms.map(({ xml }) => xml),
    [`<presence to='${room}/juliet' from='${balcony}' type='unavailable'/>`],
  );
});

test('the addresses of directed presence are bounded', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.join(balcony);
  const directed = Array.from({ length: routerLimits.directedPresenceMax }, (_, index) => `x${index}@a.example`);
  const sessions = collection<{ sessions: object[] }>('sessions', 'account', 'live');
  const rows = Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet');
  const item = await rows.get(sessions);
  await rows.put(sessions, '', { sessions: [{ ...item!.value.sessions[0]!, directed }] });
  await juliet.send(`<presence to='x0@a.example'/>`);
  assert.deepEqual(juliet.inbox, []);
  await juliet.send(`<presence to='one-more@a.example'/>`);
  assert.match(juliet.inbox.join(''), /resource-constraint/);
});
