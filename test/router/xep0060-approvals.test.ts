/**
 * XEP-0060 §8.6, §8.7: who wants to subscribe waits for an owner. The same at the pubsub service and at an account, whose node juliet has; the
 * people are of two tenants.
 *
 * Hostile: a stranger who approves, whoever waits approving themselves, and a crowd that waits.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { config, itemIds } from './pep-requests.ts';
import { At, arrange, nextId, ns, places, states } from './pubsub-at.ts';
import { ask, heard, refusal, service } from './pubsub-ground.ts';

/** The form that an owner got (§8.6). */
function formOf(messages: readonly string[], at: At, jid: string): string {
  const found = messages.filter((xml) => xml.includes(`<value>${jid}</value>`));
  assert.equal(found.length, 1, messages.join('\n'));
  const [form] = found as [string];
  assert.ok(form.includes(`from='${at.to}'`));
  for (const field of ['subid', 'node', 'subscriber_jid', 'allow']) assert.ok(form.includes(`var='pubsub#${field}'`), field);
  return form;
}

for (const [where, at] of places) {
  test(`XEP-0060 §6.1.4, §8.6 at ${where}: who subscribes waits until an owner has allowed it`, async (t) => {
    const ground = await arrange(t, at, { access_model: 'authorize', notify_sub: '1' });
    const { stage, juliet, nurse, romeo } = ground;
    await ask(juliet, at.publish('n', 'one'));
    for (const actor of [nurse, romeo]) {
      const jid = actor.jid.bare.toString();
      const answer = await ask(actor, at.subscribe('n', jid));
      assert.match(answer, new RegExp(`<subscription node='n' jid='${jid}' subid='[^']+' subscription='pending'/>`));
      const form = formOf(await heard(stage, juliet), at, jid);
      const subid = /var='pubsub#subid'[^>]*><value>([^<]+)</.exec(form)![1]!;
      assert.ok(answer.includes(`subid='${subid}'`));
      assert.equal(refusal(await ask(actor, at.subscribe('n', jid))), 'auth not-authorized pending-subscription', '§6.1.3.7');
      assert.equal(refusal(await ask(actor, at.items('n'))), 'auth not-authorized not-subscribed', '§6.5.9.3');
      assert.match(await ask(actor, at.get('<subscriptions/>')), /subscription='pending'/);
      assert.doesNotMatch(await ask(juliet, at.ownGet(`<subscriptions node='n'/>`)), new RegExp(jid), '§8.8.1.2');
      await ask(juliet, at.publish('n', 'one'));
      assert.deepEqual(await heard(stage, actor), [], 'who waits is not told');
      await juliet.send(at.approval('n', jid, { subid, allow: '1' }, 'cancel'));
      await stage.settle();
      assert.match(await ask(actor, at.get('<subscriptions/>')), /subscription='pending'/, 'who cancels has said nothing');
      stage.clear();
      await juliet.send(at.approval('n', jid, { subid, allow: 'true' }));
      assert.deepEqual(await states(ground, actor), ['subscribed']);
      assert.deepEqual(await states(ground, juliet), ['subscribed'], 'pubsub#notify_sub');
      assert.deepEqual(itemIds(await ask(actor, at.items('n'))), ['one']);
      stage.clear();
      await ask(juliet, at.publish('n', 'two'));
      assert.equal((await heard(stage, actor)).length, 1);
      await ask(juliet, at.retract('n', 'two'));
      await ask(actor, at.set(`<unsubscribe node='n' jid='${jid}'/>`));
      stage.clear();
    }
  });

  test(`XEP-0060 §8.6 at ${where}: who was refused is told, and may ask again; nobody but owners decides`, async (t) => {
    const ground = await arrange(t, at, { access_model: 'authorize' });
    const { stage, juliet, nurse, romeo } = ground;
    await ask(romeo, at.subscribe('n', 'romeo@b.example'));
    const subid = /var='pubsub#subid'[^>]*><value>([^<]+)</.exec(formOf(await heard(stage, juliet), at, 'romeo@b.example'))![1]!;
    for (const [what, actor] of [
      ['another account', nurse],
      ['who asks', romeo],
    ] as const) {
      await actor.send(at.approval('n', 'romeo@b.example', { subid, allow: '1' }));
      assert.match((await actor.next()) ?? '', /<message [^>]*type='error'.*<forbidden /, what);
    }
    await juliet.send(at.approval('n', 'romeo@b.example', { subid: 'other', allow: '1' }));
    await stage.settle();
    assert.match(await ask(romeo, at.get('<subscriptions/>')), /pending/, 'it is another subscription');
    await juliet.send(at.approval('n', 'romeo@b.example', { subid, allow: '0' }));
    assert.deepEqual(await states(ground, romeo), ['none']);
    assert.doesNotMatch(await ask(romeo, at.get('<subscriptions/>')), /pending/);
    stage.clear();
    assert.match(await ask(romeo, at.subscribe('n', 'romeo@b.example')), /pending/);
    formOf(await heard(stage, juliet), at, 'romeo@b.example');
    assert.deepEqual(await heard(stage, nurse), [], 'others hear nothing');
  });

  test(`XEP-0060 §8.7.4 at ${where}: who becomes something to the node waits no more, and an outcast is refused`, async (t) => {
    const ground = await arrange(t, at, { access_model: 'authorize' });
    const { stage, juliet, nurse, romeo } = ground;
    await ask(romeo, at.subscribe('n', 'romeo@b.example'));
    await ask(nurse, at.subscribe('n', 'nurse@a.example'));
    stage.clear();
    await ask(juliet, at.affiliate('n', ['romeo@b.example', 'member'], ['nurse@a.example', 'outcast']));
    assert.deepEqual(await states(ground, romeo), ['subscribed']);
    assert.deepEqual(await states(ground, nurse), ['none']);
    assert.equal(refusal(await ask(nurse, at.subscribe('n', 'nurse@a.example'))), 'auth forbidden', '§6.1.3.8');
    assert.match(await ask(romeo, at.subscribe('n', romeo.jid.toString())), /subscribed/, 'a member need not wait');
  });

  test(`at ${where} so many may wait, and so many of each other server`, async (t) => {
    const bounds = pubsubLimits as { pendingMax: number };
    const { pendingMax } = bounds;
    bounds.pendingMax = 3;
    t.after(async () => {
      bounds.pendingMax = pendingMax;
    });
    const { stage, nurse } = await arrange(t, at, { access_model: 'authorize' });
    for (let number = 0; number < 3; number++) {
      const actor = await stage.appear(`r${number}@b.example/x`);
      assert.match(await ask(actor, at.subscribe('n', actor.jid.bare.toString())), /pending/);
    }
    assert.equal(refusal(await ask(nurse, at.subscribe('n', 'nurse@a.example'))), 'wait policy-violation too-many-subscriptions');
  });
}

test('XEP-0060 §8.7: an owner asks for the requests that wait, by an ad-hoc command', async (t) => {
  const at = new At(service);
  const { stage, juliet, nurse, romeo } = await arrange(t, at, { access_model: 'authorize' });
  await ask(juliet, at.create('other', { access_model: 'authorize' }));
  await ask(romeo, at.subscribe('n', 'romeo@b.example'));
  await heard(stage, juliet);
  const node = `${ns}#get-pending`;
  const command = (content = '', name = node) =>
    `<iq type='set' id='c${nextId()}' to='${service}'><command xmlns='http://jabber.org/protocol/commands' node='${name}' action='execute'>${content}</command></iq>`;
  const listed = await ask(
    juliet,
    `<iq type='get' id='d${nextId()}' to='${service}'><query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/></iq>`,
  );
  assert.ok(listed.includes(`node='${node}'`));
  const form = await ask(juliet, command());
  assert.match(form, /status='executing'/);
  assert.deepEqual(
    [...form.matchAll(/<option[^>]*><value>([^<]+)</g)].map(([, value]) => value),
    ['n'],
  );
  assert.match(await ask(juliet, command(config({ node: 'n' }, 'subscribe_authorization'))), /status='completed'/);
  const [message, ...more] = await heard(stage, juliet);
  assert.match(message!, /<value>romeo@b.example<\/value>/);
  assert.deepEqual(more, []);
  for (const [what, actor, asked, condition] of [
    ['§8.7.3.2 another command', juliet, command('', 'urn:x'), 'cancel feature-not-implemented unsupported get-pending'],
    ['§8.7.3.3 by somebody else', nurse, command(config({ node: 'n' }, 'subscribe_authorization')), 'auth forbidden'],
    ['§8.7.3.4 of no node', juliet, command(config({ node: 'x' }, 'subscribe_authorization')), 'cancel item-not-found'],
    ['of nothing', juliet, command(config({}, 'subscribe_authorization')), 'modify bad-request'],
  ] as const)
    assert.equal(refusal(await ask(actor, asked)), condition, what);
  assert.deepEqual(await heard(stage, nurse), []);
});
