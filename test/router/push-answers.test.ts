/** XEP-0357 §7.1: what becomes of a registration whose app server answers, or does not, or is none. Two tenants. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Rows } from '../../lib/runtime/rows.ts';
import { accounts } from '../../services/router/core/accounts.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { assertXml } from '../support/stage/xml-equality.ts';
import { body, PushGround } from './push-ground.ts';

let ground: PushGround;
beforeEach(async () => {
  ground = await PushGround.open();
});
afterEach(() => ground.stage.close());

describe('§7.1 what app servers answer', () => {
  /** @returns the id of the push */
  async function push(): Promise<string | undefined> {
    await ground.pause();
    await ground.say(body);
    const got = ground.app.take();
    return /<iq [^>]*id='([^']*)'/.exec(got[0] ?? '')?.[1];
  }

  beforeEach(async () => {
    await ground.enable(ground.phone);
    await ground.phone.end();
  });

  for (const condition of ['item-not-found', 'gone', 'forbidden']) {
    test(`${condition} ends the registration`, async () => {
      await ground.answer((await push())!, condition);
      assert.equal(await push(), undefined);
    });
  }

  test('other errors end it after some in a row, and not if there was a result between', async () => {
    for (let n = 1; n < routerLimits.pushErrorsMax; n++) await ground.answer((await push())!, 'internal-server-error');
    await ground.answer((await push())!);
    for (let n = 1; n < routerLimits.pushErrorsMax; n++) await ground.answer((await push())!, 'internal-server-error');
    await ground.answer((await push())!, 'service-unavailable');
    assert.equal(await push(), undefined);
  });

  test('one that is silent goes on to be told', async () => {
    for (let n = 0; n < 2 * routerLimits.pushErrorsMax; n++) assert.notEqual(await push(), undefined);
  });

  test('strangers are not believed, whatever they know', async () => {
    const id = (await push())!;
    const near = await ground.stage.appear('tybalt@a.example/street');
    const otherSession = await ground.stage.appear('push@b.example/other');
    ground.stage.clear();
    for (const stranger of [ground.romeo, near, otherSession]) await ground.answer(id, 'item-not-found', stranger);
    await ground.answer('push-unknown', 'item-not-found');
    await ground.answer(`push-${'x'.repeat(22)}-1`, 'item-not-found');
    assert.notEqual(await push(), undefined);
  });

  test('an answer of one node says nothing of another', async () => {
    const id = (await push())!;
    const again = await ground.stage.appear('juliet@a.example/phone');
    await ground.enable(again, { node: 'n2' });
    await again.end();
    await ground.answer(id, 'gone');
    await ground.pause();
    await ground.say(body);
    assert.deepEqual(ground.pushed(), ['n2']);
  });
});

describe('hostile app servers', () => {
  test('one that is an account without a session of that name counts as an error, and ends', async () => {
    await ground.enable(ground.phone, { jid: 'nobody@b.example' });
    await ground.phone.end();
    for (let n = 0; n < routerLimits.pushErrorsMax; n++) {
      await ground.pause();
      await ground.say(body);
    }
    await ground.stage.settle();
    const row = async () => (await Rows.ofAccount(ground.stage.store, 'a.example', 'juliet').get(accounts))!.value;
    await ground.say(body);
    assert.equal((await row()).pushes, undefined);
  });

  test('one on a server that cannot be reached does not keep the message from anybody', async () => {
    await ground.enable(ground.phone, { jid: 'push.elsewhere.example' });
    await ground.phone.end();
    const tower = await ground.stage.appear('juliet@a.example/tower');
    tower.take();
    await ground.say(body);
    assertXml(
      tower.take()[0]!,
      `<message from='${ground.romeo.jid}' to='juliet@a.example' type='chat' id='m'>${body}<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@a.example' id='{any}'/></message>`,
      'the message',
    );
  });

  test('a form that is a stanza inside, or has prefixes, arrives as it was', async () => {
    const form = `<d:x xmlns:d='jabber:x:data' type='submit'><d:field var='FORM_TYPE'><d:value>http://jabber.org/protocol/pubsub#publish-options</d:value></d:field></d:x>`;
    await ground.enable(ground.phone, { inside: form });
    await ground.phone.end();
    await ground.say(body);
    assert.ok(ground.app.take()[0]!.includes('<publish-options>'));
  });
});
