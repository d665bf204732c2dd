/**
 * XEP-0060 between two deployments of Skylark, which are servers of each other: people of one have subscriptions and affiliations at nodes of the
 * other, are told, publish, and are forgotten. The first deployment has a second tenant, to which none of it happens.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { config } from '../router/pep-requests.ts';
import {
  affiliate,
  create,
  disco,
  entry,
  items,
  own,
  publish,
  refusal,
  retract,
  subscribe,
  unsubscribe,
} from '../router/pubsub-ground.ts';
import type { TcpClient } from '../support/tcp-client.ts';
import { type Deployment, Ground } from './deployments.ts';

const service = 'pubsub.a.example';
const romeosBare = 'romeo@b.example';
let ground: Ground;
let a: Deployment;
let b: Deployment;
/** She has a node. */
let juliet: TcpClient;
/** He is of the other deployment, where his namesake of the second tenant of the first is not. */
let romeo: TcpClient;
let nurse: TcpClient;
let stranger: TcpClient;

before(async () => {
  ground = await Ground.open();
  a = await ground.deploy({ domains: ['a.example', 'c.example'], isCertified: true });
  b = await ground.deploy({ domains: ['b.example'] });
  juliet = await a.join('juliet@a.example/balcony');
  stranger = await a.join('romeo@c.example/orchard');
  romeo = await b.join(`${romeosBare}/orchard`);
  nurse = await b.join('nurse@b.example/house');
});

after(() => ground[Symbol.asyncDispose]());

async function ask(client: TcpClient, xml: string): Promise<string> {
  const id = /^<iq [^>]*id='([^']*)'/.exec(xml)![1];
  client.send(xml);
  const answer = await client.next(({ name, attributes }) => name === 'iq' && attributes.id === id);
  return answer.xml.replaceAll('"', "'").replaceAll(/<([\w:-]+)([^<>]*)><\/\1>/g, '<$1$2/>');
}

async function done(client: TcpClient, xml: string): Promise<string> {
  const answer = await ask(client, xml);
  assert.match(answer, /^<iq [^>]*type='result'/, xml);
  return answer;
}

/** What a subscriber is told next, in short: `item one`. */
async function hears(client: TcpClient, node: string): Promise<string> {
  const { xml, attributes } = await client.next(({ name, xml: text }) => name === 'message' && text.includes(`node="${node}"`));
  assert.equal(attributes.from, service);
  const [, what = '', id = ''] = /<(item|retract|subscription|purge|delete)\b(?: [^>]*?\b(?:id|subscription)="([^"]*)")?/.exec(
    xml,
  )!;
  return `${what} ${id}`.trim();
}

const heard = (client: TcpClient) => client.received.filter(({ xml }) => xml.includes('pubsub#event')).length;
const make = (node: string, fields: Record<string, string> = {}) =>
  done(juliet, create(node, config({ send_last_published_item: 'never', ...fields })));

test('XEP-0060 §5.1: a service of the other server is found, and so are its nodes', async () => {
  await make('found', { title: 'The news' });
  assert.match(await done(romeo, disco('info')), /<identity category='pubsub' type='service'/);
  assert.match(await done(romeo, disco('items')), /<item jid='pubsub.a.example' node='found' name='The news'\/>/);
  assert.match(await done(romeo, disco('info', 'found')), /var='pubsub#owner'[^>]*><value>juliet@a.example</);
  assert.equal(refusal(await ask(romeo, disco('info', 'found', '', 'pubsub.c.example'))), 'cancel item-not-found');
});

test('XEP-0060 §6.1, §7.1, §7.2, §8.4, §8.5: subscribers at the other server are told, once, until they leave or the node goes', async () => {
  await make('n');
  for (const [client, jid] of [
    [romeo, romeosBare],
    [nurse, 'nurse@b.example'],
  ] as const)
    assert.match(await done(client, subscribe('n', jid)), /subscription='subscribed'/);
  await done(juliet, publish('n', 'one', entry('Hark')));
  assert.deepEqual([await hears(romeo, 'n'), await hears(nurse, 'n')], ['item one', 'item one']);
  assert.match(await done(romeo, items('n')), /<item id='one' publisher='juliet@a.example'>.*Hark/);
  await done(juliet, retract('n', 'one'));
  assert.deepEqual([await hears(romeo, 'n'), await hears(nurse, 'n')], ['retract one', 'retract one']);
  await done(nurse, unsubscribe('n', 'nurse@b.example'));
  await done(juliet, own('set', `<purge node='n'/>`));
  await done(juliet, own('set', `<delete node='n'/>`));
  assert.deepEqual([await hears(romeo, 'n'), await hears(romeo, 'n')], ['purge', 'delete']);
  await a.settle();
  assert.deepEqual([heard(romeo), heard(nurse), heard(stranger)], [0, 0, 0]);
});

test('XEP-0060 §7.1.3.1, §8.9: whoever is of the other server publishes and owns as affiliations say', async () => {
  await make('shared');
  assert.equal(refusal(await ask(romeo, publish('shared', 'r', entry('mine')))), 'auth forbidden');
  await done(juliet, affiliate('shared', [romeosBare, 'publisher']));
  await done(romeo, publish('shared', 'r', entry('mine')));
  assert.match(await done(juliet, items('shared')), /<item id='r' publisher='romeo@b.example'>/);
  for (const [client, asked] of [
    [romeo, own('get', `<configure node='shared'/>`)],
    [nurse, publish('shared', 'n', entry('mine'))],
    [stranger, publish('shared', 's', entry('mine'))],
    [romeo, create('own-node')],
  ] as const)
    assert.equal(refusal(await ask(client, asked)), 'auth forbidden', asked);
  await done(juliet, affiliate('shared', [romeosBare, 'owner'], ['juliet@a.example', 'none']));
  await done(romeo, own('get', `<configure node='shared'/>`));
  assert.equal(refusal(await ask(juliet, own('get', `<configure node='shared'/>`))), 'auth forbidden');
});

test('XEP-0060 §8.6: an owner lets somebody of the other server in, who asked', async () => {
  await make('asked', { access_model: 'authorize' });
  assert.match(await done(romeo, subscribe('asked', romeosBare)), /subscription='pending'/);
  const form = await juliet.next(({ name, xml }) => name === 'message' && xml.includes('subscribe_authorization'));
  assert.ok(form.xml.includes(romeosBare), form.xml);
  const answer = config({ node: 'asked', subscriber_jid: romeosBare, allow: 'true' }, 'subscribe_authorization');
  juliet.send(`<message to='${service}' id='let'>${answer}</message>`);
  assert.equal(await hears(romeo, 'asked'), 'subscription subscribed');
  await done(juliet, publish('asked', 'one', entry('for friends')));
  assert.equal(await hears(romeo, 'asked'), 'item one');
  assert.match(await ask(nurse, items('asked')), /type='error'/);
});

test('XEP-0060 §12.4: whose account at the other server is gone is subscribed no more', async () => {
  await make('left');
  const leaver = await b.join('leaver@b.example/x');
  await done(leaver, subscribe('left', 'leaver@b.example'));
  await done(romeo, subscribe('left', romeosBare));
  await done(leaver, `<iq type='set' id='gone'><query xmlns='jabber:iq:register'><remove/></query></iq>`);
  const count = async () => /var='pubsub#num_subscribers'[^>]*><value>(\d+)</.exec(await done(juliet, disco('info', 'left')))![1];
  assert.equal(await count(), '2');
  await done(juliet, publish('left', 'one', entry('Is anybody there?')));
  assert.equal(await hears(romeo, 'left'), 'item one');
  for (let tries = 0; (await count()) !== '1'; tries++) {
    assert.ok(tries < 100, 'is still subscribed');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
