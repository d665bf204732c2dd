/** Components (XEP-0114) of two tenants, from outside: what is for them, what they send, and who may be one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addComponent, ComponentClient } from './component-client.ts';
import { bodyOf, Ground } from './deployments.ts';

const domains = ['a.example', 'b.example'];

test('a component and an account of its tenant write to each other', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<message to='hall@irc.a.example' type='chat'><body>O Romeo</body></message>`);
  const message = await irc.next('message');
  assert.equal(bodyOf(`${message.bytes}`), 'O Romeo');
  assert.deepEqual([message.attributes.from, message.attributes.to], ['juliet@a.example/balcony', 'hall@irc.a.example']);
  irc.send(`<message from='hall@irc.a.example' to='juliet@a.example' type='chat'><body>I take thee</body></message>`);
  assert.equal(bodyOf((await juliet.next('message')).xml), 'I take thee');
  await a.settle();
});

test('a component is reached by accounts of other tenants of the deployment, and reaches them', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  const romeo = await a.join('romeo@b.example/orchard');
  romeo.send(`<message to='hall@irc.a.example'><body>hello</body></message>`);
  assert.equal((await irc.next('message')).attributes.from, 'romeo@b.example/orchard');
  irc.send(`<message from='hall@irc.a.example' to='romeo@b.example/orchard'><body>hello yourself</body></message>`);
  assert.equal(bodyOf((await romeo.next('message')).xml), 'hello yourself');
});

for (const isCertified of [false, true]) {
  test(`a component talks to another server, ${isCertified ? 'with certificates' : 'by dialback'}`, async () => {
    await using ground = await Ground.open();
    const a = await ground.deploy({ domains, isCertified });
    const c = await ground.deploy({ domains: ['c.example'], isCertified });
    ground.publish('irc.a.example', a.ports);
    await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
    const nurse = await c.join('nurse@c.example/hall');
    nurse.send(`<message to='hall@irc.a.example'><body>is she there?</body></message>`);
    const asked = await irc.next('message');
    assert.deepEqual([bodyOf(`${asked.bytes}`), asked.attributes.from], ['is she there?', 'nurse@c.example/hall']);
    irc.send(`<message from='hall@irc.a.example' to='nurse@c.example/hall'><body>she is</body></message>`);
    const told = await nurse.next('message');
    assert.deepEqual([bodyOf(told.xml), told.attributes.from], ['she is', 'hall@irc.a.example']);
    await a.settle();
    await c.settle();
  });
}

test('XEP-0100: one registers with a gateway, is let in, and has its contacts in the roster', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>`);
  await juliet.next('iq');
  const [user, gateway] = ['juliet@a.example', 'irc.a.example'];

  juliet.send(`<iq type='get' id='items' to='a.example'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>`);
  assert.match((await juliet.next('iq')).xml, /<item jid="irc\.a\.example">/);

  // §4.1: the form, then the registration.
  juliet.send(`<iq type='get' id='form' to='${gateway}'><query xmlns='jabber:iq:register'/></iq>`);
  const form = await irc.next('iq');
  assert.equal(form.attributes.from, `${user}/balcony`);
  irc.send(
    `<iq type='result' id='form' from='${gateway}' to='${user}/balcony'><query xmlns='jabber:iq:register'><nick/></query></iq>`,
  );
  assert.match((await juliet.next('iq')).xml, /<nick>/);
  juliet.send(`<iq type='set' id='register' to='${gateway}'><query xmlns='jabber:iq:register'><nick>j</nick></query></iq>`);
  await irc.next('iq');
  irc.send(`<iq type='result' id='register' from='${gateway}' to='${user}/balcony'/>`);
  await juliet.next('iq');

  // The gateway asks for presence, and is asked: both are bare domains.
  irc.send(`<presence type='subscribe' from='${gateway}' to='${user}'/>`);
  assert.equal((await juliet.next('presence')).attributes.from, gateway);
  juliet.send(`<presence type='subscribed' to='${gateway}'/><presence type='subscribe' to='${gateway}'/>`);
  const types = [await irc.next('presence'), await irc.next('presence'), await irc.next('presence')].map(({ type }) => type);
  assert.deepEqual(types.sort(), ['subscribe', 'subscribed', undefined].sort());
  irc.send(`<presence type='subscribed' from='${gateway}' to='${user}'/><presence from='${gateway}' to='${user}'/>`);
  for (
    let presence = await juliet.next('presence');
    presence.attributes.type !== undefined;
    presence = await juliet.next('presence')
  );

  // A contact of the gateway.
  irc.send(`<presence type='subscribe' from='nick%hall@${gateway}' to='${user}'/>`);
  assert.equal((await juliet.next('presence')).attributes.from, `nick%hall@${gateway}`);
  juliet.send(`<presence type='subscribed' to='nick%hall@${gateway}'/>`);
  assert.equal((await irc.next('presence')).type, 'subscribed');
  juliet.send(`<iq type='get' id='roster2'><query xmlns='jabber:iq:roster'/></iq>`);
  let roster = await juliet.next('iq');
  while (roster.attributes.id !== 'roster2') roster = await juliet.next('iq');
  assert.match(roster.xml, /<item jid="irc\.a\.example"[^>]* subscription="both"/);
  assert.match(roster.xml, /nick%hall@irc\.a\.example/);

  // She leaves, and the gateway is told.
  while (irc.received.length > 0) irc.received.pop();
  juliet.send(`<presence type='unavailable'/>`);
  assert.equal((await irc.next('presence')).type, 'unavailable');
});

test('somebody behind a component is in a room of the tenant', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<presence to='hall@conference.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await juliet.next('message'); // the subject
  const instant = `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`;
  juliet.send(`<iq type='set' id='open' to='hall@conference.a.example'>${instant}</iq>`);
  await juliet.next('iq');
  const enter = `<x xmlns='http://jabber.org/protocol/muc'/>`;
  irc.send(`<presence from='nick@irc.a.example/x' to='hall@conference.a.example/Nick'>${enter}</presence>`);
  await irc.next('message');
  juliet.send(`<message type='groupchat' to='hall@conference.a.example'><body>welcome</body></message>`);
  assert.equal(bodyOf(`${(await irc.next('message')).bytes}`), 'welcome');
  await juliet.next('message');
  irc.send(`<message type='groupchat' from='nick@irc.a.example/x' to='hall@conference.a.example'><body>thanks</body></message>`);
  const thanks = await juliet.next('message');
  assert.deepEqual([bodyOf(thanks.xml), thanks.attributes.from], ['thanks', 'hall@conference.a.example/Nick']);
});
