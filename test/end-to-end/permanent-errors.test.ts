/**
 * What can never succeed is refused at once (RFC 6120 §8.3.3: `jid-malformed`, `not-acceptable`, `bad-request` and others), and the
 * session goes on. It is not "try again": a name that is too long for a row today is too long for it in 15 s.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { faultsOf } from '../support/bystanders.ts';
import { Skylark } from '../support/skylark.ts';
import { TcpClient } from '../support/tcp-client.ts';

/** Far below the patience that a session has with a service that is away. */
const atOnceMs = 3_000;

let skylark: Skylark;
let mallory: TcpClient;
let juliet: TcpClient;

before(async () => {
  skylark = await Skylark.start();
  for (const name of ['juliet', 'mallory']) skylark.addUser(`${name}@localhost`, 'secret');
  juliet = await TcpClient.signIn(skylark.ports.c2sTls, 'juliet@localhost/balcony', 'secret');
  mallory = await TcpClient.signIn(skylark.ports.c2sTls, 'mallory@localhost/lair', 'secret');
  for (const client of [juliet, mallory]) {
    client.send('<presence/>');
    await client.next('presence');
  }
  mallory.send(`<presence to='hall@conference.localhost/m'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await mallory.next(({ name, xml }) => name === 'message' && xml.includes('<subject'));
  mallory.send(
    `<iq to='hall@conference.localhost' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
  );
  await mallory.next(({ attributes }) => attributes.id === 'c');
});
afterEach(async () => {
  mallory.send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>");
  await mallory.next(({ attributes }) => attributes.id === 'alive' && attributes.type === 'result');
  assert.equal(mallory.received.filter(({ name }) => name === 'stream:error').length, 0, 'the session goes on');
  assert.deepEqual(faultsOf(skylark), [], 'no mistake of ours is logged');
});
after(async () => {
  await mallory?.close();
  await juliet?.close();
  await skylark?.stop();
});

const long = (bytes: number): string => 'x'.repeat(bytes);
const set = (child: string, to = ''): string => `<iq type='set' id='x'${to && ` to='${to}'`}>${child}</iq>`;
const get = (child: string, to = ''): string => `<iq type='get' id='x'${to && ` to='${to}'`}>${child}</iq>`;
const muc = 'http://jabber.org/protocol/muc';
const enter = (room: string, nick = 'm'): string => `<presence id='x' to='${room}/${nick}'><x xmlns='${muc}'/></presence>`;
const hall = 'hall@conference.localhost';
const pubsub = (inner: string): string => set(`<pubsub xmlns='http://jabber.org/protocol/pubsub'>${inner}</pubsub>`);
const item = "<note xmlns='x:note'/>";
const mam = (field: string, value: string): string =>
  `<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='${field}'><value>${value}</value></field></x></query>`;
const command = (node: string, uri: string): string =>
  `<command xmlns='http://jabber.org/protocol/commands' node='${node}' action='execute'><x xmlns='jabber:x:data' type='submit'><field var='hats#uri'><value>${uri}</value></field><field var='hats#title'><value>t</value></field></x></command>`;
const slot = (name: string): string =>
  `<request xmlns='urn:xmpp:http:upload:0' filename='${name}' size='10' content-type='text/plain'/>`;

const refusals = 'jid-malformed|not-acceptable|bad-request|policy-violation|resource-constraint|not-allowed|item-not-found';

for (const bytes of [1_013, 1_020, 1_023, 1_024, 3_000]) {
  const room = `${long(bytes)}@conference.localhost`;
  for (const [what, xml] of [
    ['entering it (XEP-0045 §7.2)', enter(room)],
    ['a message to all (§7.4)', `<message id='x' type='groupchat' to='${room}'><body>?</body></message>`],
    ['a request to it (§6.4)', get("<query xmlns='http://jabber.org/protocol/disco#info'/>", room)],
  ] as const) {
    test(`a room whose name has ${bytes} bytes: ${what} is refused at once`, () => isRefused(xml));
  }
  const person = `${long(bytes)}@localhost`;
  for (const [what, xml] of [
    ['a message (RFC 6121 §5)', `<message id='x' type='chat' to='${person}'><body>?</body></message>`],
    ['a message to a resource', `<message id='x' to='${person}/r'><body>?</body></message>`],
    ['a request', get("<vCard xmlns='vcard-temp'/>", person)],
    ['a contact (RFC 6121 §2.3)', set(`<query xmlns='jabber:iq:roster'><item jid='${person}'/></query>`)],
    ['a block (XEP-0191 §3.3)', set(`<block xmlns='urn:xmpp:blocking'><item jid='${person}'/></block>`)],
  ] as const) {
    test(`an address whose local part has ${bytes} bytes: ${what} is answered at once`, () => isAnswered(xml));
  }
}

for (const [what, xml] of [
  ['a nick of 1,020 bytes (XEP-0045 §7.2)', enter('other@conference.localhost', long(1_020))],
  ['a new nick of 1,020 bytes (§7.6)', `<presence id='x' to='${hall}/${long(1_020)}'/>`],
  ['a nick of 1,024 bytes', enter(hall, long(1_024))],
  ['a private message to such a nick (§7.5)', `<message id='x' type='chat' to='${hall}/${long(1_020)}'><body>?</body></message>`],
  ['a subject of 60 kB (§8.1)', `<message id='x' type='groupchat' to='${hall}'><subject>${long(60_000)}</subject></message>`],
  ['a hat by a URI of 30 kB (XEP-0317)', set(command('urn:xmpp:hats:commands:create', `x:${long(30_000)}`), hall)],
] as const) {
  test(`${what} is refused at once`, () => isRefused(xml));
}

for (const [what, xml] of [
  ['a resource of 1,020 bytes', get("<ping xmlns='urn:xmpp:ping'/>", `juliet@localhost/${long(1_020)}`)],
  ['directed presence to a resource of 1,023 bytes', `<presence id='x' to='nobody@localhost/${long(1_023)}' type='probe'/>`],
  ['a PEP node of 1,020 bytes (XEP-0163 §3)', pubsub(`<publish node='${long(1_020)}'><item id='i'>${item}</item></publish>`)],
  ['a PEP node of 3,000 bytes', pubsub(`<publish node='${long(3_000)}'><item id='i'>${item}</item></publish>`)],
  ['a PEP item by an id of 1,020 bytes', pubsub(`<publish node='n'><item id='${long(1_020)}'>${item}</item></publish>`)],
  ['… of 3,000 bytes', pubsub(`<publish node='n'><item id='${long(3_000)}'>${item}</item></publish>`)],
  ['a retraction by such an id', pubsub(`<retract node='n'><item id='${long(1_020)}'/></retract>`)],
  [
    'a bookmark of such a room (XEP-0402 §3)',
    pubsub(
      `<publish node='urn:xmpp:bookmarks:1'><item id='${long(1_020)}@conference.localhost'><conference xmlns='urn:xmpp:bookmarks:1'/></item></publish>`,
    ),
  ],
  [
    'an old bookmark of such a room (XEP-0048)',
    set(
      `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='${long(1_020)}@conference.localhost'/></storage></query>`,
    ),
  ],
  ['MAM with such a person (XEP-0313 §4.1)', set(mam('with', `${long(1_020)}@localhost`))],
  ['MAM from such an id', set(mam('after-id', long(1_020)))],
  ['MAM with such a person, of a room', set(mam('with', `${long(1_020)}@localhost`), hall)],
  ['MAM by such an id, of a room', set(mam('ids', long(1_020)), hall)],
  [
    'a private namespace of 1,020 bytes (XEP-0049)',
    set(`<query xmlns='jabber:iq:private'><a xmlns='x:${long(1_020)}'/></query>`),
  ],
  ['… that is asked for', get(`<query xmlns='jabber:iq:private'><a xmlns='x:${long(1_020)}'/></query>`)],
  ['an upload by a name of 1,020 bytes (XEP-0363 §4)', get(slot(long(1_020)), 'upload.localhost')],
  ['… of 5,000 bytes', get(slot(long(5_000)), 'upload.localhost')],
  [
    'a retraction of such an id in a room (XEP-0424)',
    `<message id='x' type='groupchat' to='${hall}'><retract xmlns='urn:xmpp:message-retract:1' id='${long(1_020)}'/></message>`,
  ],
  [
    'a moderation of such an id (XEP-0425)',
    set(
      `<moderate xmlns='urn:xmpp:message-moderate:1' id='${long(1_020)}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
      hall,
    ),
  ],
  [
    'a member of such a name (XEP-0045 §9.3)',
    set(`<query xmlns='${muc}#admin'><item jid='${long(1_020)}@localhost' affiliation='member'/></query>`, hall),
  ],
  [
    'an invitation of such a person (§7.8)',
    `<message id='x' to='${hall}'><x xmlns='${muc}#user'><invite to='${long(1_020)}@localhost'/></x></message>`,
  ],
] as const) {
  test(`${what} is answered at once`, () => isAnswered(xml));
}

async function isRefused(xml: string): Promise<void> {
  const began = performance.now();
  mallory.send(xml);
  const answer = await mallory.next(({ attributes }) => attributes.id === 'x' && attributes.type === 'error');
  assert.match(answer.xml, new RegExp(`<error [^>]*><(${refusals}) `));
  assert.doesNotMatch(answer.xml, /the service is busy|internal-server-error/);
  assert.ok(performance.now() - began < atOnceMs);
}

/** A result where the text fits, else a refusal; presence and messages may find nobody. Some need no answer: the ping behind them does. */
async function isAnswered(xml: string): Promise<void> {
  const began = performance.now();
  mallory.send(`${xml}<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>`);
  await mallory.next(({ attributes }) => attributes.id === 'behind');
  const answers = mallory.received.splice(0).filter(({ attributes }) => attributes.id === 'x');
  if (xml.startsWith('<iq') && answers.length === 0) answers.push(await mallory.next(({ attributes }) => attributes.id === 'x'));
  assert.ok(performance.now() - began < atOnceMs);
  for (const answer of answers) assert.doesNotMatch(answer.xml, /the service is busy|internal-server-error|type='wait'/);
}
