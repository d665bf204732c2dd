import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'urn:xmpp:blocking';
const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const unavailable = `<error type='cancel'><service-unavailable xmlns='${stanzas}'/></error>`;
const blocked = `<error type='cancel'><not-acceptable xmlns='${stanzas}'/><blocked xmlns='urn:xmpp:blocking:errors'/></error>`;
const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='{any}' id='{any}'/>`;

function items(...jids: readonly string[]): string {
  return jids.map((jid) => `<item jid='${jid}'/>`).join('');
}

function change(name: 'block' | 'unblock', ...jids: readonly string[]): string {
  return `<iq type='set' id='c'><${name} xmlns='${NS}'>${items(...jids)}</${name}></iq>`;
}

const list = `<iq type='get' id='l'><blocklist xmlns='${NS}'/></iq>`;

async function arrange(
  t: { after(run: () => Promise<void>): void },
  domain = 'b.example',
): Promise<{ stage: WholeStage; juliet: StreamActor; romeo: StreamActor }> {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear(`romeo@${domain}/orchard`);
  stage.clear();
  return { stage, juliet, romeo };
}

test('XEP-0191 §3.2 to §3.5: the list, and pushes of its changes to those who asked for it', async (t) => {
  const { stage, juliet } = await arrange(t);
  const chamber = await stage.join('juliet@a.example/chamber');
  const garden = await stage.join('juliet@a.example/garden');
  const answer = (to: StreamActor, ...jids: string[]) =>
    `<iq type='result' id='l' to='${to.jid}'><blocklist xmlns='${NS}'>${items(...jids)}</blocklist></iq>`;
  const done = (to: StreamActor) => `<iq type='result' id='c' to='${to.jid}'/>`;
  const push = (to: StreamActor, name: string, ...jids: string[]) =>
    `<iq type='set' id='{any}' from='juliet@a.example' to='${to.jid}'><${name} xmlns='${NS}'>${items(...jids)}</${name}></iq>`;
  await stage.play(
    [juliet, 'sends', list],
    [juliet, 'receives', answer(juliet)],
    [chamber, 'sends', list],
    [chamber, 'receives', answer(chamber)],
    [garden, 'sends', change('block', 'Romeo@B.example', 'iago@c.example', 'iago@c.example')],
    [garden, 'receives', done(garden)],
    [juliet, 'receives', push(juliet, 'block', 'romeo@b.example', 'iago@c.example')],
    [chamber, 'receives', push(chamber, 'block', 'romeo@b.example', 'iago@c.example')],
    [juliet, 'sends', list],
    [juliet, 'receives', answer(juliet, 'romeo@b.example', 'iago@c.example')],
    [juliet, 'sends', change('unblock', 'romeo@b.example')],
    [juliet, 'receives in any order', done(juliet), push(juliet, 'unblock', 'romeo@b.example')],
    [chamber, 'receives', push(chamber, 'unblock', 'romeo@b.example')],
    [juliet, 'sends', change('unblock')],
    [juliet, 'receives in any order', done(juliet), push(juliet, 'unblock')],
    [chamber, 'receives', push(chamber, 'unblock')],
    [juliet, 'sends', list],
    [juliet, 'receives', answer(juliet)],
    [garden, 'receives nothing'],
  );
});

test('XEP-0191 §3.3: a block without items, or with a malformed address, blocks nobody', async (t) => {
  const { stage, juliet } = await arrange(t);
  for (const [content, condition] of [
    ['', 'bad-request'],
    [`<item xmlns='urn:x' jid='a@b.example'/>`, 'bad-request'],
    ['<item/>', 'bad-request'],
    [`${items('romeo@b.example')}<item jid=''/>`, 'bad-request'],
    [items('romeo@b.example', '@'), 'jid-malformed'],
  ] as const) {
    await juliet.send(`<iq type='set' id='c'><block xmlns='${NS}'>${content}</block></iq>`);
    assert.match(await juliet.next(), new RegExp(`type='error'.*<${condition} `), content);
  }
  await stage.play(
    [juliet, 'sends', list],
    [juliet, 'receives', `<iq type='result' id='l' to='${juliet.jid}'><blocklist xmlns='${NS}'/></iq>`],
  );
});

for (const [what, jid, blocks] of [
  [
    'a full JID',
    'romeo@b.example/orchard',
    { 'romeo@b.example/orchard': true, 'romeo@b.example/street': false, 'nurse@b.example/x': false },
  ],
  [
    'a bare JID',
    'romeo@b.example',
    { 'romeo@b.example/orchard': true, 'romeo@b.example/street': true, 'nurse@b.example/x': false },
  ],
  [
    'a domain with a resource',
    'b.example/x',
    { 'romeo@b.example/x': false, 'b.example/x': true, 'b.example': false, 'b.example/y': false },
  ],
  [
    'a domain',
    'b.example',
    { 'romeo@b.example/orchard': true, 'b.example/x': true, 'b.example': true, 'a@sub.b.example/x': false },
  ],
] as const) {
  test(`XEP-0191 §6: ${what} blocks what it names`, async (t) => {
    const { stage, juliet } = await arrange(t);
    await stage.play([juliet, 'sends', change('block', jid)]);
    for (const [from, isBlocked] of Object.entries(blocks)) {
      stage.clear();
      await stage.arrive('a.example', `<message from='${from}' to='juliet@a.example' type='chat'><body>!</body></message>`);
      assert.equal(juliet.inbox.length, isBlocked ? 0 : 1, from);
    }
  });
}

for (const domain of ['a.example', 'b.example']) {
  test(`XEP-0191 §3.3: to one of ${domain} who is blocked the account looks as if it were not there`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    await stage.befriend(juliet, romeo);
    await stage.play(
      [juliet, 'sends', change('block', romeo.jid.bare.toString())],
      [juliet, 'receives', `<iq type='result' id='c' to='${juliet.jid}'/>`],
      [romeo, 'receives', `<presence type='unavailable' from='${juliet.jid}' to='${romeo.jid.bare}'/>`],
    );
    for (const to of ['juliet@a.example', 'juliet@a.example/balcony']) {
      const error = (name: string) => `<${name} type='error' id='1' from='${to}' to='${romeo.jid}'>${unavailable}</${name}>`;
      for (const type of ['normal', 'chat', 'headline', 'groupchat']) {
        await stage.play(
          [romeo, 'sends', `<message to='${to}' type='${type}' id='1'><body>!</body></message>`],
          [romeo, 'receives', error('message')],
        );
      }
      for (const type of ['get', 'set']) {
        await stage.play(
          [romeo, 'sends', `<iq to='${to}' type='${type}' id='1'><vCard xmlns='vcard-temp'/></iq>`],
          [romeo, 'receives', error('iq')],
        );
      }
      await stage.play(
        [romeo, 'sends', `<message to='${to}' type='error'/>`],
        [romeo, 'sends', `<iq to='${to}' type='result' id='1'/>`],
        [romeo, 'sends', `<iq to='${to}' type='error' id='1'/>`],
        [romeo, 'sends', `<presence to='${to}'/>`],
        [romeo, 'sends', `<presence to='${to}' type='probe'/>`],
        [romeo, 'sends', `<presence to='${to}' type='unavailable'/>`],
      );
    }
    for (const type of ['subscribe', 'unsubscribe']) await romeo.send(`<presence to='juliet@a.example' type='${type}'/>`);
    const answers = romeo.inbox.filter((xml) => !xml.includes('jabber:iq:roster'));
    assert.deepEqual(answers, []);
    await stage.play([juliet, 'receives nothing']);
  });

  test(`XEP-0191 §3.3: to one of ${domain} who is blocked nothing can be sent`, async (t) => {
    const { stage, juliet, romeo } = await arrange(t, domain);
    await juliet.send(change('block', romeo.jid.bare.toString()));
    stage.clear();
    const to = romeo.jid.toString();
    for (const [name, attributes, content] of [
      ['message', `type='chat'`, '<body>!</body>'],
      ['message', `type='headline'`, '<body>!</body>'],
      ['iq', `type='get'`, `<ping xmlns='urn:xmpp:ping'/>`],
      ['presence', '', ''],
      ['presence', `type='unavailable'`, ''],
      ['presence', `type='subscribe'`, ''],
    ]) {
      await stage.play(
        [juliet, 'sends', `<${name} ${attributes} to='${to}' id='1'>${content}</${name}>`],
        [juliet, 'receives', `<${name} type='error' from='${to}' id='1'>${blocked}</${name}>`],
      );
    }
    await stage.play([juliet, 'sends', `<message type='error' to='${to}'/>`], [juliet, 'receives nothing']);
    assert.deepEqual(romeo.inbox, []);
    await juliet.send(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`);
    assert.equal(juliet.inbox.length, 1, 'nor is it archived');
  });
}

test('XEP-0191 §3.4: one who is unblocked sees the account again, unless another entry blocks him still', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await stage.befriend(juliet, romeo);
  await juliet.send(change('block', 'romeo@b.example', 'b.example'));
  stage.clear();
  await stage.play(
    [juliet, 'sends', change('unblock', 'b.example')],
    [juliet, 'receives', `<iq type='result' id='c' to='${juliet.jid}'/>`],
    [romeo, 'receives nothing'],
    [juliet, 'sends', change('unblock', 'romeo@b.example')],
    [romeo, 'receives', `<presence from='${juliet.jid}' to='romeo@b.example'/>`],
    [romeo, 'sends', `<message to='${juliet.jid}' type='chat'><body>!</body></message>`],
    [juliet, 'receives', `<iq type='result' id='c' to='${juliet.jid}'/>`],
    [juliet, 'receives', `<message from='${romeo.jid}' to='${juliet.jid}' type='chat'><body>!</body>${sid}</message>`],
  );
});

test('XEP-0191 §3.3: one without a subscription sees nothing of being blocked and unblocked', async (t) => {
  const { stage, juliet, romeo } = await arrange(t);
  await juliet.send(change('block', romeo.jid.bare.toString()));
  await juliet.send(change('unblock', romeo.jid.bare.toString()));
  await stage.play([romeo, 'receives nothing']);
});

test('XEP-0191 §5: the own resources are never cut off from each other', async (t) => {
  const { stage, juliet } = await arrange(t);
  const chamber = await stage.appear('juliet@a.example/chamber');
  await juliet.send(change('block', 'juliet@a.example', 'a.example', chamber.jid.toString()));
  stage.clear();
  await stage.play(
    [juliet, 'sends', `<message to='${chamber.jid}' type='chat'><body>!</body></message>`],
    [chamber, 'receives', `<message from='${juliet.jid}' to='${chamber.jid}' type='chat'><body>!</body>${sid}</message>`],
    [juliet, 'sends', change('unblock')],
    [juliet, 'receives', `<iq type='result' id='c' to='${juliet.jid}'/>`],
  );
});

test('the list is bounded by entries and by bytes', async (t) => {
  const { juliet } = await arrange(t);
  const many = Array.from({ length: routerLimits.blocklistMax }, (_, index) => `u${index}@b.example`);
  await juliet.send(change('block', ...many));
  assert.match(await juliet.next(), /type='result'/);
  await juliet.send(change('block', 'one-more@b.example'));
  assert.match(await juliet.next(), /<resource-constraint /);
  await juliet.send(change('unblock'));
  assert.match(await juliet.next(), /type='result'/);
  for (let from = 0, isFull = false; !isFull; from += 100) {
    assert.ok(from < 1_000);
    const long = Array.from({ length: 100 }, (_, index) => `u${from + index}@b.example/${'r'.repeat(1_000)}`);
    await juliet.send(change('block', ...long));
    isFull = (await juliet.next()).includes('<resource-constraint ');
  }
  await juliet.send(list);
  assert.match(await juliet.next(), /<blocklist xmlns='urn:xmpp:blocking'\/>/); // all items or none
});

test('occupants of one room, which the room keeps, too, are bounded by number and by length; other addresses are not', async (t) => {
  const { juliet } = await arrange(t);
  const room = 'hall@conference.b.example';
  const nicks = (count: number, length = 1) =>
    Array.from({ length: count }, (_, index) => `${room}/${`${index}`.padStart(length, 'n')}`);
  for (const [jids, isTaken] of [
    [nicks(routerLimits.blockedPlacesMax + 1), false],
    [nicks(routerLimits.blockedPlacesMax, 1_000), false],
    [nicks(routerLimits.blockedPlacesMax), true],
    [[`${room}/one-more`], false],
    [['garden@conference.b.example/one-more', room, 'romeo@b.example/orchard'], true],
  ] as const) {
    await juliet.send(change('block', ...jids));
    assert.match(await juliet.next(), isTaken ? /type='result'/ : /<resource-constraint /, jids[0]);
  }
});

for (const [what, blocked, request, answer] of [
  [
    'disco',
    'a.example',
    `<iq type='get' to='a.example' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    'result',
  ],
  ['a ping', 'a.example', `<iq type='get' to='a.example' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`, 'result'],
  ['the time', 'a.example', `<iq type='get' to='a.example' id='1'><time xmlns='urn:xmpp:time'/></iq>`, 'result'],
  ['what it does not know', 'a.example', `<iq type='get' to='a.example' id='1'><x xmlns='urn:x'/></iq>`, 'service-unavailable'],
  ['its roster', 'a.example', `<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>`, 'result'],
  [
    'a slot for a file',
    'a.example',
    `<iq type='get' to='upload.a.example' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
    'result',
  ],
  [
    'a person there',
    'a.example',
    `<iq type='get' to='nurse@a.example' id='1'><vCard xmlns='vcard-temp'/></iq>`,
    'not-acceptable',
  ],
  [
    'another server that is blocked',
    'b.example',
    `<iq type='get' to='b.example' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
    'not-acceptable',
  ],
] as const) {
  test(`XEP-0191 §5: one who blocks ${blocked} and asks it for ${what} gets: ${answer}`, async (t) => {
    const { juliet } = await arrange(t);
    await juliet.send(change('block', blocked));
    juliet.inbox.length = 0;
    await juliet.send(request);
    assert.match(await juliet.next(), new RegExp(answer === 'result' ? `type='result'` : `type='error'.*<${answer} `));
  });
}

for (const [what, xml, isTaken] of [
  ['a message of the server itself', `<message from='a.example' to='juliet@a.example'><body>!</body></message>`, true],
  ['an answer of the server', `<iq type='result' from='a.example' to='juliet@a.example/balcony' id='1'/>`, true],
  ['a message of a person there', `<message from='nurse@a.example/x' to='juliet@a.example'><body>!</body></message>`, false],
] as const) {
  test(`XEP-0191 §5: a block on the own server's domain ${isTaken ? 'lets through' : 'keeps away'} ${what}`, async (t) => {
    const { stage, juliet } = await arrange(t);
    await juliet.send(change('block', 'a.example'));
    stage.clear();
    await stage.arrive('a.example', xml);
    assert.equal(juliet.inbox.length, isTaken ? 1 : 0);
  });
}
