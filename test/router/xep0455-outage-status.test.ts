/** XEP-0455: a tenant's domain names the files of its policy, and no other tenant's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { formsOf, setPolicy } from './policy-forms.ts';

const formType = 'urn:xmpp:sos:0';
const addresses = ['https://status.example.net/a.json', 'http://backup.example.net/s?of=a&as=<json>'];

test('XEP-0455 §3.1: disco#info of the domain has the addresses of the policy', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@b.example/orchard');
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {});
  await setPolicy(stage, 'a.example', { statusUrls: addresses, abuseContacts: ['mailto:abuse@a.example'] });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {
    [formType]: { 'external-status-addresses': addresses },
    'http://jabber.org/network/serverinfo': { 'abuse-addresses': ['mailto:abuse@a.example'] },
  });
  await romeo.send(`<iq type='get' id='d' to='a.example'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`);
  const [form] = romeo
    .take()
    .join()
    .match(/<x xmlns='jabber:x:data' type='result'>(?:(?!<\/x>).)*sos:0.*?<\/x>/)!;
  assertXml(
    form,
    `<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>${formType}</value></field>
      <field var='external-status-addresses' type='list-multi'><value>${addresses[0]}</value>
      <value>http://backup.example.net/s?of=a&amp;as=&lt;json&gt;</value></field></x>`,
  );
  assert.deepEqual(await formsOf(stage, romeo, 'b.example'), {}, 'the other tenant names none');
  await setPolicy(stage, 'a.example', { statusUrls: [], abuseContacts: [] });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {});
});

for (const [address, why] of [
  ['status.example.net', /is not an address of the web/],
  ['javascript:alert(1)', /is not an address of the web/],
  ['ftp://status.example.net/x', /is not an address of the web/],
  ['https://user:secret@status.example.net/x', /is not an address of the web/],
  [`https://status.example.net/${'x'.repeat(500)}`, /at most 500 characters/],
] as const) {
  test(`'${address.slice(0, 40)}' is not an address of such a file`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    await assert.rejects(setPolicy(stage, 'a.example', { statusUrls: [address] }), why);
  });
}
