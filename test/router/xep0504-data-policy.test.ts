/** XEP-0504: what a tenant says of its data, and what the service knows itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStage } from '../support/stage/whole-stage.ts';
import { formsOf, setPolicy } from './policy-forms.ts';

const formType = 'urn:xmpp:data-policy:0';

test('XEP-0504 §3: the form is there when the operator has said something, with what the service knows', async (t) => {
  const stage = await openStage();
  t.after(() => stage.close());
  const romeo = await stage.appear('romeo@b.example/orchard');
  await setPolicy(stage, 'a.example', { retentionDays: 30 });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {});
  await setPolicy(stage, 'a.example', { termsUrl: 'https://a.example/terms', dataAccess: ['admins', 'government'] });
  const form = {
    ...{ data_retention: ['720'], full_erasure: ['true'] },
    ...{ tos: ['https://a.example/terms'], access_policy: ['admins', 'government'] },
  };
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), { [formType]: form });
  await setPolicy(stage, 'a.example', { dataEncrypted: 'yes', retentionDays: 0, termsUrl: '', dataAccess: ['none'] });
  assert.deepEqual(await formsOf(stage, romeo, 'a.example'), {
    [formType]: { data_retention: ['infinite'], full_erasure: ['true'], access_policy: ['none'], encryption_at_rest: ['true'] },
  });
  assert.deepEqual(await formsOf(stage, romeo, 'b.example'), {});
});

for (const [given, error] of [
  [{ dataAccess: ['none', 'admins'] }, /'none' of 'dataAccess' stands alone|'dataAccess' is not allowed/],
  [{ dataAccess: ['everybody'] }, /dataAccess/],
  [{ termsUrl: 'ftp://a.example' }, /termsUrl|URL/],
  [{ dataEncrypted: 'perhaps' }, /dataEncrypted/],
] as const) {
  test(`${JSON.stringify(given)} is refused`, async (t) => {
    const stage = await openStage();
    t.after(() => stage.close());
    await assert.rejects(setPolicy(stage, 'a.example', given), error);
  });
}
