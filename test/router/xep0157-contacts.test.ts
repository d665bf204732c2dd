/** XEP-0157: the contacts of a tenant are those of its policy, and nobody else's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';
import { formsOf, setPolicy } from './policy-forms.ts';

const formType = 'http://jabber.org/network/serverinfo';

test('XEP-0157 §3: disco#info of the domain has the contacts of the policy', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@b.example/orchard');
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {});
  const abuseContacts = ['mailto:abuse@a.example', 'xmpp:abuse@a.example'];
  await setPolicy(stage, 'a.example', { abuseContacts, supportContacts: ['https://a.example/help?x=1&y=<2>'] });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {
    [formType]: { 'abuse-addresses': abuseContacts, 'support-addresses': ['https://a.example/help?x=1&y=<2>'] },
  });
  assert.deepEqual(await formsOf(stage, romeo, 'b.example'), {}, 'the other tenant says nothing');
  await setPolicy(stage, 'a.example', { abuseContacts: [], supportContacts: [], adminContacts: ['xmpp:admin@a.example'] });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), { [formType]: { 'admin-addresses': ['xmpp:admin@a.example'] } });
});

test('XEP-0115 §5.1: the hash of the domain changes with its forms', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const { features, tenants } = stage.dependencies;
  const before = features.boundFeatures((await tenants.find('a.example'))!);
  await setPolicy(stage, 'a.example', { securityContacts: ['mailto:security@a.example'] });
  assert.notEqual(features.boundFeatures((await tenants.find('a.example'))!), before);
  assert.equal(features.boundFeatures((await tenants.find('b.example'))!), before);
});

for (const contact of [
  'abuse@a.example',
  'mailto:nobody',
  'mailto:a@b?subject=x',
  'xmpp:a@b/resource',
  'xmpp:@',
  'javascript:alert(1)',
  'tel:123',
  `https://a.example/${'x'.repeat(600)}`,
]) {
  test(`'${contact.slice(0, 40)}' is not a contact`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    await assert.rejects(setPolicy(stage, 'a.example', { abuseContacts: [contact] }), /is not a contact/);
  });
}
