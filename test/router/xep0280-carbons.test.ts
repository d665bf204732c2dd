import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const NS = 'urn:xmpp:carbons:2';
const muc = 'http://jabber.org/protocol/muc#user';
const sid = (by: string) => `<stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='{any}'/>`;
const enable = `<iq type='set' id='e'><enable xmlns='${NS}'/></iq>`;
const room = 'verona@conference.a.example';

function copyOf(kind: 'sent' | 'received', to: StreamActor, type: string, message: string): string {
  const forwarded = `<forwarded xmlns='urn:xmpp:forward:0'>${message.replace('<message', `<message xmlns='jabber:client'`)}</forwarded>`;
  return `<message from='${to.jid.bare}' to='${to.jid}' type='${type}'><${kind} xmlns='${NS}'>${forwarded}</${kind}></message>`;
}

describe('XEP-0280', () => {
  let stage: WholeStage;
  let romeo: StreamActor;
  /** Addressed; another resource with copies; one without; one with copies that gets nothing addressed to the bare JID. */
  let balcony: StreamActor;
  let chamber: StreamActor;
  let garden: StreamActor;
  let tomb: StreamActor;

  before(async () => {
    stage = await openStage();
    romeo = await stage.appear('romeo@b.example/orchard');
    [balcony, chamber, garden] = [
      await stage.appear('juliet@a.example/balcony'),
      await stage.appear('juliet@a.example/chamber'),
      await stage.appear('juliet@a.example/garden'),
    ];
    tomb = await stage.join('juliet@a.example/tomb');
    await tomb.send('<presence><priority>-1</priority></presence>');
  });
  after(() => stage.close());
  beforeEach(async () => {
    for (const actor of [balcony, chamber, tomb]) await actor.send(enable);
    stage.clear();
  });

  async function nobodyElse(): Promise<void> {
    for (const actor of [romeo, balcony, chamber, garden, tomb]) await stage.play([actor, 'receives nothing']);
  }

  test('§4, §5: a session turns copies on and off, as often as it likes', async () => {
    const answer = (id: string) => `<iq type='result' id='${id}' to='${chamber.jid}'/>`;
    const disable = `<iq type='set' id='d'><disable xmlns='${NS}'/></iq>`;
    await stage.play(
      [chamber, 'sends', enable],
      [chamber, 'receives', answer('e')],
      [chamber, 'sends', disable],
      [chamber, 'receives', answer('d')],
      [chamber, 'sends', disable],
      [chamber, 'receives', answer('d')],
      [tomb, 'sends', disable],
      [tomb, 'receives', `<iq type='result' id='d' to='${tomb.jid}'/>`],
      [romeo, 'sends', `<message to='${balcony.jid}' type='chat'><body>!</body></message>`],
    );
    assert.equal(balcony.inbox.length, 1);
    assert.deepEqual([...chamber.inbox, ...tomb.inbox], []);
  });

  test('§7: what one resource gets is copied to the others that asked, with its archive id', async () => {
    const message = `<message from='${romeo.jid}' to='${balcony.jid}' type='chat' id='1' xml:lang='it'><body>!</body>${sid('juliet@a.example')}</message>`;
    await stage.play(
      [romeo, 'sends', `<message to='${balcony.jid}' type='chat' id='1' xml:lang='it'><body>!</body></message>`],
      [balcony, 'receives', message],
      [chamber, 'receives', copyOf('received', chamber, 'chat', message)],
      [tomb, 'receives', copyOf('received', tomb, 'chat', message)],
    );
    await nobodyElse();
  });

  test('§7: of what goes to the bare JID only those get a copy who did not get it itself', async () => {
    const message = `<message from='${romeo.jid}' to='juliet@a.example' type='chat'><body>!</body>${sid('juliet@a.example')}</message>`;
    await stage.play(
      [romeo, 'sends', `<message to='juliet@a.example' type='chat'><body>!</body></message>`],
      [balcony, 'receives', message],
      [chamber, 'receives', message],
      [garden, 'receives', message],
      [tomb, 'receives', copyOf('received', tomb, 'chat', message)],
    );
    await nobodyElse();
  });

  test('§8: what one resource sends is copied to the others, with the own archive’s id, which the recipient does not see', async () => {
    const message = (content: string) =>
      `<message from='${garden.jid}' to='${romeo.jid}' type='chat'><body>!</body>${content}</message>`;
    await stage.play(
      [garden, 'sends', `<message to='${romeo.jid}' type='chat'><body>!</body></message>`],
      [romeo, 'receives', message(sid('romeo@b.example'))],
      [balcony, 'receives', copyOf('sent', balcony, 'chat', message(sid('juliet@a.example')))],
      [chamber, 'receives', copyOf('sent', chamber, 'chat', message(sid('juliet@a.example')))],
      [tomb, 'receives', copyOf('sent', tomb, 'chat', message(sid('juliet@a.example')))],
    );
    await nobodyElse();
  });

  test('between two resources of one account each of the others gets one copy, and the sender none', async () => {
    const message = `<message from='${balcony.jid}' to='${garden.jid}' type='chat'><body>!</body>${sid('juliet@a.example')}</message>`;
    await stage.play(
      [balcony, 'sends', `<message to='${garden.jid}' type='chat'><body>!</body></message>`],
      [garden, 'receives', message],
      [chamber, 'receives', copyOf('received', chamber, 'chat', message)],
      [tomb, 'receives', copyOf('received', tomb, 'chat', message)],
    );
    await nobodyElse();
  });

  const body = '<body>!</body>';
  for (const [what, type, content, isSent, isReceived] of [
    ['chat', 'chat', '', true, true],
    ['normal with a body', 'normal', body, true, true],
    ['normal without', 'normal', `<x xmlns='urn:x'/>`, false, false],
    ['a receipt', 'normal', `<received xmlns='urn:xmpp:receipts' id='1'/>`, true, true],
    ['a chat state', 'headline', `<active xmlns='http://jabber.org/protocol/chatstates'/>`, true, true],
    ['a marker', 'normal', `<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`, true, true],
    ['a headline', 'headline', body, false, false],
    ['groupchat', 'groupchat', body, false, false],
    ['private', 'chat', `${body}<private xmlns='${NS}'/>`, false, false],
    ['no-copy', 'chat', `${body}<no-copy xmlns='urn:xmpp:hints'/>`, false, false],
    ['a direct invitation', 'normal', `<x xmlns='jabber:x:conference' jid='${room}'/>`, true, true],
    ['a mediated invitation', 'normal', `<x xmlns='${muc}'><invite from='a@b.example'/></x>`, true, true],
    ['a private message of a room', 'chat', `${body}<x xmlns='${muc}'/>`, true, false],
    ['an error', 'error', '', false, true],
    ['an error about a message with no-copy', 'error', `${body}<no-copy xmlns='urn:xmpp:hints'/>`, false, true],
  ] as const) {
    test(`§6.1, XEP-0334 §4: ${what} is ${isSent ? '' : 'not '}copied when sent, ${isReceived ? '' : 'not '}when received`, async () => {
      await garden.send(`<message to='${romeo.jid}' type='${type}'>${content}</message>`);
      assert.equal(chamber.inbox.filter((xml) => xml.includes('<sent ')).length, isSent ? 1 : 0);
      assert.equal(romeo.inbox.length, 1);
      stage.clear();
      await romeo.send(`<message to='${garden.jid}' type='${type}'>${content}</message>`);
      assert.equal(chamber.inbox.filter((xml) => xml.includes('<received ')).length, isReceived ? 1 : 0);
      assert.equal(garden.inbox.length, 1);
      assert.equal(chamber.inbox.length, isReceived ? 1 : 0);
      stage.clear();
    });
  }

  test('§6.1: private messages of our rooms are not copied, what a room says of a groupchat message neither', async () => {
    for (const [from, type] of [
      [`${room}/mercutio`, 'chat'],
      [room, 'error'],
    ]) {
      await stage.arrive('a.example', `<message from='${from}' to='${garden.jid}' type='${type}'><body>!</body></message>`);
      assert.equal(garden.inbox.length, 1);
      assert.deepEqual(chamber.inbox, []);
      stage.clear();
    }
    await stage.arrive('a.example', `<message from='${room}/mercutio' to='${garden.jid}' type='error'><body>!</body></message>`);
    assert.equal(chamber.inbox.length, 1);
    stage.clear();
  });

  test('§6.1: resources that have a copy of a message hear of it when it bounces', async () => {
    await balcony.send(`<message to='nobody@a.example' type='chat' id='1'><body>!</body></message>`);
    const unavailable = `<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`;
    const error = `<message from='nobody@a.example' to='${balcony.jid}' id='1' type='error'>${unavailable}</message>`;
    const message = `<message from='${balcony.jid}' to='nobody@a.example' type='chat' id='1'><body>!</body>${sid('juliet@a.example')}</message>`;
    await stage.play(
      [balcony, 'receives', error],
      [chamber, 'receives in any order', copyOf('sent', chamber, 'chat', message), copyOf('received', chamber, 'error', error)],
    );
    tomb.inbox.length = 0;
    await nobodyElse();
  });

  test('§11: nobody gets a copy that somebody else made up', async () => {
    const forged = ['sent', 'received'].map((kind) => {
      return `<${kind} xmlns='${NS}'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded></${kind}>`;
    });
    await romeo.send(`<message to='${garden.jid}' type='chat'>${forged.join('')}<body>!</body></message>`);
    await stage.play([
      garden,
      'receives',
      `<message from='${romeo.jid}' to='${garden.jid}' type='chat'><body>!</body>${sid('juliet@a.example')}</message>`,
    ]);
    stage.clear();
    await stage.arrive(
      'a.example',
      `<message from='x@c.example' to='${garden.jid}' type='chat'>${forged.join('')}<body>!</body></message>`,
    );
    assert.ok(!garden.inbox.join('').includes(NS));
    stage.clear();
    // a bare JID of the same account, from one of its own clients
    await garden.send(`<message to='juliet@a.example' type='chat'>${forged.join('')}<body>!</body></message>`);
    assert.ok(!balcony.inbox.join('').includes('<sent'));
    stage.clear();
  });

  test('another account’s copies cannot be switched', async () => {
    await stage.play(
      [romeo, 'sends', `<iq type='set' id='e' to='juliet@a.example'><disable xmlns='${NS}'/></iq>`],
      [
        romeo,
        'receives',
        `<iq type='error' id='e' from='juliet@a.example' to='${romeo.jid}'><error type='cancel'>
          <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      ],
      [romeo, 'sends', `<message to='${garden.jid}' type='chat'><body>!</body></message>`],
    );
    assert.equal(chamber.inbox.length, 1);
    stage.clear();
  });
});
