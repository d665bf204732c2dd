/** XEP-0163 for contacts on other servers: what they want is learned from their presence, and they get what they may read. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parseElement } from '../../lib/xmpp/element.ts';
import { type Client, client, info } from '../router/pep-listener.ts';
import { config, publish } from '../router/pep-requests.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { bodyOf, Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

const tune = 'http://jabber.org/protocol/tune';
const romeo = 'romeo@b.example/orchard';
let ground: Ground;
let peer: FakePeer;
let stream: PeerClient;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  const skylark = await ground.deploy({ domains: ['a.example'] });
  peer = await FakePeer.start(ground, { domain: 'b.example', isCertified: true });
  juliet = await skylark.join('juliet@a.example/balcony');
  await juliet.ask('roster', `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
  stream = await peer.dial(skylark, 'a.example');
  await stream.open();
  assert.match(await stream.prove(), /type='valid'/);
  await befriend('romeo');
  await befriend('nurse');
});

after(() => ground[Symbol.asyncDispose]());

/** Each sees the other's presence. */
async function befriend(local: string): Promise<void> {
  const bare = `${local}@b.example`;
  stream.send(`<presence from='${bare}' to='juliet@a.example' type='subscribe'/>`);
  await juliet.next(({ attributes }) => attributes.from === bare && attributes.type === 'subscribe');
  juliet.send(`<presence to='${bare}' type='subscribed'/>`);
  juliet.send(`<presence to='${bare}' type='subscribe'/>`);
  await arrival((xml) => xml.includes(`type='subscribe'`) && xml.includes(`to='${bare}'`));
  stream.send(`<presence from='${bare}' to='juliet@a.example' type='subscribed'/>`);
  await juliet.next(({ attributes }) => attributes.from === bare && attributes.type === 'subscribed');
}

function appear(from: string, { ver }: Client, hash = ` hash='sha-1'`): void {
  const caps = `<c xmlns='http://jabber.org/protocol/caps'${hash} node='http://client.example' ver='${ver}'/>`;
  stream.send(`<presence from='${from}' to='juliet@a.example'>${caps}</presence>`);
}

const leave = (from: string) => stream.send(`<presence from='${from}' to='juliet@a.example' type='unavailable'/>`);

/** Answers what the resource is asked. @returns the question */
async function answer(full: string, { features }: Client, id?: string): Promise<string> {
  const question = await arrival((xml) => xml.startsWith('<iq') && xml.includes(info) && xml.includes(full));
  const { attrs, children } = parseElement(question);
  const { node } = (children[0] as { attrs: Record<string, string> }).attrs;
  const vars = features.map((feature) => `<feature var='${feature}'/>`).join('');
  const query = `<query xmlns='${info}' node='${node}'><identity category='client' type='pc' name='Balcony'/>${vars}</query>`;
  stream.send(`<iq from='${full}' to='${attrs.from}' type='result' id='${id ?? attrs.id}'>${query}</iq>`);
  return question;
}

/** The next stanza that arrives at the other server and matches, taken out. */
async function arrival(matches: (xml: string) => boolean): Promise<string> {
  await peer.until(() => peer.received.some(matches), String(matches));
  return peer.received.splice(peer.received.findIndex(matches), 1)[0]!;
}

const isEvent = (xml: string) => xml.startsWith('<message') && xml.includes('pubsub#event');
const title = (name: string) => `<tune xmlns='${tune}'><title>${name}</title></tune>`;

async function publishes(name: string, options = ''): Promise<void> {
  juliet.send(publish(tune, 'current', title(name), options));
  assert.equal((await juliet.next(({ attributes }) => attributes.id === 'p')).attributes.type, 'result');
}

let barriers = 0;

/** All that came before, in order of what juliet has done. @returns for each event: to whom, and the title */
async function events(): Promise<string[]> {
  const body = `barrier ${++barriers}`;
  for (const to of ['juliet@a.example/balcony', romeo]) {
    // What the peer has sent is handled before the message that it sends, and what follows from that before the message that juliet sends.
    if (to === romeo) juliet.send(`<message to='${romeo}' type='chat'><body>${body}</body></message>`);
    else stream.send(`<message from='${romeo}' to='${to}' type='chat'><body>${body}</body></message>`);
    if (to !== romeo) await juliet.next(({ xml }) => bodyOf(xml) === body);
  }
  await arrival((xml) => bodyOf(xml) === body);
  const found = peer.received.filter(isEvent);
  peer.received.splice(0);
  return found.map((xml) => `${parseElement(xml).attrs.to} ${/<title>([^<]*)/.exec(xml)?.[1]}`).sort();
}

test('XEP-0163 §4.3.4: a resource that comes is asked what it wants, and gets the last item', async () => {
  await publishes('before');
  appear(romeo, client(tune));
  const question = await answer(romeo, client(tune));
  assert.match(question, /from='juliet@a\.example'/);
  const event = await arrival(isEvent);
  assert.match(event, /from='juliet@a\.example'/);
  assert.match(event, /to='romeo@b\.example\/orchard'.*<title>before<\/title>/);
});

test('XEP-0115 §5.4: what a verified hash stands for counts for others without a question; the resource that wants nothing gets nothing', async () => {
  appear('nurse@b.example/street', client(tune));
  appear('romeo@b.example/phone', client('urn:other'));
  await answer('romeo@b.example/phone', client('urn:other'));
  assert.deepEqual(await events(), ['nurse@b.example/street before']);
  await publishes('now');
  assert.deepEqual(await events(), ['nurse@b.example/street now', `${romeo} now`]);
});

test('XEP-0115 §5.4: an answer that does not fit its hash counts for the resource that gave it, and for nobody else', async () => {
  const forged: Client = { features: client(tune, 'urn:forged').features, ver: client('urn:honest').ver };
  appear('romeo@b.example/forger', forged);
  await answer('romeo@b.example/forger', forged);
  assert.deepEqual(await events(), ['romeo@b.example/forger now']);
  appear('nurse@b.example/honest', client('urn:honest'));
  await answer('nurse@b.example/honest', client('urn:honest'));
  assert.deepEqual(await events(), []);
  leave('romeo@b.example/forger');
});

test('an answer that nobody asked for changes nothing', async () => {
  const { features } = client(tune);
  const vars = features.map((feature) => `<feature var='${feature}'/>`).join('');
  const query = `<query xmlns='${info}'><identity category='client' type='pc' name='Balcony'/>${vars}</query>`;
  for (const from of ['romeo@b.example/new', 'romeo@b.example/phone', 'stranger@b.example/x'])
    stream.send(`<iq from='${from}' to='juliet@a.example' type='result' id='caps-1'>${query}</iq>`);
  appear('stranger@b.example/x', client(tune));
  await events();
  await publishes('again');
  assert.deepEqual(await events(), ['nurse@b.example/street again', `${romeo} again`]);
});

test('RFC 6121 §4.5: who has gone gets nothing, and who comes again gets the last item', async () => {
  leave('nurse@b.example/street');
  await events();
  await publishes('gone');
  assert.deepEqual(await events(), [`${romeo} gone`]);
  appear('nurse@b.example/street', client(tune));
  assert.deepEqual(await events(), ['nurse@b.example/street gone']);
  leave('nurse@b.example'); // all of its resources
  await events();
  await publishes('all gone');
  assert.deepEqual(await events(), [`${romeo} all gone`]);
});

test('XEP-0060 §4.5: the access model holds for contacts elsewhere: roster groups, whitelists, and no subscription', async () => {
  appear('nurse@b.example/street', client(tune));
  await events();
  const group = (jid: string, name: string) =>
    `<iq type='set' id='g'><query xmlns='jabber:iq:roster'><item jid='${jid}'><group>${name}</group></item></query></iq>`;
  await juliet.ask('g', group('nurse@b.example', 'Family'));
  const access = (fields: Record<string, string>) =>
    `<iq type='set' id='a'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='${tune}'>${config(fields)}</configure></pubsub></iq>`;
  const configured = async (fields: Record<string, string>) =>
    assert.equal((await juliet.ask('a', access(fields))).attributes.type, 'result');
  await configured({ access_model: 'roster', roster_groups_allowed: 'Family' });
  await publishes('for family');
  assert.deepEqual(await events(), ['nurse@b.example/street for family']);
  await configured({ access_model: 'whitelist' });
  await publishes('for nobody');
  leave(romeo);
  appear(romeo, client(tune));
  assert.deepEqual(await events(), []);
  await configured({ access_model: 'presence' });
  juliet.send(`<presence to='nurse@b.example' type='unsubscribed'/>`);
  await publishes('for friends');
  assert.deepEqual(await events(), [`${romeo} for friends`]);
});

test('XEP-0060 §6.1.7: whoever becomes a subscriber gets the last items, if what they want is known', async () => {
  stream.send(`<presence from='nurse@b.example' to='juliet@a.example' type='subscribe'/>`);
  await juliet.next(({ attributes }) => attributes.from === 'nurse@b.example' && attributes.type === 'subscribe');
  juliet.send(`<presence to='nurse@b.example' type='subscribed'/>`);
  assert.deepEqual(await events(), ['nurse@b.example/street for friends']);
});

test('XEP-0191: who is blocked is not notified', async () => {
  await juliet.ask('b', `<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='nurse@b.example'/></block></iq>`);
  await publishes('hidden');
  assert.deepEqual(await events(), [`${romeo} hidden`]);
});

test('our own shorthand neither leaves nor is believed: a probe that names nodes asks for presence', async () => {
  const wanted = `<wanted xmlns='https://skylark.im/pep'><node>${tune}</node></wanted>`;
  stream.send(`<presence from='${romeo}' to='juliet@a.example' type='probe'>${wanted}</presence>`);
  await arrival(
    (xml) => xml.startsWith('<presence') && xml.includes(`to='${romeo}'`) && xml.includes('juliet@a.example/balcony'),
  );
  assert.deepEqual(await events(), []);
  juliet.send(`<presence type='unavailable'/>`);
  const wants = client(tune);
  juliet.send(
    `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://client.example' ver='${wants.ver}'/></presence>`,
  );
  const probe = await arrival((xml) => xml.startsWith('<presence') && xml.includes(`type='probe'`));
  assert.ok(!probe.includes('wanted'), probe);
  await events();
  assert.equal(
    peer.received.find((xml) => xml.includes('skylark.im/pep')),
    undefined,
  );
});
