/** XEP-0401: members and admins make invites by ad-hoc commands, and whoever comes by one is a contact of who has made it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { inviteLimits } from '../../services/router/invites/limits.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { COMMANDS, InviteGround, outcomeOf, tokenOf } from './invite-ground.ts';

const INVITE = 'urn:xmpp:invite#invite';
const CREATE = 'urn:xmpp:invite#create-account';

let ground: InviteGround;
let romeo: StreamActor;
beforeEach(async () => {
  ground = await InviteGround.open({ invites: 'members', webUrl: 'https://chat.a.example' });
  romeo = await ground.stage.join('romeo@a.example/orchard');
});
afterEach(() => ground.stage.close());

const run = (who: StreamActor, node: string, fields?: Readonly<Record<string, string>>, to = 'a.example') => {
  const values = Object.entries(fields ?? {}).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  const form = fields === undefined ? '' : `<x xmlns='jabber:x:data' type='submit'>${values.join('')}</x>`;
  return who.ask('set', `<command xmlns='${COMMANDS}' node='${node}' action='execute'>${form}</command>`, to);
};
const fieldOf = (answer: string, name: string) =>
  new RegExp(`<field var=['"]${name}['"][^>]*><value>([^<]*)</value>`).exec(answer)?.[1];
const listed = async (who: StreamActor, domain = 'a.example') => {
  const items = await who.ask('get', `<query xmlns='http://jabber.org/protocol/disco#items' node='${COMMANDS}'/>`, domain);
  return [...items.matchAll(/node=['"](urn:xmpp:invite#[a-z-]+)['"]/g)].map(([, node]) => node);
};

test('§3: the commands are listed for those who may invite', async () => {
  const stranger = await ground.stage.join('juliet@b.example/x');
  assert.deepEqual(await listed(romeo), [INVITE, CREATE]);
  assert.deepEqual(await listed(stranger), []);
  assert.deepEqual(await listed(stranger, 'b.example'), []);
  assert.equal(outcomeOf(await run(stranger, INVITE)), 'auth forbidden');
  assert.equal(outcomeOf(await run(stranger, INVITE, undefined, 'b.example')), 'auth forbidden');
  await ground.operate('user-role', { jid: 'juliet@b.example', role: 'admin' });
  assert.deepEqual(await listed(stranger, 'b.example'), [INVITE, CREATE]);
  await ground.set({ invites: 'nobody' });
  assert.deepEqual(await listed(romeo), []);
});

test('§4.1: an invite of a member makes an account, and both are contacts at once', async () => {
  const answer = await run(romeo, INVITE);
  assert.match(answer, /status=['"]completed['"]/);
  assert.equal(fieldOf(answer, 'FORM_TYPE'), 'urn:xmpp:invite#invitation');
  const uri = fieldOf(answer, 'uri')!;
  assert.match(uri, /^xmpp:romeo@a\.example\?roster;preauth=[0-9a-f]{32};ibr=y$/);
  assert.equal(fieldOf(answer, 'landing-url'), `https://chat.a.example/invite/a.example/${tokenOf(uri)}`);
  const days = (Date.parse(fieldOf(answer, 'expire')!) - ground.stage.dependencies.clock.now()) / 86_400_000;
  assert.ok(days > 6.9 && days <= 7, `${days}`);
  await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>", `${romeo.jid.bare}`);
  await romeo.send('<presence/>');
  romeo.take();
  assert.equal(outcomeOf(await (await ground.show(tokenOf(uri))).register('juliet')), 'result');
  const push = await romeo.next();
  assert.match(push, /<item (?=[^>]*jid=['"]juliet@a\.example['"])(?=[^>]*subscription=['"]both['"])/);
  const juliet = await ground.stage.join('juliet@a.example/balcony');
  assert.match(
    await juliet.ask('get', "<query xmlns='jabber:iq:roster'/>", `${juliet.jid.bare}`),
    /<item (?=[^>]*jid=['"]romeo@a\.example['"])(?=[^>]*subscription=['"]both['"])/,
  );
  await juliet.send('<presence/>');
  assert.match(await romeo.next(), /<presence [^>]*from=['"]juliet@a\.example\/balcony['"]/);
});

test('§4.4: an admin chooses the name, and whether the account becomes a contact', async () => {
  const form = await run(romeo, CREATE);
  assert.match(form, /status=['"]executing['"]/);
  assert.match(form, /var=['"]username['"]/);
  const plain = await run(romeo, CREATE, { username: 'Nurse', 'roster-subscription': '0' });
  assert.match(fieldOf(plain, 'uri')!, /^xmpp:nurse@a\.example\?register;preauth=/);
  assert.equal(outcomeOf(await run(romeo, CREATE, { username: 'nurse' })), 'cancel conflict');
  assert.equal(outcomeOf(await run(romeo, CREATE, { username: 'a@b' })), 'modify bad-request');
  assert.equal(outcomeOf(await run(romeo, CREATE, { username: 'support' })), 'modify bad-request');
  assert.match(fieldOf(await run(romeo, CREATE, {}), 'uri')!, /^xmpp:a\.example\?register;preauth=/);
  assert.equal(outcomeOf(await (await ground.show(tokenOf(fieldOf(plain, 'uri')!))).register('nurse')), 'result');
  assert.doesNotMatch(await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>", `${romeo.jid.bare}`), /nurse/);
  const friend = await run(romeo, CREATE, { username: 'mercutio', 'roster-subscription': '1' });
  assert.equal(outcomeOf(await (await ground.show(tokenOf(fieldOf(friend, 'uri')!))).register('mercutio')), 'result');
  assert.match(await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>", `${romeo.jid.bare}`), /mercutio@a\.example/);
});

test('an account has only so many invites, and they end with it', async () => {
  const uris: string[] = [];
  for (let made = 0; made < inviteLimits.perAccountMax; made++) uris.push(fieldOf(await run(romeo, INVITE), 'uri')!);
  assert.equal(outcomeOf(await run(romeo, INVITE)), 'wait resource-constraint');
  assert.ok((await ground.ask('invite-create', { domain: 'a.example' })).ok);
  await ground.operate('user-disable', { jid: 'romeo@a.example' });
  assert.equal(outcomeOf((await ground.show(tokenOf(uris[0]!))).answer), 'cancel item-not-found');
  await ground.operate('user-enable', { jid: 'romeo@a.example' });
  assert.equal(outcomeOf((await ground.show(tokenOf(uris[0]!))).answer), 'result');
  const count = async () => (await ground.operate<{ invites: unknown[] }>('invite-list', { domain: 'a.example' })).invites.length;
  assert.equal(await count(), inviteLimits.perAccountMax + 1);
  await ground.operate('user-remove', { jid: 'romeo@a.example', waitMs: 10_000, again: false });
  assert.equal(outcomeOf((await ground.show(tokenOf(uris[0]!))).answer), 'cancel item-not-found');
  assert.equal(await count(), 1);
});

test('the rows name no token: who has a copy of them comes in by none', async () => {
  const { uri } = await ground.make();
  const rows = await ground.stage.store.query({ table: 'core', partition: 'a.example/t', limit: 100, consistent: true });
  assert.ok(rows.some(({ sort }) => sort.startsWith('invite/')));
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(tokenOf(uri)));
});
