/**
 * XEP-0060 §4.1, §8.8, §8.9: what people are to a node. The same at the pubsub service and at an account, whose node juliet has; the people are
 * of two tenants.
 *
 * Hostile: an owner who takes the last owner away, an outcast who comes back, and an address that is named twice.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findRemoval } from '../../lib/runtime/removals.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { pubsubLimits } from '../../services/router/pep/limits.ts';
import { config, itemIds } from './pep-requests.ts';
import { At, arrange, places, states } from './pubsub-at.ts';
import { ask, disco, heard, isDone, openGround, own, refusal, service } from './pubsub-ground.ts';

for (const [where, at] of places) {
  describe(`XEP-0060 §4.1 at ${where}: what somebody of this affiliation may do`, () => {
    const [no, own] = ['auth forbidden', 'owner'];
    for (const [affiliation, expected] of [
      ['owner', { read: '', publish: '', retract: '', subscribe: '', manage: '' }],
      ['publisher', { read: '', publish: '', retract: '', subscribe: '', manage: no }],
      ['publish-only', { read: no, publish: '', retract: no, subscribe: no, manage: no }],
      ['member', { read: '', publish: no, retract: no, subscribe: '', manage: no }],
      ['outcast', { read: no, publish: no, retract: no, subscribe: no, manage: no }],
      [
        'none',
        {
          read: 'cancel not-allowed closed-node',
          publish: no,
          retract: no,
          subscribe: 'cancel not-allowed closed-node',
          manage: no,
        },
      ],
    ] as const) {
      test(affiliation, async (t) => {
        const ground = await arrange(t, at, { access_model: 'whitelist' });
        const { juliet, nurse, romeo } = ground;
        await ask(juliet, at.publish('n', 'one'));
        for (const actor of [nurse, romeo]) {
          const jid = actor.jid.bare.toString();
          assert.ok(isDone(await ask(juliet, at.affiliate('n', [jid, affiliation]))));
          const listed = await ask(juliet, at.ownGet(`<affiliations node='n'/>`));
          assert.equal(listed.includes(`jid='${jid}' affiliation='${affiliation}'`), affiliation !== 'none');
          assert.ok(listed.includes(`jid='juliet@a.example' affiliation='${own}'`));
          const mine = await ask(actor, at.get('<affiliations/>'));
          assert.equal(mine.includes(`<affiliation node='n' affiliation='${affiliation}'/>`), affiliation !== 'none');
          const outcome = async (xml: string) => {
            const answer = await ask(actor, xml);
            return isDone(answer) ? '' : refusal(answer);
          };
          const found = {
            read: await outcome(at.items('n')),
            publish: await outcome(at.publish('n', `of-${jid}`)),
            retract: await outcome(at.retract('n', 'one')),
            subscribe: await outcome(at.subscribe('n', jid)),
            manage: await outcome(at.ownGet(`<configure node='n'/>`)),
          };
          assert.deepEqual(found, expected, jid);
          await ask(juliet, at.publish('n', 'one'));
          await ask(juliet, at.affiliate('n', [jid, 'none']));
        }
      });
    }
  });
}

for (const [where, at] of places) {
  test(`XEP-0060 §7.1.3.1 at ${where}: the publish model says who may publish, and an outcast never may`, async (t) => {
    const ground = await arrange(t, at);
    const { juliet, nurse, romeo } = ground;
    for (const [model, beforeSubscribing, asSubscriber] of [
      ['publishers', false, false],
      ['subscribers', false, true],
      ['open', true, true],
    ] as const) {
      assert.ok(
        isDone(await ask(juliet, at.ownSet(`<configure node='n'>${config({ publish_model: model })}</configure>`))),
        model,
      );
      for (const actor of [nurse, romeo]) {
        const jid = actor.jid.bare.toString();
        assert.equal(isDone(await ask(actor, at.publish('n', `${model} ${jid}`))), beforeSubscribing, `${model} ${jid}`);
        await ask(actor, at.subscribe('n', jid));
        assert.equal(isDone(await ask(actor, at.publish('n', `${model} ${jid}`))), asSubscriber, `${model} ${jid}`);
        await ask(juliet, at.affiliate('n', [jid, 'outcast']));
        assert.equal(refusal(await ask(actor, at.publish('n', `${model} ${jid}`))), 'auth forbidden', `${model} ${jid}`);
        await ask(juliet, at.affiliate('n', [jid, 'none']));
      }
    }
    const answer = await ask(nurse, at.items('n'));
    assert.match(answer, /<item id='open romeo@b.example' publisher='romeo@b.example'>/);
    assert.equal(refusal(await ask(nurse, at.retract('n', 'open romeo@b.example'))), 'auth forbidden', 'somebody else’s');
    assert.ok(isDone(await ask(romeo, at.retract('n', 'open romeo@b.example'))), 'what one has published');
  });

  test(`XEP-0060 §8.9.2 at ${where}: what cannot be is refused`, async (t) => {
    const { juliet, nurse, romeo } = await arrange(t, at);
    const crowd = Array.from({ length: pubsubLimits.changesMax + 1 }, (_, index) => [`p${index}@b.example`, 'member'] as const);
    for (const [what, actor, asked, condition] of [
      ['§8.9.1.3 by somebody else', nurse, at.ownGet(`<affiliations node='n'/>`), 'auth forbidden'],
      ['§8.9.2.3 by somebody of another tenant', romeo, at.affiliate('n', ['romeo@b.example', 'owner']), 'auth forbidden'],
      ['§8.9.1.4 at no node', juliet, at.affiliate('none', ['romeo@b.example', 'owner']), 'cancel item-not-found'],
      [
        'without a node',
        juliet,
        at.ownSet(`<affiliations><affiliation jid='x@b.example' affiliation='owner'/></affiliations>`),
        'modify bad-request nodeid-required',
      ],
      ['no address', juliet, at.affiliate('n', ['@', 'owner']), 'modify bad-request invalid-jid'],
      ['no such affiliation', juliet, at.affiliate('n', ['x@b.example', 'king']), 'modify bad-request'],
      ['twice', juliet, at.affiliate('n', ['x@b.example', 'owner'], ['x@b.example/r', 'none']), 'modify bad-request'],
      ['too many at once', juliet, at.affiliate('n', ...crowd), 'modify policy-violation'],
      ['§8.9.2.4 the last owner leaves', juliet, at.affiliate('n', ['juliet@a.example', 'none']), 'modify not-acceptable'],
      [
        '§8.9.2.4 the last owner becomes an outcast',
        juliet,
        at.affiliate('n', ['juliet@a.example', 'outcast']),
        'modify not-acceptable',
      ],
    ] as const)
      assert.equal(refusal(await ask(actor, asked)), condition, what);
    const all = await ask(juliet, at.ownGet(`<affiliations node='n'/>`));
    assert.deepEqual(
      [...all.matchAll(/<affiliation jid='([^']+)'/g)].map(([, jid]) => jid),
      ['juliet@a.example'],
    );
  });

  test(`XEP-0060 §8.9.2.4 at ${where}: what can be is done, and the rest is sent back as it is`, async (t) => {
    const { juliet } = await arrange(t, at);
    const answer = await ask(juliet, at.affiliate('n', ['juliet@a.example', 'member'], ['romeo@b.example', 'publisher']));
    assert.match(answer, /type='error'/);
    assert.match(answer, /<affiliations node='n'><affiliation jid='juliet@a.example' affiliation='owner'\/><\/affiliations>/);
    const all = await ask(juliet, at.ownGet(`<affiliations node='n'/>`));
    assert.match(all, /jid='romeo@b.example' affiliation='publisher'/);
  });

  test(`XEP-0060 §8.9.2 at ${where}: a node can be handed over in one request`, async (t) => {
    const { juliet, romeo } = await arrange(t, at);
    const answer = await ask(juliet, at.affiliate('n', ['juliet@a.example', 'none'], ['romeo@b.example', 'owner']));
    const isOfAccount = at.to === 'juliet@a.example';
    assert.equal(isDone(answer), !isOfAccount, 'an account stays the owner of its nodes');
    assert.equal(isDone(await ask(juliet, at.ownGet(`<configure node='n'/>`))), isOfAccount);
    assert.ok(isDone(await ask(romeo, at.ownGet(`<configure node='n'/>`))));
    assert.ok(isDone(await ask(romeo, at.ownSet(`<delete node='n'/>`))));
  });

  test(`XEP-0060 §8.8.2 at ${where}: an owner ends subscriptions, and subscribes nobody who has not asked`, async (t) => {
    const ground = await arrange(t, at);
    const { juliet, nurse, romeo } = ground;
    for (const actor of [nurse, romeo]) await ask(actor, at.subscribe('n', actor.jid.bare.toString()));
    const answer = await ask(
      juliet,
      at.change('n', ['romeo@b.example', 'none'], ['paris@b.example', 'subscribed'], ['nurse@a.example', 'subscribed']),
    );
    assert.match(answer, /<subscriptions node='n'><subscription jid='paris@b.example' subscription='none'\/><\/subscriptions>/);
    assert.equal(refusal(answer), 'modify not-acceptable');
    assert.deepEqual(await states(ground, romeo), ['none']);
    assert.deepEqual(await states(ground, nurse), []);
    const listed = await ask(juliet, at.ownGet(`<subscriptions node='n'/>`));
    assert.deepEqual(
      [...listed.matchAll(/<subscription jid='([^']+)'/g)].map(([, jid]) => jid),
      ['nurse@a.example'],
    );
    await ask(juliet, at.publish('n', 'one'));
    assert.deepEqual(await heard(ground.stage, romeo), []);
    for (const [what, actor, asked, condition] of [
      ['§8.8.1.3 by somebody else', nurse, at.ownGet(`<subscriptions node='n'/>`), 'auth forbidden'],
      ['§8.8.2.3 the same', romeo, at.change('n', ['nurse@a.example', 'none']), 'auth forbidden'],
      ['§8.8.1.4 at no node', juliet, at.ownGet(`<subscriptions node='none'/>`), 'cancel item-not-found'],
      ['no address', juliet, at.change('n', ['', 'none']), 'modify bad-request invalid-jid'],
    ] as const)
      assert.equal(refusal(await ask(actor, asked)), condition, what);
  });

  test(`XEP-0060 §8.9.2 at ${where}: an outcast is subscribed no more, and is told`, async (t) => {
    const ground = await arrange(t, at);
    const { juliet, romeo, stage } = ground;
    await ask(romeo, at.subscribe('n', 'romeo@b.example'));
    await ask(romeo, at.subscribe('n', romeo.jid.toString()));
    assert.ok(isDone(await ask(juliet, at.affiliate('n', ['romeo@b.example/x', 'outcast']))));
    assert.deepEqual(await states(ground, romeo), ['none', 'none']);
    await ask(juliet, at.publish('n', 'one'));
    assert.deepEqual(await heard(stage, romeo), []);
    await ask(juliet, at.affiliate('n', ['romeo@b.example', 'none']));
    assert.deepEqual(itemIds(await ask(romeo, at.items('n'))), ['one']);
    await ask(juliet, at.publish('n', 'two'));
    assert.deepEqual(await heard(stage, romeo), [], 'the subscription does not come back');
  });
}

test('who keeps order in the tenant manages its nodes, reads none of them, and manages none of another tenant', async (t) => {
  const at = new At(service);
  const { stage, juliet, nurse, romeo } = await arrange(t, at, { access_model: 'whitelist' });
  await ask(juliet, at.publish('n', 'one'));
  const { setRole } = await import('../../services/router/core/roles.ts');
  const since = new Date().toISOString();
  for (const [domain, local] of [
    ['a.example', 'nurse'],
    ['b.example', 'romeo'],
  ] as const)
    await setRole(stage.store, { domain, local, since }, { role: 'admin' });
  assert.equal(refusal(await ask(nurse, at.items('n'))), 'cancel not-allowed closed-node');
  assert.equal(refusal(await ask(nurse, at.subscribe('n', 'nurse@a.example'))), 'cancel not-allowed closed-node');
  assert.equal(refusal(await ask(nurse, at.publish('n', 'two'))), 'auth forbidden');
  for (const asked of [
    at.ownGet(`<configure node='n'/>`),
    at.ownGet(`<affiliations node='n'/>`),
    at.retract('n', 'one'),
    at.ownSet(`<purge node='n'/>`),
  ]) {
    assert.equal(refusal(await ask(romeo, asked)), 'auth forbidden');
    assert.ok(isDone(await ask(nurse, asked)), asked);
  }
  await stage.tenants.setPolicy('a.example', { pubsub: 'admins' });
  assert.equal(refusal(await ask(juliet, at.create('more', {}))), 'auth forbidden');
  assert.equal(refusal(await ask(romeo, at.create('more', {}))), 'auth forbidden');
  assert.ok(isDone(await ask(nurse, at.create('more', {}))));
  assert.equal(refusal(await ask(romeo, at.ownSet(`<delete node='n'/>`))), 'auth forbidden');
  assert.ok(isDone(await ask(nurse, at.ownSet(`<delete node='n'/>`))));
});

test('XEP-0060 §5.4: a node names no account that was removed, neither as an owner nor as its maker', async (t) => {
  const { stage, juliet, romeo } = await openGround(t);
  assert.ok(
    isDone(
      await ask(
        juliet,
        own('set', `<affiliations node='news'><affiliation jid='nurse@a.example' affiliation='owner'/></affiliations>`),
      ),
    ),
  );
  const names = async () => /juliet@a\.example/.test(await ask(romeo, disco('info', 'news')));
  assert.equal(await names(), true);
  assert.ok(
    (await perform(stage.dependencies, { kind: 'admin', operation: 'user-remove', arguments: { jid: 'juliet@a.example' } })).ok,
  );
  while ((await findRemoval(stage.store, 'juliet@a.example')) !== undefined) await stage.settle();
  assert.equal(await names(), false);
  assert.match(await ask(romeo, disco('info', 'news')), /var='pubsub#owner'[^>]*><value>nurse@a\.example</);
});
