/** XEP-0357: who is woken, and by what. Two tenants: the app server is an account of the other one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Item, Rows } from '../../lib/runtime/rows.ts';
import { Account } from '../../services/router/core/account.ts';
import { accounts } from '../../services/router/core/accounts.ts';
import { Turn } from '../../services/router/core/turn.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { forgetRung, sendOverdue } from '../../services/router/push/publish.ts';
import { listRegistrations, type Registration, registrations } from '../../services/router/push/registrations.ts';
import { body, NS, notification, optionsForm, PushGround, server } from './push-ground.ts';

let ground: PushGround;
beforeEach(async () => {
  ground = await PushGround.open();
});
afterEach(() => ground.stage.close());

describe('§5, §6 registrations', () => {
  test('§4 the account says that it can push', async () => {
    assert.match(
      await ground.phone.ask('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, 'juliet@a.example'),
      /var='urn:xmpp:push:0'/,
    );
  });

  test('a client that is gone is woken, with the options of its app server as they were', async () => {
    assert.match(await ground.enable(ground.phone, { inside: optionsForm }), /type='result'/);
    await ground.say(body);
    ground.app.receives();
    await ground.phone.end();
    await ground.say(body);
    ground.app.receives(notification(1, { options: `<publish-options>${optionsForm}</publish-options>` }));
  });

  test('an app server has several nodes; the last options count, and a node ends by itself or with all', async () => {
    for (const node of ['n1', 'n2', 'n3']) await ground.enable(ground.phone, { node, inside: optionsForm });
    await ground.enable(ground.phone, { node: 'n1' });
    await ground.disable(ground.phone, `jid='${server}' node='n2'`);
    await ground.phone.end();
    await ground.say(body);
    const got = ground.app.take();
    assert.deepEqual(got.map((xml) => `${/<publish node='([^']*)'/.exec(xml)![1]} ${xml.includes('secret')}`).sort(), [
      'n1 false',
      'n3 true',
    ]);
    const again = await ground.stage.appear('juliet@a.example/phone');
    await ground.disable(again, `jid='${server}'`);
    await again.end();
    await ground.pause();
    await ground.say(body);
    ground.app.receives();
  });

  test('an account without registrations is not looked at again', async () => {
    const row = async () => (await Rows.ofAccount(ground.stage.store, 'a.example', 'juliet').get(accounts))!.value;
    await ground.enable(ground.phone);
    assert.equal((await row()).pushes, 1);
    await ground.disable(ground.phone, `jid='${server}'`);
    await ground.say(body);
    assert.equal((await row()).pushes, undefined);
    await ground.enable(ground.phone);
    await ground.phone.end();
    await ground.say(body);
    assert.deepEqual(ground.pushed(), ['n1']);
  });

  for (const [what, child, condition] of [
    ['no jid', `<enable xmlns='${NS}' node='n'/>`, 'bad-request'],
    ['no address', `<enable xmlns='${NS}' jid='@@' node='n'/>`, 'jid-malformed'],
    ['the account itself', `<enable xmlns='${NS}' jid='juliet@a.example' node='n'/>`, 'not-acceptable'],
    [
      'a node that is too long',
      `<enable xmlns='${NS}' jid='${server}' node='${'n'.repeat(routerLimits.pushNodeBytesMax + 1)}'/>`,
      'not-acceptable',
    ],
    [
      'options that are too long',
      `<enable xmlns='${NS}' jid='${server}'><x xmlns='jabber:x:data' type='submit'><field var='a'><value>${'x'.repeat(routerLimits.pushOptionsBytesMax)}</value></field></x></enable>`,
      'not-acceptable',
    ],
    [
      'another form',
      `<enable xmlns='${NS}' jid='${server}'>${optionsForm.replace('publish-options', 'node_config')}</enable>`,
      'bad-request',
    ],
    ['two forms', `<enable xmlns='${NS}' jid='${server}'>${optionsForm}${optionsForm}</enable>`, 'bad-request'],
    ['something else', `<enable xmlns='${NS}' jid='${server}'><iq xmlns='jabber:client'/></enable>`, 'bad-request'],
    ['no jid to disable', `<disable xmlns='${NS}' node='n'/>`, 'bad-request'],
  ] as const) {
    test(`${what} is refused with ${condition}`, async () => {
      assert.match(await ground.phone.ask('set', child, 'juliet@a.example'), new RegExp(`type='error'.*<${condition} `));
    });
  }

  test('1,000 registrations are too many, and those that are there stay', async () => {
    for (let n = 0; n < routerLimits.pushRegistrationsMax; n++)
      assert.match(await ground.enable(ground.phone, { node: `n${n}` }), /type='result'/);
    for (let n = routerLimits.pushRegistrationsMax; n < 1_000; n++) {
      const refused = await ground.enable(ground.phone, { node: `n${n}` });
      assert.match(refused, /<resource-constraint /);
      if (n > routerLimits.pushRegistrationsMax + 3) break; // all others are as these
    }
    assert.match(await ground.enable(ground.phone, { node: 'n0' }), /type='result'/);
    await ground.phone.end();
    await ground.say(body);
    assert.equal(ground.pushed().length, routerLimits.pushRegistrationsMax);
  });

  test('nobody registers for another', async () => {
    assert.match(
      await ground.romeo.ask('set', `<enable xmlns='${NS}' jid='${server}' node='n'/>`, 'juliet@a.example'),
      /<service-unavailable /,
    );
  });
});

describe('§7 what rings', () => {
  const omemo = (payload: string): string => `<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'/>${payload}</encrypted>`;
  for (const [what, xml, isRinging, type] of [
    ['a body', body, true],
    ['a body of a message of type normal', body, true, 'normal'],
    ['an encrypted message', omemo('<payload>b2s=</payload>'), true],
    ['an encrypted message with a fallback', `${omemo('<payload>b2s=</payload>')}<body>encrypted</body>`, true],
    ['an older encrypted message', `<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>b2s=</payload></encrypted>`, true],
    ['a signed and encrypted message', `<openpgp xmlns='urn:xmpp:openpgp:0'>b2s=</openpgp>`, true],
    ['a call', `<propose xmlns='urn:xmpp:jingle-message:0' id='c'/>`, true],
    ['a call of several', `<invite xmlns='urn:xmpp:call-invites:0'/>`, true],
    ['an exchange of keys', omemo(''), false],
    ['an empty body', '<body/>', false],
    ['a chat state', `<composing xmlns='http://jabber.org/protocol/chatstates'/>`, false],
    ['a marker', `<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/>`, false],
    ['a receipt', `<received xmlns='urn:xmpp:receipts' id='x'/>`, false],
    ['a reaction with a fallback', `<reactions xmlns='urn:xmpp:reactions:0' id='x'/><body>+1</body>`, false],
    ['a retraction with a fallback', `<retract xmlns='urn:xmpp:message-retract:1' id='x'/><body>gone</body>`, false],
    ['the end of a call', `<finish xmlns='urn:xmpp:jingle-message:0' id='c'/>`, false],
    ['a headline', body, false, 'headline'],
    ['an error', `${body}<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`, false, 'error'],
  ] as const) {
    test(`${what} ${isRinging ? 'rings' : 'does not ring'}`, async () => {
      await ground.enable(ground.phone);
      await ground.phone.end();
      await ground.say(xml, 'juliet@a.example', type);
      assert.deepEqual(ground.pushed(), isRinging ? ['n1'] : []);
    });
  }

  test('what is sent by the account itself, and what it has blocked, does not ring', async () => {
    const tower = await ground.stage.appear('juliet@a.example/tower');
    for (const one of [ground.phone, tower]) {
      await one.send(`<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>`);
    }
    await ground.enable(ground.phone);
    await ground.phone.end();
    await tower.send(`<message to='romeo@b.example' type='chat' id='m'>${body}</message>`);
    await tower.send(`<message to='juliet@a.example' type='chat' id='m'>${body}</message>`);
    await tower.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='romeo@b.example'/></block></iq>`);
    await ground.say(body);
    assert.deepEqual(ground.pushed(), []);
  });

  test('a message to another client of the account rings too, because it is for the same person', async () => {
    await ground.stage.appear('juliet@a.example/tower');
    await ground.enable(ground.phone);
    await ground.phone.end();
    await ground.say(body, 'juliet@a.example/tower');
    assert.deepEqual(ground.pushed(), ['n1']);
  });
});

describe('§7 who is woken', () => {
  test('a session that its node does not hold any more', async () => {
    await ground.enable(ground.phone);
    ground.stage.node.missing.add(ground.phone.sid);
    await ground.say(body);
    assert.deepEqual(ground.pushed(), ['n1']);
  });

  test('a session whose node says that its client is away, although it took the message', async () => {
    await ground.enable(ground.phone);
    ground.stage.node.away.add(ground.phone.sid);
    await ground.say(body);
    assert.deepEqual(ground.pushed(), ['n1']);
    assert.match(ground.phone.take().join(), /Art thou/);
  });

  test('nobody who is there, whatever other clients do', async () => {
    const tower = await ground.stage.appear('juliet@a.example/tower');
    await ground.enable(ground.phone);
    await ground.enable(tower, { node: 't1' });
    await tower.end();
    await ground.say(body);
    assert.deepEqual(ground.pushed(), ['t1']);
  });

  test('a client that has not heard what it was sent, as its node says later', async () => {
    await ground.enable(ground.phone);
    await ground.say(body);
    ground.app.receives();
    const [message] = ground.phone.take();
    await ground.phone.step([{ kind: 'unheard', body: true }], [message!]);
    ground.app.receives(notification(1));
    await ground.phone.step(
      [{ kind: 'unheard', body: true }],
      [`<message from='romeo@b.example'><active xmlns='http://jabber.org/protocol/chatstates'/></message>`],
    );
    ground.app.receives();
  });

  test('its node learns with the bind that it can be woken, where it was registered', async () => {
    await ground.enable(ground.phone);
    const pushOf = async (resource: string) => {
      const said: (boolean | undefined)[] = [];
      const { ask } = ground.stage;
      ground.stage.ask = async <Header>(request: object, bodies: readonly string[]) => {
        const answer = await ask.call(ground.stage, request, bodies);
        said.push((answer.header as { push?: boolean }).push);
        return answer as { header: Header; bodies: readonly Buffer[] };
      };
      await ground.stage.join(`juliet@a.example/${resource}`);
      ground.stage.ask = ask;
      return said;
    };
    assert.deepEqual([await pushOf('phone'), await pushOf('tower')], [[true], [undefined]]);
  });

  test('its node learns that it can be woken, and when that ends', async () => {
    const ask = (xml: string) => ground.phone.send(`<iq type='set' id='p'>${xml}</iq>`);
    assert.equal((await ask(`<enable xmlns='${NS}' jid='${server}' node='n1'/>`)).push, true);
    assert.equal((await ask(`<enable xmlns='${NS}' jid='${server}' node='n2'/>`)).push, true);
    assert.equal((await ask(`<disable xmlns='${NS}' jid='${server}' node='n1'/>`)).push, undefined);
    assert.equal((await ask(`<disable xmlns='${NS}' jid='${server}'/>`)).push, false);
  });
});

describe('one push a second', () => {
  test('what rings before is counted, and the last one goes when it may', async () => {
    await ground.enable(ground.phone);
    await ground.phone.end();
    await ground.say(body);
    ground.app.receives(notification(1));
    await ground.clock.advance(200);
    await ground.say(body);
    await ground.say(body);
    ground.app.receives();
    await ground.clock.advance(routerLimits.pushPauseMs - 201);
    await ground.stage.settle();
    ground.app.receives();
    await ground.clock.advance(1);
    await ground.stage.settle();
    ground.app.receives(notification(3));
    await ground.clock.advance(10);
    await ground.say(body);
    ground.app.receives();
    await ground.pause();
    await ground.stage.settle();
    ground.app.receives(notification(4));
  });

  test('another router sends what one that has died was to send', async () => {
    await ground.enable(ground.phone);
    await ground.phone.end();
    await ground.say(body);
    await ground.say(body);
    ground.app.receives(notification(1));
    ground.clock.forget();
    await ground.clock.advance(routerLimits.pushPauseMs + routerLimits.pushOverdueMs + 1);
    await sendOverdue(ground.stage.dependencies, (lists) => lists);
    await ground.stage.settle();
    ground.app.receives(notification(2));
    await sendOverdue(ground.stage.dependencies, (lists) => lists);
    ground.app.receives();
  });

  test('what has rung since something was on its way to a client is not taken for heard', async () => {
    const { dependencies } = ground.stage;
    await ground.enable(ground.phone);
    ground.stage.node.away.add(ground.phone.sid);
    await ground.say(body);
    await ground.say(body);
    const tenant = (await dependencies.tenants.find('a.example'))!;
    const account = new Account(new Turn(dependencies), tenant, 'juliet');
    const [{ key, value }] = (await listRegistrations(account)) as [Item<Registration>];
    await forgetRung(account, key, value, value.rungMs! - 1);
    await ground.pause();
    ground.app.receives(notification(1), notification(2));
    await ground.say(body);
    const [{ value: later }] = (await listRegistrations(account)) as [Item<Registration>];
    await forgetRung(account, key, later, later.rungMs! + 1);
    await ground.pause();
    ground.app.receives();
  });

  test('a client that was there has heard what rang before', async () => {
    await ground.enable(ground.phone);
    ground.stage.node.away.add(ground.phone.sid);
    await ground.say(body);
    await ground.pause();
    await ground.say(body);
    ground.app.receives(notification(1), notification(2));
    ground.stage.node.away.delete(ground.phone.sid);
    await ground.say(body);
    ground.stage.node.away.add(ground.phone.sid);
    await ground.pause();
    await ground.say(body);
    ground.app.receives(notification(1));
  });
});

test('a client that has signed in anew under its resource is woken as before, and not while it hears', async () => {
  await ground.enable(ground.phone);
  const again = await ground.stage.join('juliet@a.example/phone');
  await again.send('<presence/>');
  await ground.say(body);
  assert.deepEqual(ground.pushed(), []);
  ground.stage.node.away.add(again.sid);
  await ground.say(body);
  assert.deepEqual(ground.pushed(), ['n1']);
  await again.end();
  await ground.pause();
  await ground.say(body);
  assert.deepEqual(ground.pushed(), ['n1']);
});

test('what waits for a client rings when its node has died, or has not given it all', async () => {
  await ground.enable(ground.phone);
  await ground.phone.step([{ kind: 'unread' }], []);
  assert.deepEqual(ground.pushed(), []);
  await ground.say(body);
  assert.deepEqual(ground.pushed(), []);
  await ground.phone.step([{ kind: 'unread' }], []);
  assert.deepEqual(ground.pushed(), ['n1']);
});

test('what another client has acknowledged rings when the node of this one has died, because nobody knows what it has heard', async () => {
  await ground.enable(ground.phone);
  const tower = await ground.stage.appear('juliet@a.example/tower');
  await ground.say(body);
  const id = /<stanza-id [^>]*id='([^']*)'/.exec(tower.take().join())![1]!;
  await tower.step([{ kind: 'delivered', ids: [id] }], []);
  assert.deepEqual(ground.pushed(), []);
  await ground.nodeDies();
  ground.app.receives(notification(1));
});

test('a router that comes late with an earlier session of the client takes back nothing that has rung since', async () => {
  await ground.enable(ground.phone);
  await ground.phone.end();
  const account = new Account(new Turn(ground.stage.dependencies), (await ground.stage.tenants.find('a.example'))!, 'juliet');
  const [registration] = await listRegistrations(account);
  await account.rows.put(registrations, registration!.key, { ...registration!.value, sid: 'z', messages: 3 });
  await ground.stage.join('juliet@a.example/phone');
  const [after] = await listRegistrations(account);
  assert.deepEqual([after!.value.sid, after!.value.messages], ['z', 3]);
});
