/** What a component may not do, and what it cannot do to others (XEP-0114 §3, RFC 6120 §4.9.3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAdmin } from '../../services/cli/commands/admin-client.ts';
import { componentRemove } from '../../services/router/operations/components.ts';
import { until } from '../support/until.ts';
import { addComponent, ComponentClient } from './component-client.ts';
import { bodyOf, type Deployment, Ground } from './deployments.ts';

const domains = ['a.example', 'b.example'];

async function refusal(a: Deployment, name: string, secret: string, header?: string): Promise<string> {
  await using client = await ComponentClient.dial(a.ports.component, name);
  await client.open(header);
  client.handshake(secret);
  return await client.error();
}

test('who may be a component', async (t) => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  const secret = await addComponent(a, 'irc.a.example');
  const other = await addComponent(a, 'irc.b.example');
  for (const [what, name, said, condition] of [
    ['a wrong handshake', 'irc.a.example', 'wrong', 'not-authorized'],
    ['the secret of another tenant’s component', 'irc.a.example', other, 'not-authorized'],
    ['a name that nobody added', 'sms.a.example', secret, 'host-unknown'],
    ['the same name at another tenant', 'irc.b.example', secret, 'not-authorized'],
    ['a tenant', 'a.example', secret, 'host-unknown'],
    ['the rooms of a tenant', 'conference.a.example', secret, 'host-unknown'],
    ['a domain that is not served here', 'irc.elsewhere.example', secret, 'host-unknown'],
  ] as const) {
    await t.test(`§3: ${what}: ${condition}`, async () => assert.equal(await refusal(a, name, said), condition));
  }
  await t.test('§3: no "to": improper-addressing', async () => {
    await using client = await ComponentClient.dial(a.ports.component, 'irc.a.example');
    await client.open('');
    assert.equal(await client.error(), 'improper-addressing');
  });
  await t.test('a stanza before the handshake: not-authorized', async () => {
    await using client = await ComponentClient.dial(a.ports.component, 'irc.a.example');
    await client.open();
    client.send(`<message from='irc.a.example' to='juliet@a.example'/>`);
    assert.equal(await client.error(), 'not-authorized');
  });
  for (const [what, stanza, condition] of [
    ['from another tenant’s component', `<message from='x@irc.b.example' to='juliet@a.example'/>`, 'invalid-from'],
    ['from an account', `<message from='juliet@a.example' to='romeo@a.example'/>`, 'invalid-from'],
    ['without "from"', `<message to='juliet@a.example'/>`, 'improper-addressing'],
    ['without "to"', `<message from='irc.a.example'/>`, 'improper-addressing'],
    ['that is none', `<route from='irc.a.example' to='a.example'/>`, 'unsupported-stanza-type'],
    ['with a DTD', `<!DOCTYPE x [<!ENTITY e 'e'>]>`, 'restricted-xml'],
  ] as const) {
    await t.test(`§4: a stanza ${what}: ${condition}`, async () => {
      await using client = await ComponentClient.attach(a, 'irc.a.example', secret);
      client.send(stanza);
      assert.equal(await client.error(), condition);
    });
  }
});

test('a second stream gets "conflict" while the first answers pings, and its place when it does not', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  const secret = await addComponent(a, 'irc.a.example');
  await using first = await ComponentClient.attach(a, 'irc.a.example', secret);
  assert.equal(await refusal(a, 'irc.a.example', secret), 'conflict');
  assert.equal(first.pings, 1);
  first.isAnswering = false;
  await using second = await ComponentClient.attach(a, 'irc.a.example', secret);
  assert.equal(await first.error(), 'connection-timeout');
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<message to='hall@irc.a.example'><body>who is there?</body></message>`);
  assert.equal(bodyOf(`${(await second.next('message')).bytes}`), 'who is there?');
});

test('what a component did not confirm goes to its next stream, in order', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  const secret = await addComponent(a, 'irc.a.example');
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<message to='hall@irc.a.example'><body>0</body></message>`); // before it has ever been there
  const first = await ComponentClient.attach(a, 'irc.a.example', secret);
  assert.equal(bodyOf(`${(await first.next('message')).bytes}`), '0');
  await a.settle();
  first.isAnswering = false;
  for (const body of [1, 2, 3]) juliet.send(`<message to='hall@irc.a.example'><body>${body}</body></message>`);
  for (const body of ['1', '2', '3']) assert.equal(bodyOf(`${(await first.next('message')).bytes}`), body);
  first.close();
  await using second = await ComponentClient.attach(a, 'irc.a.example', secret);
  for (const body of ['1', '2', '3']) assert.equal(bodyOf(`${(await second.next('message')).bytes}`), body);
  await a.settle();
});

test('a component that is removed loses its stream, and what is for it bounces at once', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  const admin = await openAdmin(a.folder);
  await admin.ask(componentRemove, { domain: 'a.example', component: 'irc.a.example' });
  await admin.close();
  assert.equal(await irc.error(), 'host-unknown');
  const juliet = await a.join('juliet@a.example/balcony');
  juliet.send(`<message id='m' to='hall@irc.a.example'><body>who is there?</body></message>`);
  assert.match((await juliet.next('message')).xml, /remote-server-not-found/);
});

test('a component that floods, and one that never reads, do not keep others from being served', async () => {
  await using ground = await Ground.open();
  const a = await ground.deploy({ domains });
  await using flood = await ComponentClient.attach(a, 'flood.a.example', await addComponent(a, 'flood.a.example'));
  await using deaf = await ComponentClient.attach(a, 'deaf.a.example', await addComponent(a, 'deaf.a.example'));
  await using irc = await ComponentClient.attach(a, 'irc.a.example', await addComponent(a, 'irc.a.example'));
  deaf.pause();
  const juliet = await a.join('juliet@a.example/balcony');
  const romeo = await a.join('romeo@b.example/orchard');
  const text = 'x'.repeat(10_000);
  for (let count = 0; count < 1_000; count++) {
    flood.send(`<message from='flood.a.example' to='nobody@a.example'><body>${text}</body></message>`);
  }
  for (let count = 0; count < 100; count++) juliet.send(`<message to='x@deaf.a.example'><body>${text}</body></message>`);
  romeo.send(`<message to='hall@irc.a.example'><body>are you there?</body></message>`);
  assert.equal(bodyOf(`${(await irc.next('message')).bytes}`), 'are you there?');
  irc.send(`<message from='hall@irc.a.example' to='romeo@b.example'><body>I am</body></message>`);
  assert.equal(bodyOf((await romeo.next('message')).xml), 'I am');
  await until(
    () => flood.received.filter(({ type }) => type === 'error').length >= 1_000,
    () => 'an answer to each message of the flood',
    30_000,
  );
});
