import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { readSessions } from '../../lib/runtime/sessions.ts';
import { routerLimits } from '../../services/router/limits.ts';
import type { RosterItem } from '../../services/router/roster/roster.ts';
import { openRouter, type RouterStage } from '../support/stage/router-stage.ts';
import { isSameXml } from '../support/stage/xml-equality.ts';

const rosterRows = collection<RosterItem>('roster', 'account');
const balcony = 'juliet@a.example/balcony';
const block = (jid: string) => `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${jid}'/></block></iq>`;

async function stageWith(t: { after(run: () => Promise<void>): void }): Promise<RouterStage> {
  const stage = await openRouter();
  t.after(() => stage.close());
  return stage;
}

for (const domain of ['a.example', 'b.example']) {
  const where = domain === 'a.example' ? 'of the same tenant' : 'of another tenant';

  test(`RFC 6121 §4: presence comes, changes and goes, for a contact ${where}`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.appear(balcony);
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    await stage.play(
      // §4.5
      [romeo, 'sends', `<presence type='unavailable'><status>gone</status></presence>`],
      [
        juliet,
        'receives',
        `<presence type='unavailable' from='romeo@${domain}/orchard' to='juliet@a.example'><status>gone</status></presence>`,
      ],
      // §4.5.2: so does the resource itself
      [
        romeo,
        'receives',
        `<presence type='unavailable' from='romeo@${domain}/orchard' to='romeo@${domain}'><status>gone</status></presence>`,
      ],
      [romeo, 'receives nothing'],
      // §4.4
      [juliet, 'sends', `<presence id='p1' xml:lang='en'><show>away</show></presence>`],
      [
        juliet,
        'receives',
        `<presence id='p1' xml:lang='en' from='${balcony}' to='juliet@a.example'><show>away</show></presence>`,
      ],
      [romeo, 'receives nothing'],
      // §4.2, §4.3
      [romeo, 'sends', `<presence/>`],
      [
        romeo,
        'receives in any order',
        `<presence from='romeo@${domain}/orchard' to='romeo@${domain}'/>`,
        `<presence id='p1' xml:lang='en' from='${balcony}' to='romeo@${domain}/orchard'><show>away</show></presence>`,
      ],
      [romeo, 'receives nothing'],
      [juliet, 'receives', `<presence from='romeo@${domain}/orchard' to='juliet@a.example'/>`],
      [juliet, 'sends', `<presence><show>dnd</show></presence>`],
      [juliet, 'receives', `<presence from='${balcony}' to='juliet@a.example'><show>dnd</show></presence>`],
      [romeo, 'receives', `<presence from='${balcony}' to='romeo@${domain}'><show>dnd</show></presence>`],
      // §4.5.3: a stream that breaks
      [romeo, 'leaves'],
      [juliet, 'receives', `<presence type='unavailable' from='romeo@${domain}/orchard' to='juliet@a.example'/>`],
      [juliet, 'receives nothing'],
    );
  });

  test(`RFC 6121 §4.3: one who comes hears of every resource of a contact ${where}, or that there is none`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.appear(balcony);
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    const street = await stage.appear(`romeo@${domain}/street`);
    await stage.play([juliet, 'sends', `<presence type='unavailable'/>`]);
    stage.clear();
    await stage.play(
      [juliet, 'sends', `<presence/>`],
      [
        juliet,
        'receives in any order',
        `<presence from='${balcony}' to='juliet@a.example'/>`,
        `<presence from='romeo@${domain}/orchard' to='${balcony}'/>`,
        `<presence from='romeo@${domain}/street' to='${balcony}'/>`,
      ],
      [juliet, 'receives nothing'],
      [romeo, 'leaves'],
      [street, 'leaves'],
      [juliet, 'sends', `<presence type='unavailable'/>`],
    );
    stage.clear();
    await stage.play(
      [juliet, 'sends', `<presence/>`],
      [
        juliet,
        'receives in any order',
        `<presence from='${balcony}' to='juliet@a.example'/>`,
        `<presence type='unavailable' from='romeo@${domain}' to='${balcony}'/>`,
      ],
      [juliet, 'receives nothing'],
    );
  });

  test(`RFC 6121 §4.3.2: a contact ${where} who does not share its presence says so, and the rosters agree again`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.appear(balcony);
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await stage.befriend(juliet, romeo);
    await Rows.ofAccount(stage.dependencies.store, domain, 'romeo').delete(rosterRows, 'juliet@a.example');
    await juliet.send(`<presence type='unavailable'/>`);
    stage.clear();
    await stage.play(
      [juliet, 'sends', '<presence/>'],
      [juliet, 'receives', `<presence from='${balcony}' to='juliet@a.example'/>`],
      [juliet, 'receives', `<presence type='unsubscribed' from='romeo@${domain}' to='juliet@a.example'/>`],
      [
        juliet,
        'receives',
        `<iq type='set' id='{any}' from='juliet@a.example' to='${balcony}'><query xmlns='jabber:iq:roster' ver='{any}'>
          <item jid='romeo@${domain}' subscription='from'/></query></iq>`,
      ],
      [juliet, 'receives nothing'],
    );
  });

  test(`presence is not shown to a contact ${where} whose presence one sees, unless that one may see it too`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.appear(balcony);
    const romeo = await stage.appear(`romeo@${domain}/orchard`);
    await juliet.send(`<presence type='subscribe' to='romeo@${domain}'/>`);
    await romeo.send(`<presence type='subscribed' to='juliet@a.example'/>`);
    await juliet.send(`<presence type='unavailable'/>`);
    stage.clear();
    await juliet.send('<presence/>');
    assert.ok(juliet.inbox.some((xml) => xml.includes(`from='romeo@${domain}/orchard'`)));
    await juliet.send('<presence><show>away</show></presence>');
    await stage.play([juliet, 'leaves'], [romeo, 'receives nothing']);
  });
}

test('RFC 6121 §4.2.2: the account’s resources see each other', async (t) => {
  const stage = await stageWith(t);
  const first = await stage.join(balcony);
  const second = await stage.join('juliet@a.example/chamber');
  const silent = await stage.join('juliet@a.example/garden');
  await stage.play(
    [first, 'sends', `<presence><priority>5</priority></presence>`],
    [first, 'receives', `<presence from='${balcony}' to='juliet@a.example'><priority>5</priority></presence>`],
    [second, 'receives nothing'],
    [second, 'sends', `<presence><priority>-1</priority></presence>`],
    [
      second,
      'receives in any order',
      `<presence from='juliet@a.example/chamber' to='juliet@a.example'><priority>-1</priority></presence>`,
      `<presence from='${balcony}' to='juliet@a.example/chamber'><priority>5</priority></presence>`,
    ],
    [first, 'receives', `<presence from='juliet@a.example/chamber' to='juliet@a.example'><priority>-1</priority></presence>`],
    [first, 'sends', `<presence type='unavailable'/>`],
    [second, 'receives', `<presence type='unavailable' from='${balcony}' to='juliet@a.example'/>`],
    [first, 'receives', `<presence type='unavailable' from='${balcony}' to='juliet@a.example'/>`],
    [first, 'receives nothing'],
    [silent, 'receives nothing'],
  );
});

for (const [text, priority] of [
  ['-128', -128],
  ['127', 127],
  [' 1 ', 1],
  ['+7', 7],
  ['0', 0],
] as const) {
  test(`RFC 6121 §4.7.2.3: the priority '${text}' is taken`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.join(balcony);
    await juliet.send(`<presence><priority>${text}</priority></presence>`);
    const [sessions] = await readSessions(stage.dependencies.store, [{ domain: 'a.example', local: 'juliet' }]);
    assert.deepEqual(
      sessions?.map((entry) => entry.priority),
      [priority],
    );
  });
}

for (const [what, presence, condition] of [
  ['a priority that is too high', '<presence><priority>128</priority></presence>', 'bad-request'],
  ['a priority that is too low', '<presence><priority>-129</priority></presence>', 'bad-request'],
  ['a priority that is not a number', '<presence><priority>high</priority></presence>', 'bad-request'],
  ['an empty priority', '<presence><priority/></presence>', 'bad-request'],
  ['two priorities', '<presence><priority>1</priority><priority>1</priority></presence>', 'bad-request'],
  ['an unknown type', `<presence type='here'/>`, 'bad-request'],
  ['an unknown type and an address', `<presence type='here' to='romeo@a.example'/>`, 'bad-request'],
  ['a subscription to nobody', `<presence type='subscribe'/>`, 'bad-request'],
  ['a probe of nobody', `<presence type='probe'/>`, 'bad-request'],
  ['too much in it', `<presence><status>${'x'.repeat(routerLimits.presenceBytesMax)}</status></presence>`, 'policy-violation'],
] as const) {
  test(`presence with ${what} is refused with ${condition}`, async (t) => {
    const stage = await stageWith(t);
    const juliet = await stage.join(balcony);
    const { queue } = await juliet.send(presence);
    assert.equal(juliet.inbox.length, 1);
    assert.match(juliet.inbox[0]!, new RegExp(`^<presence [^>]*type='error'.*<${condition} `));
    assert.equal(queue, undefined);
    const [sessions] = await readSessions(stage.dependencies.store, [{ domain: 'a.example', local: 'juliet' }]);
    assert.deepEqual(
      sessions?.map((entry) => entry.available),
      [false],
    );
  });
}

test('XEP-0160 §2: the queue is open for a session that is available with a priority that is not negative', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.join(balcony);
  const prioritised = (priority: number) => `<presence><priority>${priority}</priority></presence>`;
  const answers: unknown[] = [];
  for (const xml of [
    prioritised(-1),
    prioritised(-2),
    prioritised(0),
    prioritised(5),
    `<presence type='unavailable'/>`,
    '<presence/>',
  ]) {
    answers.push((await juliet.send(xml)).queue);
  }
  assert.deepEqual(answers, ['closed', 'closed', 'opened', 'open', 'closed', 'opened']);
});

test('a message that waited is delivered after initial presence', async (t) => {
  const stage = await stageWith(t);
  await stage.register('juliet@a.example');
  const romeo = await stage.appear('romeo@b.example/orchard');
  await romeo.send(`<message to='juliet@a.example' type='chat' id='m1'><body>Ay me!</body></message>`);
  const juliet = await stage.join(balcony);
  await stage.play([juliet, 'sends', '<presence/>'], [juliet, 'receives', `<presence from='${balcony}' to='juliet@a.example'/>`]);
  assert.match(await juliet.next(), /<body>Ay me!<\/body>.*<delay /);
  await stage.play([juliet, 'receives nothing']);
});

test('RFC 6121 §4.3.2: strangers who probe learn nothing', async (t) => {
  const stage = await stageWith(t);
  await stage.appear(balcony);
  for (const address of ['paris@a.example/street', 'paris@b.example/street']) {
    const paris = await stage.appear(address);
    for (const local of ['juliet', 'nobody']) {
      await stage.play([paris, 'sends', `<presence type='probe' to='${local}@a.example'/>`], [paris, 'receives nothing']);
    }
  }
  await stage.arrive('a.example', `<presence type='probe' from='x@conference.a.example' to='juliet@a.example'/>`);
  assert.deepEqual(
    stage.rooms.map(({ xml }) =>
      isSameXml(xml, `<presence type='unsubscribed' from='juliet@a.example' to='x@conference.a.example'/>`),
    ),
    [true],
  );
});

test('RFC 6121 §8.5: presence reaches all available resources or the one that is named', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const chamber = await stage.appear('juliet@a.example/chamber');
  const connected = await stage.join('juliet@a.example/garden');
  stage.clear();
  const from = `from='garden@conference.b.example/romeo'`;
  await stage.arrive('a.example', `<presence ${from} to='juliet@a.example'/>`);
  await stage.play(
    [juliet, 'receives', `<presence ${from} to='juliet@a.example'/>`],
    [chamber, 'receives', `<presence ${from} to='juliet@a.example'/>`],
    [connected, 'receives nothing'],
  );
  await stage.arrive('a.example', `<presence ${from} to='juliet@a.example/garden'/>`);
  await stage.arrive('a.example', `<presence ${from} to='juliet@a.example/nowhere'/>`);
  await stage.arrive('a.example', `<presence ${from} to='nobody@a.example'/>`);
  await stage.play(
    [connected, 'receives', `<presence ${from} to='juliet@a.example/garden'/>`],
    [juliet, 'receives nothing'],
    [chamber, 'receives nothing'],
  );
});

test('XEP-0191: presence neither reaches one who blocks nor comes from one who is blocked', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  await juliet.send(block('romeo@a.example'));
  await stage.play(
    [romeo, 'receives', `<presence type='unavailable' from='${balcony}' to='romeo@a.example'/>`],
    [juliet, 'sends', `<presence><show>away</show></presence>`],
    [romeo, 'receives nothing'],
  );
  stage.clear();
  await stage.play(
    [romeo, 'sends', `<presence type='unavailable'/>`],
    [romeo, 'receives', `<presence type='unavailable' from='romeo@a.example/orchard' to='romeo@a.example'/>`],
    [romeo, 'sends', `<presence/>`],
    [romeo, 'receives', `<presence from='romeo@a.example/orchard' to='romeo@a.example'/>`],
    [romeo, 'receives nothing'],
    [juliet, 'receives nothing'],
    [juliet, 'sends', `<presence type='unavailable'/>`],
    [juliet, 'receives', `<presence type='unavailable' from='${balcony}' to='juliet@a.example'/>`],
    [juliet, 'sends', `<presence/>`],
    [juliet, 'receives', `<presence from='${balcony}' to='juliet@a.example'/>`],
    [juliet, 'receives nothing'],
    [romeo, 'receives nothing'],
    [juliet, 'sends', `<iq type='set' id='u'><unblock xmlns='urn:xmpp:blocking'/></iq>`],
    [romeo, 'receives', `<presence from='${balcony}' to='romeo@a.example'/>`],
  );
});

test('a retry of initial presence has the same effects, and so has one of unavailable presence', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  const paris = await stage.appear('paris@a.example/street');
  await stage.befriend(juliet, romeo);
  await juliet.send(`<presence to='paris@a.example'/>`);
  for (const xml of [`<presence type='unavailable'/>`, '<presence/>']) {
    stage.clear();
    const id = stage.mint();
    const first = await juliet.send(xml, id);
    const seen = [juliet, romeo, paris].map(({ inbox }) => [...inbox]);
    stage.clear();
    const second = await juliet.send(xml, id);
    assert.deepEqual(
      [juliet, romeo, paris].map(({ inbox }) => [...inbox]),
      seen,
    );
    assert.equal(second.queue, first.queue);
    assert.ok(seen[1]!.length > 0);
  }
});

test('presence that a router still had, which stood still while another one took it, does not undo what came later', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  const [early, late] = [stage.mint(), stage.mint()];
  await juliet.send('<presence><status>late</status></presence>', late);
  stage.clear();
  for (const xml of ['<presence><status>early</status></presence>', `<presence type='unavailable'/>`]) {
    const reply = await juliet.send(xml, early);
    assert.equal(reply.close, undefined);
    assert.deepEqual([...juliet.inbox, ...romeo.inbox], []);
  }
  await romeo.send(`<presence type='unavailable'/>`);
  stage.clear();
  await romeo.send('<presence/>');
  assert.ok(romeo.inbox.some((xml) => xml.includes('<status>late</status>')));
});

test('two who come at the same time see each other', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.appear(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  for (let round = 0; round < 20; round++) {
    for (const actor of [juliet, romeo]) await actor.send(`<presence type='unavailable'/>`);
    stage.clear();
    await Promise.all([juliet.send('<presence/>'), romeo.send('<presence/>')]);
    assert.ok(juliet.inbox.some((xml) => xml.includes("from='romeo@a.example/orchard'")));
    assert.ok(romeo.inbox.some((xml) => xml.includes(`from='${balcony}'`)));
  }
});

test('the presence of hundreds of contacts costs a handful of calls of the store', async (t) => {
  const stage = await stageWith(t);
  const juliet = await stage.join(balcony);
  const romeo = await stage.appear('romeo@a.example/orchard');
  const contacts = ['romeo', ...Array.from({ length: 299 }, (_, index) => `c${index}`)];
  const item: RosterItem = { subscription: 'both', isListed: true, version: 1 };
  const { store } = stage.dependencies;
  await store.batchPut(
    contacts.flatMap((local) => [
      Rows.ofAccount(store, 'a.example', 'juliet').row(rosterRows, `${local}@a.example`, item),
      Rows.ofAccount(store, 'a.example', local).row(rosterRows, 'juliet@a.example', item),
    ]),
  );
  for (const [xml, callsMax] of [
    ['<presence/>', 9],
    ['<presence><show>away</show></presence>', 8],
    [`<presence type='unavailable'/>`, 8],
  ] as const) {
    stage.clear();
    const before = stage.storeCalls;
    await juliet.send(xml);
    const calls = stage.storeCalls - before - (xml === '<presence/>' ? catchUpCalls : 0);
    assert.ok(calls > 0 && calls <= callsMax, `${xml} took ${calls} calls`);
    assert.equal(romeo.inbox.length, 1);
    if (xml === '<presence/>') assert.equal(juliet.inbox.filter((each) => each.includes("type='unavailable'")).length, 299);
  }
});

/** The first page: the cursor, the sessions, the blocklist, the archive and what waits although it is not archived. */
const catchUpCalls = 5;
