/** XEP-0191 §3.3 and §3.4 for those who have seen the account by directed presence (RFC 6121 §4.6), rooms among them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rows } from '../../lib/runtime/rows.ts';
import { blocklist } from '../../services/router/core/blocklist.ts';
import { type BatchActor, openRouter, type RouterStage } from '../support/stage/router-stage.ts';

const NS = 'urn:xmpp:blocking';
const balcony = 'juliet@a.example/balcony';
const chamber = 'juliet@a.example/chamber';

type Test = { after(run: () => Promise<void>): void };

const change = (name: 'block' | 'unblock', ...jids: readonly string[]): string =>
  `<iq type='set' id='c'><${name} xmlns='${NS}'>${jids.map((jid) => `<item jid='${jid}'/>`).join('')}</${name}></iq>`;
const done = (to: BatchActor): string => `<iq type='result' id='c' to='${to.jid}'/>`;
const gone = (from: string, to: string): string => `<presence type='unavailable' from='${from}' to='${to}'/>`;

async function arrange(t: Test, domain: string): Promise<{ stage: RouterStage; juliet: BatchActor; paris: BatchActor }> {
  const stage = await openRouter();
  t.after(() => stage.close());
  const juliet = await stage.appear(balcony);
  const paris = await stage.appear(`paris@${domain}/street`);
  stage.clear();
  return { stage, juliet, paris };
}

for (const domain of ['a.example', 'b.example']) {
  const bare = `paris@${domain}`;
  const full = `${bare}/street`;
  for (const [what, shownTo, blocked, told] of [
    ['a bare JID, shown to it', bare, bare, bare],
    ['a bare JID, shown to a full JID', full, bare, full],
    ['a full JID, shown to it', full, full, full],
    ['a full JID, shown to its bare JID', bare, full, full],
    ['a domain, shown to a full JID', full, domain, full],
  ] as const) {
    test(`XEP-0191 §3.3: ${what}: who was sent directed presence sees the account go (${domain})`, async (t) => {
      const { stage, juliet, paris } = await arrange(t, domain);
      await stage.play(
        [juliet, 'sends', `<presence to='${shownTo}'/>`],
        [paris, 'receives', `<presence from='${balcony}' to='${shownTo}'/>`],
        [juliet, 'sends', change('block', blocked)],
        [juliet, 'receives', done(juliet)],
        [paris, 'receives', gone(balcony, told)],
        // nothing afterwards, and no presence on unblocking, to which directed presence gives no right
        [juliet, 'sends', `<presence><show>away</show></presence>`],
        [paris, 'receives nothing'],
      );
      juliet.inbox.length = 0;
      if (shownTo === told) {
        await stage.play(
          [juliet, 'sends', change('unblock', blocked)],
          [juliet, 'receives', done(juliet)],
          [juliet, 'leaves'],
          [paris, 'receives nothing'],
        );
      }
    });
  }

  test(`XEP-0191 §3.3: each session that has shown itself is seen to go, whichever of them blocks (${domain})`, async (t) => {
    const { stage, juliet, paris } = await arrange(t, domain);
    const other = await stage.join(chamber); // not available, and seen by directed presence alone
    await juliet.send(`<presence to='${bare}'/>`);
    await other.send(`<presence to='${full}'/>`);
    stage.clear();
    await stage.play(
      [other, 'sends', change('block', bare)],
      [paris, 'receives in any order', gone(balcony, bare), gone(chamber, full)],
      [other, 'leaves'],
      [juliet, 'leaves'],
      [paris, 'receives nothing'],
    );
  });

  test(`XEP-0191 §3.3: a subscriber who was sent directed presence as well hears it once, and sees the account again (${domain})`, async (t) => {
    const { stage, juliet, paris } = await arrange(t, domain);
    await stage.befriend(juliet, paris);
    await juliet.send(`<presence to='${full}'/>`);
    stage.clear();
    await stage.play(
      [juliet, 'sends', change('block', bare)],
      [paris, 'receives', gone(balcony, bare)],
      [paris, 'receives nothing'],
      [juliet, 'sends', change('unblock', bare)],
      [paris, 'receives', `<presence from='${balcony}' to='${bare}'/>`],
      [paris, 'receives nothing'],
    );
  });
}

for (const [what, blocked, isLeft] of [
  ['the room', 'garden@conference.a.example', true],
  ['the service', 'conference.a.example', true],
  ['its own place in the room', 'garden@conference.a.example/jule', true],
  ['another occupant', 'garden@conference.a.example/ann', false],
  ['another room', 'hall@conference.a.example', false],
  ['the domain of the account', 'a.example', false],
] as const) {
  test(`XEP-0191 §3.3, XEP-0045 §7.14: one who blocks ${what} ${isLeft ? 'leaves' : 'stays in'} the room`, async (t) => {
    const { stage, juliet } = await arrange(t, 'b.example');
    const other = await stage.join(chamber);
    for (const [actor, nick] of [
      [juliet, 'jule'],
      [other, 'jule'],
    ] as const) {
      await actor.send(
        `<presence to='garden@conference.a.example/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
      );
    }
    stage.rooms.length = 0;
    await juliet.send(change('block', blocked));
    const left = stage.rooms.map(({ xml }) => xml).filter((xml) => xml.includes('unavailable'));
    assert.deepEqual(
      left.map((xml) => /from='([^']*)'/.exec(xml)?.[1]),
      isLeft ? [balcony, chamber] : [],
    );
    stage.rooms.length = 0;
    await juliet.end();
    assert.equal(stage.rooms.filter(({ xml }) => xml.includes('unavailable')).length, isLeft ? 0 : 1, 'a room is left once');
  });
}

test('XEP-0191 §3.3: a block that is tried again tells those again who may not have heard of it', async (t) => {
  const { stage, juliet, paris } = await arrange(t, 'a.example');
  await juliet.send(`<presence to='paris@a.example'/>`);
  stage.clear();
  const id = stage.mint();
  await juliet.send(change('block', 'paris@a.example'), id);
  await juliet.send(change('block', 'paris@a.example'), id);
  assert.ok(paris.inbox.length >= 1);
  assert.ok(paris.inbox.every((xml) => xml.includes("type='unavailable'")));
});

for (const [what, room] of [
  ['a room', 'garden@conference.a.example'],
  ['a room of another tenant', 'garden@conference.b.example'],
] as const) {
  test(`XEP-0191 §3.3: a session that ends leaves ${what} that is blocked if the block got no further than the list`, async (t) => {
    const { stage, juliet } = await arrange(t, 'b.example');
    await juliet.send(`<presence to='${room}/jule'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    const list = Rows.ofAccount(stage.dependencies.store, 'a.example', 'juliet');
    await list.put(blocklist, '', { jids: [room], version: 1 });
    stage.clear();
    stage.rooms.length = 0;
    await juliet.end();
    const said = stage.rooms.map(({ xml }) => xml);
    assert.equal(said.length, 1);
    assert.match(said[0]!, /type='unavailable'/);
    assert.match(said[0]!, new RegExp(`to='${room}/jule'`));
  });
}

test('XEP-0191 §3.3, §3.4: a room hears whom of its occupants an account blocks, with each change and with presence', async (t) => {
  const { stage, juliet } = await arrange(t, 'b.example');
  const hides = () => stage.rooms.splice(0).flatMap(({ request }) => request.hides?.nicks.join(' ') ?? []);
  const room = 'garden@conference.a.example';
  const enter = `<presence to='${room}/jule'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
  await juliet.send(enter);
  assert.deepEqual(hides(), []);
  await juliet.send(change('block', `${room}/ann`, 'hall@conference.a.example/bob', 'paris@b.example'));
  assert.deepEqual(hides(), ['ann']);
  await juliet.send(change('block', `${room}/bob`));
  assert.deepEqual(hides(), ['ann bob']);
  await juliet.send(enter);
  assert.deepEqual(hides(), ['ann bob']);
  await juliet.send(change('unblock', `${room}/ann`));
  assert.deepEqual(hides(), ['bob']);
  await juliet.send(change('unblock'));
  assert.deepEqual(hides(), ['']);
});
