/**
 * Stanzas that are well-formed and wrong: each is answered with the error that RFC 6120 §8.3 and the extension name, to whoever sent
 * it and with its id; the stream goes on, and nobody else hears of it.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { xmppLimits } from '../../lib/xmpp/limits.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { Bystanders, faultsOf } from '../support/bystanders.ts';
import { many } from '../support/hostile-input.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

let skylark: Skylark;
let bystanders: Bystanders;
let mallory: TcpClient;

before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'romeo', 'mallory']) skylark.addUser(`${name}@localhost`, 'secret');
  bystanders = await Bystanders.signIn(skylark);
  mallory = await TcpClient.signIn(skylark.ports.c2sTls, 'mallory@localhost/lair', 'secret');
  mallory.send('<presence/>');
  await mallory.next('presence');
});
afterEach(async () => {
  mallory.send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>");
  await mallory.next(({ attributes }) => attributes.id === 'alive' && attributes.type === 'result');
  await bystanders.chat();
  for (const { received } of [bystanders.juliet, bystanders.romeo]) assert.deepEqual(received.splice(0), []);
  assert.deepEqual(faultsOf(skylark), []);
});
after(async () => {
  await mallory?.close();
  await bystanders?.leave();
  await skylark?.stop();
});

const query = (ns: string, inner = '', name = 'query'): string => `<${name} xmlns='${ns}'>${inner}</${name}>`;
const set = (inner: string, to = ''): string => `<iq type='set' id='x'${to && ` to='${to}'`}>${inner}</iq>`;
const get = (inner: string, to = ''): string => `<iq type='get' id='x'${to && ` to='${to}'`}>${inner}</iq>`;
const ping = query('urn:xmpp:ping', '', 'ping');
const roster = (items: string): string => set(query('jabber:iq:roster', items));
const archive = (inner: string): string => set(query('urn:xmpp:mam:2', inner));
const form = (field: string): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>${field}</x>`;
const longName = 'a'.repeat(xmppLimits.jidPartBytesMax + 1);

const table: readonly (readonly [what: string, xml: string, type: string, condition: string])[] = [
  ['an iq of no known type', `<iq type='ask' id='x'>${ping}</iq>`, 'modify', 'bad-request'],
  ['an iq without a type', `<iq id='x'>${ping}</iq>`, 'modify', 'bad-request'],
  ['a request without a child', "<iq type='get' id='x'/>", 'modify', 'bad-request'],
  ['a request with two children', get(ping + ping), 'modify', 'bad-request'],
  ['a request that nobody knows', get(query('urn:nobody:knows')), 'cancel', 'service-unavailable'],
  ['… of the host', get(query('urn:nobody:knows'), 'localhost'), 'cancel', 'service-unavailable'],
  ['… of another account', get(query('urn:nobody:knows'), 'juliet@localhost'), 'cancel', 'service-unavailable'],
  ['… of a resource that is not there', get(ping, 'juliet@localhost/nowhere'), 'cancel', 'service-unavailable'],
  ['… of nobody', get(ping, 'nobody@localhost'), 'cancel', 'service-unavailable'],
  ['an iq to an address that is none', get(ping, '@localhost'), 'modify', 'jid-malformed'],
  ['an iq to an address that is too long', get(ping, `${longName}@localhost`), 'modify', 'jid-malformed'],
  ['an iq to a domain that is not here', get(ping, 'example.com'), 'cancel', 'remote-server-not-found'],
  [
    'bind once more',
    set("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>two</resource></bind>"),
    'cancel',
    'not-allowed|service-unavailable|feature-not-implemented',
  ],
  [
    'a message to nobody',
    "<message id='x' type='chat' to='nobody@localhost'><body>?</body></message>",
    'cancel',
    'service-unavailable',
  ],
  ['a message to an address that is none', "<message id='x' to='a@b@c'><body>?</body></message>", 'modify', 'jid-malformed'],
  [
    'a message to a domain that is not here',
    "<message id='x' to='a@example.com'><body>?</body></message>",
    'cancel',
    'remote-server-not-found',
  ],
  [
    'a message to a room that is none',
    "<message id='x' type='groupchat' to='nowhere@rooms.example'><body>?</body></message>",
    'cancel',
    'remote-server-not-found',
  ],
  [
    'a groupchat message to a person',
    "<message id='x' type='groupchat' to='juliet@localhost'><body>?</body></message>",
    'cancel',
    'service-unavailable',
  ],
  [
    'a normal message to a resource that is not there',
    "<message id='x' to='juliet@localhost/nowhere'><body>?</body></message>",
    'cancel',
    'service-unavailable',
  ],
  [
    'a message too large to be kept',
    `<message id='x' type='chat' to='juliet@localhost'><body>${'"'.repeat(xmppLimits.stanzaBytesMax - 200)}</body></message>`,
    'modify',
    'policy-violation',
  ],
  ['presence of no known type', "<presence id='x' type='away'/>", 'modify', 'bad-request'],
  [
    'presence with a priority that does not fit a byte',
    "<presence id='x'><priority>128</priority></presence>",
    'modify',
    'bad-request',
  ],
  [
    'presence with two priorities',
    "<presence id='x'><priority>1</priority><priority>2</priority></presence>",
    'modify',
    'bad-request',
  ],
  [
    'presence that is too large',
    `<presence id='x'><status>${'z'.repeat(routerLimits.presenceBytesMax)}</status></presence>`,
    'modify',
    'policy-violation',
  ],
  ['a subscription to nobody in particular', "<presence id='x' type='subscribe'/>", 'modify', 'bad-request'],
  ['presence to an address that is none', "<presence id='x' to='@'/>", 'modify', 'jid-malformed'],
  ['a roster set of two items', roster("<item jid='a@localhost'/><item jid='b@localhost'/>"), 'modify', 'bad-request'],
  ['a roster set of no item', roster(''), 'modify', 'bad-request'],
  ['a roster item without an address', roster("<item name='x'/>"), 'modify', 'bad-request|jid-malformed'],
  ['a roster item with an address that is none', roster("<item jid='@@'/>"), 'modify', 'jid-malformed'],
  [
    'a roster item twice in a group',
    roster("<item jid='a@localhost'><group>g</group><group>g</group></item>"),
    'modify',
    'bad-request',
  ],
  ['a group without a name', roster("<item jid='a@localhost'><group/></item>"), 'modify', 'not-acceptable'],
  [
    'a name that is too long',
    roster(`<item jid='a@localhost' name='${'n'.repeat(routerLimits.rosterNameBytesMax + 1)}'/>`),
    'modify',
    'not-acceptable',
  ],
  [
    'too many groups',
    roster(`<item jid='a@localhost'>${many(routerLimits.rosterGroupsMax + 1, (n) => `<group>g${n}</group>`)}</item>`),
    'modify',
    'not-acceptable|policy-violation',
  ],
  [
    'the removal of an item that is not there',
    roster("<item jid='nobody@localhost' subscription='remove'/>"),
    'cancel',
    'item-not-found',
  ],
  ["somebody else's roster", get(query('jabber:iq:roster'), 'juliet@localhost'), 'auth|cancel', 'forbidden|service-unavailable'],
  [
    "somebody else's archive",
    set(query('urn:xmpp:mam:2'), 'juliet@localhost'),
    'auth|cancel',
    'forbidden|service-unavailable|item-not-found',
  ],
  ['blocking nobody', set(query('urn:xmpp:blocking', '', 'block')), 'modify', 'bad-request'],
  ['blocking an address that is none', set(query('urn:xmpp:blocking', "<item jid='@@'/>", 'block')), 'modify', 'jid-malformed'],
  ['private XML without an element', set(query('jabber:iq:private')), 'modify', 'bad-request|not-acceptable'],
  ['private XML in no namespace', set(query('jabber:iq:private', "<a xmlns=''/>")), 'modify', 'bad-request|not-acceptable'],
  [
    'private XML that is too large',
    set(query('jabber:iq:private', `<a xmlns='b'>${'c'.repeat(routerLimits.privateElementBytesMax)}</a>`)),
    'modify',
    'policy-violation|not-acceptable',
  ],
  [
    'a vCard that is too large',
    set(`<vCard xmlns='vcard-temp'><NOTE>${'c'.repeat(routerLimits.vcardBytesMax)}</NOTE></vCard>`),
    'modify',
    'policy-violation|not-acceptable',
  ],
  [
    "somebody else's vCard to be changed",
    set("<vCard xmlns='vcard-temp'/>", 'juliet@localhost'),
    'auth|cancel',
    'forbidden|not-allowed|service-unavailable',
  ],
  [
    'an archive page after an id that is none',
    archive("<set xmlns='http://jabber.org/protocol/rsm'><after>no such id</after></set>"),
    'cancel',
    'item-not-found',
  ],
  [
    'an archive page of a size that is none',
    archive("<set xmlns='http://jabber.org/protocol/rsm'><max>many</max></set>"),
    'modify',
    'bad-request',
  ],
  [
    'an archive page from a time that is none',
    archive(form("<field var='start'><value>yesterday</value></field>")),
    'modify',
    'bad-request',
  ],
  [
    'an archive page with an address that is none',
    archive(form("<field var='with'><value>@@</value></field>")),
    'modify',
    'bad-request|jid-malformed',
  ],
  [
    'registration with half of what it needs',
    set(query('jabber:iq:register', '<username>mallory</username>')),
    'modify',
    'bad-request|not-acceptable',
  ],
  [
    "somebody else's password",
    set(query('jabber:iq:register', '<username>juliet</username><password>stolen</password>')),
    'auth|cancel|modify',
    'forbidden|not-allowed|bad-request|not-authorized',
  ],
];

for (const [what, xml, type, condition] of table) {
  test(`${what}: ${condition.split('|')[0]}`, async () => {
    mallory.send(xml);
    const answer = await mallory.next(({ attributes }) => attributes.id === 'x');
    assert.equal(answer.name, /^<(\w+)/.exec(xml)![1]);
    assert.equal(answer.attributes.type, 'error', answer.xml.slice(0, 500));
    assert.match(
      answer.xml,
      new RegExp(`<error type="(?:${type})"[^>]*><(?:${condition}) xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">`),
    );
    if (condition === 'jid-malformed') return; // nobody can be from such an address
    assert.equal(answer.attributes.from ?? '', /^<\w+[^>]* to='([^']*)'/.exec(xml)?.[1] ?? '');
  });
}

test('an iq without an id: bad-request', async () => {
  mallory.send(`<iq type='get'>${ping}</iq>`);
  const { xml } = await mallory.next(({ name, attributes }) => name === 'iq' && attributes.type === 'error');
  assert.match(xml, /<bad-request /);
});

test('errors, and results that nobody asked for, are not answered', async () => {
  const error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
  mallory.received.splice(0);
  for (const to of ['', " to='localhost'", " to='nobody@localhost'", " to='juliet@localhost/nowhere'"]) {
    mallory.send(`<iq type='result' id='r'${to}/><iq type='error' id='r'${to}>${error}</iq>`);
    mallory.send(`<message type='error' id='r'${to}>${error}</message><presence type='error' id='r'${to}>${error}</presence>`);
  }
  mallory.send("<iq type='get' id='after'><ping xmlns='urn:xmpp:ping'/></iq>");
  await mallory.next(({ attributes }) => attributes.id === 'after');
  assert.deepEqual(
    mallory.received.map(({ xml }) => xml),
    [],
  );
});

test('what was refused has left nothing: neither roster items nor messages', async () => {
  const { xml } = await mallory.ask('roster', "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
  assert.doesNotMatch(xml, /<item/);
  const page = await bystanders.juliet.ask('mam', "<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
  assert.match(page.xml, /<fin /);
  assert.equal(bystanders.juliet.received.filter((each) => each.xml.includes('mallory')).length, 0);
  bystanders.juliet.received.splice(0);
});
