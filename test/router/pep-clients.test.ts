/** What clients do on PEP without the server knowing of it: OMEMO keys, displayed markers, avatars, private data. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage } from '../support/stage/whole-stage.ts';
import { config, configure, itemIds, items, own, publish } from './pep-requests.ts';

async function ask(actor: StreamActor, xml: string): Promise<string> {
  await actor.send(xml);
  return actor.next();
}

function options(fields: Record<string, string>): string {
  return config(fields, 'publish-options');
}

for (const [what, listNode, bundleNode, bundleItem] of [
  ['XEP-0384 0.8', 'urn:xmpp:omemo:2:devices', 'urn:xmpp:omemo:2:bundles', '31415'],
  ['XEP-0384 0.3', 'eu.siacs.conversations.axolotl.devicelist', 'eu.siacs.conversations.axolotl.bundles:31415', 'current'],
] as const) {
  test(`${what}: a stranger of another tenant reads device list and bundle, and both devices share the node`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    const juliet = await stage.appear('juliet@a.example/balcony');
    const chamber = await stage.appear('juliet@a.example/chamber');
    const romeo = await stage.appear('romeo@b.example/orchard');
    stage.clear();
    const open = options({ access_model: 'open' });
    const many = options({ access_model: 'open', max_items: 'max' });
    const list = `<devices xmlns='urn:xmpp:omemo:2'><device id='31415'/></devices>`;
    const bundle = `<bundle xmlns='urn:xmpp:omemo:2'><ik>${'A'.repeat(44)}</ik></bundle>`;
    assert.match(await ask(juliet, publish(listNode, 'current', list, open)), /type='result'/);
    assert.match(await ask(chamber, publish(listNode, 'current', list, open)), /type='result'/);
    assert.match(await ask(juliet, publish(bundleNode, bundleItem, bundle, many)), /type='result'/);
    const read = await ask(romeo, items(bundleNode, `<item id='${bundleItem}'/>`, '', '', 'juliet@a.example'));
    assert.ok(read.includes(bundle), read);
    const devices = await ask(romeo, items(listNode, '', '', '', 'juliet@a.example'));
    assert.deepEqual(itemIds(devices), ['current']);
  });
}

test('XEP-0490: displayed markers of each chat, for the account alone; XEP-0222 and XEP-0223 likewise', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const romeo = await stage.appear('romeo@a.example/orchard');
  await stage.befriend(juliet, romeo);
  const node = 'urn:xmpp:mds:displayed:0';
  const marker = `<displayed xmlns='${node}'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='1'/></displayed>`;
  const mine = options({
    persist_items: 'true',
    max_items: 'max',
    send_last_published_item: 'never',
    access_model: 'whitelist',
  });
  for (const chat of ['romeo@a.example', 'nurse@a.example', 'romeo@a.example']) {
    assert.match(await ask(juliet, publish(node, chat, marker, mine)), /type='result'/);
  }
  assert.deepEqual(itemIds(await ask(juliet, items(node))).sort(), ['nurse@a.example', 'romeo@a.example']);
  assert.match(await ask(romeo, items(node, '', '', '', 'juliet@a.example')), /<closed-node /);
  const shown = options({ persist_items: 'true', access_model: 'presence' });
  assert.match(await ask(juliet, publish('urn:example:public', 'a', `<x xmlns='urn:x'/>`, shown)), /type='result'/);
  assert.deepEqual(itemIds(await ask(romeo, items('urn:example:public', '', '', '', 'juliet@a.example'))), ['a']);
});

test('XEP-0084: an avatar of 128 KiB in base64 is kept and read again', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const picture = Buffer.alloc(128 * 1024, 7).toString('base64');
  const data = `<data xmlns='urn:xmpp:avatar:data'>${picture}</data>`;
  assert.match(await ask(juliet, publish('urn:xmpp:avatar:data', '1f00', data)), /type='result'/);
  assert.ok((await ask(juliet, items('urn:xmpp:avatar:data', `<item id='1f00'/>`))).includes(picture));
});

test('a client that finds another access model changes it in the form it is given, sends that back whole, and publishes again', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const juliet = await stage.appear('juliet@a.example/balcony');
  const node = 'eu.siacs.conversations.axolotl.devicelist';
  const list = `<list xmlns='eu.siacs.conversations.axolotl'><device id='1'/></list>`;
  const open = options({ access_model: 'open', persist_items: 'true' });
  assert.match(await ask(juliet, publish(node, 'current', list)), /type='result'/);
  const refused = await ask(juliet, publish(node, 'current', list, open));
  assert.match(refused, /<error type='cancel'><conflict /);
  assert.match(refused, /<precondition-not-met xmlns='http:\/\/jabber.org\/protocol\/pubsub#errors'\/>/);
  const given = /<x .*<\/x>/.exec(await ask(juliet, own('get', `<configure node='${node}'/>`)))![0];
  const filled = given
    .replace(`type='form'`, `type='submit'`)
    .replaceAll(/<option>.*?<\/option>/g, '')
    .replace(/(var='pubsub#access_model'[^>]*><value>)presence/, '$1open');
  assert.notEqual(filled, given);
  assert.match(await ask(juliet, configure(node, filled)), /type='result'/);
  assert.match(await ask(juliet, publish(node, 'current', list, open)), /type='result'/);
});
