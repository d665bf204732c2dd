/** What an operator sees of an account, its sessions and devices, and of rooms, and how each ends. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { commandsOf } from '../../services/router/operations/commands.ts';
import { operations } from '../../services/router/operations/index.ts';
import { perform } from '../../services/router/operations/perform.ts';
import { base64 } from '../support/stage/newcomer.ts';
import type { StreamActor } from '../support/stage/stream-actor.ts';
import { openStage, type WholeStage } from '../support/stage/whole-stage.ts';

const plain = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${base64('\0juliet\0secret')}</auth>`;

let stage: WholeStage;
let juliet: StreamActor;
let other: StreamActor;
beforeEach(async () => {
  stage = await openStage({ wrap: (parts) => ({ ...parts, hostCommands: commandsOf(operations) }) });
  juliet = await stage.join('juliet@a.example/balcony');
  other = await stage.join('juliet@b.example/balcony');
});
afterEach(() => stage.close());

const ask = (operation: string, given: Readonly<Record<string, unknown>>) =>
  perform(stage.dependencies, { kind: 'admin', operation, arguments: given });

async function done<Result = Readonly<Record<string, unknown>>>(
  operation: string,
  given: Readonly<Record<string, unknown>>,
): Promise<Result> {
  const { ok, error, result } = await ask(operation, given);
  assert.equal(ok, true, error);
  return result as Result;
}

const jid = 'juliet@a.example';
const sessionsOf = async (of: string) =>
  (await done<{ sessions: { id: string; resource: string; state: string }[] }>('session-list', { jid: of })).sessions;

async function signIn(domain: string): Promise<string> {
  const somebody = stage.newcomer(domain);
  await somebody.open();
  return somebody.asks(plain);
}

test('an account is shown with its sessions, and one of them is ended while that of another tenant goes on', async () => {
  await juliet.send('<presence/>');
  const [session] = await sessionsOf(jid);
  assert.deepEqual([session?.resource, session?.state], ['balcony', 'available']);
  const shown = await done('user-show', { jid });
  assert.deepEqual([shown.jid, shown.role, shown.isDisabled, shown.sessions], [jid, 'none', false, 1]);
  assert.match((await ask('session-end', { jid: 'juliet@b.example', session: session!.id })).error!, /there is no session/);
  await done('session-end', { jid, session: session!.id });
  await juliet.until(
    () => juliet.closed !== undefined,
    () => 'was not told',
  );
  assert.equal(juliet.closed, 'policy-violation');
  assert.deepEqual(await sessionsOf(jid), []);
  assert.equal((await sessionsOf('juliet@b.example')).length, 1);
  assert.match(await signIn('a.example'), /<success/, 'it may come back');
});

test('RFC 6120 §6.5.2: a disabled account is told so when its password is right, and nobody else is; its sessions have ended', async () => {
  await done('user-disable', { jid });
  await juliet.until(
    () => juliet.closed !== undefined,
    () => 'was not told',
  );
  assert.deepEqual([juliet.closed, await sessionsOf(jid)], ['not-authorized', []]);
  assert.match(await signIn('a.example'), /<account-disabled/);
  assert.match(await signIn('b.example'), /<success/);
  const stranger = stage.newcomer('a.example');
  await stranger.open();
  const wrong = plain.replace(base64('\0juliet\0secret'), base64('\0juliet\0wrong'));
  assert.match(await stranger.asks(wrong), /<not-authorized/);
  assert.equal((await done('user-show', { jid })).isDisabled, true);
  await done('user-enable', { jid });
  assert.match(await signIn('a.example'), /<success/);
  assert.equal(other.closed, undefined);
});

test('a new password does not let a disabled account in', async () => {
  await done('user-disable', { jid });
  await done('user-password', { jid, password: 'secret' });
  assert.match(await signIn('a.example'), /<account-disabled/);
});

test('XEP-0494: devices are listed, and one is revoked', async () => {
  const { devices } = await done<{ devices: { id: string; isConnected: boolean }[] }>('device-list', { jid });
  assert.deepEqual(
    devices.map(({ isConnected }) => isConnected),
    [true],
  );
  const revoked = await done('device-revoke', { jid, device: devices[0]!.id });
  assert.equal(revoked.hasPassword, true);
  await juliet.until(
    () => juliet.closed !== undefined,
    () => 'was not told',
  );
  assert.deepEqual(await sessionsOf(jid), []);
  assert.match((await ask('device-revoke', { jid, device: 'none' })).error!, /there is no device/);
});

test('XEP-0045 §10.9: a room is listed, destroyed with a reason that its occupants are told, and gone', async () => {
  await juliet.send("<presence to='hall@conference.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
  await juliet.until(
    () => juliet.inbox.some((xml) => xml.includes('code="201"') || xml.includes("code='201'")),
    () => 'did not enter',
  );
  const { rooms } = await done<{ rooms: { room: string; madeBy: string }[] }>('room-list', { domain: 'a.example' });
  assert.deepEqual(
    rooms.map(({ room, madeBy }) => [room, madeBy]),
    [['hall@conference.a.example', jid]],
  );
  assert.deepEqual((await done('room-list', { domain: 'b.example' })).rooms, []);
  assert.match((await ask('room-destroy', { domain: 'b.example', room: 'hall' })).error!, /there is no room/);
  await done('room-destroy', { domain: 'a.example', room: 'hall', reason: 'a < b' });
  await juliet.until(
    () => juliet.inbox.some((xml) => /<destroy[^>]*><reason>a &lt; b<\/reason>/.test(xml)),
    () => `was not told: ${juliet.inbox.join()}`,
  );
  assert.deepEqual((await done('room-list', { domain: 'a.example' })).rooms, []);
});

test('the audit log is given from its newest entry, and back from there', async () => {
  for (let at = 0; at < 60; at++) await done('user-enable', { jid });
  const first = await done<{ entries: { number: number }[]; next: number; brokenAt?: number }>('audit-tenant-list', {
    domain: 'a.example',
    order: 'newest',
  });
  assert.deepEqual(
    [first.entries[0]?.number, first.entries.at(-1)?.number, first.next, first.brokenAt],
    [120, 21, 21, undefined],
  );
  const second = await done<typeof first>('audit-tenant-list', { domain: 'a.example', order: 'newest', after: first.next });
  assert.deepEqual(
    [second.entries[0]?.number, second.entries.length, second.next, second.brokenAt],
    [20, 20, undefined, undefined],
  );
  assert.match((await ask('audit-tenant-list', { domain: 'a.example', after: 10 ** 12 })).error!, /'after'/);
});

test('the secret of a component is not in the audit log, sealed or not', async () => {
  await done('component-add', { domain: 'a.example', component: 'irc.a.example', sealedSecret: 'sealed-secret' });
  const { entries } = await done('audit-tenant-list', { domain: 'a.example' });
  assert.ok(JSON.stringify(entries).includes('irc.a.example'));
  assert.ok(!JSON.stringify(entries).includes('sealed-secret'));
});
