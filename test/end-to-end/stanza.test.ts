/** stanza (stanza.io) over WebSocket: roster, presence, chat, carbons, archive, a room. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Agent, createClient } from 'stanza';
import { Skylark } from '../support/skylark.ts';
import { event } from '../support/stanza-events.ts';

let skylark: Skylark;

before(async () => {
  skylark = await Skylark.start();
  skylark.addUser('juliet@localhost', 'capulet');
  skylark.addUser('romeo@localhost', 'montague');
});

after(() => skylark.stop());

async function signIn(jid: string, password: string): Promise<Agent> {
  const agent = createClient({
    jid,
    password,
    resource: jid.split('/')[1],
    transports: { websocket: `ws://127.0.0.1:${skylark.ports.http}/xmpp-websocket`, bosh: false },
  });
  const started = event(agent, 'session:started');
  agent.connect();
  await started;
  return agent;
}

test('stanza: subscription, presence, chat, archive and a room', async () => {
  const juliet = await signIn('juliet@localhost/balcony', 'capulet');
  const romeo = await signIn('romeo@localhost/orchard', 'montague');
  await juliet.getRoster();
  await romeo.getRoster();
  juliet.sendPresence();
  romeo.sendPresence();

  const asked = event(romeo, 'subscribe');
  juliet.subscribe('romeo@localhost');
  assert.equal((await asked).from, 'juliet@localhost');
  const seen = event(juliet, 'available', (presence) => presence.from === 'romeo@localhost/orchard');
  romeo.acceptSubscription('juliet@localhost');
  await seen;
  const roster = await juliet.getRoster();
  assert.equal(roster.items?.find(({ jid }) => jid === 'romeo@localhost')?.subscription, 'to');

  const heard = event(romeo, 'chat', (message) => message.body === 'good night');
  juliet.sendMessage({ to: 'romeo@localhost', body: 'good night', type: 'chat' });
  assert.equal((await heard).from, 'juliet@localhost/balcony');
  const history = await romeo.searchHistory({ with: 'juliet@localhost', paging: { before: '' } });
  assert.equal(history.results?.at(-1)?.item.message?.body, 'good night');

  const room = 'verona@conference.localhost';
  await juliet.joinRoom(room, 'juliet');
  await juliet.configureRoom(room, {});
  await romeo.joinRoom(room, 'romeo');
  const inRoom = event(juliet, 'groupchat', (message) => message.body === 'a plague on both your houses');
  romeo.sendMessage({ to: room, type: 'groupchat', body: 'a plague on both your houses' });
  assert.equal((await inRoom).from, `${room}/romeo`);
  await juliet.leaveRoom(room);
  juliet.disconnect();
  romeo.disconnect();
});
