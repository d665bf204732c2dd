/** XEP-0379: a request for a subscription with the token of an invite is approved without asking, and the same is asked of the contact. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { linkId } from '../../lib/runtime/invite-wire.ts';
import { useForContact } from '../../services/router/invites/invites.ts';
import { inviteLimits } from '../../services/router/invites/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { COMMANDS, InviteGround, PREAUTH, tokenOf } from './invite-ground.ts';

let ground: InviteGround;
let romeo: StreamActor;
let juliet: StreamActor;
beforeEach(async () => {
  ground = await InviteGround.open({ invites: 'members' });
  romeo = await ground.stage.join('romeo@a.example/orchard');
  juliet = await ground.stage.join('juliet@b.example/balcony');
  for (const one of [romeo, juliet]) {
    await one.ask('get', "<query xmlns='jabber:iq:roster'/>", `${one.jid.bare}`);
    await one.send('<presence/>');
    one.take();
  }
});
afterEach(() => ground.stage.close());

async function invite(): Promise<string> {
  const command = `<command xmlns='${COMMANDS}' node='urn:xmpp:invite#invite' action='execute'/>`;
  return tokenOf(await romeo.ask('set', command, 'a.example'));
}

const request = (token: string, to = 'romeo@a.example') =>
  `<presence to='${to}' type='subscribe'><preauth xmlns='${PREAUTH}' token='${token}'/></presence>`;
const rosterOf = async (who: StreamActor) => {
  const roster = await who.ask('get', "<query xmlns='jabber:iq:roster'/>", `${who.jid.bare}`);
  return [...roster.matchAll(/<item [^>]*>/g)].map(([item]) => item).join();
};

test('§3.5: the two see each other, when the contact has approved in advance (§3.4)', async () => {
  const token = await invite();
  await juliet.send("<presence to='romeo@a.example' type='subscribed'/>");
  await juliet.send(request(token));
  await juliet.until(
    () => juliet.inbox.some((stanza) => /type=['"]subscribed['"]/.test(stanza)),
    () => juliet.inbox.join('\n'),
  );
  await romeo.until(
    () => romeo.inbox.some((stanza) => /subscription=['"]both['"]/.test(stanza)),
    () => romeo.inbox.join('\n'),
  );
  assert.match(
    await rosterOf(romeo),
    /juliet@b\.example['"] subscription=['"]both|subscription=['"]both['"][^>]*juliet@b\.example/,
  );
  assert.match(await rosterOf(juliet), /romeo@a\.example/);
  assert.ok(!romeo.inbox.some((stanza) => /type=['"]subscribe['"]/.test(stanza)), 'nobody was asked');
});

test('§4.1: a token that is guessed, used or another’s counts as none: the account is asked', async () => {
  const asked = async (stanza: string, who = juliet) => {
    romeo.take();
    await who.send(stanza);
    await romeo.until(
      () => romeo.inbox.some((heard) => /<presence/.test(heard) && /type=['"]subscribe['"]/.test(heard)),
      () => `was not asked: ${romeo.inbox.join('\n')}`,
    );
    await romeo.send(`<presence to='${who.jid.bare}' type='unsubscribed'/>`);
  };
  await asked(request('0'.repeat(32)));
  const tybalt = await ground.stage.join('tybalt@b.example/x');
  const used = await invite();
  await juliet.send(request(used));
  await romeo.until(
    () => romeo.inbox.some((stanza) => /juliet@b\.example/.test(stanza)),
    () => romeo.inbox.join('\n'),
  );
  await asked(request(used), tybalt);
  const { uri } = await ground.make();
  await asked(request(tokenOf(uri)), tybalt);
  const paris = await ground.stage.join('paris@a.example/x');
  const token = tokenOf(
    await paris.ask('set', `<command xmlns='${COMMANDS}' node='urn:xmpp:invite#invite' action='execute'/>`, 'a.example'),
  );
  await asked(request(token), tybalt);
});

test('whoever has begun to use an invite may ask again until the roster has them, and nobody else may', async () => {
  const { dependencies } = ground.stage;
  const token = await invite();
  const tenant = (await dependencies.tenants.find('a.example'))!;
  const use = (contact: string) => useForContact(dependencies, tenant, linkId('invite', token), { local: 'romeo', contact });
  const later = () => dependencies.clock.observe(dependencies.clock.now() + inviteLimits.useMs + 1);
  assert.ok(await use('juliet@b.example'), 'the process dies before the roster has her');
  later();
  assert.equal(await use('tybalt@b.example'), undefined);

  await juliet.send("<presence to='romeo@a.example' type='subscribed'/>");
  await juliet.send(request(token));
  await juliet.until(
    () => juliet.inbox.some((stanza) => /type=['"]subscribed['"]/.test(stanza)),
    () => juliet.inbox.join('\n'),
  );
  assert.ok(await use('juliet@b.example'), 'the same request may come twice');
  later();
  assert.equal(await use('juliet@b.example'), undefined, 'when she has been removed, the token does not bring her back');
});
