/** What people of other servers may send to ours: each of them, and strangers first of all. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { routerLimits } from '../../services/router/limits.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { type Deployment, Ground } from './deployments.ts';
import { FakePeer, type PeerClient } from './fake-peer.ts';

let ground: Ground;
let skylark: Deployment;
let peer: FakePeer;
let stream: PeerClient;
let juliet: TcpClient;

before(async () => {
  ground = await Ground.open();
  skylark = await ground.deploy({ domains: ['a.example', 'b.example'] });
  peer = await FakePeer.start(ground, { domain: 'peer.example' });
  juliet = await skylark.join('juliet@a.example/balcony');
  await juliet.ask('r', `<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='friend@peer.example'/></query></iq>`);
  stream = await peer.dial(skylark, 'a.example');
  await stream.open();
  await stream.prove();
});

after(() => ground[Symbol.asyncDispose]());

function say(from: string, to: string, id: string): void {
  stream.send(`<message from='${from}@peer.example/x' to='${to}' type='chat' id='${id}'><body>${id}</body></message>`);
}

/** Both kinds of quotes are used. */
const received = () => peer.received.map((xml) => xml.replaceAll("'", '"'));
const errors = (pattern: RegExp) => received().filter((xml) => xml.includes(`type="error"`) && pattern.test(xml));

test('a stranger who writes to many people is refused, and then says nothing to anybody new; known people and others are heard', async () => {
  const { firstContactsBurst } = routerLimits;
  for (let index = 0; index < firstContactsBurst + 10; index++) say('spammer', `user${index}@a.example`, `spam${index}`);
  await peer.until(() => errors(/id="spam\d+"/).length === firstContactsBurst + 10, 'an answer to each');
  assert.equal(errors(/<resource-constraint/).length, 10);
  say('spammer', 'juliet@a.example', 'not for her');
  stream.send(`<presence from='spammer@peer.example' to='juliet@a.example' type='subscribe' id='ask'/>`);
  await peer.until(() => errors(/id="ask"/).length === 1 && errors(/id="not for her"/).length === 1, 'two refusals');
  assert.match(errors(/id="ask"/)[0]!, /<resource-constraint/);
  // It may go on talking to those whom it has met before the limit.
  say('spammer', 'user0@a.example', 'once more');
  await peer.until(() => errors(/id="once more"/).length === 1, 'an answer');
  assert.doesNotMatch(errors(/id="once more"/)[0]!, /<resource-constraint/);

  for (let index = 0; index < firstContactsBurst + 1; index++) say('friend', `user${index}@a.example`, `friend${index}`);
  say('friend', 'juliet@a.example', 'from a friend');
  say('nurse', 'juliet@a.example', 'from a stranger');
  for (const id of ['from a friend', 'from a stranger']) await juliet.next(({ attributes }) => attributes.id === id);
  assert.ok(!juliet.received.some(({ xml }) => xml.includes('spammer')));
});

test('whom somebody of ours has written to is a stranger no more', async () => {
  juliet.send(`<message to='stranger@peer.example' type='chat' id='hello'><body>hello</body></message>`);
  await peer.until(() => peer.bodies.includes('hello'), 'the message');
  for (let index = 0; index < routerLimits.firstContactsBurst; index++) say('stranger', `nobody${index}@a.example`, `n${index}`);
  say('stranger', 'juliet@a.example', 'an answer');
  await juliet.next(({ attributes }) => attributes.id === 'an answer');
});

test('one address that floods us is refused, and its neighbour is not', async () => {
  const { remoteStanzasBurst } = routerLimits;
  const ping = (from: string, id: string) =>
    `<iq type='get' from='${from}@peer.example/x' to='a.example' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`;
  for (let index = 0; index < remoteStanzasBurst + 500; index++) stream.send(ping('flood', `f${index}`));
  stream.send(ping('calm', 'calm'));
  const answers = () => received().filter((xml) => xml.startsWith('<iq'));
  await peer.until(() => answers().length === remoteStanzasBurst + 501, 'an answer to each');
  const refused = answers().filter((xml) => xml.includes('resource-constraint'));
  assert.ok(refused.length > 0 && refused.length <= 500, `${refused.length}`);
  assert.match(answers().find((xml) => xml.includes(`"calm"`))!, /type="result/);
});
