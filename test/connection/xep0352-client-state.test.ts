/** XEP-0352: what waits for a client that is not being used, and what takes it along. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { connected, enable, type Fixture, header, openStream, plainAuth, signIn, startFixture, until } from './fixture.ts';
import { ping, r, resume } from './managed-session.ts';
import type { RawClient } from './raw-client.ts';

const NS = 'urn:xmpp:csi:0';
const inactive = `<inactive xmlns='${NS}'/>`;
const active = `<active xmlns='${NS}'/>`;
const states = 'http://jabber.org/protocol/chatstates';
const mucUser = 'http://jabber.org/protocol/muc#user';
const event = 'http://jabber.org/protocol/pubsub#event';
const hall = 'hall@conference.example.org';

let fixture: Fixture;
before(async () => {
  fixture = await startFixture();
});
after(() => fixture[Symbol.asyncDispose]());

interface Phone {
  readonly client: RawClient;
  readonly previd: string;
  deliver(xml: string, id?: string, dedupeKey?: string): Promise<void>;
  /** What came until everything that the client has sent was read. */
  heard(): Promise<string>;
}

let phones = 0;

/** An inactive client in the room `hall`, with the nick `Jule`. */
async function phone(node = fixture.node): Promise<Phone> {
  const user = `juliet${++phones}`;
  const client = await connected(node, user);
  const previd = await enable(client);
  const { sid } = fixture.router.steps.findLast(({ request }) => request.session.startsWith(`${user}@`))!.request;
  client.send(`<presence to='${hall}/Jule'/>${inactive}`);
  const heard = async (): Promise<string> => {
    client.send(r);
    const [text] = await client.read(/^(.*)<a [^>]*\/>/s);
    return text.replace(/<a [^>]*\/>$/, '').replaceAll(/<r [^>]*\/>/g, '');
  };
  await heard();
  const deliver = async (xml: string, id?: string): Promise<void> => {
    const text = xml.replaceAll('juliet@', `${user}@`);
    assert.deepEqual(await fixture.router.deliver(node.subject, sid, text, id), []);
  };
  return { client, previd, deliver, heard };
}

/** The ids of the stanzas. */
const idsIn = (text: string): string =>
  [...text.matchAll(/<(?:message|presence|iq)\b[^>]* id='([a-z0-9]+)'/g)].map(([, id]) => id).join(' ');
const body = '<body>hi</body>';
const presence = (from: string, id: string, more = ''): string => `<presence from='${from}' id='${id}'${more}`;
const said = (nick: string, text: string, more = ''): string =>
  `<message type='groupchat' from='${hall}/${nick}' id='x'><body>${text}</body>${more}</message>`;
const news = (from: string, node: string, id: string, item: string): string =>
  `<message type='headline' from='${from}' id='${id}'><event xmlns='${event}'><items node='${node}'><item id='${item}'/></items></event></message>`;

describe('§3 what can wait', () => {
  for (const [what, xml] of [
    ['presence', `<presence from='romeo@b.example/orchard' id='x'><show>away</show></presence>`],
    ['unavailable presence', `<presence type='unavailable' from='romeo@b.example/orchard' id='x'/>`],
    ['presence of an occupant', `<presence from='${hall}/Nurse' id='x'><x xmlns='${mucUser}'><item/></x></presence>`],
    ['a lone chat state', `<message type='chat' from='romeo@b.example/o' id='x'><composing xmlns='${states}'/></message>`],
    [
      'a chat state with thread and hints',
      `<message type='chat' from='romeo@b.example/o' id='x'><thread>t</thread><paused xmlns='${states}'/><no-store xmlns='urn:xmpp:hints'/></message>`,
    ],
    [
      'a carbon of a chat state',
      `<message from='juliet@example.org' id='x'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' type='chat'><active xmlns='${states}'/></message></forwarded></sent></message>`,
    ],
    ['news of a PEP node', news('romeo@b.example', 'urn:xmpp:mood', 'x', 'current')],
    ['what others say in a room', said('Nurse', 'Where is everybody?')],
    ['a nick within a word', said('Nurse', 'Julep, anyone?')],
    ['the subject of a room', `<message type='groupchat' from='${hall}/Nurse' id='x'><subject>Masks</subject></message>`],
  ] as const) {
    test(`${what} waits until <active/>, and comes before the answer to what follows`, async () => {
      const { client, deliver, heard } = await phone();
      await deliver(xml);
      assert.equal(await heard(), '');
      client.send(active + ping('p'));
      assert.match((await client.read(/.*<iq [^>]*id='p'/s))[0], /^<(?:message|presence)[^>]* id='x'.*<iq [^>]*id='p'/s);
      client.destroy();
    });
  }
});

describe('§3 what is urgent goes at once, behind what waited', () => {
  const encrypted = `<encrypted xmlns='urn:xmpp:omemo:2'/>`;
  const reference = (uri: string) => `<reference xmlns='urn:xmpp:reference:0' type='mention' uri='${uri}'/>`;
  for (const [what, xml, id] of [
    ['a message with a body', `<message type='chat' from='romeo@b.example/o' id='x'>${body}</message>`],
    [
      'a chat state with a body',
      `<message type='chat' from='romeo@b.example/o' id='x'>${body}<active xmlns='${states}'/></message>`,
    ],
    ['an encrypted message', `<message type='chat' from='romeo@b.example/o' id='x'>${encrypted}</message>`],
    [
      'a call (XEP-0353)',
      `<message type='chat' from='romeo@b.example/o' id='x'><propose xmlns='urn:xmpp:jingle-message:0'/></message>`,
    ],
    ['a marker', `<message type='chat' from='romeo@b.example/o' id='x'><displayed xmlns='urn:xmpp:chat-markers:0'/></message>`],
    [
      'whatever is in the archive',
      `<message type='chat' from='romeo@b.example/o' id='x'><active xmlns='${states}'/></message>`,
      '00000000000000000a',
    ],
    ['an error', `<message type='error' from='romeo@b.example/o' id='x'><active xmlns='${states}'/></message>`],
    ['an iq', `<iq type='get' from='romeo@b.example/o' id='x'><ping xmlns='urn:xmpp:ping'/></iq>`],
    ['a request of a contact', `<presence type='subscribe' from='romeo@b.example' id='x'/>`],
    ['a refused presence', `<presence type='error' from='${hall}/Jule' id='x'/>`],
    [
      'what a room says of the client itself',
      `<presence type='unavailable' from='${hall}/Jule' id='x'><x xmlns='${mucUser}'><status code='110'/><status code='307'/></x></presence>`,
    ],
    ['its own message in a room', said('Jule', 'me')],
    ['its nick in a room', said('Nurse', 'JULE: come!')],
    ['its address in a room', said('Nurse', 'ask juliet@example.org')],
    ['a reference (XEP-0372)', said('Nurse', 'see', reference('xmpp:juliet@example.org'))],
    ['an escaped reference', said('Nurse', 'see', reference(`xmpp:${hall}/%4Aule`))],
    ['an answer (XEP-0461)', said('Nurse', 'yes', `<reply xmlns='urn:xmpp:reply:0' id='y' to='${hall}/Jule'/>`)],
    ['an encrypted message of a room', said('Nurse', 'I cannot be read', encrypted)],
    ['a private message of a room', `<message type='chat' from='${hall}/Nurse' id='x'>${body}<x xmlns='${mucUser}'/></message>`],
    [
      'a room whose nick is not known',
      `<message type='groupchat' from='other@conference.b.example/Nurse' id='x'>${body}</message>`,
    ],
    ['an invitation', `<message from='${hall}' id='x'><x xmlns='${mucUser}'><invite/></x></message>`],
    ['news of a service', news('pubsub.b.example', 'blog', 'x', '1')],
    [
      'a carbon with a body',
      `<message from='juliet@example.org' id='x'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>${body}</message></forwarded></sent></message>`,
    ],
    [
      'what looks like a carbon of another',
      `<message from='romeo@b.example' id='x'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><active xmlns='${states}'/></message></forwarded></sent></message>`,
    ],
    ['a broken reference that is beside the nick', said('Nurse', 'jule', reference('xmpp:%E0%A4%A'))],
  ] as const) {
    test(what, async () => {
      const { client, deliver, heard } = await phone();
      await deliver(presence('romeo@b.example/orchard', 'held', '/>'));
      await deliver(xml, id);
      assert.equal(
        idsIn(await heard())
          .split(' ')
          .slice(0, 2)
          .join(' '),
        'held x',
      );
      client.destroy();
    });
  }
});

test('§3 of presence, chat states and news the last is sent, in the order of the last ones', async () => {
  const { client, deliver, heard } = await phone();
  for (let n = 0; n < 3 * connectionLimits.heldOutgoingStanzasMax; n++)
    await deliver(presence('romeo@b.example/o', `r${n}`, '/>'));
  await deliver(`<message type='chat' from='romeo@b.example/o' id='s1'><composing xmlns='${states}'/></message>`);
  await deliver(presence(`${hall}/Nurse`, 'n1', '/>'));
  await deliver(news('romeo@b.example', 'avatar', 'a1', 'one'));
  await deliver(news('romeo@b.example', 'mood', 'm1', 'current'));
  await deliver(news('nurse@b.example', 'mood', 'm2', 'current'));
  await deliver(`<message type='chat' from='romeo@b.example/o' id='s2'><paused xmlns='${states}'/></message>`);
  await deliver(news('romeo@b.example', 'mood', 'm3', 'current'));
  await deliver(news('romeo@b.example', 'avatar', 'a2', 'two'));
  await deliver(presence('romeo@b.example/o', 'last', '/>'));
  assert.equal(await heard(), '');
  client.send(active);
  assert.equal(idsIn(await heard()), 'n1 a1 m2 s2 m3 a2 last');
  client.destroy();
});

test('an occupant is seen to come before it speaks, and to go after it', async () => {
  const { client, deliver, heard } = await phone();
  await deliver(presence(`${hall}/Nurse`, 'comes', '/>'));
  await deliver(said('Nurse', 'hello').replace("'x'", "'says'"));
  await deliver(presence(`${hall}/Nurse`, 'away', '/>'));
  await deliver(presence(`${hall}/Nurse`, 'goes', " type='unavailable'/>"));
  client.send(active);
  assert.equal(idsIn(await heard()), 'comes says goes');
  client.destroy();
});

test('a purge does not overtake what was published before it, nor what comes after', async () => {
  const { client, deliver, heard } = await phone();
  await deliver(news('romeo@b.example', 'mood', 'm1', 'current'));
  await deliver(`<message from='romeo@b.example' id='p'><event xmlns='${event}'><purge node='mood'/></event></message>`);
  await deliver(news('romeo@b.example', 'mood', 'm2', 'current'));
  client.send(active);
  assert.equal(idsIn(await heard()), 'm1 p m2');
  client.destroy();
});

test('§5 it is offered after sign-in, not before, and nothing is answered', async () => {
  const client = await openStream(fixture.node);
  assert.doesNotMatch(client.text, /urn:xmpp:csi/);
  client.send(plainAuth('offered'));
  await client.read(/<success[^>]*>/);
  client.send(header);
  await client.read(/<csi xmlns='urn:xmpp:csi:0'\/>.*<\/stream:features>/);
  client.send(inactive + active + active);
  client.destroy();
  const stranger = await openStream(fixture.node);
  stranger.send(inactive);
  assert.match(await stranger.closed(), /<not-authorized /);
});

test('§5.1 twice <inactive/> is as once, and so is <active/>', async () => {
  const { client, deliver, heard } = await phone();
  client.send(inactive);
  await deliver(presence('romeo@b.example/o', 'one', '/>'));
  client.send(inactive);
  assert.equal(await heard(), '');
  client.send(active + active);
  assert.equal(idsIn(await heard()), 'one');
  await deliver(presence('romeo@b.example/o', 'two', '/>'));
  assert.equal(idsIn(await heard()), 'two');
  client.destroy();
});

describe('a resumed session (XEP-0198)', () => {
  for (const elsewhere of [false, true]) {
    test(`gets what was held back, the last of each, counts it only then, and is active: ${elsewhere ? 'at another node' : 'here'}`, async () => {
      const { client, previd, deliver, heard } = await phone();
      await deliver(`<message type='chat' from='romeo@b.example/o' id='first'>${body}</message>`);
      await deliver(presence('romeo@b.example/o', 'one', '/>'));
      await deliver(said('Nurse', 'hello').replace("'x'", "'says'"));
      assert.equal(idsIn(await heard()), 'first');
      const { parked } = fixture.node.stats;
      client.destroy();
      await until(() => fixture.node.stats.parked === parked + 1, 'a parked session');
      for (let n = 0; n < 200; n++) await deliver(presence('romeo@b.example/o', `r${n}`, '/>'));
      await deliver(`<message type='chat' from='romeo@b.example/o' id='last'>${body}</message>`);
      const node = elsewhere ? await fixture.another(`elsewhere${phones}`) : fixture.node;
      const back = await signIn(node, `juliet${phones}`);
      back.send(`${resume(previd, 1)}${r}`);
      const [text] = await back.read(/<resumed .*<a /s);
      assert.equal(idsIn(text.slice(text.indexOf('<resumed')).replace(/<resumed [^>]*>/, '')), 'says r199 last');
      back.send(active);
      if (!elsewhere) {
        await deliver(presence('romeo@b.example/o', 'live', '/>'));
        await back.read(/id='live'/);
      }
      back.destroy();
    });
  }

  test('goes on to know its nicks at another node', async () => {
    const { client, previd } = await phone();
    const user = `juliet${phones}`;
    client.destroy();
    const node = await fixture.another('nicks');
    const back = await signIn(node, user);
    back.send(`${resume(previd, 0)}${inactive}${r}`);
    await back.read(/<resumed .*<a /s);
    const { sid } = fixture.router.steps.findLast(({ items }) => items.some(({ item }) => item.kind === 'moved'))!.request;
    await fixture.router.deliver(node.subject, sid, said('Nurse', 'hello').replace("'x'", "'waits'"));
    await fixture.router.deliver(node.subject, sid, said('Nurse', 'Jule!').replace("'x'", "'urgent'"));
    await back.read(/id='waits'.*id='urgent'/s);
    back.destroy();
  });
});

test('a client that closes its stream is given what was held back', async () => {
  const { client, deliver } = await phone();
  await deliver(presence('romeo@b.example/o', 'one', '/>'));
  client.send('</stream:stream>');
  await client.read(/id='one'.*<\/stream:stream>$/s);
  client.socket.end();
  await client.closed();
});

test('what is held back is bounded', async () => {
  const { client, deliver, heard } = await phone();
  for (let n = 0; n < connectionLimits.heldOutgoingStanzasMax; n++)
    await deliver(presence(`romeo@b.example/${n}`, `n${n}`, '/>'));
  assert.equal(await heard(), '');
  await deliver(presence('romeo@b.example/more', 'more', '/>'));
  assert.match(await heard(), / id='n0'.* id='more'/s);
  client.destroy();
});
