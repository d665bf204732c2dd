/** What operators of a tenant see of a room and do to it: no message, no room of another tenant, and only what they have seen. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { decodeFrame, encodeFrame } from '../../lib/runtime/frame.ts';
import type { RoomAdminReply } from '../../lib/runtime/room-admin-wire.ts';
import { roomShard } from '../../lib/runtime/shards.ts';
import { perform } from '../../services/router/operations/perform.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

let stage: WholeStage;
let juliet: StreamActor;
let romeo: StreamActor;

const hall = 'hall@conference.a.example';

beforeEach(async () => {
  stage = await openStage();
  juliet = await stage.join('juliet@a.example/balcony');
  romeo = await stage.join('romeo@b.example/orchard');
  await enter(juliet, 'Juliet');
  await juliet.ask(
    'set',
    "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>",
    hall,
  );
  await enter(romeo, 'Romeo');
  await juliet.send(`<message to='${hall}' type='groupchat'><body>a secret word</body></message>`);
});
afterEach(() => stage.close());

async function enter(actor: StreamActor, nick: string): Promise<void> {
  await actor.send(`<presence to='${hall}/${nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  await actor.until(
    () => actor.inbox.some((xml) => /code=['"]110['"]/.test(xml)),
    () => `did not enter: ${actor.inbox.join()}`,
  );
}

const ask = (operation: string, given: Readonly<Record<string, unknown>>) =>
  perform(stage.dependencies, { kind: 'admin', operation, arguments: given });

interface Found {
  readonly version: string;
  readonly occupantCount: number;
  readonly occupants: readonly { readonly nick: string; readonly jid: string; readonly role: string }[];
  readonly affiliations: readonly { readonly jid: string; readonly affiliation: string; readonly reason?: string }[];
}

async function show(room = 'hall'): Promise<Found> {
  const { ok, error, result } = await ask('room-show', { domain: 'a.example', room });
  assert.ok(ok, error);
  return result as Found;
}

test('a room is shown with who is in it and who belongs to it, and without what was said', async () => {
  const found = await show();
  assert.equal(found.occupantCount, 2);
  assert.deepEqual(found.occupants.map(({ nick, jid, role }) => [nick, jid, role]).toSorted(), [
    ['Juliet', 'juliet@a.example', 'moderator'],
    ['Romeo', 'romeo@b.example', 'participant'],
  ]);
  assert.deepEqual(found.affiliations, [{ jid: 'juliet@a.example', affiliation: 'owner' }]);
  assert.doesNotMatch(JSON.stringify(found), /secret/);
  assert.equal((await ask('room-show', { domain: 'b.example', room: 'hall' })).refusal, 'absent', 'of the other tenant');
  assert.equal((await ask('room-show', { domain: 'a.example', room: 'nowhere' })).refusal, 'absent');
  assert.equal((await ask('room-show', { domain: 'a.example', room: ' @' })).refusal, 'invalid');
});

test('XEP-0045 §9.1: somebody is banned with a reason, is told, and may come back when the ban ends', async () => {
  const person = 'romeo@b.example';
  const banned = await ask('room-affiliate', {
    ...{ domain: 'a.example', room: 'hall', person, affiliation: 'outcast', reason: 'enough' },
  });
  assert.ok(banned.ok, banned.error);
  await romeo.until(
    () => romeo.inbox.some((xml) => /code=['"]301['"]/.test(xml) && xml.includes('enough')),
    () => romeo.inbox.join(),
  );
  const found = await show();
  assert.deepEqual(
    found.occupants.map(({ nick }) => nick),
    ['Juliet'],
  );
  assert.deepEqual(found.affiliations.at(-1), { jid: person, affiliation: 'outcast', reason: 'enough' });
  romeo.inbox.length = 0;
  await romeo.send(`<presence to='${hall}/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
  assert.match(romeo.inbox.join(), /<forbidden /);
  assert.ok((await ask('room-affiliate', { domain: 'a.example', room: 'hall', person, affiliation: 'none' })).ok);
  romeo.inbox.length = 0;
  await enter(romeo, 'Romeo');
});

test('XEP-0045 §8.2: somebody is put out with a reason, is told, and may come back', async () => {
  const kick = (nick: string, domain = 'a.example') => ask('room-kick', { domain, room: 'hall', nick, reason: 'calm down' });
  const kicked = await kick('romeo');
  assert.ok(kicked.ok, kicked.error);
  assert.deepEqual(kicked.result, { room: hall, nick: 'romeo', jid: 'romeo@b.example' });
  await romeo.until(
    () => romeo.inbox.some((xml) => /code=['"]307['"]/.test(xml) && xml.includes('calm down')),
    () => romeo.inbox.join(),
  );
  assert.deepEqual(
    (await show()).occupants.map(({ nick }) => nick),
    ['Juliet'],
  );
  const again = await kick('Romeo');
  assert.deepEqual([again.refusal, again.error], ['conflict', `'${hall}' refuses: nobody there is called 'Romeo'`]);
  assert.equal((await kick('Juliet', 'b.example')).refusal, 'absent', 'of the other tenant');
  romeo.inbox.length = 0;
  await enter(romeo, 'Romeo');
});

test('§10.9: a room that is not kept ends when its last occupant, an owner, is put out', async () => {
  await romeo.send(`<presence type='unavailable' to='${hall}/Romeo'/>`);
  const { ok, error } = await ask('room-kick', { domain: 'a.example', room: 'hall', nick: 'Juliet' });
  assert.ok(ok, error);
  assert.equal((await ask('room-show', { domain: 'a.example', room: 'hall' })).refusal, 'absent');
});

test('a domain stands for its people, and what is not an address is refused', async () => {
  const set = (person: string) => ask('room-affiliate', { domain: 'a.example', room: 'hall', person, affiliation: 'outcast' });
  assert.ok((await set('b.example')).ok);
  assert.deepEqual(
    (await show()).occupants.map(({ nick }) => nick),
    ['Juliet'],
  );
  for (const wrong of ['romeo@b.example/orchard', '@', '', 'a b@c']) assert.equal((await set(wrong)).refusal, 'invalid', wrong);
});

test('§10.4: a room keeps an owner', async () => {
  const set = (affiliation: string, person = 'juliet@a.example') =>
    ask('room-affiliate', { domain: 'a.example', room: 'hall', person, affiliation });
  assert.deepEqual([(await set('none')).refusal, (await set('outcast')).refusal], ['conflict', 'conflict']);
  assert.ok((await set('owner', 'romeo@b.example')).ok);
  assert.ok((await set('member')).ok);
});

test('a change is refused when the room is another one than the asker has seen, in its own turn', async () => {
  const { version } = await show();
  const set = (person: string) =>
    ask('room-affiliate', { domain: 'a.example', room: 'hall', person, affiliation: 'member', version });
  const answers = await Promise.all(['one@b.example', 'two@b.example', 'three@b.example'].map(set));
  assert.deepEqual(answers.map(({ ok, refusal }) => (ok ? 'ok' : refusal)).toSorted(), ['ok', 'stale', 'stale']);
  assert.equal((await ask('room-destroy', { domain: 'a.example', room: 'hall', version })).refusal, 'stale');
  assert.equal((await show()).occupantCount, 2);
  const now = (await show()).version;
  assert.ok((await ask('room-destroy', { domain: 'a.example', room: 'hall', version: now })).ok);
  assert.equal((await ask('room-show', { domain: 'a.example', room: 'hall' })).refusal, 'absent');
});

test('somebody is not called out of a room by a worker that does not know how', async () => {
  const { bus } = stage.dependencies;
  const older: typeof bus = Object.create(bus, {
    request: { value: async () => encodeFrame({ ok: true, refusal: 'none' } satisfies RoomAdminReply) },
  });
  const dependencies = { ...stage.dependencies, bus: older };
  const asked = { operation: 'room-kick', arguments: { domain: 'a.example', room: 'hall', nick: 'Romeo' } };
  const { refusal, error } = await perform(dependencies, { kind: 'admin', ...asked });
  assert.equal(refusal, 'unanswered');
  assert.match(error ?? '', /older version/);
});

test('what a worker does not understand erases nothing', async () => {
  const subject = roomShard('a.example', 'hall');
  const request = { kind: 'of-tomorrow', domain: 'a.example', room: 'hall', addresses: [] };
  const reply = decodeFrame<RoomAdminReply>(
    await stage.dependencies.bus.request(subject, encodeFrame(request), { timeoutMs: 5_000 }),
  );
  assert.equal(reply.header.ok, false);
  assert.equal((await show()).occupantCount, 2);
  assert.deepEqual((await show()).affiliations.length, 1);
});
