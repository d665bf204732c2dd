import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { timeOfId } from '../../lib/runtime/ids.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { ask, form, mam, query, rsm, talk } from './archive-asking.ts';

const stanzas = 'urn:ietf:params:xml:ns:xmpp-stanzas';

describe('XEP-0313', () => {
  let stage: WholeStage;
  let romeo: StreamActor;
  let count = 0;
  before(async () => {
    stage = await openStage();
    romeo = await stage.join('romeo@b.example/orchard');
  });
  after(() => stage.close());

  async function someone(): Promise<StreamActor> {
    return stage.join(`u${count++}@a.example/one`);
  }

  test('§4: the messages that were sent and received come in order, as they were, and then the end', async () => {
    const juliet = await someone();
    await stage.play(
      [romeo, 'sends', `<message to='${juliet.jid}' type='chat' id='1' xml:lang='it'><body>Ciao</body></message>`],
      [juliet, 'sends', `<message to='${romeo.jid.bare}' id='2'><body>!</body></message>`],
    );
    stage.clear();
    await juliet.send(query('', ` queryid='f27'`));
    const [first, second, fin] = juliet.inbox.splice(0);
    const wrapped = (message: string) => `<message from='${juliet.jid.bare}' to='${juliet.jid}'>
      <result xmlns='${mam}' queryid='f27' id='{any}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}'/>
      ${message}</forwarded></result></message>`;
    const sid = `<stanza-id xmlns='urn:xmpp:sid:0' by='${juliet.jid.bare}' id='{any}'/>`;
    assertXml(
      first!,
      wrapped(
        `<message xmlns='jabber:client' from='${romeo.jid}' to='${juliet.jid}' type='chat' id='1' xml:lang='it'><body>Ciao</body>${sid}</message>`,
      ),
    );
    assertXml(
      second!,
      wrapped(`<message xmlns='jabber:client' from='${juliet.jid}' to='${romeo.jid.bare}' id='2'><body>!</body></message>`),
    );
    assertXml(
      fin!,
      `<iq type='result' id='q' to='${juliet.jid}'><fin xmlns='${mam}' complete='true'>${rsm('<first>{any}</first><last>{any}</last>')}</fin></iq>`,
    );
    const ids = [first!, second!].map((xml) => String(parseElement(xml).getChild('result', mam)!.attrs.id));
    assert.ok(fin!.includes(`<first>${ids[0]}</first><last>${ids[1]}</last>`));
    assert.ok(first!.includes(`<stanza-id xmlns='urn:xmpp:sid:0' by='${juliet.jid.bare}' id='${ids[0]}'/>`));
    assert.ok(first!.includes(`stamp='${new Date(timeOfId(ids[0]!)).toISOString()}'`));
  });

  test('§4: an empty archive is complete', async () => {
    const juliet = await someone();
    await stage.play(
      [juliet, 'sends', query('')],
      [
        juliet,
        'receives',
        `<iq type='result' id='q' to='${juliet.jid}'><fin xmlns='${mam}' complete='true'>${rsm('')}</fin></iq>`,
      ],
    );
  });

  test('§5.1.1: what is sent to oneself is archived once', async () => {
    const juliet = await someone();
    const other = await stage.join(`${juliet.jid.bare}/two`);
    for (const to of ['', ` to='${juliet.jid.bare}'`, ` to='${other.jid}'`, ` to='${juliet.jid}'`]) {
      await juliet.send(`<message type='chat'${to}><body>note</body></message>`);
    }
    await juliet.send(`<message to='${juliet.jid.bare}/nowhere'><body>refused</body></message>`);
    const { ids } = await ask(juliet, query(''));
    assert.equal(ids.length, 4);
    assert.equal(new Set(ids).size, 4);
  });

  test('§4.1.5: the form names all fields, and fields that are not in it are refused', async () => {
    const juliet = await someone();
    const single = (name: string) => `<field type='text-single' var='${name}'/>`;
    await stage.play(
      [juliet, 'sends', `<iq type='get' id='q'><query xmlns='${mam}'/></iq>`],
      [
        juliet,
        'receives',
        `<iq type='result' id='q' to='${juliet.jid}'><query xmlns='${mam}'><x xmlns='jabber:x:data' type='form'>
          <field type='hidden' var='FORM_TYPE'><value>${mam}</value></field>
          <field type='jid-single' var='with'/>${['start', 'end', 'before-id', 'after-id'].map(single).join('')}
          <field type='list-multi' var='ids'>
            <validate xmlns='http://jabber.org/protocol/xdata-validate' datatype='xs:string'><open/></validate></field>
          <field type='boolean' var='include-groupchat'/></x></query></iq>`,
      ],
    );
    assert.equal((await ask(juliet, query(form({ '{http://example.com/}x': '1' })))).error, 'feature-not-implemented');
    assert.equal((await ask(juliet, query(form({ 'include-groupchat': 'true' })))).error, undefined);
    assert.equal((await ask(juliet, query(form({ 'include-groupchat': 'perhaps' })))).error, 'not-acceptable');
    assert.equal((await ask(juliet, query(`<x xmlns='jabber:x:data' type='submit'/>`))).error, 'bad-request');
    assert.equal((await ask(juliet, query(form({ FORM_TYPE: 'urn:xmpp:mam:1' })))).error, 'bad-request');
    assert.equal((await ask(juliet, query('', ` node='urn:x'`))).error, 'item-not-found');
  });

  test('§4.4: the metadata name the first and the last message, or none', async () => {
    const juliet = await someone();
    const metadata = `<iq type='get' id='q'><metadata xmlns='${mam}'/></iq>`;
    const answer = (content: string) =>
      `<iq type='result' id='q' to='${juliet.jid}'><metadata xmlns='${mam}'>${content}</metadata></iq>`;
    await stage.play([juliet, 'sends', metadata], [juliet, 'receives', answer('')]);
    const ids = await talk(stage, romeo, juliet, 3);
    const edge = (name: string, id: string) => `<${name} id='${id}' timestamp='${new Date(timeOfId(id)).toISOString()}'/>`;
    await stage.play([juliet, 'sends', metadata], [juliet, 'receives', answer(edge('start', ids[0]!) + edge('end', ids[2]!))]);
  });

  for (const [what, attributes, children, isKept] of [
    ['a body', `type='chat'`, '<body/>', true],
    ['a body of type normal', '', '<body/>', true],
    ['an encrypted body', `type='chat'`, `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, true],
    ['a receipt', `type='chat'`, `<received xmlns='urn:xmpp:receipts' id='1'/>`, true],
    ['a chat state', `type='chat'`, `<composing xmlns='http://jabber.org/protocol/chatstates'/><thread>1</thread>`, false],
    ['nothing', `type='chat'`, '', false],
    ['a headline', `type='headline'`, '<body/>', false],
    ['a headline to be stored', `type='headline'`, `<body/><store xmlns='urn:xmpp:hints'/>`, true],
    ['an error', `type='error'`, `<body/><store xmlns='urn:xmpp:hints'/>`, false],
    ['groupchat', `type='groupchat'`, '<body/>', false],
    ['no-store', `type='chat'`, `<body/><no-store xmlns='urn:xmpp:hints'/>`, false],
    ['no-permanent-store', `type='chat'`, `<body/><no-permanent-store xmlns='urn:xmpp:hints'/>`, false],
    [
      'no-permanent-store and store',
      `type='chat'`,
      `<no-permanent-store xmlns='urn:xmpp:hints'/><store xmlns='urn:xmpp:hints'/>`,
      false,
    ],
    [
      'a chat state to be stored',
      `type='chat'`,
      `<active xmlns='http://jabber.org/protocol/chatstates'/><store xmlns='urn:xmpp:hints'/>`,
      true,
    ],
  ] as const) {
    test(`§5.1.1, XEP-0334: ${what} is ${isKept ? '' : 'not '}archived on either side, and has a stanza-id only if it is`, async () => {
      const [juliet, nurse] = [await someone(), await someone()];
      await juliet.send(`<message to='${nurse.jid}' ${attributes}>${children}</message>`);
      const arrived = await nurse.next();
      assert.equal(arrived.includes('stanza-id'), isKept);
      for (const actor of [juliet, nurse]) assert.equal((await ask(actor, query(''))).ids.length, isKept ? 1 : 0, `${actor.jid}`);
    });
  }

  test('§5.1: what was refused is in the sender’s archive only', async () => {
    const [juliet, nurse] = [await someone(), await someone()];
    await juliet.send(`<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='${nurse.jid.bare}'/></block></iq>`);
    await nurse.send(`<message to='${juliet.jid}' type='chat'><body>!</body></message>`);
    await nurse.send(`<message to='${juliet.jid.bare}/nowhere'><body>!</body></message>`);
    assert.equal((await ask(juliet, query(''))).ids.length, 0);
    assert.equal((await ask(nurse, query(''))).ids.length, 2);
  });

  test('§7.1: nobody reads another’s archive, nor learns whether there is one', async () => {
    const juliet = await someone();
    await talk(stage, romeo, juliet, 2);
    const reply = (to: string) => `<iq from='${to}' to='${romeo.jid}' id='q' type='error'><error type='cancel'>
      <service-unavailable xmlns='${stanzas}'/></error></iq>`;
    for (const to of [juliet.jid.bare.toString(), 'nobody@a.example']) {
      for (const [type, payload] of [
        ['set', 'query'],
        ['get', 'query'],
        ['get', 'metadata'],
        ['get', 'prefs'],
        ['set', 'prefs'],
      ]) {
        await stage.play(
          [romeo, 'sends', `<iq type='${type}' id='q' to='${to}'><${payload} xmlns='${mam}' default='never'/></iq>`],
          [romeo, 'receives', reply(to)],
          [romeo, 'receives nothing'],
        );
      }
    }
  });

  test('§7.2: results that a client makes up reach nobody; those of a room reach who asked', async () => {
    const juliet = await someone();
    const forged = `<result xmlns='${mam}' id='1'><forwarded xmlns='urn:xmpp:forward:0'/></result>`;
    await stage.play(
      [romeo, 'sends', `<message to='${juliet.jid}'>${forged}<x xmlns='urn:y'/></message>`],
      [
        juliet,
        'receives',
        `<message from='${romeo.jid}' to='${juliet.jid}'><x xmlns='urn:y'/><stanza-id xmlns='urn:xmpp:sid:0' by='{any}' id='{any}'/></message>`,
      ],
    );
    const room = 'verona@conference.b.example';
    await stage.arrive('a.example', `<message from='${room}' to='${juliet.jid}'>${forged}</message>`);
    assert.ok((await juliet.next()).includes(forged));
    assert.equal((await ask(juliet, query(form({ with: room })))).ids.length, 0);
    for (const [from, to] of [
      ['nurse@a.example/x', juliet.jid],
      [room, juliet.jid.bare],
    ]) {
      await juliet.send('<presence/>');
      await stage.arrive('a.example', `<message from='${from}' to='${to}'>${forged}<body/></message>`);
      assert.ok(!juliet.inbox.splice(0).join('').includes('<result'));
    }
  });
});
