/** XEP-0492 and XEP-0357: requests, rooms, and what the owner of an account wants to be told of. Two tenants; the room is the other one's. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { body, notification, PushGround } from './push-ground.ts';

const NS = 'urn:xmpp:notification-settings:1';
const NS_BEFORE = 'urn:xmpp:notification-settings:0';
const room = 'hall@conference.b.example';

let ground: PushGround;
beforeEach(async () => {
  ground = await PushGround.open();
  await ground.phone.send(`<presence to='${room}/Jule'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await ground.enable(ground.phone);
});
afterEach(() => ground.stage.close());

function away(): void {
  ground.stage.node.away.add(ground.phone.sid);
}

/** Says in a bookmark what is wanted of a chat. */
async function bookmark(chat: string, notify: string, before = ''): Promise<void> {
  const both = `<notify xmlns='${NS}'>${notify}</notify>${before && `<notify xmlns='${NS_BEFORE}'>${before}</notify>`}`;
  const conference = `<conference xmlns='urn:xmpp:bookmarks:1'><extensions>${both}</extensions></conference>`;
  const publish = `<publish node='urn:xmpp:bookmarks:1'><item id='${chat}'>${conference}</item></publish>`;
  const answer = await ground.phone.ask(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'>${publish}</pubsub>`,
    'juliet@a.example',
  );
  assert.match(answer, /type='result'/);
}

/** Somebody speaks in the room, which belongs to the other tenant. */
const speak = (text: string, { nick = 'Nurse', more = '', resource = 'phone' } = {}): Promise<unknown> =>
  ground.stage.arrive(
    'a.example',
    `<message type='groupchat' from='${room}/${nick}' to='juliet@a.example/${resource}' id='m'><body>${text}</body>${more}</message>`,
  );

describe('rooms', () => {
  for (const [what, text, options, isRinging] of [
    ['what others say', 'hello', {}, false],
    ['a mention', 'Jule, come', {}, true],
    ['an address', 'ask juliet@a.example', {}, true],
    [
      'an encrypted message',
      'I cannot be read',
      { more: `<encrypted xmlns='urn:xmpp:omemo:2'><payload>b2s=</payload></encrypted>` },
      true,
    ],
    ['what the client says itself', 'I am Jule', { nick: 'Jule' }, false],
  ] as const) {
    test(`${what} ${isRinging ? 'rings' : 'does not ring'}`, async () => {
      away();
      await speak(text, options);
      assert.deepEqual(ground.pushed(), isRinging ? ['n1'] : []);
    });
  }

  test('what is for another client in the room is not for this one', async () => {
    await ground.stage.appear('juliet@a.example/tower');
    away();
    await speak('Jule, come', { resource: 'tower' });
    assert.deepEqual(ground.pushed(), []);
  });

  test('what its node tells later is looked at in the same way', async () => {
    const message = (text: string) =>
      `<message type='groupchat' from='${room}/Nurse' to='juliet@a.example/phone'><body>${text}</body></message>`;
    await ground.phone.step([{ kind: 'unheard', body: true }], [message('hello')]);
    assert.deepEqual(ground.pushed(), []);
    await ground.phone.step([{ kind: 'unheard', body: true }], [message('jule?')]);
    assert.deepEqual(ground.pushed(), ['n1']);
  });
});

describe('§3 settings', () => {
  for (const [notify, room, contact] of [
    ['', false, true],
    ['<never/>', false, false],
    ['<always/>', true, true],
    ['<on-mention/>', false, false],
    [`<never/><always identity-category='client'/>`, true, true],
    [`<always/><never identity-category='client' identity-type='phone'/><always identity-category='client'/>`, false, false],
    [`<never identity-category='client' identity-type='pc'/><always/>`, true, true],
    [`<never identity-category='gateway'/>`, false, true],
    [`<never identity-type='phone'/>`, false, true],
    [`<never xmlns='urn:xmpp:notification-settings:0'/>`, false, true],
    [`<never><advanced><x xmlns='urn:example:x'/></advanced></never>`, false, false],
  ] as const) {
    test(`${notify || 'none'}: a room ${room ? 'rings' : 'does not ring'}, a contact ${contact ? 'rings' : 'does not ring'}`, async () => {
      await bookmark('hall@conference.b.example', notify);
      await bookmark('romeo@b.example', notify);
      away();
      await speak('hello');
      assert.deepEqual(ground.pushed(), room ? ['n1'] : []);
      await ground.pause();
      await ground.stage.settle();
      await ground.say(body);
      assert.deepEqual(ground.pushed(), contact ? ['n1'] : []);
    });
  }
});

describe('settings as version 0.1.0 of XEP-0492 has them', () => {
  for (const [before, notify, contact] of [
    ['<never/>', '', false],
    [`<never client-type='phone'/><always/>`, '', false],
    [`<never client-type='pc'/>`, '', true],
    [`<always client-type='phone'/><never/>`, '', true],
    [`<never xmlns='${NS}'/>`, '', true],
    ['<never/>', '<always/>', true],
    ['<always/>', '<never/>', false],
  ] as const) {
    test(`${before}, and of the later one ${notify || 'none'}: a contact ${contact ? 'rings' : 'does not ring'}`, async () => {
      await bookmark('romeo@b.example', notify, before);
      away();
      await ground.say(body);
      assert.deepEqual(ground.pushed(), contact ? ['n1'] : []);
    });
  }
});

describe('requests of contacts', () => {
  test('ring, and are counted', async () => {
    away();
    await ground.romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
    ground.app.receives(notification(0, { more: `<field var='pending-subscription-count'><value>1</value></field>` }));
  });

  test('do not ring when they are answered by the server', async () => {
    await ground.phone.send(`<presence type='subscribed' to='romeo@b.example'/>`);
    away();
    await ground.romeo.send(`<presence type='subscribe' to='juliet@a.example'/>`);
    await ground.romeo.send(`<presence type='unsubscribe' to='juliet@a.example'/>`);
    assert.deepEqual(ground.pushed(), []);
  });

  test('ring when its node tells them later', async () => {
    await ground.phone.step(
      [{ kind: 'unheard', body: true }],
      [`<presence type='subscribe' from='romeo@b.example' to='juliet@a.example'/>`],
    );
    assert.deepEqual(ground.pushed(), ['n1']);
  });
});
