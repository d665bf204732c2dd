/** XEP-0424 between people: tombstones in the archives of both sides. Rooms: `muc/xep0424-retraction.test.ts`. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Element } from '../../lib/xmpp/element.ts';
import { configure, hall } from '../support/stage/rooms.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { accountOf, ask, fill, form, query } from './archive-asking.ts';
import { setPolicy } from './policy-forms.ts';

const NS = 'urn:xmpp:message-retract:1';
const store = "<store xmlns='urn:xmpp:hints'/>";
let stage: WholeStage;
let juliet: StreamActor;

beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.appear('juliet@a.example/balcony');
});
afterEach(() => stage.close());

const said = (to: string, id: string, body = 'a secret', more = '') =>
  `<message to='${to}' type='chat' id='${id}'><body>${body}</body><thread>secret</thread>${more}</message>`;
const retraction = (to: string, of: string, id = 'r1', more = store) =>
  `<message to='${to}' type='chat' id='${id}'><retract xmlns='${NS}' id='${of}'/>${more}</message>`;

/** The archive, in short: bodies, `†` for tombstones with the id of what took them back, `←` for retractions. */
async function archive(actor: StreamActor): Promise<string[]> {
  const { messages } = await ask(actor, query(''));
  return messages.map(inShort);
}

function inShort(message: Element): string {
  const retracted = message.getChild('retracted', NS);
  const retract = message.getChild('retract', NS);
  const mark = retracted ? `†${retracted.attrs.id}` : retract ? `←${retract.attrs.id}` : '';
  return `${mark}${message.getChildText('body') ?? ''}`;
}

for (const domain of ['a.example', 'b.example']) {
  describe(`with somebody of ${domain}`, () => {
    let romeo: StreamActor;
    beforeEach(async () => {
      romeo = await stage.appear(`romeo@${domain}/orchard`);
    });

    test('§4: in both archives a tombstone stands where the message was, and the retraction behind it', async () => {
      await juliet.send(said(romeo.jid.bare.toString(), 'm1'));
      await juliet.send(said(romeo.jid.bare.toString(), 'm2', 'stays'));
      stage.clear();
      await juliet.send(retraction(romeo.jid.bare.toString(), 'm1'));
      assert.match(romeo.take().join(), new RegExp(`<retract xmlns='${NS}' id='m1'/>`));
      for (const actor of [juliet, romeo]) assert.deepEqual(await archive(actor), ['†r1', 'stays', '←m1'], `${actor.jid}`);
      await romeo.send(query(''));
      const [first] = romeo.take();
      const [, id] = /<result [^>]*id='([^']+)'/.exec(first!)!;
      assertXml(
        first!,
        `<message from='${romeo.jid.bare}' to='${romeo.jid}'><result xmlns='urn:xmpp:mam:2' id='${id}'>
          <forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='{any}'/>
          <message xmlns='jabber:client' from='${juliet.jid}' to='${romeo.jid.bare}' type='chat' id='m1'>
          <stanza-id xmlns='urn:xmpp:sid:0' by='${romeo.jid.bare}' id='${id}'/>
          <retracted xmlns='${NS}' id='r1' stamp='{any}'/></message></forwarded></result></message>`,
      );
    });

    test('§4: from another resource, about the last message with this id, and once', async () => {
      await juliet.send(said(`${romeo.jid.bare}`, 'm1', 'earlier'));
      await juliet.send(said(`${romeo.jid}`, 'm1', 'later'));
      const other = await stage.appear('juliet@a.example/chamber');
      await other.send(retraction(`${romeo.jid.bare}`, 'm1'));
      stage.clear();
      for (const actor of [juliet, romeo]) assert.deepEqual(await archive(actor), ['earlier', '†r1', '←m1']);
      await other.send(retraction(`${romeo.jid.bare}`, 'm1', 'r2'));
      stage.clear();
      for (const actor of [juliet, romeo]) assert.deepEqual(await archive(actor), ['earlier', '†r1', '←m1', '←m1']);
    });

    test('§5: nobody takes back what somebody else wrote', async () => {
      const nurse = await stage.appear('nurse@a.example/house');
      await juliet.send(said(`${romeo.jid.bare}`, 'm1'));
      await nurse.send(said(`${romeo.jid.bare}`, 'm2', 'of the nurse'));
      await romeo.send(retraction(`${juliet.jid.bare}`, 'm1'));
      await nurse.send(retraction(`${romeo.jid.bare}`, 'm1', 'r2'));
      await nurse.send(retraction(`${juliet.jid.bare}`, 'm1', 'r3'));
      stage.clear();
      assert.deepEqual(await archive(juliet), ['a secret', '←m1', '←m1']);
      assert.deepEqual(await archive(romeo), ['a secret', 'of the nurse', '←m1', '←m1']);
    });

    test('§5: somebody who was away is never shown it, and learns that it was taken back', async () => {
      await romeo.end();
      stage.clear();
      await juliet.send(said(`${romeo.jid.bare}`, 'm1'));
      await juliet.send(said(`${romeo.jid.bare}`, 'm2', 'stays'));
      await juliet.send(retraction(`${romeo.jid.bare}`, 'm1'));
      const back = await stage.appear(`${romeo.jid.bare}/other`);
      await back.until(
        () => back.inbox.some((xml) => xml.includes('<retract ')),
        () => 'no retraction came',
      );
      const got = back.take().filter((xml) => xml.startsWith('<message'));
      assert.deepEqual(
        got.map((xml) => /<body>([^<]*)/.exec(xml)?.[1] ?? /<retract [^>]*id='(\w+)'/.exec(xml)?.[1]),
        ['stays', 'm1'],
      );
    });
  });
}

test('a message and its retraction that come in one batch are found as well', async () => {
  const romeo = await stage.appear('romeo@b.example/orchard');
  void juliet.send(said('romeo@b.example', 'm1'));
  await juliet.send(retraction('romeo@b.example', 'm1'));
  await romeo.until(
    () => romeo.inbox.some((xml) => xml.includes('<retract ')),
    () => 'no retraction came',
  );
  stage.clear();
  for (const actor of [juliet, romeo]) assert.deepEqual(await archive(actor), ['†r1', '←m1']);
});

test('a note to oneself is taken back', async () => {
  await juliet.send(said('juliet@a.example', 'm1'));
  await juliet.send(retraction('juliet@a.example', 'm1'));
  stage.clear();
  assert.deepEqual(await archive(juliet), ['†r1', '←m1']);
});

describe('what buries nothing', () => {
  for (const [what, sent] of [
    ['an id that was never sent', retraction('romeo@b.example', 'm9')],
    ['no id', `<message to='romeo@b.example' type='chat' id='r1'><retract xmlns='${NS}'/>${store}</message>`],
    ['a retraction without an id of its own', retraction('romeo@b.example', 'm1').replace(" id='r1'", '')],
    ['a retraction of itself', retraction('romeo@b.example', 'r1')],
    ['another namespace', retraction('romeo@b.example', 'm1').replace(NS, 'urn:xmpp:message-retract:0')],
    ['a retraction that is kept in no archive', retraction('romeo@b.example', 'm1', 'r1', "<no-store xmlns='urn:xmpp:hints'/>")],
    ['an error', retraction('romeo@b.example', 'm1').replace("type='chat'", "type='error'")],
  ] as const) {
    test(what, async () => {
      const romeo = await stage.appear('romeo@b.example/orchard');
      await juliet.send(said('romeo@b.example', 'm1'));
      await juliet.send(sent);
      stage.clear();
      for (const actor of [juliet, romeo]) assert.equal((await archive(actor))[0], 'a secret');
    });
  }
});

describe('private messages in a room of another server', () => {
  const room = 'hall@rooms.far.example';
  const mark = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
  const arrives = (nick: string, xml: string) =>
    stage.arrive('a.example', xml.replace('<message ', `<message from='${room}/${nick}' `));

  for (const [what, more, isInside] of [
    ['that marks them', mark, false],
    ['that marks nothing, to somebody who is inside', '', true],
  ] as const) {
    test(`${what}: an occupant takes back its own, and not those of other nicks`, async () => {
      if (isInside) await juliet.send(`<presence to='${room}/Juliet'/>`);
      await arrives('Romeo', said(`${juliet.jid}`, 'm1', 'of Romeo', more));
      await arrives('Nurse', retraction(`${juliet.jid}`, 'm1', 'r1', store + more));
      stage.clear();
      assert.deepEqual(await archive(juliet), ['of Romeo', '←m1']);
      await arrives('Romeo', retraction(`${juliet.jid}`, 'm1', 'r2', store + more));
      stage.clear();
      assert.deepEqual(await archive(juliet), ['†r2', '←m1', '←m1']);
    });
  }

  test('who has the nick of somebody else now has another occupant id', async () => {
    const occupant = (id: string) => `${mark}<occupant-id xmlns='urn:xmpp:occupant-id:0' id='${id}'/>`;
    await arrives('Romeo', said(`${juliet.jid}`, 'm1', 'of Romeo', occupant('one')));
    await arrives('Romeo', retraction(`${juliet.jid}`, 'm1', 'r1', store + occupant('two')));
    stage.clear();
    assert.deepEqual(await archive(juliet), ['of Romeo', '←m1']);
  });
});

test('what one has written to an occupant of a room here is taken back in the own archive', async () => {
  const romeo = await stage.appear('romeo@b.example/orchard');
  await juliet.enter('Juliet');
  await configure(juliet, {});
  await romeo.enter('Romeo');
  await juliet.send(said(`${hall}/Romeo`, 'm1', 'to Romeo'));
  await juliet.send(retraction(`${hall}/Romeo`, 'm1'));
  stage.clear();
  assert.deepEqual(await archive(juliet), ['†r1', '←m1']);
});

test('XEP-0431: what was taken back is not found any more', async () => {
  for (const domain of ['a.example', 'b.example']) await setPolicy(stage, domain, { search: 'on' });
  const romeo = await stage.appear('romeo@b.example/orchard');
  await juliet.send(said('romeo@b.example', 'm1', 'a secret word'));
  await juliet.send(retraction('romeo@b.example', 'm1'));
  stage.clear();
  for (const actor of [juliet, romeo]) {
    const { ids } = await ask(actor, query(form({ '{urn:xmpp:fulltext:0}fulltext': 'word' })));
    assert.deepEqual(ids, []);
  }
});

test('a message is looked for among so many, and so often', async () => {
  const romeo = await stage.appear('romeo@b.example/orchard');
  const account = await accountOf(stage, juliet);
  await juliet.send(said('romeo@b.example', 'm1'));
  const later = Date.now() - 1_600_000_000_000;
  for (let round = 0; round < 10; round++)
    await fill(
      stage,
      account,
      Array.from({ length: 100 }, (_, at) => ({ ms: later + 1_000 + round * 100 + at })),
    );
  await juliet.send(retraction('romeo@b.example', 'm1'));
  stage.clear();
  const before = stage.storeCalls;
  for (let count = 0; count < 60; count++) await romeo.send(retraction('juliet@a.example', `x${count}`, `y${count}`, ''));
  assert.ok(stage.storeCalls - before < 60 * 100, `${stage.storeCalls - before} calls`);
  stage.clear();
  const found = await stage.store.query({
    ...{ table: 'archive', partition: 'a.example/a/juliet', prefix: 'm/', limit: 1, consistent: true },
  });
  assert.match(found[0]!.value, /a secret/);
  assert.deepEqual((await archive(romeo))[0], '†r1');
});

test('what it says of itself', async () => {
  await juliet.send("<iq type='get' id='d' to='juliet@a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
  assert.match(juliet.take().join(), new RegExp(`var='${NS}'/>.*var='${NS}#tombstone'/>`));
  await juliet.send("<iq type='get' id='d' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
  assert.match(juliet.take().join(), new RegExp(`var='${NS}'/>`));
});
